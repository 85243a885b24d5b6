use std::{
    fs::File,
    path::{Path, PathBuf},
    vec,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
};

use crate::{Row, ShardError, properties::has_pictures, record::Record};

/// Reads the rows of a table in order, from a part or a shard.
///
/// Only the columns of `T` are read, so a row type with few columns (such as
/// [`crate::TrajectorySummary`]) makes a cheap reader.
///
/// # Memory
/// One batch of rows: 16 with pictures, 1,024 without; and one page of each column.
pub struct TableReader<T: Row> {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    num_rows: u64,
    rows_read: u64,
    rows: vec::IntoIter<T>,
}

const ROWS_WITH_PICTURES: usize = 16;
const ROWS_WITHOUT: usize = 1_024;

impl<T: Row> TableReader<T> {
    /// Opens a file and checks that it has the columns of `T`.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        let file = File::open(path).map_err(ShardError::io("open", path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
        check_columns::<T>(path, builder.schema())?;
        let names = T::Record::columns().into_iter().map(|column| column.name);
        let columns = ProjectionMask::columns(builder.parquet_schema(), names);
        let batch_rows = if has_pictures(&T::schema()) { ROWS_WITH_PICTURES } else { ROWS_WITHOUT };
        let num_rows = builder.metadata().file_metadata().num_rows() as u64;
        let batches = builder
            .with_projection(columns)
            .with_batch_size(batch_rows)
            .build()
            .map_err(ShardError::parquet("read", path))?;
        Ok(Self { path: path.to_owned(), batches, num_rows, rows_read: 0, rows: Vec::new().into_iter() })
    }

    /// Rows of the file.
    pub fn num_rows(&self) -> u64 {
        self.num_rows
    }

    /// Reads all rows into memory; for tables that are known to be small.
    pub fn read_all(path: &Path) -> Result<Vec<T>, ShardError> {
        Self::open(path)?.collect()
    }

    fn next_batch(&mut self) -> Option<Result<Vec<T>, ShardError>> {
        let batch = self.batches.next()?;
        Some(
            batch
                .map_err(|error| ShardError::parquet("read", &self.path)(error.into()))
                .and_then(|batch| self.rows_of(&batch)),
        )
    }

    fn rows_of(&mut self, batch: &RecordBatch) -> Result<Vec<T>, ShardError> {
        let first = self.rows_read;
        self.rows_read += batch.num_rows() as u64;
        let rows = first..self.rows_read;
        T::from_batch(batch).map_err(|source| ShardError::Malformed { path: self.path.clone(), rows, source })
    }
}

impl<T: Row> Iterator for TableReader<T> {
    type Item = Result<T, ShardError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.rows.next() {
                return Some(Ok(row));
            }
            match self.next_batch()? {
                Ok(rows) => self.rows = rows.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Rows of a file by its footer alone.
pub fn num_rows(path: &Path) -> Result<u64, ShardError> {
    let file = File::open(path).map_err(ShardError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
    Ok(builder.metadata().file_metadata().num_rows() as u64)
}

fn check_columns<T: Row>(path: &Path, schema: &SchemaRef) -> Result<(), ShardError> {
    for column in T::Record::columns() {
        let what = match schema.field_with_name(column.name) {
            Ok(field) if field.data_type() == &column.data_type => continue,
            Ok(field) => {
                format!(
                    "column `{}` holds {} in place of {}",
                    column.name,
                    field.data_type(),
                    column.data_type
                )
            }
            Err(_) => format!("column `{}` is missing", column.name),
        };
        return Err(ShardError::Schema { path: path.to_owned(), table: T::TABLE, what });
    }
    Ok(())
}
