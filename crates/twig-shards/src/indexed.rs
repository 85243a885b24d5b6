use std::{
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
            RowSelector,
        },
    },
    file::metadata::PageIndexPolicy,
};

use crate::{Row, ShardError, record::Record};

/// A file of a table whose rows are fetched by their position, in any order of calls.
///
/// The footer and the offset index are read once, when the file is opened; a call then reads only the pages
/// that hold the rows asked for. Cheap to clone.
#[derive(Clone)]
pub struct IndexedTable {
    path: PathBuf,
    metadata: ArrowReaderMetadata,
}

impl IndexedTable {
    /// Reads the footer and the offset index. A file without the index is read all the same, row group by row
    /// group.
    pub fn open(path: &Path) -> Result<Self, ShardError> {
        let file = File::open(path).map_err(ShardError::io("open", path))?;
        let options = ArrowReaderOptions::new().with_offset_index_policy(PageIndexPolicy::Optional);
        let metadata =
            ArrowReaderMetadata::load(&file, options).map_err(ShardError::parquet("read", path))?;
        Ok(Self { path: path.to_owned(), metadata })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Rows of the file.
    pub fn num_rows(&self) -> usize {
        self.metadata.metadata().file_metadata().num_rows() as usize
    }

    /// The rows at these positions, which must ascend; positions beyond the end give no rows.
    pub fn rows<T: Row>(&self, positions: &[usize]) -> Result<Vec<T>, ShardError> {
        let file = File::open(&self.path).map_err(ShardError::io("open", &self.path))?;
        super::reader::check_columns::<T>(&self.path, self.metadata.schema())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let first = positions.first().map_or(0, |first| *first as u64);
        let last = positions.last().map_or(0, |last| *last as u64);
        let builder = builder
            .with_batch_size(positions.len().clamp(1, 1_024))
            .with_row_selection(selection(positions, self.num_rows()));
        self.read(builder, first..last + 1)
    }

    /// The rows whose text column `column` holds `value`. Row groups that cannot hold it, by their statistics
    /// or their Bloom filter, are not read.
    pub fn rows_where<T: Row>(
        &self,
        column: &str,
        value: &str,
        holds: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, ShardError> {
        let file = File::open(&self.path).map_err(ShardError::io("open", &self.path))?;
        super::reader::check_columns::<T>(&self.path, self.metadata.schema())?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let mut groups = Vec::new();
        for group in 0..self.metadata.metadata().num_row_groups() {
            if self.may_hold(&builder, group, column, value)? {
                groups.push(group);
            }
        }
        let builder = builder.with_row_groups(groups);
        let mut rows = self.read(builder, 0..self.num_rows() as u64)?;
        rows.retain(holds);
        Ok(rows)
    }

    fn may_hold(
        &self,
        builder: &ParquetRecordBatchReaderBuilder<File>,
        group: usize,
        column: &str,
        value: &str,
    ) -> Result<bool, ShardError> {
        let columns = builder.parquet_schema().columns();
        let Some(index) = columns.iter().position(|found| found.path().string() == column) else {
            return Ok(true);
        };
        let statistics = self.metadata.metadata().row_group(group).column(index).statistics();
        let bounds =
            statistics.and_then(|statistics| statistics.min_bytes_opt().zip(statistics.max_bytes_opt()));
        if bounds.is_some_and(|(min, max)| value.as_bytes() < min || value.as_bytes() > max) {
            return Ok(false);
        }
        let filter = builder
            .get_row_group_column_bloom_filter(group, index)
            .map_err(ShardError::parquet("read", &self.path))?;
        Ok(filter.is_none_or(|filter| filter.check(&value)))
    }

    fn read<T: Row>(
        &self,
        builder: ParquetRecordBatchReaderBuilder<File>,
        range: Range<u64>,
    ) -> Result<Vec<T>, ShardError> {
        let names = T::Record::columns().into_iter().map(|column| column.name);
        let columns = ProjectionMask::columns(builder.parquet_schema(), names);
        let batches =
            builder.with_projection(columns).build().map_err(ShardError::parquet("read", &self.path))?;
        let mut rows = Vec::new();
        for batch in batches {
            let batch = batch.map_err(|error| ShardError::parquet("read", &self.path)(error.into()))?;
            rows.extend(T::from_batch(&batch).map_err(|source| ShardError::Malformed {
                path: self.path.clone(),
                rows: range.clone(),
                source,
            })?);
        }
        Ok(rows)
    }
}

/// Runs of rows to read and to skip.
fn selection(positions: &[usize], num_rows: usize) -> RowSelection {
    let mut selectors = Vec::with_capacity(2 * positions.len());
    let mut next = 0;
    for &position in positions.iter().filter(|position| **position < num_rows) {
        if position > next {
            selectors.push(RowSelector::skip(position - next));
        }
        if position >= next {
            selectors.push(RowSelector::select(1));
            next = position + 1;
        }
    }
    RowSelection::from(selectors)
}

#[cfg(test)]
mod tests {
    use twig_model::Prompt;

    use super::*;
    use crate::{PartWriter, fixtures};

    #[test]
    fn rows_are_fetched_by_position_over_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        (0..25_000).for_each(|number| part.push(fixtures::prompt(number)).unwrap());
        part.commit().unwrap();
        let table = IndexedTable::open(&path).unwrap();
        assert_eq!(table.num_rows(), 25_000);
        let positions = [0, 1, 9_999, 10_000, 24_999, 25_000];
        let rows: Vec<Prompt> = table.rows(&positions).unwrap();
        let expected: Vec<Prompt> = [0, 1, 9_999, 10_000, 24_999].map(fixtures::prompt).into();
        assert_eq!(rows, expected);
        assert_eq!(table.rows::<Prompt>(&[]).unwrap(), []);

        let wanted = fixtures::prompt(12_345);
        let is_wanted = |prompt: &Prompt| prompt.id == wanted.id;
        let found = table.rows_where("id", wanted.id.as_str(), is_wanted).unwrap();
        assert_eq!(found, std::slice::from_ref(&wanted));
        assert_eq!(table.rows_where("id", "no such id", is_wanted).unwrap(), []);
    }
}
