//! Files that are there whole or not at all: written under a temporary name in the same folder, flushed to the
//! disk, hashed on the way, renamed, and the folder flushed too.
//!
//! Whoever is killed leaves at most a temporary file, which [`sweep`] removes.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{ShardError, hashing_file::HashingFile};

/// What names of unfinished files begin with; hidden, so that no reader takes them for data.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// Bytes read before they are hashed: what a core's own cache holds, and small files need no more.
const PIECE_BYTES: usize = 128 << 10;

/// Size and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// A file under a temporary name; dropping it removes it.
pub struct AtomicFile {
    sink: HashingFile,
    temporary: TemporaryPath,
    path: PathBuf,
}

impl AtomicFile {
    /// Opens a new file that is to become `path`, and creates the folder if need be.
    pub fn create(path: &Path) -> Result<Self, ShardError> {
        let folder = folder_of(path);
        create_folders(folder)?;
        let temporary = TemporaryPath(folder.join(temporary_name(path)));
        let file = File::create_new(&temporary.0).map_err(ShardError::io("create", path))?;
        Ok(Self { sink: HashingFile::new(file), temporary, path: path.to_owned() })
    }

    /// Makes the bytes durable and gives the file its name, in place of what bore it.
    pub fn commit(self) -> Result<FileDigest, ShardError> {
        let path = self.path.clone();
        self.seal()?.rename(&path)
    }

    /// Makes the bytes durable, for a file whose name is known only later.
    pub fn seal(self) -> Result<SealedFile, ShardError> {
        let Self { sink, temporary, path } = self;
        let (bytes, sha256) = sink.finish().map_err(ShardError::io("write", &path))?;
        let digest = FileDigest { bytes, sha256: hex(&sha256) };
        Ok(SealedFile { temporary, digest })
    }

    /// The name it is to have.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// A durable file that waits for its name; dropping it removes it.
pub struct SealedFile {
    temporary: TemporaryPath,
    digest: FileDigest,
}

impl SealedFile {
    /// Gives the file its name, in the folder it was created in, and makes the name durable.
    pub fn rename(self, path: &Path) -> Result<FileDigest, ShardError> {
        fs::rename(&self.temporary.0, path).map_err(ShardError::io("write", path))?;
        sync_folder(folder_of(path))?;
        Ok(self.digest)
    }

    /// Size and hash.
    pub fn digest(&self) -> &FileDigest {
        &self.digest
    }

    /// Where it lies in the meantime.
    pub fn path(&self) -> &Path {
        &self.temporary.0
    }
}

/// Writes a whole small file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<FileDigest, ShardError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(ShardError::io("write", path))?;
    file.commit()
}

/// Reads a file to its end and hashes it.
pub fn digest(path: &Path) -> Result<FileDigest, ShardError> {
    let mut file = File::open(path).map_err(ShardError::io("open", path))?;
    let (mut hasher, mut buffer, mut total) = (Sha256::new(), vec![0; PIECE_BYTES], 0);
    loop {
        let count = file.read(&mut buffer).map_err(ShardError::io("read", path))?;
        if count == 0 {
            return Ok(FileDigest { bytes: total, sha256: hex(&hasher.finalize()) });
        }
        hasher.update(&buffer[..count]);
        total += count as u64;
    }
}

/// Checks that a file is the one that was committed.
pub fn check(path: &Path, expected: &FileDigest) -> Result<(), ShardError> {
    let found = digest(path)?;
    let changed = |what| Err(ShardError::Changed { path: path.to_owned(), what });
    if found.bytes != expected.bytes {
        return changed(format!("it has {} bytes in place of {}", found.bytes, expected.bytes));
    }
    if found.sha256 != expected.sha256 {
        return changed(format!("its SHA-256 is {} in place of {}", found.sha256, expected.sha256));
    }
    Ok(())
}

/// Removes the unfinished files of a folder (not of those below it) and says how many there were. Nobody may be
/// writing there.
pub fn sweep(folder: &Path) -> Result<usize, ShardError> {
    let mut removed = 0;
    for entry in fs::read_dir(folder).map_err(ShardError::io("list", folder))? {
        let path = entry.map_err(ShardError::io("list", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if name.is_some_and(|name| name.starts_with(TEMPORARY_PREFIX)) && path.is_file() {
            fs::remove_file(&path).map_err(ShardError::io("remove", &path))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Creates a folder and those above it where they are not there, and makes their names durable.
pub fn create_folders(folder: &Path) -> Result<(), ShardError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    if above != folder {
        create_folders(above)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => {
            Err(ShardError::io("create the folder", folder)(error))
        }
        _ => sync_folder(above),
    }
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> Result<(), ShardError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(ShardError::io("flush the folder", folder))
}

/// The path of a file that goes when its owner goes; after a rename there is nothing left to remove.
struct TemporaryPath(PathBuf);

impl Drop for TemporaryPath {
    fn drop(&mut self) {
        // Nothing can be done about a failure here, and `sweep` finds what stays.
        let _ = fs::remove_file(&self.0);
    }
}

/// Unique among the processes and threads of one machine.
fn temporary_name(path: &Path) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{TEMPORARY_PREFIX}{name}-{}-{count}", process::id())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/file.txt");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"abc").unwrap();
        assert!(!path.exists());
        let digest = file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(names(path.parent().unwrap()), ["file.txt"]);
        // The first test vector of FIPS 180-2.
        assert_eq!(digest.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((digest.bytes, super::digest(&path).unwrap()), (3, digest));
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        write(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        drop(AtomicFile::create(&path).unwrap().seal().unwrap());
        assert_eq!(
            (names(folder.path()), fs::read(&path).unwrap()),
            (vec!["file.txt".to_owned()], b"old".to_vec())
        );
    }

    #[test]
    fn stray_files_are_swept_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(temporary_name(Path::new("a"))), b"x").unwrap();
        fs::write(folder.path().join("kept"), b"x").unwrap();
        assert_eq!(sweep(folder.path()).unwrap(), 1);
        assert_eq!(names(folder.path()), ["kept"]);
    }

    #[test]
    fn a_change_is_told_from_a_file_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let digest = write(&path, b"abc").unwrap();
        check(&path, &digest).unwrap();
        fs::write(&path, b"abd").unwrap();
        assert!(matches!(check(&path, &digest), Err(ShardError::Changed { .. })));
        fs::write(&path, b"abcd").unwrap();
        let message = check(&path, &digest).unwrap_err().to_string();
        assert!(message.ends_with("(it has 4 bytes in place of 3); remove it and run again"), "{message}");
        fs::remove_file(&path).unwrap();
        assert!(matches!(check(&path, &digest), Err(ShardError::Io { action: "open", .. })));
    }
}
