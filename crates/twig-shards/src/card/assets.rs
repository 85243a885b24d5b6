//! The files that the card's page shows: plots, and the pictures of a few trajectories.

use std::{collections::BTreeSet, path::Path};

use twig_model::Score;

use super::{CardFacts, svg};
use crate::{Manifest, PlainRow, ReleaseTrajectory, ShardError, TableReader, atomic, record::record};

/// The folder of these files in a release.
const FOLDER: &str = "assets";
/// Trajectories that are shown, each of another category where there are as many.
const SHOWN: usize = 3;
/// Rows that are looked at for them; the order of a release is random.
const LOOKED_AT: usize = 60;

record! {
    /// What the critic gave an attempt at a region.
    struct StepScore {
        /// 0 to 100.
        score: Score,
    }
}

impl PlainRow for StepScore {
    const TABLE: &'static str = "steps";
}

/// A trajectory as the card shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownTrajectory {
    pub(super) prompt: String,
    pub(super) category: String,
    pub(super) reward: i32,
    pub(super) attempts: Vec<ShownAttempt>,
}

/// An attempt at a region of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownAttempt {
    /// The region, and whether it is painted again.
    pub(super) title: String,
    pub(super) thought: String,
    pub(super) score: i32,
    /// File of the canvas, relative to the release.
    pub(super) image: String,
}

/// Writes plots and pictures, and tells which trajectories they show.
pub(crate) fn write(
    release: &Path,
    manifest: &Manifest,
    facts: &CardFacts,
) -> Result<Vec<ShownTrajectory>, ShardError> {
    let save = |name: &str, bytes: &[u8]| atomic::write(&release.join(FOLDER).join(name), bytes);
    save("rewards.svg", svg::histogram("trajectories by reward", &tens(&facts.rewards)).as_bytes())?;
    let scores = tens(&scores(release, manifest)?);
    save("scores.svg", svg::histogram("attempts at a region by the critic's score", &scores).as_bytes())?;
    let categories: Vec<_> = facts.categories.clone().into_iter().collect();
    save("categories.svg", svg::bars("trajectories by category", &categories).as_bytes())?;
    let tasks: Vec<_> = facts.tasks.clone().into_iter().collect();
    save("tasks.svg", svg::bars("training samples by task", &tasks).as_bytes())?;
    let rejected = rejections(manifest);
    if !rejected.is_empty() {
        save("rejections.svg", svg::bars("rows left out by reason", &rejected).as_bytes())?;
    }
    shown(release, manifest)?.iter().map(|row| write_pictures(release, row)).collect()
}

/// Counts of 0 to 9, 10 to 19, …, 90 to 100 with their labels.
fn tens(counts: &[u64; 10]) -> Vec<(String, u64)> {
    let label = |tens: usize| format!("{}–{}", tens * 10, if tens == 9 { 100 } else { tens * 10 + 9 });
    counts.iter().enumerate().map(|(tens, count)| (label(tens), *count)).collect()
}

/// Attempts by score; reads that column alone.
fn scores(release: &Path, manifest: &Manifest) -> Result<[u64; 10], ShardError> {
    let mut counts = [0; 10];
    let splits = manifest.config(StepScore::TABLE).into_iter().flat_map(|config| &config.splits);
    for shard in splits.flat_map(|split| &split.shards) {
        for row in TableReader::<StepScore>::open(&release.join(&shard.path))? {
            counts[(row?.score.get() / 10).min(9) as usize] += 1;
        }
    }
    Ok(counts)
}

/// Rows left out by all stages, by reason.
pub(super) fn rejections(manifest: &Manifest) -> Vec<(String, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for (reason, count) in manifest.accounting.iter().flat_map(|account| &account.rejected) {
        *counts.entry(*reason).or_insert(0u64) += count;
    }
    counts.into_iter().map(|(reason, count)| (reason.to_string(), count)).collect()
}

/// The first trajectories of different categories, those with a redone region before others.
fn shown(release: &Path, manifest: &Manifest) -> Result<Vec<ReleaseTrajectory>, ShardError> {
    let splits = manifest.config("trajectories").into_iter().flat_map(|config| &config.splits);
    let Some(shard) = splits.flat_map(|split| &split.shards).next() else { return Ok(Vec::new()) };
    let mut rows: Vec<ReleaseTrajectory> = Vec::new();
    for row in TableReader::open(&release.join(&shard.path))?.take(LOOKED_AT) {
        // What contradicts itself is for `verify` to name.
        rows.extend(row.ok());
    }
    rows.sort_by_key(|row| row.trajectory.num_attempts() == row.trajectory.steps.len());
    let mut seen = BTreeSet::new();
    let (first, others): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| seen.insert(row.trajectory.prompt.category.clone()));
    Ok(first.into_iter().chain(others).take(SHOWN).collect())
}

fn write_pictures(release: &Path, row: &ReleaseTrajectory) -> Result<ShownTrajectory, ShardError> {
    let trajectory = &row.trajectory;
    let mut attempts = Vec::new();
    for (position, (step, attempt_index, attempt)) in trajectory.attempts().enumerate() {
        let image = format!("{FOLDER}/{}-{position:02}.png", trajectory.id());
        atomic::write(&release.join(&image), attempt.canvas.bytes())?;
        let region = &trajectory.schedule.regions()[step.region_index].name;
        attempts.push(ShownAttempt {
            title: if attempt_index == 0 { region.clone() } else { format!("{region}, again") },
            thought: attempt.thought.clone(),
            score: attempt.critique.score().get(),
            image,
        });
    }
    Ok(ShownTrajectory {
        prompt: trajectory.prompt.text.clone(),
        category: trajectory.prompt.category.clone(),
        reward: row.reward.get(),
        attempts,
    })
}
