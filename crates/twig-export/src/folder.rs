//! The output folder: it grows under a hidden name, remembers which shards it is done with, and appears when it
//! is complete.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use twig_shards::{
    Shard, ShardError,
    atomic::{self, FileDigest, TEMPORARY_PREFIX},
};

use crate::ExportError;

/// What was written; also the content of the export's `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportSummary {
    /// Name of the format.
    pub format: String,
    /// Name and version of the program that wrote the release.
    pub program: String,
    /// Hash of the settings of the release.
    pub settings_hash: String,
    /// The files that hold rows, and those that describe them.
    pub files: Vec<ExportedFile>,
    /// Pictures written as files of their own.
    pub pictures: u64,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Path inside the export, with `/`.
    pub path: String,
    /// Split, for files that hold rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Rows or samples.
    pub rows: u64,
    /// Row groups, for Parquet files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_groups: Option<u64>,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl ExportSummary {
    /// Name of the file that holds it.
    pub const FILE_NAME: &'static str = "manifest.json";
}

/// What became of one shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    pub(crate) files: Vec<ExportedFile>,
    pub(crate) pictures: u64,
}

impl Written {
    /// Adds a file that holds rows.
    pub(crate) fn add(&mut self, path: String, split: &str, rows: u64, digest: FileDigest) {
        let FileDigest { bytes, sha256 } = digest;
        self.files.push(ExportedFile {
            path,
            split: Some(split.to_owned()),
            rows,
            row_groups: None,
            bytes,
            sha256,
        });
    }
}

/// What an unfinished export is an export of; another one is thrown away.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    format: String,
    manifest_sha256: String,
    version: u32,
}

/// Raised when a format changes, so that nothing of an older program's is gone on with.
const EXPORT_VERSION: u32 = 1;
/// The folder of records of what is done, inside the unfinished export.
const DONE: &str = ".done";
/// Held by the process that writes.
const LOCK: &str = ".lock";

/// A folder under a hidden name beside its final one. It stays when the export fails, for the next attempt.
pub(crate) struct GrowingFolder {
    growing: PathBuf,
    out: PathBuf,
    _lock: File,
}

impl GrowingFolder {
    /// Begins a folder that is to become `out`, which must not be there, or goes on with one.
    pub(crate) fn open(out: &Path, format: &str, manifest_sha256: &str) -> Result<Self, ExportError> {
        let (Some(name), false) = (out.file_name(), out.symlink_metadata().is_ok()) else {
            return Err(ExportError::Exists { out: out.to_owned() });
        };
        let growing = out.with_file_name(format!("{TEMPORARY_PREFIX}{}.export", name.to_string_lossy()));
        create_folder(&growing)?;
        let lock = locked(&growing.join(LOCK), out)?;
        let folder = Self { growing, out: out.to_owned(), _lock: lock };
        let identity = Identity {
            format: format.to_owned(),
            manifest_sha256: manifest_sha256.to_owned(),
            version: EXPORT_VERSION,
        };
        if folder.record::<Identity>("identity")?.as_ref() != Some(&identity) {
            folder.clear()?;
            folder.write_record("identity", &identity)?;
        }
        sweep_below(&folder.growing)?;
        Ok(folder)
    }

    /// Where files are written in the meantime.
    pub(crate) fn path(&self) -> &Path {
        &self.growing
    }

    /// Where the export will lie.
    pub(crate) fn out(&self) -> &Path {
        &self.out
    }

    /// What became of a shard, if it is done and the files are still there.
    pub(crate) fn done(&self, shard: &Shard) -> Result<Option<Written>, ExportError> {
        let is_there = |file: &ExportedFile| {
            fs::metadata(self.growing.join(&file.path)).is_ok_and(|found| found.len() == file.bytes)
        };
        let record = self.record::<Written>(&record_name(shard))?;
        Ok(record.filter(|written| written.files.iter().all(is_there)))
    }

    /// Remembers that a shard is done.
    pub(crate) fn set_done(&self, shard: &Shard, written: &Written) -> Result<(), ExportError> {
        self.write_record(&record_name(shard), written)
    }

    /// Writes the summary and gives the folder its name. The pictures' bytes may still be on their way to the
    /// disk; the files that the summary lists are not.
    pub(crate) fn commit(self, summary: &ExportSummary) -> Result<(), ExportError> {
        atomic::write(&self.growing.join(ExportSummary::FILE_NAME), &json(summary))?;
        if self.out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { out: self.out.clone() });
        }
        remove_folder(&self.growing.join(DONE))?;
        let lock = self.growing.join(LOCK);
        fs::remove_file(&lock).map_err(ExportError::io("remove", &lock))?;
        fs::rename(&self.growing, &self.out).map_err(ExportError::io("write", &self.out))
    }

    fn record<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, ExportError> {
        let path = self.growing.join(DONE).join(format!("{name}.json"));
        match fs::read(&path) {
            // A record of another version is none.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ExportError::io("read", &path)(error)),
        }
    }

    fn write_record(&self, name: &str, record: &impl Serialize) -> Result<(), ExportError> {
        let path = self.growing.join(DONE).join(format!("{name}.json"));
        atomic::write(&path, &json(record))?;
        Ok(())
    }

    /// Removes all but the lock.
    fn clear(&self) -> Result<(), ExportError> {
        let list = fs::read_dir(&self.growing).map_err(ExportError::io("list", &self.growing))?;
        for entry in list {
            let path = entry.map_err(ExportError::io("list", &self.growing))?.path();
            if path.is_dir() {
                remove_folder(&path)?;
            } else if !path.ends_with(LOCK) {
                fs::remove_file(&path).map_err(ExportError::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

fn record_name(shard: &Shard) -> String {
    shard.path.replace('/', "-")
}

/// The text of a JSON file.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    let mut json = serde_json::to_vec_pretty(value).expect("numbers and texts are always JSON");
    json.push(b'\n');
    json
}

fn locked(path: &Path, out: &Path) -> Result<File, ExportError> {
    let file = File::create(path).map_err(ExportError::io("create", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ExportError::Busy { out: out.to_owned() }),
        Err(TryLockError::Error(source)) => Err(ExportError::io("lock", path)(source)),
    }
}

/// Creates a folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<(), ExportError> {
    fs::create_dir_all(path).map_err(ExportError::io("create the folder", path))
}

fn remove_folder(path: &Path) -> Result<(), ExportError> {
    fs::remove_dir_all(path).map_err(ExportError::io("remove", path))
}

/// Removes what a killed process has left unfinished.
fn sweep_below(folder: &Path) -> Result<(), ExportError> {
    atomic::sweep(folder)?;
    for entry in fs::read_dir(folder).map_err(ExportError::io("list", folder))? {
        let entry = entry.map_err(ExportError::io("list", folder))?;
        if entry.file_type().map_err(ExportError::io("read", folder))?.is_dir() {
            sweep_below(&entry.path())?;
        }
    }
    Ok(())
}

/// The hash of the manifest, by which a release is known.
pub(crate) fn manifest_sha256(release: &Path) -> Result<String, ShardError> {
    Ok(atomic::digest(&release.join(twig_shards::Manifest::FILE_NAME))?.sha256)
}
