//! Uploads of a release: to an object store, or to the Hugging Face Hub.
//!
//! Either way readers of the place see the release whole or not at all, memory is bounded whatever the size of a
//! shard, and the same command goes on where an interrupted one has stopped.

mod hub;
mod store;

use std::{io, path::PathBuf};

pub use hub::HubAccess;
use twig_shards::{Manifest, Remote, RemoteError, ShardError, files_below};

/// What an upload has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Where the release is now.
    pub place: String,
    /// Files sent.
    pub sent: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Files that were there already.
    pub kept: u64,
}

/// Why a release could not be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// No such kind of place.
    #[error(
        "`{target}` is no place to push to; use s3://, gs://, az://, file:// or hf://datasets/OWNER/NAME"
    )]
    Target {
        /// What was given.
        target: String,
    },
    /// Another release lies there.
    #[error("another release lies in {place}; add --replace to put this one in its place")]
    Occupied {
        /// Where.
        place: String,
    },
    /// Another release is being uploaded there.
    #[error(
        "an upload of another release to {place} is under way or was interrupted; add --replace to take its place"
    )]
    Busy {
        /// Where.
        place: String,
    },
    /// The Hub needs a token.
    #[error("set HF_TOKEN to a token with write access to {repository}")]
    NoToken {
        /// The repository.
        repository: String,
    },
    /// The release cannot be read.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// The object store failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The Hub could not be reached in spite of tries.
    #[error("cannot {action}")]
    Unreachable {
        /// What was being done.
        action: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// The Hub refused.
    #[error("cannot {action}: the Hub answers {status}: {message}")]
    Refused {
        /// What was being done.
        action: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it says.
        message: String,
    },
    /// A file of the release cannot be read.
    #[error("cannot read {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
}

impl PushError {
    /// Whether the user asked for something that cannot be.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Target { .. } | Self::Occupied { .. } | Self::Busy { .. } | Self::NoToken { .. })
            || matches!(self, Self::Remote(RemoteError::Address { .. }))
    }

    /// Whether the same command may do it later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Remote(error) => error.may_pass(),
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Target { .. }
            | Self::Occupied { .. }
            | Self::Busy { .. }
            | Self::NoToken { .. }
            | Self::Shards(_)
            | Self::Io { .. } => false,
        }
    }
}

/// Uploads a release. `hub` says how the Hugging Face Hub is reached; `tell` hears of every file that is sent.
pub fn push(
    release: &std::path::Path,
    target: &str,
    replace: bool,
    hub: &HubAccess,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Pushed, PushError> {
    Manifest::load(release)?;
    let upload = Upload { folder: release.to_owned(), files: files_below(release)?, replace };
    if Remote::is_url(target) {
        store::push(&upload, &Remote::open(target)?, tell)
    } else if let Some(repository) = target.strip_prefix("hf://datasets/") {
        hub::push(&upload, repository.trim_end_matches('/'), hub, tell)
    } else {
        Err(PushError::Target { target: target.to_owned() })
    }
}

/// A release that is being uploaded.
struct Upload {
    folder: PathBuf,
    /// Paths of all files, sorted, with `/`.
    files: Vec<String>,
    /// Whether another release there is in the way or not.
    replace: bool,
}

#[cfg(test)]
mod tests;
