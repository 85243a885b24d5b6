//! One file a table: its record, and how rows become records and come back.
//!
//! `prompts`, `image_tokens`, `rejected` and `calls` exist in a job's folder only; `steps`, `tokens`, `sft` and
//! `janus` in a release only; `trajectories` and `judgements` in both.

mod calls;
mod image_tokens;
mod janus;
mod judgements;
mod prompts;
mod rejected;
mod sft;
mod steps;
mod tokens;
mod trajectories;

pub use calls::CallRow;
pub use image_tokens::ImageTokensRow;
pub use janus::JanusRecord;
pub use rejected::RejectedRow;
pub(crate) use sft::IMAGE_TAG;
pub use sft::{ConversationTurn, MessagePart, MessageRecord, SftRecord};
pub use steps::StepRow;
pub use tokens::TokensRow;
pub use trajectories::{AttemptRecord, ReleaseTrajectory, TrajectoryRecord, TrajectorySummary};
