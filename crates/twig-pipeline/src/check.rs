//! Checks what a job keeps besides its release: records, parts, rejected rows, calls, answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use twig_shards::Manifest;
use twig_teacher::AnswerStore;

use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    part::{FileRecord, PartRecord},
    partition::Partition,
    release::ReleaseRecord,
    retry::RETRIES,
    sealed,
};

/// What [`check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobReport {
    /// Files compared with their hashes.
    pub files: u64,
    /// Answers compared with their hashes.
    pub answers: u64,
    /// What is wrong, by file relative to the job's folder.
    pub problems: BTreeMap<String, String>,
}

impl JobReport {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, folder: &JobFolder, path: &Path, what: &str) {
        let name = path.strip_prefix(folder.path()).unwrap_or(path).to_string_lossy();
        self.problems.insert(name.replace('\\', "/"), what.to_owned());
    }

    fn compare(&mut self, folder: &JobFolder, path: &Path, file: &FileRecord) {
        self.files += 1;
        match twig_shards::atomic::digest(path).map(FileRecord::from) {
            Ok(found) if found == *file => {}
            Ok(_) => self.add(folder, path, "it has changed since it was written"),
            Err(error) => self.add(folder, path, &error.to_string()),
        }
    }
}

/// Compares everything that the job in `folder` keeps with the hashes under which it was written.
///
/// With `repair`, what is damaged loses its record, and damaged answers are taken out of the store: the next run makes
/// just these anew. Wants the folder for itself then.
pub fn check(folder: &JobFolder, repair: bool) -> Result<JobReport, RunError> {
    let _lock = if repair { Some(folder.lock()?) } else { None };
    let mut report = JobReport::default();
    let record = match folder.record() {
        Err(RunError::DamagedJob { path }) => {
            report.add(folder, &path, "it has changed since it was written; the next run writes it again");
            return Ok(report);
        }
        record => record?,
    };
    report.files += 1;
    let partitions = record.map_or(0, |record| record.partitions);
    for stage in Stage::ALL {
        for partition in Partition::all(partitions) {
            let sound = report.problems.len();
            check_part(&mut report, folder, stage, partition)?;
            if repair && report.problems.len() > sound {
                remove(&folder.part_record(stage, partition))?;
            }
        }
    }
    let sound = report.problems.len();
    if let Some(record) = sealed_file::<ReleaseRecord>(&mut report, folder, &folder.release_record())? {
        for (name, file) in &record.rejected_files {
            report.compare(folder, &folder.path().join("rejected").join(name), file);
        }
    }
    sealed_file::<Value>(&mut report, folder, &folder.selection_report())?;
    if repair && report.problems.len() > sound {
        remove(&folder.release_record())?;
    }
    let sound = report.problems.len();
    let retries = folder.path().join(RETRIES);
    sealed_file::<Value>(&mut report, folder, &retries)?;
    if repair && report.problems.len() > sound {
        remove(&retries)?;
    }
    check_answers(&mut report, folder, repair)?;
    Ok(report)
}

/// What a sealed file holds, if it is there and sound.
fn sealed_file<T: DeserializeOwned>(
    report: &mut JobReport,
    folder: &JobFolder,
    path: &Path,
) -> Result<Option<T>, RunError> {
    if !path.exists() {
        return Ok(None);
    }
    report.files += 1;
    let bytes = fs::read(path).map_err(|source| RunError::io(path, source))?;
    let value = sealed::read(&String::from_utf8_lossy(&bytes));
    if value.is_none() {
        report.add(folder, path, "it has changed since it was written");
    }
    Ok(value)
}

fn check_part(
    report: &mut JobReport,
    folder: &JobFolder,
    stage: Stage,
    partition: Partition,
) -> Result<(), RunError> {
    let path = folder.part_record(stage, partition);
    let Some(record) = sealed_file::<PartRecord>(report, folder, &path)? else { return Ok(()) };
    report.compare(folder, &folder.part(stage, partition), &record.rows_file);
    if let Some(file) = &record.rejected_file {
        report.compare(folder, &folder.rejected(stage, partition), file);
    }
    if let Some(file) = &record.calls_file {
        report.compare(folder, &folder.calls(stage, partition), file);
    }
    Ok(())
}

fn check_answers(report: &mut JobReport, folder: &JobFolder, repair: bool) -> Result<(), RunError> {
    let store = AnswerStore::look(&folder.answers())?;
    report.answers = store.answers;
    for (path, count) in &store.damaged {
        report.add(
            folder,
            path,
            &format!("{count} damaged answers; they are asked again where they are needed"),
        );
    }
    for (path, count) in &store.damaged_ledger {
        let what = format!("{count} damaged entries; each counts as spent with the largest sum of any other");
        report.add(folder, path, &what);
    }
    for path in &store.damaged_batches {
        report.add(
            folder,
            path,
            "it has changed since it was written; the questions of that batch are sent again",
        );
    }
    let is_sound =
        store.damaged.is_empty() && store.damaged_ledger.is_empty() && store.damaged_batches.is_empty();
    if repair && !is_sound {
        AnswerStore::prune(&folder.answers())?;
    }
    Ok(())
}

/// Takes what was found damaged in a release out of use, so that the next run makes it anew: the files, if all of them
/// are shards, and otherwise the record of the whole.
pub fn forget_damaged(folder: &JobFolder, files: &BTreeSet<&str>) -> Result<(), RunError> {
    let _lock = folder.lock()?;
    let release = folder.release();
    let shards: BTreeSet<String> = Manifest::load(&release)
        .map(|manifest| manifest.shards().map(|shard| shard.path.clone()).collect())
        .unwrap_or_default();
    if files.iter().all(|file| shards.contains(*file)) {
        files.iter().try_for_each(|file| remove(&release.join(file)))
    } else {
        remove(&folder.release_record())
    }
}

fn remove(path: &Path) -> Result<(), RunError> {
    if path.exists() {
        fs::remove_file(path).map_err(|source| RunError::io(path, source))?;
        twig_shards::atomic::sync_folder(path.parent().unwrap_or(path))?;
    }
    Ok(())
}
