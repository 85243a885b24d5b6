//! How good and how fast the teacher is: its critic's verdicts against the mistakes that were really made.
//!
//! The critic is asked as the pipeline asks it, with a canvas, a prompt and thoughts. What was really painted is
//! known here alone.

mod disturbance;
mod table;
mod trial;

pub use disturbance::Disturbance;
pub use table::ConfusionTable;
pub use trial::{Trial, Truth, Verdict};
