//! Ids that were computed once: by picture and tokenizer, below `OUT/ids`.
//!
//! A picture that was encoded is never encoded again by the same tokenizer, whatever is redone: another selection,
//! a changed stage before, an interrupted run. Nothing else rests on these files; whoever deletes them pays with
//! time. One file a tokenizer and partition, of records of one length, appended; a torn or damaged tail is cut off.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use twig_model::Picture;
use twig_tokens::ImageTokenizer;
use xxhash_rust::xxh3::xxh3_64;

use crate::{error::RunError, job::JobFolder, partition::Partition};

/// Hash of a picture's encoded bytes.
pub(crate) type PictureHash = [u8; 32];

/// Bytes of the checksum at the end of a record.
const CHECKSUM_LEN: usize = 8;

pub(crate) fn hash_of(picture: &Picture) -> PictureHash {
    *blake3::hash(picture.bytes()).as_bytes()
}

/// The ids of one tokenizer in one partition.
#[derive(Debug)]
pub(crate) struct KnownIds {
    path: PathBuf,
    file: File,
    known: HashMap<PictureHash, Vec<u32>>,
}

impl KnownIds {
    /// Opens the file, or begins it.
    pub(crate) fn open(
        folder: &JobFolder,
        tokenizer: &dyn ImageTokenizer,
        partition: Partition,
    ) -> Result<Self, RunError> {
        let folder = folder.path().join("ids").join(&tokenizer.fingerprint()[..16]);
        let path = folder.join(format!("{}.ids", partition.file_stem()));
        let num_tokens = tokenizer.geometry().grid.num_tokens() as usize;
        Self::open_file(&folder, path, num_tokens)
    }

    fn open_file(folder: &Path, path: PathBuf, num_tokens: usize) -> Result<Self, RunError> {
        fs::create_dir_all(folder).map_err(|source| RunError::io(folder, source))?;
        let failed = |source: io::Error| RunError::io(&path, source);
        let file = OpenOptions::new().create(true).append(true).read(true).open(&path).map_err(failed)?;
        let bytes = fs::read(&path).map_err(failed)?;
        let record_len = size_of::<PictureHash>() + num_tokens * size_of::<u32>() + CHECKSUM_LEN;
        let mut known = HashMap::new();
        let mut sound = 0;
        for record in bytes.chunks_exact(record_len) {
            let Some((hash, ids)) = parse(record) else { break };
            known.insert(hash, ids);
            sound += record_len as u64;
        }
        if sound < bytes.len() as u64 {
            file.set_len(sound).map_err(failed)?;
        }
        Ok(Self { path, file, known })
    }

    pub(crate) fn get(&self, hash: &PictureHash) -> Option<&Vec<u32>> {
        self.known.get(hash)
    }

    /// Notes the ids of pictures. Not synced: what is lost with the machine is encoded again.
    pub(crate) fn insert_all(&mut self, found: Vec<(PictureHash, Vec<u32>)>) -> Result<(), RunError> {
        let mut bytes = Vec::new();
        for (hash, ids) in &found {
            let start = bytes.len();
            bytes.extend_from_slice(hash);
            bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
            bytes.extend(xxh3_64(&bytes[start..]).to_le_bytes());
        }
        self.file.write_all(&bytes).map_err(|source| RunError::io(&self.path, source))?;
        self.known.extend(found);
        Ok(())
    }
}

fn parse(record: &[u8]) -> Option<(PictureHash, Vec<u32>)> {
    let (content, checksum) = record.split_last_chunk::<CHECKSUM_LEN>()?;
    let (hash, ids) = content.split_first_chunk()?;
    let is_sound = xxh3_64(content) == u64::from_le_bytes(*checksum);
    is_sound.then(|| (*hash, ids.as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_again_and_a_torn_tail_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part.ids");
        let open = || KnownIds::open_file(folder.path(), path.clone(), 3).unwrap();
        let mut ids = open();
        ids.insert_all(vec![([1; 32], vec![1, 2, 3]), ([2; 32], vec![4, 5, 70_000])]).unwrap();
        drop(ids);
        let whole = fs::read(&path).unwrap();

        let mut torn = whole.clone();
        torn.extend([9; 17]);
        fs::write(&path, &torn).unwrap();
        assert_eq!(open().get(&[2; 32]), Some(&vec![4, 5, 70_000]));
        assert_eq!(fs::read(&path).unwrap(), whole);

        let mut damaged = whole.clone();
        damaged[60] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let mut ids = open();
        assert_eq!((ids.get(&[1; 32]), ids.get(&[2; 32])), (Some(&vec![1, 2, 3]), None));
        ids.insert_all(vec![([2; 32], vec![4, 5, 70_000])]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}
