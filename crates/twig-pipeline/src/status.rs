//! How far a job has come, from its committed parts and events alone; safe while a run is going on.

use std::collections::BTreeMap;

use serde::Serialize;
use twig_shards::Manifest;

use crate::{
    bill::Bills,
    error::RunError,
    events::{EventLine, last_events},
    job::{JobFolder, Stage},
    part::PartRecord,
    partition::Partition,
    release::ReleaseRecord,
    sealed,
};

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Name of the job.
    pub job: String,
    /// Prompts of the last run.
    pub prompts: u64,
    /// The pilot's limit, if the last run was one.
    pub limit: Option<u64>,
    /// Stage by stage.
    pub stages: Vec<StageStatus>,
    /// What is published, if anything is.
    pub release: Option<ReleaseRecord>,
    /// What teachers have taken, by role and model, in committed parts.
    pub bills: Bills,
    /// The last things that happened, oldest first.
    pub last_events: Vec<EventLine>,
}

/// The state of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageStatus {
    /// Name of the stage.
    pub stage: Stage,
    /// Committed partitions, under whatever settings they were made.
    pub committed: u32,
    /// Partitions in all.
    pub partitions: u32,
    /// Rows taken in by committed partitions.
    pub rows_in: u64,
    /// Rows given out.
    pub rows_out: u64,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Bytes of committed rows.
    pub bytes: u64,
}

/// Reads the state of the job in `folder`; `None` where no run has begun.
pub fn status(folder: &JobFolder) -> Result<Option<Status>, RunError> {
    let Some(record) = folder.record()? else { return Ok(None) };
    let mut bills = Bills::default();
    let stages = Stage::ALL
        .into_iter()
        .map(|stage| stage_status(folder, stage, record.partitions, &mut bills))
        .collect::<Result<Vec<_>, _>>()?;
    let release = std::fs::read_to_string(folder.release_record()).ok();
    let release: Option<ReleaseRecord> = release.and_then(|text| sealed::read(&text));
    Ok(Some(Status {
        job: record.name,
        prompts: record.prompts,
        limit: record.limit,
        stages,
        release: release.filter(|_| folder.release().join(Manifest::FILE_NAME).exists()),
        bills,
        last_events: last_events(folder.path(), 5),
    }))
}

fn stage_status(
    folder: &JobFolder,
    stage: Stage,
    partitions: u32,
    bills: &mut Bills,
) -> Result<StageStatus, RunError> {
    let mut status = StageStatus {
        stage,
        committed: 0,
        partitions,
        rows_in: 0,
        rows_out: 0,
        rejected: BTreeMap::new(),
        bytes: 0,
    };
    for partition in Partition::all(partitions) {
        let Some(record) = PartRecord::load(folder, stage, partition)? else { continue };
        status.committed += 1;
        bills.add(&record.bills);
        status.rows_in += record.rows_in;
        status.rows_out += record.rows_out;
        status.bytes += record.rows_file.bytes;
        for (reason, count) in record.rejected {
            *status.rejected.entry(reason.to_string()).or_insert(0) += count;
        }
    }
    Ok(status)
}
