//! A column of pictures, encoded without copying a picture.
//!
//! Pictures have no compression, no dictionary and no statistics (see `properties`). What is left of a Parquet page is
//! a head, levels, and the bytes with their lengths: data page version 1, plain encoding, levels as runs. So a page
//! is a list of slices that are written one after the other; a general encoder copies every byte two or three times.
//!
//! Written are the shapes that pictures have: binary values within structs and lists, all of them nullable.

use std::{
    io::{self, Read, Write},
    sync::Arc,
    vec,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, ByteView},
    buffer::Buffer,
    datatypes::{DataType, Field, FieldRef, Schema, SchemaRef},
};
use parquet::{
    basic::{Compression, Encoding},
    column::writer::ColumnCloseResult,
    errors::Result,
    file::{
        metadata::ColumnChunkMetaData,
        page_index::offset_index::{OffsetIndexMetaData, PageLocation},
        reader::{ChunkReader, Length},
        writer::SerializedRowGroupWriter,
    },
    schema::types::ColumnDescPtr,
};

use crate::properties::DATA_PAGE_BYTES;

/// Values up to this length lie in a view itself.
const INLINE_BYTES: u32 = 12;

/// The pictures of a column of one row group.
pub(crate) struct PictureChunk {
    /// Whether rows are lists.
    repeats: bool,
    /// Finished pages.
    slices: Slices,
    locations: Vec<PageLocation>,
    /// Bytes of the values of each page.
    value_bytes: Vec<i64>,
    rows: usize,
    num_values: usize,
    page: Page,
}

/// The page that is being filled.
#[derive(Default)]
struct Page {
    /// For each value how many lists around it go on, and how much of what may be null is there.
    repetition: Vec<u8>,
    definition: Vec<u8>,
    values: Vec<Buffer>,
    bytes: usize,
    first_row: usize,
}

impl PictureChunk {
    /// A column of that type.
    pub(crate) fn new(data_type: &DataType) -> Self {
        Self {
            repeats: matches!(data_type, DataType::List(_)),
            slices: Slices::default(),
            locations: Vec::new(),
            value_bytes: Vec::new(),
            rows: 0,
            num_values: 0,
            page: Page::default(),
        }
    }

    /// Adds rows. Their bytes are kept where they are until the row group is written.
    pub(crate) fn write(&mut self, column: &ArrayRef) {
        for row in 0..column.len() {
            self.page.add(column, row, Levels::default());
            self.rows += 1;
            // Between rows, as an offset index wants it.
            if self.page.bytes >= DATA_PAGE_BYTES {
                self.end_page();
            }
        }
    }

    fn end_page(&mut self) {
        let next = Page { first_row: self.rows, ..Page::default() };
        let page = std::mem::replace(&mut self.page, next);
        let mut levels = if self.repeats { runs(&page.repetition) } else { Vec::new() };
        levels.extend(runs(&page.definition));
        let mut head = page_head(levels.len() + page.bytes, page.definition.len());
        head.extend(levels);
        let before = self.slices.bytes;
        self.slices.push(head.into());
        let mut value_bytes = 0;
        for value in page.values {
            value_bytes += value.len() as i64;
            self.slices.push((value.len() as u32).to_le_bytes().to_vec().into());
            self.slices.push(value);
        }
        self.locations.push(PageLocation {
            offset: before as i64,
            compressed_page_size: (self.slices.bytes - before) as i32,
            first_row_index: page.first_row as i64,
        });
        self.value_bytes.push(value_bytes);
        self.num_values += page.definition.len();
    }

    /// Ends the last page.
    pub(crate) fn close(mut self) -> ClosedPictures {
        if !self.page.definition.is_empty() {
            self.end_page();
        }
        ClosedPictures(self)
    }
}

/// The same, complete.
pub(crate) struct ClosedPictures(PictureChunk);

impl ClosedPictures {
    /// Bytes in the file.
    pub(crate) fn num_bytes(&self) -> u64 {
        self.0.slices.bytes as u64
    }

    /// Writes it as the next column of a row group.
    pub(crate) fn append_to<W: Write + Send>(
        self,
        group: &mut SerializedRowGroupWriter<'_, W>,
        column: ColumnDescPtr,
    ) -> Result<()> {
        let bytes = self.num_bytes();
        let PictureChunk { slices, locations, value_bytes, rows, num_values, .. } = self.0;
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE])
            .set_num_values(num_values as i64)
            .set_total_compressed_size(bytes as i64)
            .set_total_uncompressed_size(bytes as i64)
            .set_data_page_offset(0)
            .set_unencoded_byte_array_data_bytes(Some(value_bytes.iter().sum()))
            .build()?;
        let offsets = OffsetIndexMetaData {
            page_locations: locations,
            unencoded_byte_array_data_bytes: Some(value_bytes),
        };
        let close = ColumnCloseResult {
            bytes_written: bytes,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets),
        };
        group.append_column(&slices, close)
    }
}

/// Where in its row an entry is.
#[derive(Default, Clone, Copy)]
struct Levels {
    /// Lists around it.
    lists: u8,
    /// How many of them it does not begin.
    repetition: u8,
    /// How much of what is around it, and may be null or empty, is there.
    definition: u8,
}

impl Page {
    /// Adds an entry of an array, with all that is in it.
    fn add(&mut self, array: &ArrayRef, index: usize, at: Levels) {
        let Levels { lists, repetition, definition } = at;
        if array.is_null(index) {
            return self.end_entry(at);
        }
        match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                let (first, end) = (offsets[index] as usize, offsets[index + 1] as usize);
                if first == end {
                    self.end_entry(Levels { definition: definition + 1, ..at });
                }
                for element in first..end {
                    let repetition = if element == first { repetition } else { lists + 1 };
                    let inside = Levels { lists: lists + 1, repetition, definition: definition + 2 };
                    self.add(list.values(), element, inside);
                }
            }
            DataType::Struct(_) => {
                let fields = array.as_struct().columns();
                if let Some(bytes) = fields.iter().find(|field| is_bytes(field.data_type())) {
                    self.add(bytes, index, Levels { definition: definition + 1, ..at });
                }
            }
            _ => {
                let value = value(array, index);
                self.bytes += size_of::<u32>() + value.len();
                self.values.push(value);
                self.end_entry(Levels { definition: definition + 1, ..at });
            }
        }
    }

    fn end_entry(&mut self, at: Levels) {
        self.repetition.push(at.repetition);
        self.definition.push(at.definition);
    }
}

/// Whether a column holds the bytes of pictures.
pub(crate) fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::BinaryView)
}

/// The schema with views of pictures in place of their bytes, for a reader that leaves them in the pages they came in.
pub(crate) fn picture_views(schema: &Schema) -> SchemaRef {
    fn viewed(field: &FieldRef) -> FieldRef {
        let data_type = match field.data_type() {
            DataType::Binary => DataType::BinaryView,
            DataType::List(element) => DataType::List(viewed(element)),
            DataType::Struct(fields) => DataType::Struct(fields.iter().map(viewed).collect()),
            other => other.clone(),
        };
        Arc::new(Field::clone(field).with_data_type(data_type))
    }
    Arc::new(Schema::new(schema.fields().iter().map(viewed).collect::<Vec<_>>()))
}

/// A value as a slice of the memory that it lies in.
fn value(array: &ArrayRef, index: usize) -> Buffer {
    let Some(views) = array.as_binary_view_opt() else {
        let array = array.as_binary::<i32>();
        let offsets = array.value_offsets();
        let (first, end) = (offsets[index] as usize, offsets[index + 1] as usize);
        return array.values().slice_with_length(first, end - first);
    };
    let view = ByteView::from(views.views()[index]);
    if view.length <= INLINE_BYTES {
        return Buffer::from_slice_ref(views.value(index));
    }
    let buffer = &views.data_buffers()[view.buffer_index as usize];
    buffer.slice_with_length(view.offset as usize, view.length as usize)
}

/// Levels as runs, behind their length: each run its length doubled, then the level.
fn runs(levels: &[u8]) -> Vec<u8> {
    let mut encoded = vec![0; size_of::<u32>()];
    for run in levels.chunk_by(|a, b| a == b) {
        push_number(&mut encoded, run.len());
        encoded.push(run[0]);
    }
    let bytes = (encoded.len() - size_of::<u32>()) as u32;
    encoded[..size_of::<u32>()].copy_from_slice(&bytes.to_le_bytes());
    encoded
}

/// The head of a data page, in Thrift's compact protocol: a byte for the step to the next field and its type.
fn page_head(bytes: usize, num_values: usize) -> Vec<u8> {
    const NUMBER: u8 = 0x15;
    const STRUCT_AFTER_TWO: u8 = 0x2c;
    const END: u8 = 0;
    let mut head = Vec::new();
    let field = |head: &mut Vec<u8>, value: usize| {
        head.push(NUMBER);
        push_number(head, value);
    };
    field(&mut head, 0); // a data page
    field(&mut head, bytes); // uncompressed
    field(&mut head, bytes); // compressed
    head.push(STRUCT_AFTER_TWO); // without the checksum
    field(&mut head, num_values);
    field(&mut head, 0); // values: plain
    field(&mut head, 3); // definition levels: runs
    field(&mut head, 3); // repetition levels: runs
    head.extend([END, END]);
    head
}

/// A number doubled, in groups of seven bits, the lowest first: that is how Thrift writes numbers that are not
/// negative, and Parquet the lengths of runs.
fn push_number(to: &mut Vec<u8>, number: usize) {
    let mut rest = number << 1;
    while rest > 0x7f {
        to.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Pieces of memory, read one after the other.
#[derive(Default)]
struct Slices {
    slices: Vec<Buffer>,
    bytes: usize,
}

impl Slices {
    fn push(&mut self, slice: Buffer) {
        self.bytes += slice.len();
        self.slices.push(slice);
    }
}

impl Length for Slices {
    fn len(&self) -> u64 {
        self.bytes as u64
    }
}

impl ChunkReader for Slices {
    type T = SlicesReader;

    fn get_read(&self, start: u64) -> Result<SlicesReader> {
        let mut reader =
            SlicesReader { current: Buffer::default(), at: 0, rest: self.slices.clone().into_iter() };
        io::copy(&mut (&mut reader).take(start), &mut io::sink())?;
        Ok(reader)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        let mut bytes = vec![0; length];
        self.get_read(start)?.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

struct SlicesReader {
    current: Buffer,
    at: usize,
    rest: vec::IntoIter<Buffer>,
}

impl Read for SlicesReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at == self.current.len() {
            let Some(next) = self.rest.next() else { return Ok(0) };
            (self.current, self.at) = (next, 0);
        }
        let count = to.len().min(self.current.len() - self.at);
        to[..count].copy_from_slice(&self.current[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::RecordBatch;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use twig_model::Picture;

    use super::*;
    use crate::{Purpose, splice::SplicedFile, value::Blob, value::Value, writer_properties};

    /// A column of values; `None` is null.
    fn column<T: Value>(name: &str, values: &[Option<T>]) -> (FieldRef, ArrayRef) {
        let field = Field::new(name, T::data_type(), true);
        (Arc::new(field), T::to_array(&values.iter().map(Option::as_ref).collect::<Vec<_>>()))
    }

    fn written(batch: &RecordBatch, schema: &SchemaRef) -> bytes::Bytes {
        let properties = writer_properties("pictures", schema, Purpose::Release);
        let mut file = SplicedFile::new(Vec::new(), schema.clone(), properties).unwrap();
        let mut group = file.begin_group().unwrap();
        // In two portions, so that arrays are slices of larger ones.
        group.write(&batch.slice(0, 2)).unwrap();
        group.write(&batch.slice(2, batch.num_rows() - 2)).unwrap();
        file.append(group).unwrap();
        file.finish().unwrap().into()
    }

    fn read(file: &bytes::Bytes, options: ArrowReaderOptions) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap();
        reader.build().unwrap().next().unwrap().unwrap()
    }

    #[test]
    fn every_shape_comes_back_and_views_are_written_alike() {
        let picture = |bytes: usize| Some(Picture::new(vec![bytes as u8; bytes]));
        let one = [picture(3), None, picture(0), picture(70_000), picture(1)];
        let many = [
            None,
            Some(vec![]),
            Some(vec![None, picture(20), picture(0)]),
            // More than a page.
            Some(vec![picture(900_000), picture(800_000)]),
            Some(vec![picture(5)]),
        ];
        let blobs = many.clone().map(|row| {
            row.map(|row| row.iter().map(|picture| picture.as_ref().map(Blob::of)).collect::<Vec<_>>())
        });
        let (fields, columns): (Vec<_>, Vec<_>) =
            [column("one", &one), column("many", &many), column("blobs", &blobs)].into_iter().unzip();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let file = written(&batch, &schema);
        assert_eq!(read(&file, ArrowReaderOptions::new()).columns(), batch.columns());
        let views = read(&file, ArrowReaderOptions::new().with_schema(picture_views(&schema)));
        assert!(written(&views, &schema) == file);
    }
}
