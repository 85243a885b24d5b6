//! What a selection removes, step by step, for people and for the report beside the release.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twig_model::Agreement;
use twig_shards::RejectedRow;

use super::{
    rows::{Candidates, Encoding, ScoreCounts},
    steps::{Removal, Steps},
    verdicts,
};
use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    part::PartRecord,
    partition::Partition,
    settings::Settings,
};

/// Examples of what a step removes.
const MAX_EXAMPLES: usize = 3;
/// Fewer scores say nothing about whoever gave them.
const MIN_SCORES: u64 = 50;
/// Share of one and the same score from which nothing is measured any more.
const MAX_SAME_SCORE: f64 = 0.9;
/// Standard deviation of scores below which nothing is measured any more.
const MIN_DEVIATION: f64 = 2.0;

/// What a selection takes in, what each of its steps removes, and what is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Funnel {
    /// Trajectories that could be published: those that were judged.
    pub rows: u64,
    /// The same by category.
    pub categories: BTreeMap<String, u64>,
    /// The steps in order.
    pub steps: Vec<FunnelStep>,
    /// Trajectories that are published.
    pub left: u64,
    /// The same by category.
    pub left_by_category: BTreeMap<String, u64>,
    /// Trajectories that stay although others, which repeat them, were removed.
    pub repeats: Vec<Repeats>,
    /// Partitions that are not judged and measured yet, and are not counted.
    pub missing_partitions: u32,
    /// How far judges agree with each other, and with the mistakes that the embedded painter made on purpose.
    #[serde(default)]
    pub agreement: Agreement,
    /// What a reader of the numbers should know.
    pub warnings: Vec<String>,
}

/// What a step removes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunnelStep {
    /// The field of the pipeline file with its value, or the clause.
    pub name: String,
    /// Rows it would remove if it were the only step.
    pub alone: u64,
    /// Rows it removes of what the steps before have left.
    pub in_order: u64,
    /// The same by category.
    pub by_category: BTreeMap<String, u64>,
    /// Rows that are left after it.
    pub left: u64,
    /// Some of the rows it removes.
    pub examples: Vec<Example>,
}

/// A row that is removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Id of the trajectory.
    pub id: String,
    /// Its prompt.
    pub prompt: String,
    /// Its reward.
    pub reward: i32,
    /// What removed it, in words.
    pub detail: String,
}

/// A cluster of near duplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repeats {
    /// Id of the trajectory that stays.
    pub kept: String,
    /// Ids of those that repeat it, each with the share that is alike, 0 to 1.
    pub removed: Vec<(String, f32)>,
}

/// Counts what `select` would remove of what a job has made so far, without publishing anything.
pub fn funnel(settings: &Settings) -> Result<Funnel, RunError> {
    let folder = JobFolder::new(&settings.file.output);
    let partitions = folder.record()?.map_or(0, |record| record.partitions);
    let mut ready = Vec::new();
    for partition in Partition::all(partitions) {
        let stages = [Stage::Trajectories, Stage::Judgements, Stage::Measures];
        let records = stages.map(|stage| PartRecord::load(&folder, stage, partition));
        let records = records.into_iter().collect::<Result<Vec<_>, _>>()?;
        ready.extend(records.iter().all(Option::is_some).then_some(partition));
    }
    if ready.is_empty() {
        let folder = folder.path().to_owned();
        return Err(RunError::NothingToSelect { folder });
    }
    let candidates = Candidates::load(settings, &folder, &ready, Encoding::NotYet)?;
    let steps = Steps::prepare(settings, &candidates)?;
    let mut funnel = told(settings, &folder, &candidates, &steps, &steps.removals(), |_| Ok(()))?;
    funnel.missing_partitions = partitions - ready.len() as u32;
    Ok(funnel)
}

/// Tells what was removed, handing every removed row to `reject`.
pub(super) fn told(
    settings: &Settings,
    folder: &JobFolder,
    candidates: &Candidates,
    steps: &Steps,
    removals: &[Option<Removal>],
    mut reject: impl FnMut(RejectedRow) -> Result<(), RunError>,
) -> Result<Funnel, RunError> {
    let mut funnel = Funnel {
        rows: 0,
        categories: BTreeMap::new(),
        steps: Vec::new(),
        left: 0,
        left_by_category: BTreeMap::new(),
        repeats: verdicts::repeats(candidates, removals),
        missing_partitions: 0,
        agreement: candidates.ratings.agreement(),
        warnings: warnings(settings, candidates),
    };
    for (index, step) in steps.all.iter().enumerate() {
        funnel.steps.push(FunnelStep {
            name: step.name(),
            alone: steps.alone(index),
            in_order: 0,
            by_category: BTreeMap::new(),
            left: 0,
            examples: Vec::new(),
        });
    }
    for (row, removal) in candidates.rows.iter().zip(removals) {
        if removal.is_none() && !row.is_encoded {
            continue;
        }
        funnel.rows += 1;
        let category = candidates.categories.name(row.category);
        let count = |counts: &mut BTreeMap<String, u64>| *counts.entry(category.to_owned()).or_insert(0) += 1;
        count(&mut funnel.categories);
        match removal {
            None => count(&mut funnel.left_by_category),
            Some(removal) => {
                let step = &mut funnel.steps[removal.step as usize];
                step.in_order += 1;
                count(&mut step.by_category);
            }
        }
    }
    funnel.left = funnel.rows;
    for step in &mut funnel.steps {
        funnel.left -= step.in_order;
        step.left = funnel.left;
    }
    verdicts::each(folder, candidates, steps, removals, |step, example, row| {
        let examples = &mut funnel.steps[step as usize].examples;
        if examples.len() < MAX_EXAMPLES {
            examples.push(example);
        }
        reject(row)
    })?;
    Ok(funnel)
}

/// What is wrong without any single row being wrong.
fn warnings(settings: &Settings, candidates: &Candidates) -> Vec<String> {
    let mut warnings = Vec::new();
    if settings.file.decontaminate.against.is_empty() {
        warnings.push(
            "decontaminate.against is empty: nothing was compared with evaluation sets, so benchmarks of models \
             trained on this may measure memory"
                .to_owned(),
        );
    }
    warnings.extend(candidates.scores.iter().filter_map(|(judge, counts)| collapsed(judge, counts)));
    warnings
}

/// Says so where somebody gives hardly anything but one score.
fn collapsed(judge: &str, counts: &ScoreCounts) -> Option<String> {
    let all: u64 = counts.iter().sum();
    let (score, most) = (0u32..).zip(counts).max_by_key(|(_, count)| **count)?;
    if all < MIN_SCORES {
        return None;
    }
    let share = *most as f64 / all as f64;
    let moment = |f: &dyn Fn(f64) -> f64| -> f64 {
        (0u32..).zip(counts).map(|(score, count)| f(f64::from(score)) * *count as f64).sum::<f64>()
            / all as f64
    };
    let mean = moment(&|score| score);
    let deviation = moment(&|score| (score - mean).powi(2)).sqrt();
    (share >= MAX_SAME_SCORE || deviation < MIN_DEVIATION).then(|| {
        format!(
            "{judge} says {score} in {:.0} % of {all} scores (standard deviation {deviation:.1}): they hardly \
             tell good from bad",
            100.0 * share
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_critic_that_always_says_85_is_reported() {
        let mut counts = [0; 101];
        counts[85] = 95;
        counts[20] = 5;
        assert!(
            collapsed("the critic", &counts).unwrap().starts_with("the critic says 85 in 95 % of 100 scores")
        );
        (80..91).for_each(|score| counts[score] = 30);
        assert_eq!(collapsed("the critic", &counts), None);
        assert_eq!(collapsed("the critic", &[0; 101]), None);
    }
}
