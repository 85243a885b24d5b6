use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use crate::{Purpose, Row, Shard, ShardError, Split, TableWriter, atomic::AtomicFile};

/// Writes some shards of a finished split again. It is handed all rows of the split in their order, and lets go of those
/// of the other shards before anything is encoded.
///
/// A shard begins with a row group, so that its bytes depend on its own rows alone. What comes out is compared with
/// the hash in the manifest before it gets the shard's name.
pub struct ShardMender<T: Row> {
    release: PathBuf,
    /// What is still to be written, the last first.
    wanted: Vec<(Range<u64>, Shard)>,
    rows_seen: u64,
    open: Option<TableWriter<T, AtomicFile>>,
}

impl<T: Row> ShardMender<T> {
    /// Begins with a split as the manifest has it, and those of its shards that are wanted.
    pub fn new(release: &Path, split: Option<&Split>, is_wanted: impl Fn(&Shard) -> bool) -> Self {
        let (mut wanted, mut start) = (Vec::new(), 0);
        for shard in split.into_iter().flat_map(|split| &split.shards) {
            let rows = start..start + shard.rows;
            start = rows.end;
            if is_wanted(shard) {
                wanted.push((rows, shard.clone()));
            }
        }
        wanted.reverse();
        Self { release: release.to_owned(), wanted, rows_seen: 0, open: None }
    }

    /// Takes the next row of the split.
    pub fn push(&mut self, row: T) -> Result<(), ShardError> {
        let place = self.rows_seen;
        self.rows_seen += 1;
        let Some((rows, shard)) = self.wanted.last() else { return Ok(()) };
        if !rows.contains(&place) {
            return Ok(());
        }
        let is_last = rows.end == self.rows_seen;
        let path = self.release.join(&shard.path);
        let table = match &mut self.open {
            Some(table) => table,
            none => none.insert(
                TableWriter::new(AtomicFile::create(&path)?, Purpose::Release)
                    .map_err(ShardError::parquet("write", &path))?,
            ),
        };
        table.push(row).map_err(ShardError::parquet("write", &path))?;
        if is_last { self.end_shard() } else { Ok(()) }
    }

    fn end_shard(&mut self) -> Result<(), ShardError> {
        let (Some(table), Some((_, shard))) = (self.open.take(), self.wanted.pop()) else { return Ok(()) };
        let path = self.release.join(&shard.path);
        let (file, _) = table.finish().map_err(ShardError::parquet("write", &path))?;
        let file = file.seal()?;
        if file.digest().sha256 != shard.sha256 {
            return Err(ShardError::Changed { path, what: "it did not come out the same again".to_owned() });
        }
        file.rename(&path)?;
        Ok(())
    }

    /// Ends the split; every wanted shard must be there.
    pub fn finish(self) -> Result<(), ShardError> {
        match self.wanted.last() {
            None => Ok(()),
            Some((_, shard)) => {
                let path = self.release.join(&shard.path);
                Err(ShardError::Changed { path, what: "its rows did not come again".to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use twig_model::Prompt;

    use super::*;
    use crate::{ShardWriter, fixtures};

    /// Prompts whose groups of 10,000 rows are larger than the target: a shard each.
    fn written(release: &Path) -> Split {
        let mut writer = ShardWriter::new(release, "train", 10_000);
        (0..30_001).for_each(|number| writer.push(fixtures::prompt(number)).unwrap());
        Split { name: "train".to_owned(), shards: writer.finish().unwrap() }
    }

    fn mended(release: &Path, split: &Split, first: u64) -> Result<(), ShardError> {
        let is_missing = |shard: &Shard| !release.join(&shard.path).exists();
        let mut mender = ShardMender::<Prompt>::new(release, Some(split), is_missing);
        (first..first + 30_001).try_for_each(|number| mender.push(fixtures::prompt(number)))?;
        mender.finish()
    }

    #[test]
    fn shards_come_back_byte_for_byte_and_the_others_are_let_alone() {
        let folder = tempfile::tempdir().unwrap();
        let split = written(folder.path());
        let paths: Vec<_> = split.shards.iter().map(|shard| folder.path().join(&shard.path)).collect();
        let bytes: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        let modified = fs::metadata(&paths[0]).unwrap().modified().unwrap();
        for index in [1, 3] {
            fs::remove_file(&paths[index]).unwrap();
        }
        mended(folder.path(), &split, 0).unwrap();
        let again: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        assert!(again == bytes);
        assert_eq!(fs::metadata(&paths[0]).unwrap().modified().unwrap(), modified);
    }

    #[test]
    fn other_rows_take_no_shards_place() {
        let folder = tempfile::tempdir().unwrap();
        let split = written(folder.path());
        let path = folder.path().join(&split.shards[1].path);
        fs::remove_file(&path).unwrap();
        assert!(matches!(mended(folder.path(), &split, 1), Err(ShardError::Changed { .. })));
        assert!(!path.exists());
    }
}
