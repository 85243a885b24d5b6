use std::{
    io,
    path::{Path, PathBuf},
};

use twig_shards::ShardError;

/// Why a release could not be written in another format.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The release cannot be read, or a file of the export cannot be written.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// Something is where the export is to go.
    #[error("{out} is there already; name a folder that is not", out = out.display())]
    Exists {
        /// The output folder.
        out: PathBuf,
    },
    /// Another process writes the same export.
    #[error("another export to {out} is under way; wait for it, or name another folder", out = out.display())]
    Busy {
        /// The output folder.
        out: PathBuf,
    },
    /// The release lacks what the format is made of.
    #[error("the release has no {what}, of which the format `{format}` is made")]
    Lacks {
        /// Name of the format.
        format: &'static str,
        /// A table, or a column of it.
        what: &'static str,
    },
    /// The file system refused.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was being done, for example `write`.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// An id that no version of the program writes, and that would become part of a path.
    #[error("`{id}` is not the id of a sample; `twig verify` tells what is damaged")]
    BadId {
        /// The id.
        id: String,
    },
    /// A stored picture is no PNG.
    #[error("a picture of trajectory {id} is not PNG; `twig verify` tells what is damaged")]
    NotPng {
        /// The trajectory.
        id: String,
    },
}

impl ExportError {
    /// For `map_err` after a call of the file system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// Whether the user asked for something that cannot be, rather than something having gone wrong.
    pub fn is_wrong_usage(&self) -> bool {
        match self {
            Self::Exists { .. } | Self::Busy { .. } | Self::Lacks { .. } => true,
            Self::Shards(_) | Self::Io { .. } | Self::NotPng { .. } | Self::BadId { .. } => false,
        }
    }
}
