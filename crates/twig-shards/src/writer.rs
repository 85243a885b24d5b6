use std::io::Write;

use parquet::{arrow::ArrowWriter, errors::ParquetError};

use crate::{
    properties::{Purpose, RowGroupLimits, writer_properties},
    record::Record,
    row::{Row, records_to_batch},
};

/// Writes the rows of one table as one Parquet file, to anything that takes bytes.
///
/// The bytes are a function of the rows and their order alone: row groups end where [`RowGroupLimits`] says,
/// and within a group rows are handed to the encoder in portions that depend on their sizes only.
///
/// # Memory
/// A row group is encoded in memory and written when it ends: at most [`RowGroupLimits::max_bytes`] (64 MiB in
/// a release, 16 MiB in a part) and a portion of 4 MiB twice over, or the largest single row if that is more.
///
/// # Not supported
/// Rows out of order, appending to a file, and columns chosen at run time.
pub struct TableWriter<T: Row, W: Write + Send> {
    arrow: ArrowWriter<W>,
    limits: RowGroupLimits,
    /// Rows not yet handed to the encoder.
    portion: Vec<T::Record>,
    portion_bytes: usize,
    /// Rows and bytes of the open row group, the portion included.
    group_rows: usize,
    group_bytes: usize,
    summary: TableSummary,
}

/// How much a table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableSummary {
    /// Rows.
    pub rows: u64,
    /// Row groups, none of them empty.
    pub row_groups: u64,
    /// Bytes of all values before encoding.
    pub data_bytes: u64,
}

/// Bytes of values that are turned into arrays at once: large enough for arrays to pay, small against a row
/// group.
const PORTION_BYTES: usize = 4 << 20;

impl<T: Row, W: Write + Send> TableWriter<T, W> {
    /// Begins a file; nothing is written before the first row group ends.
    pub fn new(sink: W, purpose: Purpose) -> Result<Self, ParquetError> {
        let schema = T::schema();
        let properties = writer_properties(T::TABLE, &schema, purpose);
        Ok(Self {
            limits: RowGroupLimits::new(&schema, purpose),
            arrow: ArrowWriter::try_new(sink, schema, Some(properties))?,
            portion: Vec::new(),
            portion_bytes: 0,
            group_rows: 0,
            group_bytes: 0,
            summary: TableSummary::default(),
        })
    }

    /// Adds a row.
    pub fn push(&mut self, row: T) -> Result<(), ParquetError> {
        let record = row.into_record();
        let bytes = record.row_bytes();
        if !self.has_room_for(bytes) {
            self.end_row_group()?;
        }
        self.push_record(record, bytes)
    }

    /// Adds a row of that size to the open row group.
    pub(crate) fn push_record(&mut self, record: T::Record, bytes: usize) -> Result<(), ParquetError> {
        self.portion.push(record);
        self.portion_bytes += bytes;
        self.group_rows += 1;
        self.group_bytes += bytes;
        self.summary.rows += 1;
        self.summary.data_bytes += bytes as u64;
        if self.portion_bytes >= PORTION_BYTES { self.encode_portion() } else { Ok(()) }
    }

    /// Whether a row of that size belongs to the open row group; otherwise it begins the next one.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        let fits =
            self.group_rows < self.limits.max_rows && self.group_bytes + bytes <= self.limits.max_bytes;
        self.group_rows == 0 || fits
    }

    fn encode_portion(&mut self) -> Result<(), ParquetError> {
        if !self.portion.is_empty() {
            self.arrow.write(&records_to_batch::<T>(&self.portion))?;
            self.portion.clear();
            self.portion_bytes = 0;
        }
        Ok(())
    }

    /// Ends the row group, if it has rows.
    pub(crate) fn end_row_group(&mut self) -> Result<(), ParquetError> {
        self.encode_portion()?;
        if self.group_rows > 0 {
            self.arrow.flush()?;
            self.summary.row_groups += 1;
            self.group_rows = 0;
            self.group_bytes = 0;
        }
        Ok(())
    }

    /// Bytes of the row groups that have ended.
    pub fn bytes_written(&self) -> u64 {
        self.arrow.bytes_written() as u64
    }

    /// What has been pushed so far.
    pub fn summary(&self) -> TableSummary {
        self.summary
    }

    /// Writes the last row group and the footer, and gives the sink back.
    pub fn finish(mut self) -> Result<(W, TableSummary), ParquetError> {
        self.end_row_group()?;
        Ok((self.arrow.into_inner()?, self.summary))
    }
}
