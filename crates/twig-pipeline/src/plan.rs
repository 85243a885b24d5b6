//! What a run would do, without doing it.

use std::collections::BTreeMap;

use serde::Serialize;
use twig_model::Mode;

use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    part::PartRecord,
    partition::{self, Partition},
    prompts::PromptTable,
    settings::Settings,
};

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
    /// What stands already, stage by stage, under whatever settings it was made.
    pub standing: Vec<StagePlan>,
    /// Questions by role: fewest (no region redone) and most (every region redone every round).
    pub questions: BTreeMap<String, (u64, u64)>,
    /// Questions already answered and kept, at least; they are not asked again while settings stand.
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
    /// Partitions that are committed and would be skipped while settings and prompts stand.
    pub committed: u32,
}

/// Reads prompts and folder, and asks nobody anything.
pub fn plan(settings: &Settings, limit: Option<usize>) -> Result<Plan, RunError> {
    let table = PromptTable::load(&settings.file.prompts, &settings.base)?;
    let folder = JobFolder::new(&settings.file.output);
    let record = folder.record()?;
    let partitions = match (&record, settings.file.run.partitions) {
        (Some(record), _) => record.partitions,
        (None, Some(partitions)) => partitions,
        (None, None) => partition::default_count(table.prompts.len()),
    };
    let prompts = limit.map_or(table.prompts.len(), |limit| limit.min(table.prompts.len())) as u64;
    let trajectories = prompts * u64::from(settings.file.trajectories.samples_per_prompt);
    let (standing, answered, picture_bytes) = standing(&folder, partitions)?;
    let mut plan = Plan {
        files: table.files.len(),
        rows: table.rows_in(),
        prompts: table.prompts.len() as u64,
        prompts_of_run: prompts,
        categories: BTreeMap::new(),
        rejected: BTreeMap::new(),
        partitions,
        standing,
        questions: questions(settings, trajectories),
        answered,
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
    for prompt in &table.prompts {
        *plan.categories.entry(prompt.category.clone()).or_insert(0) += 1;
    }
    for (_, rejection) in &table.rejected {
        *plan.rejected.entry(rejection.reason.to_string()).or_insert(0) += 1;
    }
    Ok(plan)
}

/// What is committed; questions answered for it; and the bytes of a picture in it.
fn standing(folder: &JobFolder, partitions: u32) -> Result<(Vec<StagePlan>, u64, Option<u64>), RunError> {
    let (mut stages, mut answered, mut pictures, mut bytes) = (Vec::new(), 0, 0, 0);
    for stage in Stage::ALL {
        let mut committed = 0;
        for partition in Partition::all(partitions) {
            let Some(record) = PartRecord::load(folder, stage, partition)? else { continue };
            committed += 1;
            answered += record.questions.values().sum::<u64>();
            if stage == Stage::Trajectories {
                // A part holds a canvas an attempt: on average half a picture each.
                pictures += record.questions.get("critic").copied().unwrap_or(0) / 2;
                bytes += record.rows_file.bytes;
            }
        }
        stages.push(StagePlan { stage, committed });
    }
    Ok((stages, answered, (pictures > 0).then(|| bytes / pictures)))
}

/// Fewest and most questions a role may be asked.
fn questions(settings: &Settings, trajectories: u64) -> BTreeMap<String, (u64, u64)> {
    let file = &settings.file;
    let regions = settings.schedule.num_regions() as u64;
    let redone = regions * u64::from(file.trajectories.redo_rounds);
    let (thinks, paints) = match file.trajectories.mode {
        Mode::WholeImage => (1, 1),
        Mode::RegionByRegion => (regions, regions),
    };
    let judged = if file.judgements.regions { regions + 1 } else { 1 };
    let judges = file.judgements.judges.len() as u64 * judged;
    [
        ("thinker", thinks, thinks),
        ("painter", paints, paints + redone),
        ("critic", regions, regions + redone),
        ("judge", judges, judges),
    ]
    .map(|(role, least, most)| (role.to_owned(), (least * trajectories, most * trajectories)))
    .into()
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
