//! Which trajectories are published: from small columns alone, never from pictures or texts.
//!
//! Rows are read once (`rows.rs`), go through the steps of `select` (`steps.rs`), each of which removes some,
//! and are read once more to say what was removed, with its words (`verdicts.rs`). A run does that and then
//! publishes; [`funnel`] does it for the plan.

mod funnel;
mod rows;
mod steps;
mod verdicts;

use std::collections::{BTreeMap, HashMap};

use twig_model::{RejectReason, Score, TrajectoryId};
use twig_shards::{PartWriter, RejectedRow, StageAccount};

use self::{
    rows::{Candidates, Encoding},
    steps::{Removal, Steps},
};
use super::order::Composition;
use crate::{error::RunError, run::Run, seeds, tokens};

pub(super) use self::steps::evaluation_digest;
pub use funnel::{Example, Funnel, FunnelStep, Repeats, funnel};

/// The trajectories to publish, with what publishing needs to know of them.
pub(super) struct Selection {
    /// By partition index, then by trajectory.
    pub(super) chosen: BTreeMap<u32, HashMap<TrajectoryKey, Chosen>>,
    /// Their categories, by partition index.
    pub(super) composition: Composition,
    pub(super) rows_in: u64,
    pub(super) removed: BTreeMap<RejectReason, u64>,
    /// Trajectories by category.
    pub(super) categories: BTreeMap<String, u64>,
    /// Trajectories by reward: 0 to 9, 10 to 19, …, 90 to 100.
    pub(super) rewards: [u64; 10],
    /// Models by role, as they said they answered.
    pub(super) painters: BTreeMap<String, u64>,
    /// What pictures kept after encoding and decoding, in hundredths of a decibel, by tokenizer.
    pub(super) psnr_millibels: BTreeMap<String, Vec<i32>>,
    /// What each step removed, for the report beside the release.
    pub(super) funnel: Funnel,
}

/// A trajectory's id in 12 bytes: the prompt's hash and the sample index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TrajectoryKey {
    prompt: u64,
    sample_index: u32,
}

impl From<&TrajectoryId> for TrajectoryKey {
    fn from(id: &TrajectoryId) -> Self {
        Self { prompt: id.prompt.hash(), sample_index: id.sample_index }
    }
}

impl From<TrajectoryKey> for TrajectoryId {
    fn from(key: TrajectoryKey) -> Self {
        Self { prompt: twig_model::PromptId::from_hash(key.prompt), sample_index: key.sample_index }
    }
}

/// A trajectory to publish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) reward: Score,
    pub(super) is_validation: bool,
}

impl Selection {
    pub(super) fn account(&self) -> StageAccount {
        StageAccount {
            stage: "release".to_owned(),
            rows_in: self.rows_in,
            rows_out: self.rows_in - self.removed.values().sum::<u64>(),
            rejected: self.removed.clone(),
        }
    }
}

/// The trajectories that will be published if their pictures can be encoded.
pub(crate) fn chosen(run: &Run) -> Result<tokens::Chosen, RunError> {
    let partitions: Vec<_> = run.job.partitions().collect();
    let candidates = Candidates::load(run.settings, &run.job.folder, &partitions, Encoding::NotYet)?;
    let removals = Steps::prepare(run.settings, &candidates)?.removals();
    let mut chosen = tokens::Chosen::new();
    for (row, _) in candidates.rows.iter().zip(removals).filter(|(_, removal)| removal.is_none()) {
        chosen.entry(row.partition).or_default().insert(TrajectoryId::from(row.key).to_string());
    }
    Ok(chosen)
}

/// Selects; what is removed goes to `rejected/release.parquet` with what removed it.
pub(super) fn select(run: &Run) -> Result<Selection, RunError> {
    let (settings, folder) = (run.settings, &run.job.folder);
    let partitions: Vec<_> = run.job.partitions().collect();
    let candidates = Candidates::load(settings, folder, &partitions, Encoding::of(settings))?;
    let steps = Steps::prepare(settings, &candidates)?;
    let removals = steps.removals();
    let mut rejected = PartWriter::<RejectedRow>::create(&folder.path().join("rejected/release.parquet"))?;
    let funnel = funnel::told(settings, folder, &candidates, &steps, &removals, |row| {
        rejected.push(row).map_err(RunError::from)
    })?;
    rejected.commit()?;
    let selection = published(run, &candidates, &removals, funnel);
    if selection.chosen.is_empty() {
        let detail = match selection.rows_in {
            0 => "none was made; the rejected/ folder says why".to_owned(),
            rows => format!("`select` removes all {rows}; `twig plan --select` shows which step does"),
        };
        return Err(RunError::NothingToRelease { detail });
    }
    Ok(selection)
}

fn published(run: &Run, candidates: &Candidates, removals: &[Option<Removal>], funnel: Funnel) -> Selection {
    let file = &run.settings.file;
    let mut selection = Selection {
        chosen: BTreeMap::new(),
        composition: Composition::new(),
        rows_in: funnel.rows,
        removed: BTreeMap::new(),
        categories: BTreeMap::new(),
        rewards: [0; 10],
        painters: BTreeMap::new(),
        psnr_millibels: candidates.psnr_millibels.clone(),
        funnel,
    };
    for (row, removal) in candidates.rows.iter().zip(removals) {
        if let Some(removal) = removal {
            *selection.removed.entry(removal.reason()).or_insert(0) += 1;
            continue;
        }
        if !row.is_encoded {
            continue;
        }
        let id = TrajectoryId::from(row.key);
        // All samples of a prompt fall on the same side.
        let is_validation = seeds::draw(file.seed, "validation", &id.prompt) < file.release.validation_share;
        let names = |names: &rows::Names, index: u16| names.name(index).to_owned();
        *selection.categories.entry(names(&candidates.categories, row.category)).or_insert(0) += 1;
        *selection.painters.entry(names(&candidates.painters, row.painter)).or_insert(0) += 1;
        selection.rewards[(row.reward.get() / 10).min(9) as usize] += 1;
        let chosen = Chosen { reward: row.reward, is_validation };
        let composition = selection.composition.entry(row.partition).or_default();
        *composition.entry(row.category).or_insert(0) += 1;
        selection.chosen.entry(row.partition).or_default().insert(row.key, chosen);
    }
    selection
}
