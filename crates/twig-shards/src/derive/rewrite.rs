//! One table of the new release: row groups copied where they stay whole, written again where they do not.

use std::{
    cmp::Ordering,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, AsArray, RecordBatch},
    datatypes::SchemaRef,
};
use parquet::{
    arrow::{
        ProjectionMask,
        arrow_reader::{
            ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
            RowSelector,
        },
    },
    errors::ParquetError,
    file::{metadata::PageIndexPolicy, properties::WriterProperties},
};

use super::{Source, choice::Choice, mapped::MappedGroup};
use crate::{
    Config, Purpose, RowGroupLimits, SCHEMA_VERSION, Shard, ShardError, Split,
    picture_chunk::picture_views,
    properties::{has_pictures, properties_of_version},
    shards::ShardFiles,
    splice::{EncodedColumns, GroupEncoder},
};

/// Row groups of the new release.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Groups {
    pub(super) copied: u64,
    pub(super) rewritten: u64,
}

/// Rows that are decoded together: few where they have pictures.
const ROWS_WITH_PICTURES: usize = 10;
const ROWS_WITHOUT: usize = 1_000;

/// Pictures are copied out of their pages where fewer than one row in so many stays: whatever is kept of a page keeps
/// all of it in memory.
const ROWS_OF_A_VIEW: usize = 4;

/// Writes one table of the new release.
pub(super) fn table(
    name: &str,
    sources: &[Source],
    choice: &Choice,
    out: &Path,
    shard_bytes: u64,
) -> Result<(Config, Groups), ShardError> {
    let mut groups = Groups::default();
    // All sources have the same.
    let version = sources.first().map_or(SCHEMA_VERSION, |source| source.manifest.schema_version);
    let sources: Vec<Vec<SourceShard>> = sources
        .iter()
        .enumerate()
        .map(|(index, source)| source_shards(name, index, source, choice))
        .collect::<Result<_, _>>()?;
    let mut splits = Vec::new();
    for (position, split) in choice.splits.iter().enumerate() {
        let mut writer: Option<SplitWriter> = None;
        for piece in interleaved(&sources, position as u8) {
            let writer = match &mut writer {
                Some(writer) => writer,
                none => none.insert({
                    let schema = &piece.shard.schema;
                    let properties = properties_of_version(name, schema, Purpose::Release, version);
                    SplitWriter::new(name, split, schema, properties, out, shard_bytes)
                }),
            };
            writer.take(piece, position as u8)?;
        }
        if let Some(writer) = writer {
            let (shards, written) = writer.finish()?;
            groups.copied += written.copied;
            groups.rewritten += written.rewritten;
            splits.push(Split { name: split.clone(), shards });
        }
    }
    Ok((Config { name: name.to_owned(), splits }, groups))
}

/// A shard of a source, and where its rows go.
struct SourceShard {
    path: PathBuf,
    schema: SchemaRef,
    metadata: ArrowReaderMetadata,
    /// The same for readers that leave pictures in the pages they came in.
    as_views: ArrowReaderMetadata,
    /// For each row the position of its split; `None` where it does not stay.
    targets: Vec<Option<u8>>,
    /// Rows of each row group.
    groups: Vec<Range<usize>>,
    /// Bytes of all values, as its manifest says.
    data_bytes: u64,
}

/// A row group of a source.
struct Piece<'a> {
    shard: &'a SourceShard,
    group: usize,
    /// How far into its source it is, from 0 to 1.
    place: f64,
}

fn source_shards(
    table: &str,
    index: usize,
    source: &Source,
    choice: &Choice,
) -> Result<Vec<SourceShard>, ShardError> {
    let config = source.manifest.config(table);
    let shards = config.into_iter().flat_map(|config| &config.splits).flat_map(|split| &split.shards);
    shards
        .map(|shard| {
            let path = source.folder.join(&shard.path);
            SourceShard::open(&path, shard, |key| choice.split_of(index, key))
        })
        .collect()
}

/// The row groups with rows for a split, each source's in order, the sources evenly mixed: a prefix of the new
/// release is as fair a sample as one of its sources was.
fn interleaved(sources: &[Vec<SourceShard>], split: u8) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for shards in sources {
        let first = pieces.len();
        for shard in shards {
            let has_rows = |rows: &Range<usize>| shard.targets[rows.clone()].contains(&Some(split));
            let groups = shard.groups.iter().enumerate().filter(|(_, rows)| has_rows(rows));
            pieces.extend(groups.map(|(group, _)| Piece { shard, group, place: 0.0 }));
        }
        let count = pieces.len() - first;
        for (position, piece) in pieces[first..].iter_mut().enumerate() {
            piece.place = (position as f64 + 0.5) / count as f64;
        }
    }
    pieces.sort_by(|a, b| a.place.partial_cmp(&b.place).unwrap_or(Ordering::Equal));
    pieces
}

impl SourceShard {
    fn open(path: &Path, shard: &Shard, split_of: impl Fn(&str) -> Option<u8>) -> Result<Self, ShardError> {
        let file = File::open(path).map_err(ShardError::io("open", path))?;
        let read = || -> Result<Self, ParquetError> {
            let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
            let metadata = ArrowReaderMetadata::load(&file, options.clone())?;
            let schema = metadata.schema().clone();
            let as_views = ArrowReaderMetadata::try_new(
                Arc::clone(metadata.metadata()),
                options.with_schema(picture_views(&schema)),
            )?;
            let mut first = 0;
            let groups = metadata.metadata().row_groups().iter().map(|group| {
                let rows = first..first + group.num_rows() as usize;
                first = rows.end;
                rows
            });
            let groups: Vec<_> = groups.collect();
            let targets = targets(&file, &metadata, &schema, split_of)?;
            Ok(Self {
                path: path.to_owned(),
                schema,
                metadata,
                as_views,
                targets,
                groups,
                data_bytes: shard.data_bytes,
            })
        };
        read().map_err(ShardError::parquet("read", path))
    }

    /// The values of so many rows before encoding, if rows are alike.
    fn data_bytes_of(&self, rows: usize) -> u64 {
        self.data_bytes * rows as u64 / self.targets.len().max(1) as u64
    }

    /// The rows of a row group that go to a split.
    fn batches(
        &self,
        group: usize,
        split: u8,
    ) -> Result<impl Iterator<Item = Result<RecordBatch, ParquetError>> + use<>, ShardError> {
        let bytes = MappedGroup::open(&self.path, self.metadata.metadata().row_group(group))
            .map_err(ShardError::io("read", &self.path))?;
        let targets = &self.targets[self.groups[group].clone()];
        let runs = targets.chunk_by(|a, b| (*a == Some(split)) == (*b == Some(split)));
        let selectors = runs.map(|run| match run[0] == Some(split) {
            true => RowSelector::select(run.len()),
            false => RowSelector::skip(run.len()),
        });
        let batch_rows = if has_pictures(&self.schema) { ROWS_WITH_PICTURES } else { ROWS_WITHOUT };
        let kept = targets.iter().filter(|target| **target == Some(split)).count();
        let metadata = if kept * ROWS_OF_A_VIEW < targets.len() { &self.metadata } else { &self.as_views };
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata.clone())
            .with_row_groups(vec![group])
            .with_row_selection(selectors.collect::<RowSelection>())
            .with_batch_size(batch_rows)
            .build()
            .map_err(ShardError::parquet("read", &self.path))?;
        Ok(batches.map(|batch| batch.map_err(ParquetError::from)))
    }
}

/// Columns that name what a row is about: the trajectory or the prompt; of a pair the other side too, of a group
/// every member.
fn key_columns(schema: &SchemaRef) -> Vec<&'static str> {
    let has = |name: &&str| schema.field_with_name(name).is_ok();
    let first = ["trajectory_id", "id"].into_iter().find(has);
    first.into_iter().chain(["rejected_trajectory_id", "trajectory_ids"].into_iter().filter(has)).collect()
}

/// For each row what it names in a column: one id, or a list of them.
fn ids_of(column: &ArrayRef) -> Option<Vec<Vec<String>>> {
    let texts = |array: &ArrayRef| -> Option<Vec<String>> {
        let texts = array.as_string_opt::<i32>()?;
        Some(texts.iter().map(|text| text.unwrap_or_default().to_owned()).collect())
    };
    match column.as_list_opt::<i32>() {
        None => Some(texts(column)?.into_iter().map(|text| vec![text]).collect()),
        Some(lists) => lists.iter().map(|list| list.map_or(Some(Vec::new()), |list| texts(&list))).collect(),
    }
}

/// Where each row goes: nowhere unless all that it is about stays.
fn targets(
    file: &File,
    metadata: &ArrowReaderMetadata,
    schema: &SchemaRef,
    split_of: impl Fn(&str) -> Option<u8>,
) -> Result<Vec<Option<u8>>, ParquetError> {
    let columns = key_columns(schema);
    let mask = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file.try_clone()?, metadata.clone())
        .with_projection(mask)
        .with_batch_size(10 * ROWS_WITHOUT)
        .build()?;
    let mut targets = Vec::new();
    for batch in batches {
        let batch = batch?;
        let mut of_batch: Vec<Option<Option<u8>>> = vec![None; batch.num_rows()];
        for name in &columns {
            let ids = batch.column_by_name(name).and_then(ids_of);
            let ids = ids.ok_or_else(|| ParquetError::General(format!("column `{name}` holds no texts")))?;
            for (target, ids) in of_batch.iter_mut().zip(ids) {
                for split in ids.iter().map(|id| split_of(id)) {
                    *target = Some(if target.is_none_or(|target| target == split) { split } else { None });
                }
            }
        }
        targets.extend(of_batch.into_iter().map(Option::flatten));
    }
    Ok(targets)
}

/// Writes one split of one table.
struct SplitWriter {
    files: ShardFiles,
    limits: RowGroupLimits,
    /// The row group that is being written again, with its rows and their size.
    open: Option<(GroupEncoder, usize, usize)>,
    groups: Groups,
}

impl SplitWriter {
    fn new(
        table: &str,
        split: &str,
        schema: &SchemaRef,
        properties: WriterProperties,
        out: &Path,
        shard_bytes: u64,
    ) -> Self {
        Self {
            files: ShardFiles::new(out, table, split, schema.clone(), properties, shard_bytes),
            limits: RowGroupLimits::new(schema, Purpose::Release),
            open: None,
            groups: Groups::default(),
        }
    }

    /// Adds the rows of a row group that go to this split.
    fn take(&mut self, piece: Piece, split: u8) -> Result<(), ShardError> {
        let Piece { shard, group, .. } = piece;
        let rows = shard.groups[group].clone();
        if shard.targets[rows.clone()].iter().all(|target| *target == Some(split)) {
            self.flush()?;
            return self.copy(shard, group, rows.len());
        }
        for batch in shard.batches(group, split)? {
            let batch = batch.map_err(ShardError::parquet("read", &shard.path))?;
            self.push(&batch, shard)?;
        }
        Ok(())
    }

    fn copy(&mut self, shard: &SourceShard, group: usize, rows: usize) -> Result<(), ShardError> {
        let file = File::open(&shard.path).map_err(ShardError::io("open", &shard.path))?;
        let columns = EncodedColumns::with_metadata(file, Arc::clone(shard.metadata.metadata()));
        self.files.add_group(rows, shard.data_bytes_of(rows), |file| file.copy_group(&columns, group))?;
        self.groups.copied += 1;
        Ok(())
    }

    fn push(&mut self, batch: &RecordBatch, shard: &SourceShard) -> Result<(), ShardError> {
        let (rows, bytes) = (batch.num_rows(), shard.data_bytes_of(batch.num_rows()) as usize);
        let is_full = self.open.as_ref().is_some_and(|(_, open_rows, open_bytes)| {
            open_rows + rows > self.limits.max_rows || open_bytes + bytes > self.limits.max_bytes
        });
        if is_full {
            self.flush()?;
        }
        let (encoder, open_rows, open_bytes) = match &mut self.open {
            Some(open) => open,
            none => none.insert((self.files.begin_group()?, 0, 0)),
        };
        encoder.write(batch).map_err(ShardError::parquet("write", &shard.path))?;
        *open_rows += rows;
        *open_bytes += bytes;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ShardError> {
        if let Some((encoder, rows, bytes)) = self.open.take() {
            self.files.add_group(rows, bytes as u64, |file| file.append(encoder))?;
            self.groups.rewritten += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<Shard>, Groups), ShardError> {
        self.flush()?;
        Ok((self.files.finish()?, self.groups))
    }
}
