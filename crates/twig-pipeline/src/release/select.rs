//! Which trajectories are published: from small columns alone, never from pictures.

use std::collections::{BTreeMap, HashMap, HashSet};

use twig_model::{JudgeCriterion, Judgement, RejectReason, Rejection, Score, weighted_reward};
use twig_shards::{ImageTokensRow, PartWriter, RejectedRow, StageAccount, TableReader, TrajectorySummary};

use super::ConditionRow;
use crate::{
    error::RunError, job::Stage, partition::Partition, run::Run, seeds, settings::TokenScope, tokens,
};

/// The trajectories to publish, with what publishing needs to know of them.
pub(super) struct Selection {
    /// By partition index, then by trajectory id.
    pub(super) chosen: BTreeMap<u32, HashMap<String, Chosen>>,
    pub(super) rows_in: u64,
    pub(super) removed: u64,
    /// Trajectories by category.
    pub(super) categories: BTreeMap<String, u64>,
    /// Trajectories by reward: 0 to 9, 10 to 19, …, 90 to 100.
    pub(super) rewards: [u64; 10],
    /// Models by role, as they said they answered.
    pub(super) painters: BTreeMap<String, u64>,
    /// What pictures kept after encoding and decoding, in hundredths of a decibel, by tokenizer.
    pub(super) psnr_millibels: BTreeMap<String, Vec<i32>>,
}

/// A trajectory to publish.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen {
    pub(super) reward: Score,
    pub(super) is_validation: bool,
}

impl Selection {
    pub(super) fn account(&self) -> StageAccount {
        let removed = [(RejectReason::Filtered, self.removed)];
        StageAccount {
            stage: "release".to_owned(),
            rows_in: self.rows_in,
            rows_out: self.rows_in - self.removed,
            rejected: removed.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// The trajectories that will be published if their pictures can be encoded.
pub(crate) fn chosen(run: &Run) -> Result<tokens::Chosen, RunError> {
    let mut chosen = tokens::Chosen::new();
    for partition in run.job.partitions() {
        let rewards = rewards(run, partition)?;
        let part = run.job.folder.part(Stage::Trajectories, partition);
        for summary in TableReader::<TrajectorySummary>::open(&part)? {
            let summary = summary?;
            let Some(&reward) = rewards.get(&summary.id) else { continue };
            if failed_clause(run, &summary, reward).is_none() {
                chosen.entry(partition.index).or_default().insert(summary.id);
            }
        }
    }
    Ok(chosen)
}

/// Applies `release.where`; what it removes goes to `rejected/release.parquet` with the clause.
pub(super) fn select(run: &Run) -> Result<Selection, RunError> {
    let encodes_selected = run.settings.file.tokens.scope() == TokenScope::Selected;
    let mut selection = Selection {
        chosen: BTreeMap::new(),
        rows_in: 0,
        removed: 0,
        categories: BTreeMap::new(),
        rewards: [0; 10],
        painters: BTreeMap::new(),
        psnr_millibels: BTreeMap::new(),
    };
    let path = run.job.folder.path().join("rejected/release.parquet");
    let mut rejected = PartWriter::<RejectedRow>::create(&path)?;
    for partition in run.job.partitions() {
        let rewards = rewards(run, partition)?;
        let encoded = selection.encoded_ids(run, partition)?;
        let part = run.job.folder.part(Stage::Trajectories, partition);
        for summary in TableReader::<TrajectorySummary>::open(&part)? {
            let summary = summary?;
            // Those without a reward were rejected by the stage before; so were those without tokens, unless they
            // have none because they are removed here.
            let Some(&reward) = rewards.get(&summary.id) else { continue };
            let failed = failed_clause(run, &summary, reward);
            if !encoded.contains(&summary.id) && (failed.is_none() || !encodes_selected) {
                continue;
            }
            selection.rows_in += 1;
            match failed {
                None => selection.choose(run, partition, summary, reward)?,
                Some(clause) => {
                    selection.removed += 1;
                    let TrajectorySummary { id, prompt, category, .. } = summary;
                    let rejection = Rejection::new(RejectReason::Filtered, clause);
                    rejected.push(RejectedRow::new(id, prompt, category, "release", rejection))?;
                }
            }
        }
    }
    rejected.commit()?;
    if selection.rows_in == selection.removed {
        let detail = match selection.rows_in {
            0 => "none was made; the rejected/ folder says why".to_owned(),
            rows => format!("`release.where` removes all {rows}"),
        };
        return Err(RunError::NothingToRelease { detail });
    }
    Ok(selection)
}

impl Selection {
    /// Trajectories whose pictures could be encoded. Notes what the tokenizers lost on some of them.
    fn encoded_ids(&mut self, run: &Run, partition: Partition) -> Result<HashSet<String>, RunError> {
        let mut ids = HashSet::new();
        for row in TableReader::<ImageTokensRow>::open(&run.job.folder.part(Stage::Tokens, partition))? {
            let row = row?;
            if let Some(millibels) = row.psnr_millibels {
                self.psnr_millibels.entry(row.tokenizer).or_default().push(millibels);
            }
            ids.insert(row.trajectory_id);
        }
        Ok(ids)
    }

    fn choose(
        &mut self,
        run: &Run,
        partition: Partition,
        summary: TrajectorySummary,
        reward: Score,
    ) -> Result<(), RunError> {
        let malformed = |error: twig_shards::Malformed| RunError::Accounting(error.to_string());
        let prompt_id = summary.prompt_id().map_err(malformed)?;
        let file = &run.settings.file;
        // All samples of a prompt fall on the same side.
        let is_validation = seeds::draw(file.seed, "validation", &prompt_id) < file.release.validation_share;
        *self.categories.entry(summary.category).or_insert(0) += 1;
        *self.painters.entry(summary.painter).or_insert(0) += 1;
        self.rewards[(reward.get() / 10).min(9) as usize] += 1;
        self.chosen.entry(partition.index).or_default().insert(summary.id, Chosen { reward, is_validation });
        Ok(())
    }
}

fn failed_clause(run: &Run, summary: &TrajectorySummary, reward: Score) -> Option<String> {
    let condition = run.settings.condition.as_ref()?;
    let row = ConditionRow {
        reward: i64::from(reward.get()),
        min_step_score: i64::from(summary.min_step_score.get()),
        attempts: i64::from(summary.attempts),
        num_regions: i64::from(summary.num_steps),
        sample_index: i64::from(summary.sample_index),
        category: &summary.category,
        mode: summary.mode.as_str(),
        prompt: &summary.prompt,
    };
    condition.failed_clause(&row).map(str::to_owned)
}

/// The reward of every judged trajectory of a partition.
fn rewards(run: &Run, partition: Partition) -> Result<HashMap<String, Score>, RunError> {
    let judges = &run.settings.file.judgements.judges;
    let mut scores: HashMap<String, Vec<(Score, u32)>> = HashMap::new();
    for row in TableReader::<Judgement>::open(&run.job.folder.part(Stage::Judgements, partition))? {
        let Judgement { trajectory_id, region_index, judge, criterion, score, .. } = row?;
        if region_index.is_some() || criterion != JudgeCriterion::Overall {
            continue;
        }
        let score = Score::new(i64::from(score)).map_err(|error| RunError::Accounting(error.to_string()))?;
        let weight = judges.get(&judge).map_or(0, |judge| judge.weight);
        scores.entry(trajectory_id).or_default().push((score, weight));
    }
    Ok(scores.into_iter().filter_map(|(id, scores)| Some((id, weighted_reward(&scores)?))).collect())
}
