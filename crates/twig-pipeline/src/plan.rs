//! What a run would do, without doing it.

mod asked;
mod batches;

use std::collections::BTreeMap;

use serde::Serialize;
use twig_model::Mode;

use crate::{
    bill::Bills,
    cost::{self, CostPlan},
    error::RunError,
    fingerprint::on_top_of,
    job::{JobFolder, Stage},
    judgements, measures,
    part::{PartRecord, PartRows},
    partition::{self, Partition},
    prompts::{self, PromptTable, Sample},
    recipe::Recipe,
    retry::Retries,
    settings::Settings,
    tokens, trajectories,
};

pub use batches::BatchPlan;

/// Bytes of a finished picture as PNG, until committed parts tell better: a flat drawing has about 60 kB, a
/// photograph of 384 × 384 up to 440 kB.
const ASSUMED_PICTURE_BYTES: u64 = 150_000;

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Prompt files read.
    pub files: usize,
    /// Lines with text.
    pub rows: u64,
    /// Distinct prompts.
    pub prompts: u64,
    /// Prompts that this run works on.
    pub prompts_of_run: u64,
    /// Prompts by category.
    pub categories: BTreeMap<String, u64>,
    /// Lines left out, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Partitions of the job.
    pub partitions: u32,
    /// What stands already under these settings and prompts, stage by stage: a run skips it.
    pub standing: Vec<StagePlan>,
    /// Questions left by role: fewest (no region redone) and most (every region redone every round). Those
    /// that the answer store holds an answer to are among them, and cost nothing.
    pub questions: BTreeMap<String, (u64, u64)>,
    /// What the questions may cost.
    pub cost: CostPlan,
    /// How long batches may take, where a teacher is asked in batches.
    pub batches: Option<BatchPlan>,
    /// Questions behind what stands.
    pub answered: u64,
    /// Trajectories.
    pub trajectories: u64,
    /// Training samples by task, before selection: fewest and most.
    pub samples: BTreeMap<String, (u64, u64)>,
    /// Bytes on disk by folder, estimated.
    pub disk_bytes: BTreeMap<String, u64>,
    /// What the estimate of the disk rests on.
    pub assumed: String,
}

/// A stage that stands in part or in full.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StagePlan {
    /// The stage.
    pub stage: Stage,
    /// Partitions that a run would skip.
    pub committed: u32,
}

/// Reads prompts and folder, and asks nobody anything.
pub fn plan(settings: &Settings, limit: Option<usize>) -> Result<Plan, RunError> {
    let table = PromptTable::load(&settings.file.prompts, &settings.file.decontaminate, &settings.base)?;
    let folder = JobFolder::new(&settings.file.output);
    let record = folder.record()?;
    let partitions = match (&record, settings.file.run.partitions) {
        (Some(record), _) => record.partitions,
        (None, Some(partitions)) => partitions,
        (None, None) => partition::default_count(table.prompts.len()),
    };
    let prompts = limit.map_or(table.prompts.len(), |limit| limit.min(table.prompts.len())) as u64;
    let trajectories = prompts * u64::from(settings.file.trajectories.samples_per_prompt);
    let sample = table.sample(limit, settings.file.seed);
    let standing = Standing::look(&Recipe::new(settings)?, &folder, &table, &sample, partitions)?;
    let picture_bytes = (standing.pictures > 0).then(|| standing.bytes / standing.pictures);
    let asked = asked::of_one_trajectory(settings);
    let questions = asked::questions(&asked, standing.to_make, standing.to_judge);
    let mut plan = Plan {
        cost: cost::cost(settings, &questions, &standing.bills),
        batches: batches::batches(settings, &asked, standing.to_make, partitions),
        files: table.files.len(),
        rows: table.rows_in(),
        prompts: table.prompts.len() as u64,
        prompts_of_run: prompts,
        categories: BTreeMap::new(),
        rejected: BTreeMap::new(),
        partitions,
        questions,
        answered: standing.answered,
        standing: standing.stages,
        trajectories,
        samples: samples(settings, trajectories),
        disk_bytes: disk_bytes(settings, trajectories, picture_bytes.unwrap_or(ASSUMED_PICTURE_BYTES)),
        assumed: match picture_bytes {
            Some(bytes) => format!("{} kB a trajectory picture, as in the committed parts", bytes / 1000),
            None => format!(
                "{} kB a picture, a guess; run a pilot with --limit for a measured one",
                ASSUMED_PICTURE_BYTES / 1000
            ),
        },
    };
    for prompt in table.prompts.iter() {
        *plan.categories.entry(prompt.category).or_insert(0) += 1;
    }
    for (_, rejection) in &table.rejected {
        *plan.rejected.entry(rejection.reason.to_string()).or_insert(0) += 1;
    }
    Ok(plan)
}

/// What a run would skip, and what is left.
#[derive(Default)]
struct Standing {
    stages: Vec<StagePlan>,
    /// Trajectories of partitions that do not stand.
    to_make: u64,
    /// Trajectories of partitions whose judgements do not stand.
    to_judge: u64,
    /// Questions behind the partitions that stand.
    answered: u64,
    /// Pictures in the trajectories that stand, and their bytes.
    pictures: u64,
    bytes: u64,
    /// What the answers behind it have taken.
    bills: Bills,
}

impl Standing {
    fn look(
        recipe: &Recipe,
        folder: &JobFolder,
        table: &PromptTable,
        sample: &Sample,
        partitions: u32,
    ) -> Result<Self, RunError> {
        let samples = u64::from(recipe.settings.file.trajectories.samples_per_prompt);
        let rejected = prompts::stage::rejected_by_partition(table, partitions);
        let [make, judge, encode, measure] = [
            trajectories::fingerprint(recipe),
            judgements::fingerprint(recipe),
            tokens::fingerprint(recipe),
            measures::fingerprint(),
        ];
        let (mut standing, retries) = (Self::default(), Retries::load(folder)?);
        let mut committed = [0; Stage::ALL.len()];
        for partition in Partition::all(partitions) {
            let stands =
                |stage, fingerprint: &str| PartRecord::standing(folder, stage, partition, fingerprint);
            let (fingerprint, _) =
                prompts::stage::fingerprint(table, partition, &rejected[partition.index as usize]);
            committed[0] += u32::from(stands(Stage::Prompts, &fingerprint)?.is_some());
            let mine = table.of_partition(partition, sample);
            let rows = mine.len() as u64 * samples;
            let asked_again = |stage| retries.of(stage, partition);
            let make = make.clone().with_prompts(&mine).with_retries(asked_again(Stage::Trajectories));
            let fingerprint = make.finish();
            let Some(made) = stands(Stage::Trajectories, &fingerprint)? else {
                standing.to_make += rows;
                standing.to_judge += rows;
                continue;
            };
            committed[1] += 1;
            standing.count(&made);
            let rows = PartRows::from(&made);
            let judge = judge.clone().with_retries(asked_again(Stage::Judgements));
            match stands(Stage::Judgements, &on_top_of(&judge, &rows).0)? {
                Some(judged) => {
                    committed[2] += 1;
                    standing.answered += judged.questions.values().sum::<u64>();
                    standing.bills.add(&judged.bills);
                }
                None => standing.to_judge += made.rows_out,
            }
            committed[3] += u32::from(stands(Stage::Measures, &on_top_of(&measure, &rows).0)?.is_some());
            // Which trajectories the selection takes is not known here; of the rest of the fingerprint it is.
            let encode = on_top_of(&encode, &rows).0;
            let encoded = PartRecord::load(folder, Stage::Tokens, partition)?;
            committed[4] += u32::from(encoded.is_some_and(|record| record.fingerprint.starts_with(&encode)));
        }
        standing.stages = Stage::ALL
            .into_iter()
            .zip(committed)
            .map(|(stage, committed)| StagePlan { stage, committed })
            .collect();
        Ok(standing)
    }

    fn count(&mut self, made: &PartRecord) {
        self.bills.add(&made.bills);
        self.answered += made.questions.values().sum::<u64>();
        // A part holds a canvas an attempt: on average half a picture each.
        self.pictures += made.questions.get("critic").copied().unwrap_or(0) / 2;
        self.bytes += made.rows_file.bytes;
    }
}

/// Fewest and most samples of each task: one of each an attempt.
fn samples(settings: &Settings, trajectories: u64) -> BTreeMap<String, (u64, u64)> {
    let regions = settings.schedule.num_regions() as u64;
    let rounds = u64::from(settings.file.trajectories.redo_rounds);
    ["think", "reflect", "generate"]
        .map(|task| (task.to_owned(), (regions * trajectories, regions * (1 + rounds) * trajectories)))
        .into()
}

/// Bytes by folder. A trajectory of K regions has the picture once in full and its canvases, which average
/// half a picture each; `sft` and `janus` repeat those canvases for each task that sees one.
fn disk_bytes(settings: &Settings, trajectories: u64, picture: u64) -> BTreeMap<String, u64> {
    let regions = settings.schedule.num_regions() as u64;
    let canvases = picture * (regions + 1) / 2;
    let answers = match settings.file.trajectories.mode {
        Mode::WholeImage => picture,
        Mode::RegionByRegion => canvases,
    };
    let release = picture + canvases + 2 * (2 * canvases);
    [("answers", answers + 6_000), ("stages", canvases + 10_000), ("release", release + 60_000)]
        .map(|(folder, bytes)| (folder.to_owned(), bytes * trajectories))
        .into()
}
