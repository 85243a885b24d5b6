//! Parquet files put together of encoded column chunks: new ones, or those of other files byte for byte.
//!
//! Of a new row group, pictures are written as they are (see `picture_chunk`), with pages that end by size: their bytes
//! shift in the file as they do in memory, so that chunking by content gains nothing, and it would cost more than all
//! else together. The other columns go through Arrow's own writer, which chunks them by content where the properties
//! say so, into memory; their chunks are then spliced in. A row group is written while the next one is encoded.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Take, Write},
    ops::Range,
    sync::Arc,
    thread::{self, JoinHandle},
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Schema, SchemaRef},
    error::ArrowError,
};
use bytes::Bytes;
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{
            ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriterOptions,
            compute_leaves,
        },
        parquet_to_arrow_schema,
    },
    bloom_filter::Sbbf,
    column::writer::ColumnCloseResult,
    errors::{ParquetError, Result},
    file::{
        metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
        properties::WriterProperties,
        reader::{ChunkReader, Length},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
};

use crate::{
    picture_chunk::{ClosedPictures, PictureChunk, is_bytes},
    properties::{CREATED_BY, holds_pictures},
};

/// A Parquet file that grows by whole row groups.
///
/// # Memory
/// Where row groups are not copied from another file: the one that is encoded, and the one before, which is written.
pub(crate) struct SplicedFile<W: Write + Send + 'static> {
    /// `None` after an error.
    writer: Option<Writer<W>>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    properties: WriterProperties,
    row_groups: usize,
    bytes: u64,
}

enum Writer<W: Write + Send> {
    Idle(SerializedFileWriter<W>),
    /// A thread that writes a row group and hands the writer back.
    Busy(JoinHandle<Result<SerializedFileWriter<W>>>),
}

/// Bytes of a row group that is worth a thread.
const LARGE_GROUP_BYTES: u64 = 4 << 20;

impl<W: Write + Send + 'static> SplicedFile<W> {
    /// Begins a file; the schema's metadata go into `ARROW:schema`.
    pub(crate) fn new(sink: W, schema: SchemaRef, properties: WriterProperties) -> Result<Self> {
        let arrow = ArrowWriter::try_new(sink, schema.clone(), Some(properties.clone()))?;
        let (writer, factory) = arrow.into_serialized_writer()?;
        let writer = Some(Writer::Idle(writer));
        Ok(Self { writer, factory, schema, properties, row_groups: 0, bytes: 0 })
    }

    /// Begins a row group; what is encoded is written by [`SplicedFile::append`].
    pub(crate) fn begin_group(&self) -> Result<GroupEncoder> {
        GroupEncoder::new(self)
    }

    /// Writes an encoded row group, a large one while the caller goes on. An error may be that of an earlier one.
    pub(crate) fn append(&mut self, group: GroupEncoder) -> Result<()> {
        let group = group.close()?;
        let mut writer = self.idle()?;
        self.bytes += group.bytes;
        self.row_groups += 1;
        self.writer = Some(if group.bytes < LARGE_GROUP_BYTES {
            group.append_to(&mut writer)?;
            Writer::Idle(writer)
        } else {
            let append = move || group.append_to(&mut writer).map(|()| writer);
            Writer::Busy(thread::Builder::new().spawn(append)?)
        });
        Ok(())
    }

    /// Copies a row group of another file with the same columns; nothing is decoded.
    pub(crate) fn copy_group(&mut self, source: &EncodedColumns<File>, index: usize) -> Result<()> {
        let mut writer = self.idle()?;
        let mut target = writer.next_row_group()?;
        for (column, chunk) in source.metadata.row_group(index).columns().iter().enumerate() {
            let reader = ChunkReads { file: &source.reader, bytes: chunk.compressed_size() as u64 };
            source.append_column(&reader, &mut target, index, column)?;
        }
        target.close()?;
        self.bytes += source.metadata.row_group(index).compressed_size() as u64;
        self.row_groups += 1;
        self.writer = Some(Writer::Idle(writer));
        Ok(())
    }

    /// Bytes of the column chunks so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes
    }

    /// Writes the footer and gives the sink back.
    pub(crate) fn finish(mut self) -> Result<W> {
        self.idle()?.into_inner()
    }

    /// The writer, once it is done with what it was given.
    fn idle(&mut self) -> Result<SerializedFileWriter<W>> {
        let failed = || ParquetError::General("the file could not be written".to_owned());
        match self.writer.take().ok_or_else(failed)? {
            Writer::Idle(writer) => Ok(writer),
            Writer::Busy(appending) => appending.join().map_err(|_| failed())?,
        }
    }
}

impl<W: Write + Send + 'static> Drop for SplicedFile<W> {
    /// Nobody writes to a file that was given up.
    fn drop(&mut self) {
        let _ = self.idle();
    }
}

/// A row group that is being encoded.
pub(crate) struct GroupEncoder {
    schema: SchemaRef,
    /// Positions of the columns without pictures.
    plain_columns: Vec<usize>,
    plain: Option<ArrowWriter<Vec<u8>>>,
    pictures: Vec<PictureColumn>,
}

/// A column of pictures and its writers, one a leaf.
struct PictureColumn {
    position: usize,
    leaves: Vec<Leaf>,
}

enum Leaf {
    Bytes(PictureChunk),
    /// What stands beside the bytes.
    Other(Box<ArrowColumnWriter>),
}

impl GroupEncoder {
    fn new<W: Write + Send + 'static>(file: &SplicedFile<W>) -> Result<Self> {
        let schema = file.schema.clone();
        let mut writers = file.factory.create_column_writers(file.row_groups)?.into_iter();
        let (mut plain_columns, mut pictures) = (Vec::new(), Vec::new());
        for (position, field) in schema.fields().iter().enumerate() {
            let leaves = leaves(field.data_type()).into_iter().zip(&mut writers);
            if holds_pictures(field) {
                let leaf = |(leaf, writer)| match is_bytes(leaf) {
                    true => Leaf::Bytes(PictureChunk::new(field.data_type())),
                    false => Leaf::Other(Box::new(writer)),
                };
                pictures.push(PictureColumn { position, leaves: leaves.map(leaf).collect() });
            } else {
                leaves.for_each(drop);
                plain_columns.push(position);
            }
        }
        let plain = if plain_columns.is_empty() {
            None
        } else {
            let schema = Schema::new(schema.project(&plain_columns).map_err(arrow_error)?.fields().clone());
            let options = ArrowWriterOptions::new()
                .with_properties(file.properties.clone())
                .with_skip_arrow_metadata(true);
            Some(ArrowWriter::try_new_with_options(Vec::new(), Arc::new(schema), options)?)
        };
        Ok(Self { schema, plain_columns, plain, pictures })
    }

    /// Encodes rows. Pictures stay where they are in memory until the row group is written; they may be views.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { schema, plain_columns, plain, pictures } = self;
        if let Some(plain) = plain {
            plain.write(&batch.project(plain_columns).map_err(arrow_error)?)?;
        }
        pictures.iter_mut().try_for_each(|column| column.write(schema, batch))
    }

    fn close(self) -> Result<EncodedGroup> {
        let Self { schema, plain, pictures, .. } = self;
        let plain = plain.map(EncodedColumns::new).transpose()?;
        let pictures = pictures.into_iter().map(PictureColumn::close).collect::<Result<Vec<_>>>()?;
        let plain_bytes =
            plain.as_ref().map_or(0, |plain| plain.metadata.row_group(0).compressed_size() as u64);
        let bytes = plain_bytes + pictures.iter().flatten().map(EncodedLeaf::num_bytes).sum::<u64>();
        Ok(EncodedGroup { schema, plain, pictures, bytes })
    }
}

impl PictureColumn {
    fn write(&mut self, schema: &Schema, batch: &RecordBatch) -> Result<()> {
        let column = batch.column(self.position);
        let arrays = compute_leaves(schema.field(self.position), column)?;
        for (leaf, array) in self.leaves.iter_mut().zip(&arrays) {
            match leaf {
                Leaf::Bytes(chunk) => chunk.write(column),
                Leaf::Other(writer) => writer.write(array)?,
            }
        }
        Ok(())
    }

    fn close(self) -> Result<Vec<EncodedLeaf>> {
        let close = |leaf| match leaf {
            Leaf::Bytes(chunk) => Ok(EncodedLeaf::Bytes(chunk.close())),
            Leaf::Other(writer) => writer.close().map(|chunk| EncodedLeaf::Other(Box::new(chunk))),
        };
        self.leaves.into_iter().map(close).collect()
    }
}

/// A row group that waits to be written.
struct EncodedGroup {
    schema: SchemaRef,
    plain: Option<EncodedColumns<Bytes>>,
    pictures: Vec<Vec<EncodedLeaf>>,
    bytes: u64,
}

enum EncodedLeaf {
    Bytes(ClosedPictures),
    Other(Box<ArrowColumnChunk>),
}

impl EncodedGroup {
    fn append_to<W: Write + Send>(self, writer: &mut SerializedFileWriter<W>) -> Result<()> {
        let columns = writer.schema_descr().columns().to_vec();
        let mut columns = columns.into_iter();
        let mut target = writer.next_row_group()?;
        let mut pictures = self.pictures.into_iter();
        let mut next_plain = 0;
        for field in self.schema.fields() {
            let leaves = columns.by_ref().take(leaves(field.data_type()).len());
            if holds_pictures(field) {
                for (column, leaf) in leaves.zip(pictures.next().into_iter().flatten()) {
                    match leaf {
                        EncodedLeaf::Bytes(chunk) => chunk.append_to(&mut target, column)?,
                        EncodedLeaf::Other(chunk) => chunk.append_to_row_group(&mut target)?,
                    }
                }
            } else if let Some(plain) = &self.plain {
                for _ in leaves {
                    plain.append_column(&plain.reader, &mut target, 0, next_plain)?;
                    next_plain += 1;
                }
            }
        }
        target.close()?;
        Ok(())
    }
}

impl EncodedLeaf {
    fn num_bytes(&self) -> u64 {
        match self {
            Self::Bytes(chunk) => chunk.num_bytes(),
            Self::Other(chunk) => chunk.close().bytes_written,
        }
    }
}

/// The column chunks of a finished file.
pub(crate) struct EncodedColumns<R: ChunkReader> {
    reader: R,
    pub(crate) metadata: Arc<ParquetMetaData>,
}

impl EncodedColumns<Bytes> {
    fn new(writer: ArrowWriter<Vec<u8>>) -> Result<Self> {
        Self::open(writer.into_inner()?.into())
    }
}

impl EncodedColumns<File> {
    /// The column chunks of a file whose footer and page index have been read.
    pub(crate) fn with_metadata(file: File, metadata: Arc<ParquetMetaData>) -> Self {
        Self { reader: file, metadata }
    }

    /// Copies some row groups into a file of the same kind.
    pub(crate) fn splice<W: Write + Send + 'static>(&self, sink: W, groups: Range<usize>) -> Result<W> {
        let file = self.metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        self.splice_as(sink, groups, schema, |_| true)
    }

    /// Copies some row groups into a file with another Arrow schema and a part of the footer's pairs.
    pub(crate) fn splice_as<W: Write + Send + 'static>(
        &self,
        sink: W,
        groups: Range<usize>,
        schema: Schema,
        keeps: impl Fn(&str) -> bool,
    ) -> Result<W> {
        let pairs = self.metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let footer = pairs.filter(|pair| pair.key != "ARROW:schema" && keeps(&pair.key)).cloned().collect();
        let properties = WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_key_value_metadata(Some(footer))
            .build();
        let mut target = SplicedFile::new(sink, schema.into(), properties)?;
        for group in groups {
            target.copy_group(self, group)?;
        }
        target.finish()
    }
}

impl<R: ChunkReader> EncodedColumns<R> {
    /// Reads footer and page index.
    pub(crate) fn open(reader: R) -> Result<Self> {
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&reader)?;
        Ok(Self { reader, metadata: Arc::new(metadata) })
    }

    /// Copies a column chunk, read through `reader`, with its statistics, page index and Bloom filter.
    fn append_column<W: Write + Send>(
        &self,
        reader: &impl ChunkReader,
        target: &mut SerializedRowGroupWriter<'_, W>,
        group: usize,
        column: usize,
    ) -> Result<()> {
        let row_group = self.metadata.row_group(group);
        let chunk = row_group.column(column);
        let index = self.metadata.page_index();
        let close = ColumnCloseResult {
            bytes_written: chunk.compressed_size() as u64,
            rows_written: row_group.num_rows() as u64,
            metadata: chunk.clone(),
            bloom_filter: Sbbf::read_from_column_chunk(chunk, &self.reader)?,
            column_index: index.and_then(|index| index.column_index(group, column)).cloned(),
            offset_index: index.and_then(|index| index.offset_index(group, column)).cloned(),
        };
        target.append_column(reader, close)
    }
}

/// A column chunk of a file, read in large pieces and not beyond its end.
struct ChunkReads<'a> {
    file: &'a File,
    bytes: u64,
}

/// Bytes that are read at once.
const READ_BYTES: u64 = 1 << 20;

impl Length for ChunkReads<'_> {
    fn len(&self) -> u64 {
        Length::len(self.file)
    }
}

impl ChunkReader for ChunkReads<'_> {
    type T = BufReader<Take<File>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::with_capacity(self.bytes.min(READ_BYTES) as usize, file.take(self.bytes)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.file.get_bytes(start, length)
    }
}

/// The columns that Parquet stores for a field, by their types.
fn leaves(data_type: &DataType) -> Vec<&DataType> {
    match data_type {
        DataType::List(element) => leaves(element.data_type()),
        DataType::Struct(fields) => fields.iter().flat_map(|field| leaves(field.data_type())).collect(),
        leaf => vec![leaf],
    }
}

fn arrow_error(error: ArrowError) -> ParquetError {
    error.into()
}
