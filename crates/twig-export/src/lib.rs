//! Formats other than our own, written from a release.
//!
//! Every format streams: a batch of trajectories is in memory at a time. An export is there whole or not at all:
//! it grows in a hidden folder beside its place and is renamed when it is complete.
//!
//! Deliberately absent: selection (an export holds what the release holds), pictures encoded anew.

mod error;
mod folder;
mod jsonl;

pub use error::ExportError;
pub use folder::{ExportSummary, ExportedFile};
pub use jsonl::{AttemptLine, TrajectoryLine, jsonl};
