use std::path::{Path, PathBuf};

use crate::{
    Purpose, Row, ShardError, TableSummary, TableWriter,
    atomic::{AtomicFile, SealedFile},
    manifest::Shard,
    record::Record,
};

/// Bytes after which a shard ends by default: with one more row group it stays below the 500 MB that the Hub
/// recommends.
pub const DEFAULT_SHARD_BYTES: u64 = 400 << 20;

/// Writes one split of one configuration of a release as shards:
/// `{config}/{split}-00000-of-00003.parquet`.
///
/// A shard ends with the first row group that brings it to the target size, so the ends depend on the rows
/// alone. How many shards there are is known only at the end: until then they lie under temporary names.
///
/// # Memory
/// That of one [`TableWriter`].
pub struct ShardWriter<T: Row> {
    folder: PathBuf,
    split: String,
    target_bytes: u64,
    open: Option<TableWriter<T, AtomicFile>>,
    finished: Vec<(SealedFile, TableSummary)>,
}

impl<T: Row> ShardWriter<T> {
    /// Begins a split (for example `train`) of the configuration `T::TABLE` in the folder of a release. Shards
    /// of an earlier release must not lie there: `twig verify` would call them unknown.
    pub fn new(release: &Path, split: &str, target_bytes: u64) -> Self {
        let folder = release.join(T::TABLE);
        Self { folder, split: split.to_owned(), target_bytes, open: None, finished: Vec::new() }
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
        if table.bytes_written() >= self.target_bytes { self.end_shard() } else { Ok(()) }
    }

    fn end_shard(&mut self) -> Result<(), ShardError> {
        let path = self.unfinished_path();
        if let Some(table) = self.open.take() {
            let (file, summary) = table.finish().map_err(ShardError::parquet("write", &path))?;
            self.finished.push((file.seal()?, summary));
        }
        Ok(())
    }

    /// Gives the shards their names; a split without rows has none.
    pub fn finish(mut self) -> Result<Vec<Shard>, ShardError> {
        self.end_shard()?;
        let count = self.finished.len();
        let Self { folder, split, finished, .. } = self;
        finished
            .into_iter()
            .enumerate()
            .map(|(index, (file, TableSummary { rows, row_groups, data_bytes }))| {
                let name = shard_name(&split, index, count);
                let digest = file.rename(&folder.join(&name))?;
                let path = format!("{}/{name}", T::TABLE);
                Ok(Shard { path, rows, row_groups, bytes: digest.bytes, data_bytes, sha256: digest.sha256 })
            })
            .collect()
    }

    fn unfinished_path(&self) -> PathBuf {
        self.folder.join(format!("{}-{:05}.parquet", self.split, self.finished.len()))
    }
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
