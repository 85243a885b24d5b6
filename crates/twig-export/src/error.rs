use std::{
    io,
    path::{Path, PathBuf},
};

use twig_shards::ShardError;

/// Why a release could not be written in another format.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The release cannot be read, or a text file of the export cannot be written.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// Something is where the export is to go.
    #[error("{out} is there already; name a folder that is not", out = out.display())]
    Exists {
        /// The output folder.
        out: PathBuf,
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
}
