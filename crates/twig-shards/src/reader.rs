use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    vec,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    },
    errors::ParquetError,
    file::metadata::ParquetMetaData,
};

use crate::{Row, ShardError, properties::has_pictures, record::Record, versions::since};

/// Reads the rows of a table in order, from a part or a shard.
///
/// Only the columns of `T` are read, so a row type with few columns (such as
/// [`crate::TrajectorySummary`]) makes a cheap reader.
///
/// # Memory
/// One batch of rows: 1,024, with pictures as many as have 4 MiB, but 16 to 64; and one page of each column.
pub struct TableReader<T: Row> {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    num_rows: u64,
    rows_read: u64,
    rows: vec::IntoIter<T>,
}

/// Rows that are decoded together. Each batch has its price, whatever stands in it.
const ROWS: usize = 1_024;
/// The same with pictures, of which as many as have so many bytes.
const ROWS_WITH_PICTURES: (u64, u64) = (16, 64);
const BYTES_WITH_PICTURES: u64 = 4 << 20;

impl<T: Row> TableReader<T> {
    /// Opens a file and checks that it has the columns of `T`.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        guarded(path, || Self::open_any(path))
    }

    fn open_any(path: &Path) -> Result<Self, ShardError> {
        let file = File::open(path).map_err(ShardError::io("open", path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
        check_columns::<T>(path, builder.schema())?;
        let names = T::Record::columns().into_iter().map(|column| column.name);
        let columns = ProjectionMask::columns(builder.parquet_schema(), names);
        let batch_rows =
            if has_pictures(&T::schema()) { rows_with_pictures(builder.metadata()) } else { ROWS };
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
        let read = guarded(&self.path, || {
            let batch = self.batches.next().transpose();
            batch.map_err(|error| ShardError::parquet("read", &self.path)(error.into()))
        });
        match read {
            Ok(None) => None,
            Ok(Some(batch)) => Some(self.rows_of(&batch)),
            Err(error) => Some(Err(error)),
        }
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

/// Rows of a file with pictures that are decoded together.
fn rows_with_pictures(file: &ParquetMetaData) -> usize {
    let sizes = file.row_groups().iter().map(|group| group.total_byte_size().unsigned_abs());
    let bytes = sizes.fold(0, u64::saturating_add);
    let of_a_row = bytes / file.file_metadata().num_rows().unsigned_abs().max(1);
    (BYTES_WITH_PICTURES / of_a_row.max(1)).clamp(ROWS_WITH_PICTURES.0, ROWS_WITH_PICTURES.1) as usize
}

/// Reads from bytes that anybody may have written: where the Parquet library panics over them, that is an error like
/// any other.
pub(crate) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, ShardError>) -> Result<T, ShardError> {
    // Nothing that was under way is looked at again after a panic.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let source = ParquetError::General("the Parquet library failed on it".to_owned());
        Err(ShardError::Parquet { path: path.to_owned(), source })
    })
}

/// Rows of a file by its footer alone.
pub fn num_rows(path: &Path) -> Result<u64, ShardError> {
    guarded(path, || num_rows_of_any(path))
}

fn num_rows_of_any(path: &Path) -> Result<u64, ShardError> {
    let file = File::open(path).map_err(ShardError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
    Ok(builder.metadata().file_metadata().num_rows() as u64)
}

pub(crate) fn check_columns<T: Row>(path: &Path, schema: &SchemaRef) -> Result<(), ShardError> {
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
            // Added later: null in this file.
            Err(_) if since(T::TABLE, column.name) > 1 => continue,
            Err(_) => format!("column `{}` is missing", column.name),
        };
        return Err(ShardError::Schema { path: path.to_owned(), table: T::TABLE, what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use twig_model::Prompt;

    use super::*;
    use crate::{PartWriter, StepRow, TrajectorySummary, fixtures};

    #[test]
    fn a_panic_of_the_library_is_an_error_like_any_other() {
        let error = guarded::<()>(Path::new("a.parquet"), || panic!("out of bounds")).unwrap_err();
        assert!(matches!(error, ShardError::Parquet { .. }), "{error}");
        assert!(error.to_string().contains("a.parquet"));
    }

    #[test]
    fn rows_come_in_order_over_batches_and_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        (0..10_500).for_each(|number| part.push(fixtures::prompt(number)).unwrap());
        part.commit().unwrap();
        assert_eq!(num_rows(&path).unwrap(), 10_500);
        let reader = TableReader::<Prompt>::open(&path).unwrap();
        assert_eq!(reader.num_rows(), 10_500);
        assert!(reader.map(Result::unwrap).eq((0..10_500).map(fixtures::prompt)));
    }

    #[test]
    fn errors_name_the_file_and_what_is_different() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        part.push(fixtures::prompt(0)).unwrap();
        part.commit().unwrap();
        let error = TableReader::<StepRow>::open(&path).err().unwrap().to_string();
        assert!(
            error.ends_with("part.parquet does not hold the table `steps`: column `prompt` is missing"),
            "{error}"
        );
        let error = TableReader::<TrajectorySummary>::open(&path).err().unwrap();
        assert!(matches!(error, ShardError::Schema { .. }));

        let whole = fs::read(&path).unwrap();
        for bytes in [&b"not parquet at all"[..], &whole[..whole.len() / 2], &[]] {
            fs::write(&path, bytes).unwrap();
            assert!(matches!(TableReader::<Prompt>::open(&path), Err(ShardError::Parquet { .. })));
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(TableReader::<Prompt>::open(&path), Err(ShardError::Io { action: "open", .. })));
    }

    #[test]
    fn a_value_that_nobody_writes_is_an_error_with_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        let mut step = StepRow::all_of(&fixtures::release_trajectory(0)).remove(0);
        step.token_start = Some(u32::MAX);
        part.push(step).unwrap();
        part.commit().unwrap();
        let error = TableReader::<StepRow>::read_all(&path).unwrap_err();
        assert!(error.to_string().ends_with("part.parquet, rows 0 to 0"), "{error}");
        let ShardError::Malformed { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().starts_with("column `token_start`: "), "{source}");
    }
}
