//! Parquet files put together of encoded column chunks: new ones, or those of other files byte for byte.
//!
//! New row groups are encoded in two halves at the same time. Pictures are written as they are, with pages that
//! end by size: their bytes shift in the file as they do in memory, so that chunking by content gains nothing,
//! and it would cost more than all else together. The other columns go through Arrow's own writer, which chunks
//! them by content where the properties say so, into memory; their chunks are then spliced in.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    ops::Range,
    sync::Arc,
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

use crate::properties::{CREATED_BY, holds_pictures};

/// A Parquet file that grows by whole row groups.
///
/// # Memory
/// One encoded row group, where it is not copied from another file.
pub(crate) struct SplicedFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    properties: WriterProperties,
    row_groups: usize,
}

impl<W: Write + Send> SplicedFile<W> {
    /// Begins a file; the schema's metadata go into `ARROW:schema`.
    pub(crate) fn new(sink: W, schema: SchemaRef, properties: WriterProperties) -> Result<Self> {
        let arrow = ArrowWriter::try_new(sink, schema.clone(), Some(properties.clone()))?;
        let (writer, factory) = arrow.into_serialized_writer()?;
        Ok(Self { writer, factory, schema, properties, row_groups: 0 })
    }

    /// Begins a row group; what is encoded is written by [`SplicedFile::append`].
    pub(crate) fn begin_group(&self) -> Result<GroupEncoder> {
        GroupEncoder::new(self)
    }

    /// Writes an encoded row group.
    pub(crate) fn append(&mut self, group: GroupEncoder) -> Result<()> {
        let GroupEncoder { plain, pictures, .. } = group;
        let plain = plain.map(EncodedColumns::new).transpose()?;
        let mut pictures = pictures.into_iter();
        let mut next_plain = 0;
        let mut target = self.writer.next_row_group()?;
        for field in self.schema.fields() {
            if holds_pictures(field) {
                let chunks = pictures.next().map(PictureColumn::close).transpose()?;
                for chunk in chunks.into_iter().flatten() {
                    chunk.append_to_row_group(&mut target)?;
                }
            } else if let Some(plain) = &plain {
                for _ in 0..num_leaves(field.data_type()) {
                    plain.append_column(&mut target, 0, next_plain)?;
                    next_plain += 1;
                }
            }
        }
        target.close()?;
        self.row_groups += 1;
        Ok(())
    }

    /// Copies a row group of another file with the same columns; nothing is decoded.
    pub(crate) fn copy_group(&mut self, source: &EncodedColumns<LargeReads>, index: usize) -> Result<()> {
        let mut target = self.writer.next_row_group()?;
        for column in 0..source.metadata.row_group(index).num_columns() {
            source.append_column(&mut target, index, column)?;
        }
        target.close()?;
        self.row_groups += 1;
        Ok(())
    }

    /// Bytes of the row groups so far.
    pub(crate) fn bytes_written(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    /// Where the bytes go; not to be written to.
    pub(crate) fn sink(&self) -> &W {
        self.writer.inner()
    }

    /// Writes the footer and gives the sink back.
    pub(crate) fn finish(self) -> Result<W> {
        self.writer.into_inner()
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
    leaves: Vec<ArrowColumnWriter>,
}

impl GroupEncoder {
    fn new<W: Write + Send>(file: &SplicedFile<W>) -> Result<Self> {
        let schema = file.schema.clone();
        let mut writers = file.factory.create_column_writers(file.row_groups)?.into_iter();
        let (mut plain_columns, mut pictures) = (Vec::new(), Vec::new());
        for (position, field) in schema.fields().iter().enumerate() {
            let leaves: Vec<_> = writers.by_ref().take(num_leaves(field.data_type())).collect();
            if holds_pictures(field) {
                pictures.push(PictureColumn { position, leaves });
            } else {
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

    /// Encodes rows, pictures and the rest side by side.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let Self { schema, plain_columns, plain, pictures } = self;
        let (of_plain, of_pictures) = rayon::join(
            || match plain {
                Some(plain) => plain.write(&batch.project(plain_columns).map_err(arrow_error)?),
                None => Ok(()),
            },
            || pictures.iter_mut().try_for_each(|column| column.write(schema, batch)),
        );
        of_plain.and(of_pictures)
    }
}

impl PictureColumn {
    fn write(&mut self, schema: &Schema, batch: &RecordBatch) -> Result<()> {
        let leaves = compute_leaves(schema.field(self.position), batch.column(self.position))?;
        self.leaves.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))
    }

    fn close(self) -> Result<Vec<ArrowColumnChunk>> {
        self.leaves.into_iter().map(ArrowColumnWriter::close).collect()
    }
}

/// The column chunks of a finished file.
pub(crate) struct EncodedColumns<R: ChunkReader> {
    reader: R,
    pub(crate) metadata: ParquetMetaData,
}

impl EncodedColumns<Bytes> {
    fn new(writer: ArrowWriter<Vec<u8>>) -> Result<Self> {
        Self::read(writer.into_inner()?.into())
    }
}

impl EncodedColumns<LargeReads> {
    /// The column chunks of a file on disk.
    pub(crate) fn open(file: File) -> Result<Self> {
        Self::read(LargeReads(file))
    }

    /// Copies some row groups into a file of the same kind.
    pub(crate) fn splice<W: Write + Send>(&self, sink: W, groups: Range<usize>) -> Result<W> {
        let file = self.metadata.file_metadata();
        let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
        self.splice_as(sink, groups, schema, |_| true)
    }

    /// Copies some row groups into a file with another Arrow schema and a part of the footer's pairs.
    pub(crate) fn splice_as<W: Write + Send>(
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
    fn read(reader: R) -> Result<Self> {
        let metadata = ParquetMetaDataReader::new()
            .with_page_index_policy(PageIndexPolicy::Optional)
            .parse_and_finish(&reader)?;
        Ok(Self { reader, metadata })
    }

    /// Copies a column chunk with its statistics, page index and Bloom filter.
    fn append_column<W: Write + Send>(
        &self,
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
        target.append_column(&self.reader, close)
    }
}

/// A file read in large pieces: column chunks are copied from begin to end.
pub(crate) struct LargeReads(File);

/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

impl Length for LargeReads {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for LargeReads {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut file = self.0.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::with_capacity(READ_BYTES, file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let mut bytes = Vec::with_capacity(length);
        let read = self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if read != length {
            return Err(ParquetError::EOF(format!("{read} of {length} bytes are there")));
        }
        Ok(bytes.into())
    }
}

/// Columns that Parquet stores for a field.
fn num_leaves(data_type: &DataType) -> usize {
    match data_type {
        DataType::List(element) => num_leaves(element.data_type()),
        DataType::Struct(fields) => fields.iter().map(|field| num_leaves(field.data_type())).sum(),
        _ => 1,
    }
}

fn arrow_error(error: ArrowError) -> ParquetError {
    error.into()
}
