//! Polars over a release: the summary.
//!
//! Deliberately absent: picture bytes, which no query here touches; teachers; stages.

mod error;
mod summary;

pub use error::InspectError;
pub use summary::{Summary, render, summary};
