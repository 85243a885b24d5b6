//! Formats other than our own, written from a release.
//!
//! Every format is a type that knows what one shard of one table becomes; [`export`] runs it over the shards, side
//! by side. Formats stream: a batch of rows a thread is in memory. An export is there whole or not at all: it
//! grows in a hidden folder beside its place, which the same command goes on with after an interruption, and is
//! renamed when it is complete. The same release gives the same bytes.
//!
//! [`push()`] uploads a release as it is, to an object store or the Hugging Face Hub.
//!
//! Deliberately absent: selection (an export holds what the release holds, see `twig filter`), pictures encoded
//! anew.

mod bagel;
mod codes;
mod error;
mod folder;
mod format;
mod irg;
mod jsonl;
mod llama_factory;
mod mds;
mod npy;
mod pictures;
mod plain;
mod push;
mod webdataset;

pub use error::ExportError;
pub use folder::{ExportSummary, ExportedFile};
pub use format::{ExportFormat, export};
pub use jsonl::{AttemptLine, TrajectoryLine};
pub use push::{HubAccess, PushError, Pushed, push};

#[cfg(test)]
mod tests;
