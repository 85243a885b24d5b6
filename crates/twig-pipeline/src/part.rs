//! A committed partition of a stage: its files, and the record that makes them count.
//!
//! Commit order: the rows, the rejected rows, the calls, each under its own name and durable; last the
//! record, which names them with their hashes. A kill before the record leaves files that nobody looks at
//! and the next run writes over.

use std::{
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use twig_model::RejectReason;
use twig_shards::{CallRow, FileDigest, PartWriter, RejectedRow, Row};

use crate::{
    bill::Bills,
    error::RunError,
    job::{JobFolder, Stage},
    partition::Partition,
    rejections::StageWatch,
    run::Run,
    sealed,
};

/// What was committed: `stages/<stage>/part-….json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartRecord {
    /// Hash of everything that shaped the rows; the part stands as long as it is the same.
    pub fingerprint: String,
    /// Rows taken in.
    pub rows_in: u64,
    /// Rows given out.
    pub rows_out: u64,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
    /// Questions behind these rows by role, whether asked or found in the answer store.
    pub questions: BTreeMap<String, u64>,
    /// What the answers have taken.
    #[serde(default)]
    pub bills: Bills,
    /// The rows.
    pub rows_file: FileRecord,
    /// The rejected rows; absent where there are none.
    pub rejected_file: Option<FileRecord>,
    /// The calls; absent where there are none.
    pub calls_file: Option<FileRecord>,
}

/// Size and hash of a committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl From<FileDigest> for FileRecord {
    fn from(digest: FileDigest) -> Self {
        Self { bytes: digest.bytes, sha256: digest.sha256 }
    }
}

impl PartRecord {
    /// The record of a partition, if it was committed and its files are there in full.
    pub fn load(folder: &JobFolder, stage: Stage, partition: Partition) -> Result<Option<Self>, RunError> {
        let path = folder.part_record(stage, partition);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| RunError::io(&path, source))?,
        };
        // A record that is damaged is no commit: the partition is done again.
        let Some(record) = sealed::read::<Self>(&text) else { return Ok(None) };
        let whole = |path: &Path, file: &FileRecord| fs::metadata(path).is_ok_and(|m| m.len() == file.bytes);
        let optional = |path: &Path, file: &Option<FileRecord>| file.as_ref().is_none_or(|f| whole(path, f));
        let sound = whole(&folder.part(stage, partition), &record.rows_file)
            && optional(&folder.rejected(stage, partition), &record.rejected_file)
            && optional(&folder.calls(stage, partition), &record.calls_file);
        Ok(sound.then_some(record))
    }

    /// Loads the record if it stands under this fingerprint.
    pub fn standing(
        folder: &JobFolder,
        stage: Stage,
        partition: Partition,
        fingerprint: &str,
    ) -> Result<Option<Self>, RunError> {
        let record = Self::load(folder, stage, partition)?;
        Ok(record.filter(|record| record.fingerprint == fingerprint))
    }

    /// Writes the record: from now on the partition is committed.
    pub fn save(&self, folder: &JobFolder, stage: Stage, partition: Partition) -> Result<(), RunError> {
        sealed::write(&folder.part_record(stage, partition), self)
    }

    /// Whether every row that came in went out or was rejected.
    pub fn balances(&self) -> bool {
        self.rows_in == self.rows_out + self.rejected.values().sum::<u64>()
    }
}

/// What later stages need to know of a committed partition. It is held for every one of them, so it is small: a
/// record takes some kilobytes.
#[derive(Debug, Clone)]
pub(crate) struct PartRows {
    /// Rows taken in.
    pub(crate) rows_in: u64,
    /// Rows given out.
    pub(crate) rows_out: u64,
    /// The rows.
    pub(crate) file: FileRecord,
}

impl From<&PartRecord> for PartRows {
    fn from(record: &PartRecord) -> Self {
        let PartRecord { rows_in, rows_out, rows_file, .. } = record;
        Self { rows_in: *rows_in, rows_out: *rows_out, file: rows_file.clone() }
    }
}

impl PartRows {
    /// Checks the rows against their hash before a later stage reads them. A damaged part loses its record,
    /// so that the next run makes it anew; the answers behind it are kept.
    pub(crate) fn check(
        &self,
        folder: &JobFolder,
        stage: Stage,
        partition: Partition,
    ) -> Result<(), RunError> {
        let path = folder.part(stage, partition);
        let found = FileRecord::from(twig_shards::atomic::digest(&path)?);
        if found == self.file {
            return Ok(());
        }
        let record = folder.part_record(stage, partition);
        fs::remove_file(&record).map_err(|source| RunError::io(&record, source))?;
        Err(RunError::DamagedPart { path })
    }
}

/// A partition that this run has committed.
pub(crate) struct Committed {
    /// The record.
    pub record: PartRecord,
    /// Questions really asked, by role.
    pub asked: BTreeMap<String, u64>,
    /// From its beginning to its commit.
    pub elapsed: Duration,
}

/// A partition on its way to being committed.
pub(crate) struct OpenPart<T: Row> {
    stage: Stage,
    partition: Partition,
    rows: PartWriter<T>,
    rejected: Vec<RejectedRow>,
    calls: Vec<CallRow>,
    rows_in: u64,
    rows_out: u64,
    watch: Arc<StageWatch>,
    start: Instant,
}

impl<T: Row> OpenPart<T> {
    /// Begins a partition; nothing counts until [`OpenPart::commit`].
    pub(crate) fn create(run: &Run, stage: Stage, partition: Partition) -> Result<Self, RunError> {
        let rows = PartWriter::create(&run.job.folder.part(stage, partition))?;
        Ok(Self {
            stage,
            partition,
            rows,
            rejected: Vec::new(),
            calls: Vec::new(),
            rows_in: 0,
            rows_out: 0,
            watch: run.rejections.of(stage),
            start: Instant::now(),
        })
    }

    /// A row that came in and went out as these rows; one, except for judgements.
    pub(crate) fn push(&mut self, rows: impl IntoIterator<Item = T>) -> Result<(), RunError> {
        self.rows_in += 1;
        self.rows_out += 1;
        self.watch.made();
        rows.into_iter().try_for_each(|row| self.rows.push(row)).map_err(RunError::from)
    }

    /// A row that came in and did not become data; an error where too many did not.
    pub(crate) fn reject(&mut self, row: RejectedRow) -> Result<(), RunError> {
        self.rows_in += 1;
        let allowed = self.watch.rejected(&row);
        self.rejected.push(row);
        allowed
    }

    /// What was asked for a row.
    pub(crate) fn called(&mut self, calls: impl IntoIterator<Item = CallRow>) {
        self.calls.extend(calls);
    }

    /// Makes everything durable, the record last.
    pub(crate) fn commit(self, folder: &JobFolder, fingerprint: String) -> Result<Committed, RunError> {
        let Self { stage, partition, rows, rejected, calls, rows_in, rows_out, watch: _, start } = self;
        let mut reasons = BTreeMap::new();
        for row in &rejected {
            *reasons.entry(row.reason).or_insert(0) += 1;
        }
        let questions = count_by_role(&calls);
        let asked = count_by_role(calls.iter().filter(|call| !call.from_store));
        let record = PartRecord {
            fingerprint,
            rows_in,
            rows_out,
            rejected: reasons,
            questions,
            bills: Bills::of(&calls),
            rows_file: rows.commit()?.digest.into(),
            rejected_file: commit_side_table(&folder.rejected(stage, partition), rejected)?,
            calls_file: commit_side_table(&folder.calls(stage, partition), calls)?,
        };
        record.save(folder, stage, partition)?;
        Ok(Committed { record, asked, elapsed: start.elapsed() })
    }
}

fn count_by_role<'a>(calls: impl IntoIterator<Item = &'a CallRow>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.role.as_str().to_owned()).or_insert(0) += 1;
    }
    counts
}

/// Writes a table that most partitions do not have, or takes away that of an earlier run.
fn commit_side_table<T: Row>(path: &Path, rows: Vec<T>) -> Result<Option<FileRecord>, RunError> {
    if rows.is_empty() {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => {
                removed.map_err(|source| RunError::io(path, source))?;
                twig_shards::atomic::sync_folder(path.parent().unwrap_or(path))?;
            }
        }
        return Ok(None);
    }
    let mut writer = PartWriter::create(path)?;
    rows.into_iter().try_for_each(|row| writer.push(row))?;
    Ok(Some(writer.commit()?.digest.into()))
}
