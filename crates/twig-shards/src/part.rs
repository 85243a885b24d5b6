use std::path::Path;

use crate::{
    Purpose, Row, ShardError, TableSummary, TableWriter,
    atomic::{AtomicFile, FileDigest},
};

/// Writes one table as one file, whole or not at all.
pub struct PartWriter<T: Row> {
    table: TableWriter<T, AtomicFile>,
    path: std::path::PathBuf,
}

/// A file of a job's folder as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Size and hash.
    pub digest: FileDigest,
    /// What it holds.
    pub summary: TableSummary,
}

impl<T: Row> PartWriter<T> {
    /// Begins a part of a stage that is to become `path`; until [`PartWriter::commit`] nothing stands there.
    pub fn create(path: &Path) -> Result<Self, ShardError> {
        Self::create_for(path, Purpose::StagePart)
    }

    /// The same for another purpose.
    pub fn create_for(path: &Path, purpose: Purpose) -> Result<Self, ShardError> {
        let file = AtomicFile::create(path)?;
        let table = TableWriter::new(file, purpose).map_err(ShardError::parquet("write", path))?;
        Ok(Self { table, path: path.to_owned() })
    }

    /// Adds a row.
    pub fn push(&mut self, row: T) -> Result<(), ShardError> {
        self.table.push(row).map_err(ShardError::parquet("write", &self.path))
    }

    /// Makes the file durable and gives it its name. A part without rows is a file with a schema and no row
    /// group.
    pub fn commit(self) -> Result<Part, ShardError> {
        let (file, summary) = self.table.finish().map_err(ShardError::parquet("write", &self.path))?;
        Ok(Part { digest: file.commit()?, summary })
    }
}
