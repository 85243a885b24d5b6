use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use twig_shards::{Manifest, StageAccount};

use crate::{
    Dataset, Distribution, InspectError, ModelCalls, Warning, calls,
    likeness::{same_words, text_hash},
    query::{Key, Table},
    warning,
};

/// A release in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows by table and split, in the manifest's order.
    pub rows: Vec<SplitRows>,
    /// Rows in and out of each stage, and how many were rejected for which reason, from the manifest.
    pub stages: Vec<StageAccount>,
    /// Rewards of trajectories by category, in alphabetical order.
    pub rewards: Vec<CategoryRewards>,
    /// The critic's scores of all attempts.
    pub step_scores: Distribution,
    /// How many trajectories took how many attempts over all regions.
    pub attempts: BTreeMap<i64, u64>,
    /// How often attempts were accepted, by region, in the schedule's order.
    pub regions: Vec<RegionAcceptance>,
    /// Training samples of the table `janus`, by task and region; empty where the release lacks it.
    pub samples: Vec<TaskSamples>,
    /// Words of the thoughts of all attempts, counted by the spaces between them.
    pub thought_words: Distribution,
    /// What was said twice.
    pub duplicates: Duplicates,
    /// What teachers were asked, and what it cost, where the folder of the job is.
    pub calls: Vec<ModelCalls>,
    /// What somebody should look at before training on this.
    pub warnings: Vec<Warning>,
}

/// Rows of one split of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitRows {
    /// Name of the table.
    pub config: String,
    /// Name of the split.
    pub split: String,
    /// Rows.
    pub rows: u64,
}

/// The trajectories of one category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CategoryRewards {
    /// Name of the category.
    pub category: String,
    /// Their rewards, 0 to 100.
    pub rewards: Distribution,
}

/// The attempts at one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegionAcceptance {
    /// Position in the schedule, from 0.
    pub region_index: i64,
    /// Name of the region.
    pub region: String,
    /// Attempts over all trajectories.
    pub attempts: u64,
    /// Those whose score reached the job's threshold.
    pub accepted: u64,
}

/// The training samples of one task at one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskSamples {
    /// `think`, `reflect` or `generate`.
    pub task: String,
    /// Position of the region in the schedule, from 0.
    pub region_index: i64,
    /// Samples.
    pub samples: u64,
    /// Those that the default mix draws.
    pub in_default_mix: u64,
}

/// What was said twice; nothing of it makes a release invalid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duplicates {
    /// Distinct prompts.
    pub prompts: u64,
    /// Prompts that say in the same words, in whatever order, what another one says.
    pub prompts_of_the_same_words: u64,
    /// Thoughts that were said before, letter by letter.
    pub repeated_thoughts: u64,
}

/// Reads the manifest and small columns of a release; no picture, no token ids.
///
/// # Memory
/// The texts of one shard, 8 bytes a prompt and a thought, and what Polars holds while it groups a few integer
/// columns.
pub fn summary(dataset: &Dataset) -> Result<Summary, InspectError> {
    let Some((release, manifest)) = dataset.release() else {
        return Err(InspectError::Nothing { folder: dataset.folder().to_owned() });
    };
    let table = |name| Table::new(release, manifest, name);
    let (trajectories, steps) = (table("trajectories"), table("steps"));
    let (thought_words, repeated_thoughts) = thoughts(&steps)?;
    let mut summary = Summary {
        rows: split_rows(manifest),
        stages: manifest.accounting.clone(),
        rewards: category_rewards(&trajectories)?,
        step_scores: Distribution::of_scores(&counts_of_one(&steps, "score")?),
        attempts: counts_of_one(&trajectories, "attempts")?,
        regions: region_acceptance(&steps)?,
        samples: task_samples(&table("janus"))?,
        thought_words: Distribution::of_lengths(&thought_words),
        duplicates: Duplicates { repeated_thoughts, ..prompts(&trajectories)? },
        calls: calls::by_model(dataset)?,
        warnings: Vec::new(),
    };
    summary.warnings = warning::all_of(&summary, &thought_words);
    Ok(summary)
}

/// How many thoughts have how many words, counted by the spaces between them, and how many were said before.
fn thoughts(steps: &Table) -> Result<(BTreeMap<i64, u64>, u64), InspectError> {
    let (mut words, mut repeated) = (BTreeMap::new(), 0);
    let mut said = HashSet::new();
    steps.each_text(["thought"], |[thought]| {
        *words.entry(thought.split_whitespace().count() as i64).or_default() += 1;
        repeated += u64::from(!said.insert(text_hash(thought)));
    })?;
    Ok((words, repeated))
}

/// Distinct prompts, and those with the words of another one. Samples of one prompt are meant to be several.
fn prompts(trajectories: &Table) -> Result<Duplicates, InspectError> {
    let mut by_words: HashMap<u64, HashSet<u64>> = HashMap::new();
    trajectories.each_text(["prompt"], |[prompt]| {
        by_words.entry(same_words(prompt)).or_default().insert(text_hash(prompt));
    })?;
    let prompts: u64 = by_words.values().map(|prompts| prompts.len() as u64).sum();
    Ok(Duplicates {
        prompts,
        prompts_of_the_same_words: prompts - by_words.len() as u64,
        repeated_thoughts: 0,
    })
}

fn split_rows(manifest: &Manifest) -> Vec<SplitRows> {
    let of_config = |config: &twig_shards::Config| {
        let rows_of = |split: &twig_shards::Split| SplitRows {
            config: config.name.clone(),
            split: split.name.clone(),
            rows: split.rows(),
        };
        config.splits.iter().map(rows_of).collect::<Vec<_>>()
    };
    manifest.configs.iter().flat_map(of_config).collect()
}

fn counts_of_one(table: &Table, column: &str) -> Result<BTreeMap<i64, u64>, InspectError> {
    let counts = table.counts([column])?;
    Ok(counts.into_iter().map(|([value], count)| (value.number(), count)).collect())
}

fn category_rewards(trajectories: &Table) -> Result<Vec<CategoryRewards>, InspectError> {
    let mut by_category: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for ([category, reward], count) in trajectories.counts(["category", "reward"])? {
        by_category.entry(category.text().to_owned()).or_default().insert(reward.number(), count);
    }
    let with_distribution = |(category, counts): (String, BTreeMap<i64, u64>)| CategoryRewards {
        category,
        rewards: Distribution::of_scores(&counts),
    };
    Ok(by_category.into_iter().map(with_distribution).collect())
}

fn region_acceptance(steps: &Table) -> Result<Vec<RegionAcceptance>, InspectError> {
    let counts = steps.counts(["region_index", "region", "accepted"])?;
    let by_region = split_by_truth(counts);
    let acceptance = |([index, region], attempts, accepted): ([Key; 2], u64, u64)| RegionAcceptance {
        region_index: index.number(),
        region: region.text().to_owned(),
        attempts,
        accepted,
    };
    Ok(by_region.into_iter().map(acceptance).collect())
}

fn task_samples(janus: &Table) -> Result<Vec<TaskSamples>, InspectError> {
    let counts = janus.counts(["task", "region_index", "in_default_mix"])?;
    let by_task = split_by_truth(counts);
    let task_samples = |([task, index], samples, in_default_mix): ([Key; 2], u64, u64)| TaskSamples {
        task: task.text().to_owned(),
        region_index: index.number(),
        samples,
        in_default_mix,
    };
    Ok(by_task.into_iter().map(task_samples).collect())
}

/// For each pair of values: rows in all, and rows whose third value is true.
fn split_by_truth(counts: BTreeMap<[Key; 3], u64>) -> Vec<([Key; 2], u64, u64)> {
    let mut pairs: BTreeMap<[Key; 2], (u64, u64)> = BTreeMap::new();
    for ([first, second, truth], count) in counts {
        let (all, holding) = pairs.entry([first, second]).or_default();
        *all += count;
        *holding += if truth == Key::Number(1) { count } else { 0 };
    }
    pairs.into_iter().map(|(pair, (all, holding))| (pair, all, holding)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::write_release;

    #[test]
    fn a_release_is_summarised_from_its_small_columns() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 8);
        let summary = summary(&Dataset::open(folder.path()).unwrap()).unwrap();
        insta::assert_snapshot!(crate::render(&summary));
        let means: Vec<f64> = summary.rewards.iter().map(|group| group.rewards.mean).collect();
        // 0, 26, 52, 78 and 13, 39, 65, 91.
        assert_eq!(means, [39.0, 52.0]);
        assert_eq!(summary.attempts, BTreeMap::from([(3, 5), (4, 3)]));
        // Every trajectory of the fixture thinks the same two thoughts.
        let duplicates = Duplicates { prompts: 8, prompts_of_the_same_words: 0, repeated_thoughts: 27 - 2 };
        assert_eq!(summary.duplicates, duplicates);
    }

    #[test]
    fn a_release_of_nothing_is_summarised_and_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 0);
        let summary = summary(&Dataset::open(folder.path()).unwrap()).unwrap();
        assert_eq!((summary.rewards.len(), summary.step_scores.count), (0, 0));
        assert_eq!(summary.warnings, [Warning::NoTrajectories]);
    }

    #[test]
    fn the_json_form_is_what_programs_build_on() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 2);
        let json = serde_json::to_value(summary(&Dataset::open(folder.path()).unwrap()).unwrap()).unwrap();
        assert_eq!(
            json["rows"][0],
            serde_json::json!({"config": "trajectories", "split": "train", "rows": 1})
        );
        assert_eq!(json["regions"][1]["region"], "central content");
        assert_eq!(json["rewards"][1]["rewards"]["histogram"][1]["count"], 1);
        assert_eq!(
            json["warnings"][0],
            serde_json::json!({"kind": "short_thoughts", "thoughts": 2, "words": 5})
        );
    }

    #[test]
    fn a_damaged_shard_is_an_error_that_names_the_table() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 2);
        std::fs::write(folder.path().join("steps/train-00000-of-00001.parquet"), b"PAR1 no PAR1").unwrap();
        let error = summary(&Dataset::open(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("the table `steps` of "), "{error}");
    }
}
