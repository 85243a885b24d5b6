use std::{
    fs::File,
    mem, panic,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
};

use arrow::datatypes::SchemaRef;
use parquet::{errors::ParquetError, file::properties::WriterProperties};

use crate::{
    Purpose, Row, ShardError, TableSummary, TableWriter,
    atomic::{AtomicFile, SealedFile},
    manifest::Shard,
    record::Record,
    splice::{EncodedColumns, GroupEncoder, SplicedFile},
};

/// Bytes after which a shard ends by default: with one more row group it stays below the 500 MB that the Hub
/// recommends.
pub const DEFAULT_SHARD_BYTES: u64 = 400 << 20;

/// Row groups of a shard, at most. A writer holds a kilobyte of each column of each until the shard ends, and whoever
/// opens the file reads that first. Rows come to so many only where their pictures are of a few kilobytes.
const MAX_ROW_GROUPS: u64 = 500;

/// Writes one split of one configuration of a release as shards:
/// `{config}/{split}-00000-of-00003.parquet`.
///
/// A shard ends with the first row group that brings it to the target size, or with its 500th, so the ends depend on
/// the rows alone. How many shards there are is known only at the end: until then they lie under temporary names.
///
/// # Memory
/// That of one [`TableWriter`], and at the end of a shard the last row group of the one before.
pub struct ShardWriter<T: Row> {
    folder: PathBuf,
    split: String,
    target_bytes: u64,
    open: Option<TableWriter<T, AtomicFile>>,
    finished: Finished,
}

impl<T: Row> ShardWriter<T> {
    /// Begins a split (for example `train`) of the configuration `T::TABLE` in the folder of a release. Shards
    /// of an earlier release must not lie there: `twig verify` would call them unknown.
    pub fn new(release: &Path, split: &str, target_bytes: u64) -> Self {
        let folder = release.join(T::TABLE);
        Self { folder, split: split.to_owned(), target_bytes, open: None, finished: Finished::default() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: T) -> Result<(), ShardError> {
        let record = row.into_record();
        let bytes = record.row_bytes();
        self.end_row_group_before(bytes)?;
        let path = self.unfinished_path();
        let table = match &mut self.open {
            Some(table) => table,
            none => none.insert(
                TableWriter::new(AtomicFile::create(&path)?, Purpose::Release)
                    .map_err(ShardError::parquet("write", &path))?,
            ),
        };
        table.push_record(record, bytes).map_err(ShardError::parquet("write", &path))
    }

    /// Ends the row group if a row of that size does not belong to it, and the shard if it is large enough.
    fn end_row_group_before(&mut self, bytes: usize) -> Result<(), ShardError> {
        let path = self.unfinished_path();
        let Some(table) = &mut self.open else { return Ok(()) };
        if table.has_room_for(bytes) {
            return Ok(());
        }
        table.end_row_group().map_err(ShardError::parquet("write", &path))?;
        let is_full =
            table.bytes_written() >= self.target_bytes || table.summary().row_groups >= MAX_ROW_GROUPS;
        if is_full { self.end_shard() } else { Ok(()) }
    }

    fn end_shard(&mut self) -> Result<(), ShardError> {
        let path = self.unfinished_path();
        match self.open.take() {
            Some(table) => self.finished.add(path, || table.finish()),
            None => Ok(()),
        }
    }

    /// Gives the shards their names; a split without rows has none.
    pub fn finish(mut self) -> Result<Vec<Shard>, ShardError> {
        self.end_shard()?;
        name_shards(&self.folder, T::TABLE, &self.split, self.finished.all()?)
    }

    fn unfinished_path(&self) -> PathBuf {
        self.folder.join(format!("{}-{:05}.parquet", self.split, self.finished.count()))
    }
}

/// The shards of one split of one table that are put together of whole row groups, new or copied.
///
/// # Memory
/// None beyond that of the encoder of a new row group.
pub(crate) struct ShardFiles {
    folder: PathBuf,
    table: String,
    split: String,
    schema: SchemaRef,
    properties: WriterProperties,
    target_bytes: u64,
    open: Option<(SplicedFile<AtomicFile>, TableSummary)>,
    finished: Finished,
}

impl ShardFiles {
    /// Begins a split in the folder of a release.
    pub(crate) fn new(
        release: &Path,
        table: &str,
        split: &str,
        schema: SchemaRef,
        properties: WriterProperties,
        target_bytes: u64,
    ) -> Self {
        Self {
            folder: release.join(table),
            table: table.to_owned(),
            split: split.to_owned(),
            schema,
            properties,
            target_bytes,
            open: None,
            finished: Finished::default(),
        }
    }

    /// An encoder for the next row group.
    pub(crate) fn begin_group(&mut self) -> Result<GroupEncoder, ShardError> {
        let path = self.unfinished_path();
        let (file, _) = self.open_file()?;
        file.begin_group().map_err(ShardError::parquet("write", &path))
    }

    /// Adds a row group by a function that writes it; ends the shard if that makes it large enough.
    pub(crate) fn add_group(
        &mut self,
        rows: usize,
        data_bytes: u64,
        write: impl FnOnce(&mut SplicedFile<AtomicFile>) -> Result<(), ParquetError>,
    ) -> Result<(), ShardError> {
        let (path, target_bytes) = (self.unfinished_path(), self.target_bytes);
        let (file, summary) = self.open_file()?;
        write(file).map_err(ShardError::parquet("write", &path))?;
        summary.rows += rows as u64;
        summary.row_groups += 1;
        summary.data_bytes += data_bytes;
        let is_full = file.bytes_written() >= target_bytes || summary.row_groups >= MAX_ROW_GROUPS;
        if is_full { self.end_shard() } else { Ok(()) }
    }

    /// Gives the shards their names; a split without rows has none.
    pub(crate) fn finish(mut self) -> Result<Vec<Shard>, ShardError> {
        self.end_shard()?;
        name_shards(&self.folder, &self.table, &self.split, self.finished.all()?)
    }

    fn open_file(&mut self) -> Result<&mut (SplicedFile<AtomicFile>, TableSummary), ShardError> {
        let path = self.unfinished_path();
        match &mut self.open {
            Some(open) => Ok(open),
            none => {
                let file = AtomicFile::create(&path)?;
                let file = SplicedFile::new(file, self.schema.clone(), self.properties.clone())
                    .map_err(ShardError::parquet("write", &path))?;
                Ok(none.insert((file, TableSummary::default())))
            }
        }
    }

    fn end_shard(&mut self) -> Result<(), ShardError> {
        let path = self.unfinished_path();
        match self.open.take() {
            Some((file, summary)) => self.finished.add(path, move || Ok((file.finish()?, summary))),
            None => Ok(()),
        }
    }

    fn unfinished_path(&self) -> PathBuf {
        self.folder.join(format!("{}-{:05}.parquet", self.split, self.finished.count()))
    }
}

/// The complete shards of a split. The last one may be on its way to the disk while the next one is written.
#[derive(Default)]
struct Finished {
    durable: Vec<(SealedFile, TableSummary)>,
    under_way: Option<JoinHandle<Result<(SealedFile, TableSummary), ShardError>>>,
}

impl Finished {
    /// Adds a shard by what gives its file.
    fn add(
        &mut self,
        path: PathBuf,
        finish: impl FnOnce() -> Result<(AtomicFile, TableSummary), ParquetError> + Send + 'static,
    ) -> Result<(), ShardError> {
        self.wait()?;
        let to = path.clone();
        let seal = move || {
            let (file, summary) = finish().map_err(ShardError::parquet("write", &to))?;
            Ok((file.seal()?, summary))
        };
        let started = thread::Builder::new().spawn(seal);
        self.under_way = Some(started.map_err(ShardError::io("write", &path))?);
        Ok(())
    }

    fn wait(&mut self) -> Result<(), ShardError> {
        if let Some(under_way) = self.under_way.take() {
            self.durable.push(under_way.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?);
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.durable.len() + usize::from(self.under_way.is_some())
    }

    fn all(mut self) -> Result<Vec<(SealedFile, TableSummary)>, ShardError> {
        self.wait()?;
        Ok(mem::take(&mut self.durable))
    }
}

impl Drop for Finished {
    /// A split that was given up leaves no files.
    fn drop(&mut self) {
        if let Some(under_way) = self.under_way.take() {
            let _ = under_way.join();
        }
    }
}

/// Loaders that divide the files of a split among processes read twice what they need unless the files come out
/// even; processes come in eights.
const EVEN: usize = 8;

/// Gives finished shards their names. Where there are more than eight, some are cut in two until their number is
/// a multiple of eight: at most seven, so the cost does not grow with the release.
fn name_shards(
    folder: &Path,
    table: &str,
    split: &str,
    mut finished: Vec<(SealedFile, TableSummary)>,
) -> Result<Vec<Shard>, ShardError> {
    while finished.len() > EVEN && !finished.len().is_multiple_of(EVEN) {
        // The first of those with the most row groups, so that the outcome depends on the rows alone.
        let most = finished.iter().map(|(_, summary)| summary.row_groups).max().unwrap_or(0);
        let Some(place) = finished.iter().position(|(_, summary)| summary.row_groups == most) else { break };
        if most < 2 {
            break;
        }
        let (file, summary) = finished.remove(place);
        let halves = cut(&file, summary, &folder.join(format!("{split}-cut.parquet")))?;
        finished.splice(place..place, halves);
    }
    let count = finished.len();
    let named = finished.into_iter().enumerate().map(|(index, (file, summary))| {
        let name = shard_name(split, index, count);
        let digest = file.rename(&folder.join(&name))?;
        let TableSummary { rows, row_groups, data_bytes } = summary;
        let path = format!("{table}/{name}");
        Ok(Shard { path, rows, row_groups, bytes: digest.bytes, data_bytes, sha256: digest.sha256 })
    });
    named.collect()
}

/// Cuts a shard between two row groups; nothing is decoded.
fn cut(
    shard: &SealedFile,
    summary: TableSummary,
    path: &Path,
) -> Result<[(SealedFile, TableSummary); 2], ShardError> {
    let file = File::open(shard.path()).map_err(ShardError::io("open", shard.path()))?;
    let source = EncodedColumns::open(file).map_err(ShardError::parquet("read", shard.path()))?;
    let num_groups = source.metadata.num_row_groups();
    let half = num_groups / 2;
    let write = |groups: std::ops::Range<usize>| -> Result<(SealedFile, u64), ShardError> {
        let sink = AtomicFile::create(path)?;
        let rows = source.metadata.row_groups()[groups.clone()].iter().map(|group| group.num_rows() as u64);
        let copied = source.splice(sink, groups).map_err(ShardError::parquet("write", path))?;
        Ok((copied.seal()?, rows.sum()))
    };
    let ((first, first_rows), (second, second_rows)) = (write(0..half)?, write(half..num_groups)?);
    // How the values divide is not known any more: by rows.
    let data_bytes = summary.data_bytes * first_rows / summary.rows.max(1);
    let first_half = TableSummary { rows: first_rows, row_groups: half as u64, data_bytes };
    let second_half = TableSummary {
        rows: second_rows,
        row_groups: (num_groups - half) as u64,
        data_bytes: summary.data_bytes - data_bytes,
    };
    Ok([(first, first_half), (second, second_half)])
}

/// The name by which `datasets` and the Hub know a split's shards.
pub(crate) fn shard_name(split: &str, index: usize, count: usize) -> String {
    format!("{split}-{index:05}-of-{count:05}.parquet")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use twig_model::Prompt;

    use super::*;
    use crate::{TableReader, fixtures, release::files_below};

    /// Prompts whose groups of 10,000 rows are larger than the target: a shard each.
    fn write(release: &Path, num_rows: u64) -> Vec<Shard> {
        let mut writer = ShardWriter::new(release, "train", 10_000);
        (0..num_rows).for_each(|number| writer.push(fixtures::prompt(number)).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn shards_end_with_row_groups_and_know_how_many_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let shards = write(folder.path(), 20_001);
        let names: Vec<_> = shards.iter().map(|shard| shard.path.as_str()).collect();
        let expected =
            ["00000", "00001", "00002"].map(|index| format!("prompts/train-{index}-of-00003.parquet"));
        assert_eq!(names, expected);
        assert_eq!(files_below(folder.path()).unwrap(), expected, "and no temporary file");
        let rows: Vec<_> = shards.iter().map(|shard| (shard.rows, shard.row_groups)).collect();
        assert_eq!(rows, [(10_000, 1), (10_000, 1), (1, 1)]);
        let last: Vec<Prompt> = TableReader::read_all(&folder.path().join(&shards[2].path)).unwrap();
        assert_eq!(last, [fixtures::prompt(20_000)]);
        let digest = crate::atomic::digest(&folder.path().join(&shards[0].path)).unwrap();
        assert_eq!((digest.bytes, &digest.sha256), (shards[0].bytes, &shards[0].sha256));
    }

    #[test]
    fn the_same_rows_are_the_same_shards() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let shards = folders.each_ref().map(|folder| write(folder.path(), 12_000));
        assert_eq!(shards[0], shards[1]);
    }

    #[test]
    fn many_shards_come_in_eights() {
        let folder = tempfile::tempdir().unwrap();
        // A shard ends with the row group that reaches the target: here with its second.
        let group_bytes = write(tempfile::tempdir().unwrap().path(), 10_000)[0].bytes;
        let mut writer = ShardWriter::new(folder.path(), "train", group_bytes + group_bytes / 2);
        for number in 0..190_001 {
            writer.push(fixtures::prompt(number)).unwrap();
        }
        let uncut = writer.finished.count() + 1;
        assert!((9..16).contains(&uncut), "{uncut} shards are not the case to be tried");
        let shards = writer.finish().unwrap();
        assert_eq!(shards.len(), 16);
        assert_eq!(shards.iter().map(|shard| shard.rows).sum::<u64>(), 190_001);
        let mut numbers = 0..;
        for shard in &shards {
            let path = folder.path().join(&shard.path);
            let rows: Vec<Prompt> = TableReader::read_all(&path).unwrap();
            assert_eq!(rows.len() as u64, shard.rows);
            for row in rows {
                assert_eq!(row, fixtures::prompt(numbers.next().unwrap()));
            }
            assert_eq!(crate::atomic::digest(&path).unwrap().sha256, shard.sha256);
        }
        assert_eq!(files_below(folder.path()).unwrap().len(), 16);
    }

    #[test]
    fn rows_with_hardly_a_picture_make_shards_of_five_hundred_row_groups() {
        let folder = tempfile::tempdir().unwrap();
        let mut sample = fixtures::sft_sample(&fixtures::release_trajectory(0));
        sample.images.clear();
        let mut writer = ShardWriter::new(folder.path(), "train", DEFAULT_SHARD_BYTES);
        (0..50_001).for_each(|_| writer.push(sample.clone()).unwrap());
        let shards = writer.finish().unwrap();
        let counts: Vec<_> = shards.iter().map(|shard| (shard.rows, shard.row_groups)).collect();
        assert_eq!(counts, [(50_000, 500), (1, 1)]);
    }

    #[test]
    fn a_split_without_rows_has_no_file_and_a_dropped_writer_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), 0), []);
        assert!(!folder.path().join("prompts").exists());
        let mut writer = ShardWriter::new(folder.path(), "train", 1);
        (0..10_001).for_each(|number| writer.push(fixtures::prompt(number)).unwrap());
        drop(writer);
        assert_eq!(fs::read_dir(folder.path().join("prompts")).unwrap().count(), 0);
    }
}
