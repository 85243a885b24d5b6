//! Trying rejected rows again: each has a number that says how often, and a question whose stored answers are of no
//! use is asked anew up to that number. Answers that are sound are kept, so that only what failed is paid for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use twig_model::RejectReason;
use twig_shards::{RejectedRow, TableReader};

use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    part::PartRecord,
    partition::Partition,
    sealed,
};

/// Stages whose rejected rows can succeed when a teacher is asked once more.
const STAGES: [Stage; 2] = [Stage::Trajectories, Stage::Judgements];

/// The file that says how often.
pub(crate) const RETRIES: &str = "retries.json";

/// How often each trajectory is tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retries {
    /// By stage, partition and id of the trajectory.
    asks: BTreeMap<Stage, BTreeMap<u32, BTreeMap<String, u32>>>,
}

impl Retries {
    pub(crate) fn load(folder: &JobFolder) -> Result<Self, RunError> {
        let path = Self::path(folder);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            text => {
                let text = text.map_err(|source| RunError::io(&path, source))?;
                sealed::read(&text).ok_or(RunError::DamagedRetries { path })
            }
        }
    }

    fn path(folder: &JobFolder) -> PathBuf {
        folder.path().join(RETRIES)
    }

    /// The trajectories of a partition that are tried again; `None` where there are none.
    pub(crate) fn of(&self, stage: Stage, partition: Partition) -> Option<&BTreeMap<String, u32>> {
        self.asks.get(&stage)?.get(&partition.index)
    }

    /// How often a question of this trajectory may be asked anew.
    pub(crate) fn asks(&self, stage: Stage, partition: Partition, trajectory_id: &str) -> u32 {
        self.of(stage, partition).and_then(|asks| asks.get(trajectory_id)).copied().unwrap_or(0)
    }

    fn raise(&mut self, stage: Stage, partition: Partition, trajectory_id: String) {
        let partitions = self.asks.entry(stage).or_default();
        *partitions.entry(partition.index).or_default().entry(trajectory_id).or_insert(0) += 1;
    }
}

/// Notes that rejected rows are to be tried again, those of `reasons` or, where there are none, all that can succeed;
/// the next run does. Returns how many, by reason.
pub fn retry(
    folder: &JobFolder,
    reasons: &BTreeSet<RejectReason>,
) -> Result<BTreeMap<RejectReason, u64>, RunError> {
    let Some(record) = folder.record()? else {
        return Err(RunError::foreign(folder.path(), "no job lies in it".to_owned()));
    };
    let _lock = folder.lock()?;
    let mut retries = Retries::load(folder)?;
    let mut counts = BTreeMap::new();
    for stage in STAGES {
        for partition in Partition::all(record.partitions) {
            let rejected =
                PartRecord::load(folder, stage, partition)?.and_then(|record| record.rejected_file);
            if rejected.is_none() {
                continue;
            }
            for row in TableReader::<RejectedRow>::open(&folder.rejected(stage, partition))? {
                let row = row?;
                if row.retryable && (reasons.is_empty() || reasons.contains(&row.reason)) {
                    *counts.entry(row.reason).or_insert(0) += 1;
                    retries.raise(stage, partition, row.id);
                }
            }
        }
    }
    if !counts.is_empty() {
        sealed::write(&Retries::path(folder), &retries)?;
    }
    Ok(counts)
}
