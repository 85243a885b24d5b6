//! Looking into a release: its summary in numbers, by Polars queries over small columns, and some of its
//! trajectories drawn as a contact sheet.
//!
//! Deliberately absent: teachers and stages; writing of any kind. The queries touch no picture bytes.

mod distribution;
mod error;
mod query;
mod render;
mod sheet;
mod summary;
mod warning;

#[cfg(test)]
mod fixtures;

pub use distribution::{Bin, Distribution};
pub use error::InspectError;
pub use render::render;
pub use sheet::sheet;
pub use summary::{CategoryRewards, RegionAcceptance, SplitRows, Summary, TaskSamples, summary};
pub use warning::Warning;

/// The form in which a sheet is written to a file.
pub use twig_imaging::encode_png;
