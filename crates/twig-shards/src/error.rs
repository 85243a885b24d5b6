use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use parquet::errors::ParquetError;

/// Why a file of a job or a release could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
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
    /// The file is not Parquet, is damaged, or could not be encoded.
    #[error("{path} is not a Parquet file that can be read; `twig verify` tells which files are damaged", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the Parquet reader or writer said.
        #[source]
        source: ParquetError,
    },
    /// A column is missing or has another type than this version of the program writes.
    #[error("{path} does not hold the table `{table}`: {what}", path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The table that was expected.
        table: &'static str,
        /// What is different.
        what: String,
    },
    /// A value that no version of the program writes.
    #[error("{path}, rows {first} to {last}", path = path.display(), first = rows.start, last = rows.end.saturating_sub(1))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The rows among which the value is, counted from 0.
        rows: Range<u64>,
        /// The column and what is wrong with it.
        #[source]
        source: Malformed,
    },
    /// `manifest.json` is not a manifest, or names files outside the release.
    #[error("{path} is not a manifest that can be trusted: {what}", path = path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Something is where a new release is to go.
    #[error("{path} is there already; name a folder that is not", path = path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A release without rows was asked for.
    #[error("there would be nothing in the new release: {what}")]
    Nothing {
        /// Why.
        what: String,
    },
    /// Rows of two releases that do not belong into one table.
    #[error("{first} and {other} cannot be put together: {what}", first = first.display(), other = other.display())]
    Incompatible {
        /// A release.
        first: PathBuf,
        /// Another one.
        other: PathBuf,
        /// What is different.
        what: String,
    },
    /// A file is not the one that was written.
    #[error("{path} has changed since it was written ({what}); remove it and run again", path = path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Size or hash, as found and as expected.
        what: String,
    },
}

impl ShardError {
    /// Whether the user asked for something that cannot be, rather than something having gone wrong.
    pub fn is_wrong_usage(&self) -> bool {
        matches!(self, Self::Exists { .. } | Self::Nothing { .. } | Self::Incompatible { .. })
    }

    /// For `map_err` after a call of the file system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }

    /// For `map_err` after a call of the Parquet library. A full disk or a missing permission comes out as
    /// [`ShardError::Io`], so that the caller can tell it from a damaged file.
    pub(crate) fn parquet(action: &'static str, path: &Path) -> impl FnOnce(ParquetError) -> Self {
        move |source| {
            let path = path.to_owned();
            match source {
                ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                    Ok(source) => Self::Io { action, path, source: *source },
                    Err(inner) => Self::Parquet { path, source: ParquetError::External(inner) },
                },
                source => Self::Parquet { path, source },
            }
        }
    }
}

/// A stored value that cannot be turned into the type it stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}`: {what}")]
pub struct Malformed {
    /// Path of the column, for example `steps.score`.
    pub column: String,
    /// What is wrong.
    pub what: String,
}

impl Malformed {
    /// Something wrong with a column.
    pub(crate) fn new(column: &str, what: impl Into<String>) -> Self {
        Self { column: column.to_owned(), what: what.into() }
    }

    /// The same, seen from the column that contains it.
    pub(crate) fn within(self, column: &str) -> Self {
        let column =
            if self.column.is_empty() { column.to_owned() } else { format!("{column}.{}", self.column) };
        Self { column, what: self.what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_damaged_file() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error =
            ShardError::parquet("write", Path::new("a.parquet"))(ParquetError::External(Box::new(full())));
        let ShardError::Io { action: "write", source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        let damaged = ParquetError::EOF("in the footer".to_owned());
        let error = ShardError::parquet("read", Path::new("a.parquet"))(damaged);
        assert!(matches!(error, ShardError::Parquet { .. }));
    }

    #[test]
    fn a_nested_column_is_named_by_its_path() {
        let error = Malformed::new("score", "null").within("steps");
        assert_eq!(error.to_string(), "column `steps.score`: null");
        assert_eq!(Malformed::new("", "null").within("id").column, "id");
    }
}
