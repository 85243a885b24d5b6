//! The output folder, which appears when it is complete.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
};

use serde::{Deserialize, Serialize};
use twig_shards::atomic::{self, TEMPORARY_PREFIX};

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
    /// The files that hold rows, one a split.
    pub files: Vec<ExportedFile>,
    /// Pictures written beside them.
    pub pictures: u64,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Path inside the export, with `/`.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl ExportSummary {
    /// Name of the file that holds it.
    pub const FILE_NAME: &'static str = "manifest.json";
}

/// A folder under a temporary name beside its final one; dropping it removes it with all that is in it.
pub(crate) struct GrowingFolder {
    temporary: PathBuf,
    out: PathBuf,
}

impl GrowingFolder {
    /// Begins a folder that is to become `out`, which must not be there.
    pub(crate) fn create(out: &Path) -> Result<Self, ExportError> {
        let (Some(name), false) = (out.file_name(), out.symlink_metadata().is_ok()) else {
            return Err(ExportError::Exists { out: out.to_owned() });
        };
        let name = format!("{TEMPORARY_PREFIX}{}-{}", name.to_string_lossy(), process::id());
        let temporary = out.with_file_name(name);
        fs::create_dir_all(&temporary).map_err(ExportError::io("create the folder", &temporary))?;
        Ok(Self { temporary, out: out.to_owned() })
    }

    /// Where files are written in the meantime.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Writes the summary and gives the folder its name. The pictures' bytes may still be on their way to the
    /// disk; the files that the summary lists are not.
    pub(crate) fn commit(self, summary: &ExportSummary) -> Result<(), ExportError> {
        let json = serde_json::to_string_pretty(summary).expect("numbers and texts are always JSON") + "\n";
        atomic::write(&self.temporary.join(ExportSummary::FILE_NAME), json.as_bytes())?;
        if self.out.symlink_metadata().is_ok() {
            return Err(ExportError::Exists { out: self.out.clone() });
        }
        fs::rename(&self.temporary, &self.out).map_err(ExportError::io("write", &self.out))
    }
}

impl Drop for GrowingFolder {
    fn drop(&mut self) {
        // After a commit nothing is left to remove; nothing can be done about another failure here.
        let _ = fs::remove_dir_all(&self.temporary);
    }
}
