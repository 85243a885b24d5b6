use std::io::Write;

use arrow::datatypes::SchemaRef;
use parquet::errors::ParquetError;

use crate::{
    properties::{Purpose, RowGroupLimits, writer_properties},
    record::Record,
    row::{Row, records_to_batch},
    splice::{GroupEncoder, SplicedFile},
};

/// Writes the rows of one table as one Parquet file, to anything that takes bytes.
///
/// The bytes are a function of the rows and their order alone: row groups end where [`RowGroupLimits`] says,
/// and within a group rows are handed to the encoder in portions that depend on their sizes only.
///
/// # Memory
/// A row group is encoded in memory and written while the next one is: at most [`RowGroupLimits::max_bytes`] (64 MiB
/// in a release, 16 MiB in a part) twice and a portion of 1 MiB, or the largest single row if that is more.
///
/// # Not supported
/// Rows out of order, appending to a file, and columns chosen at run time.
pub struct TableWriter<T: Row, W: Write + Send + 'static> {
    file: SplicedFile<W>,
    schema: SchemaRef,
    /// The open row group, but for the rows of `portion`.
    group: Option<GroupEncoder>,
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

/// Bytes of values that are turned into arrays at once: large enough for arrays to pay, small enough for the
/// processor's cache.
const PORTION_BYTES: usize = 1 << 20;

impl<T: Row, W: Write + Send + 'static> TableWriter<T, W> {
    /// Begins a file; nothing is written before the first row group ends.
    pub fn new(sink: W, purpose: Purpose) -> Result<Self, ParquetError> {
        let schema = T::schema();
        let properties = writer_properties(T::TABLE, &schema, purpose);
        Ok(Self {
            limits: RowGroupLimits::new(&schema, purpose),
            file: SplicedFile::new(sink, schema.clone(), properties)?,
            schema,
            group: None,
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
            let batch = records_to_batch::<T>(self.schema.clone(), &self.portion);
            let group = match &mut self.group {
                Some(group) => group,
                none => none.insert(self.file.begin_group()?),
            };
            group.write(&batch)?;
            self.portion.clear();
            self.portion_bytes = 0;
        }
        Ok(())
    }

    /// Ends the row group, if it has rows.
    pub(crate) fn end_row_group(&mut self) -> Result<(), ParquetError> {
        self.encode_portion()?;
        if let Some(group) = self.group.take() {
            self.file.append(group)?;
            self.summary.row_groups += 1;
            self.group_rows = 0;
            self.group_bytes = 0;
        }
        Ok(())
    }

    /// Bytes of the row groups that have ended.
    pub fn bytes_written(&self) -> u64 {
        self.file.bytes_written()
    }

    /// What has been pushed so far.
    pub fn summary(&self) -> TableSummary {
        self.summary
    }

    /// Writes the last row group and the footer, and gives the sink back.
    pub fn finish(mut self) -> Result<(W, TableSummary), ParquetError> {
        self.end_row_group()?;
        Ok((self.file.finish()?, self.summary))
    }
}

#[cfg(test)]
mod tests {
    use parquet::{
        basic::{Compression, Encoding},
        file::{
            metadata::{ParquetMetaData, RowGroupMetaData},
            page_index::offset_index::PageLocation,
            reader::{FileReader, SerializedFileReader},
            serialized_reader::ReadOptionsBuilder,
        },
    };
    use proptest::prelude::*;
    use twig_model::{Picture, Prompt, SftSample};

    use super::*;
    use crate::fixtures;

    fn write<T: Row>(rows: impl IntoIterator<Item = T>, purpose: Purpose) -> (Vec<u8>, TableSummary) {
        let mut writer = TableWriter::new(Vec::new(), purpose).unwrap();
        rows.into_iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap()
    }

    fn metadata(bytes: &[u8]) -> ParquetMetaData {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        SerializedFileReader::new(file).unwrap().metadata().clone()
    }

    fn group_rows(bytes: &[u8]) -> Vec<i64> {
        metadata(bytes).row_groups().iter().map(RowGroupMetaData::num_rows).collect()
    }

    /// Bytes that do not compress.
    fn noise(number: u64) -> impl Iterator<Item = u8> {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
    }

    /// A sample with one picture of `num_bytes` bytes that do not compress.
    fn sample(number: u64, num_bytes: usize) -> SftSample {
        let mut sample = fixtures::sft_sample(&fixtures::release_trajectory(number % 3));
        sample.images = vec![Picture::new(noise(number).take(num_bytes).collect::<Vec<u8>>())];
        sample
    }

    #[test]
    fn the_same_rows_are_the_same_bytes() {
        for purpose in [Purpose::StagePart, Purpose::Release] {
            let rows = || (0..7).map(fixtures::release_trajectory);
            assert_eq!(write(rows(), purpose), write(rows(), purpose));
        }
    }

    /// The pages of a column in the only row group.
    fn pages(bytes: &[u8], column: &str) -> Vec<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let options = ReadOptionsBuilder::new().with_page_index().build();
        let reader = SerializedFileReader::new_with_options(file, options).unwrap();
        let metadata = reader.metadata();
        let columns = metadata.file_metadata().schema_descr().columns();
        let place = columns.iter().position(|found| found.path().string() == column).unwrap();
        let locations = metadata.page_index().unwrap().offset_index(0, place).unwrap().page_locations();
        let page =
            |at: &PageLocation| bytes[at.offset as usize..][..at.compressed_page_size as usize].to_vec();
        locations.iter().map(page).collect()
    }

    #[test]
    fn a_row_more_in_front_leaves_most_of_a_release_as_it_was() {
        let prompt = |number: u64| {
            let text = noise(number).take(300).map(|byte| char::from(b'a' + byte % 26)).collect();
            Prompt { text, ..fixtures::prompt(number) }
        };
        let shared = |purpose| {
            let (before, _) = write((1..9_000).map(prompt), purpose);
            let (after, _) = write((0..9_000).map(prompt), purpose);
            let (before, after) = (pages(&before, "text"), pages(&after, "text"));
            let bytes = |pages: &[&Vec<u8>]| pages.iter().map(|page| page.len()).sum::<usize>() as f64;
            let same: Vec<&Vec<u8>> = after.iter().filter(|page| before.contains(page)).collect();
            bytes(&same) / bytes(&after.iter().collect::<Vec<_>>())
        };
        // A store that keeps each chunk once, as the Hub does, keeps these once.
        let (by_content, by_size) = (shared(Purpose::Release), shared(Purpose::StagePart));
        assert!(by_content > 0.5 && by_size < 0.1, "{by_content} by content, {by_size} by size");
    }

    #[test]
    fn row_groups_end_by_rows_and_by_bytes() {
        let prompts = || (0..20_001).map(fixtures::prompt);
        let (bytes, summary) = write(prompts(), Purpose::StagePart);
        assert_eq!(group_rows(&bytes), [10_000, 10_000, 1]);
        assert_eq!((summary.rows, summary.row_groups), (20_001, 3));
        let (bytes, _) = write((0..150).map(|number| sample(number, 10)), Purpose::Release);
        assert_eq!(group_rows(&bytes), [100, 50]);
        // Rows of a little more than 1 MiB: fifteen fit into the 16 MiB of a part. One larger than a row group
        // stands alone.
        let sizes = std::iter::repeat_n(1 << 20, 17).chain([20 << 20, 10]);
        let (bytes, _) = write(sizes.zip(0..).map(|(size, number)| sample(number, size)), Purpose::StagePart);
        assert_eq!(group_rows(&bytes), [15, 2, 1, 1]);
    }

    #[test]
    fn a_table_without_rows_has_no_row_group() {
        let (bytes, summary) = write(Vec::<Prompt>::new(), Purpose::Release);
        assert_eq!(summary, TableSummary::default());
        assert_eq!(metadata(&bytes).num_row_groups(), 0);
    }

    #[test]
    fn pictures_are_stored_as_they_are() {
        let (bytes, _) = write((0..40).map(|number| sample(number, 200_000)), Purpose::StagePart);
        let metadata = metadata(&bytes);
        for column in metadata.row_group(0).columns() {
            let is_picture = column.column_path().string() == "images.list.element.bytes";
            assert_eq!(column.compression() == Compression::UNCOMPRESSED, is_picture);
            assert_eq!(column.statistics().is_none(), is_picture);
            if is_picture {
                assert!(column.offset_index_length().is_some(), "readers fetch by page");
                assert!(column.encodings().all(|encoding| encoding != Encoding::RLE_DICTIONARY));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn nothing_but_the_rows_decides(num_rows in 1usize..300, pictures in 0usize..3) {
            let rows = || (0..num_rows as u64).map(|number| sample(number, pictures * 5_000));
            let (once, summary) = write(rows(), Purpose::Release);
            let (again, _) = write(rows().collect::<Vec<_>>(), Purpose::Release);
            prop_assert_eq!(&once, &again);
            prop_assert_eq!(summary.row_groups, num_rows.div_ceil(100) as u64);
        }
    }
}
