//! Regions that follow what a picture shows.
//!
//! Three steps: pixels are joined into patches of one colour (a minimum spanning forest, after Felzenszwalb and
//! Huttenlocher, "Efficient Graph-Based Image Segmentation", 2004), patches are merged pair by pair where that
//! costs the least (the full λ-schedule of Koepfler, Lopez and Morel, 1994: error gained for length of border
//! lost), and regions are cut along the token grid. All of it is deterministic.
//!
//! Deliberately absent: learned models, and knowledge of what things are.

mod color;
mod features;
mod forest;
mod merge;
mod regions;

pub use regions::{ContentShape, content_schedule, segment};
