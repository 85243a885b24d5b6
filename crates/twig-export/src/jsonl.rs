//! Plain JSON Lines and PNG files, for programs that know nothing of Parquet.
//!
//! ```text
//! train-00000-of-00001.jsonl            one object a trajectory
//! images/9e/9e3779b97f4a7c15-0.png      the finished picture
//! images/9e/9e3779b97f4a7c15-0-02.png   the canvas after the third attempt
//! manifest.json
//! ```

use std::{io::Write as _, path::Path};

use serde::{Deserialize, Serialize};
use twig_model::{CriterionScores, Score};
use twig_shards::{ReleaseTrajectory, TableReader, atomic::AtomicFile};

use crate::{
    ExportError,
    folder::Written,
    format::{Format, Source},
    pictures::Pictures,
};

/// A trajectory as one line of JSON. File names are relative to the folder of the export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrajectoryLine {
    /// `{prompt id}-{sample index}`.
    pub id: String,
    /// The text that is drawn.
    pub prompt: String,
    /// What kind of prompt it is.
    pub category: String,
    /// File and line the prompt came from.
    pub source: String,
    /// How it was made: `whole_image` or `region_by_region`.
    pub mode: String,
    /// The model that painted.
    pub painter: String,
    /// Reward of the finished picture, 0 to 100.
    pub reward: Score,
    /// The file with the finished picture.
    pub image: String,
    /// Every attempt at every region, in the order made.
    pub steps: Vec<AttemptLine>,
}

/// One attempt at one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptLine {
    /// Name of the region.
    pub region: String,
    /// Position of the region in the schedule, from 0.
    pub region_index: usize,
    /// Which attempt at this region, from 0.
    pub attempt: usize,
    /// What the region was to show.
    pub thought: String,
    /// What the critic said of it.
    pub critique: String,
    /// Sum of the five criteria, 0 to 100.
    pub score: Score,
    /// Points on the five criteria, 0 to 20 each.
    pub criteria: CriterionScores,
    /// Whether the score reached the acceptance threshold.
    pub accepted: bool,
    /// The thought with the named defects fixed; repeats it where nothing is wrong.
    pub revised_thought: String,
    /// The file with the canvas after this attempt: regions so far, the rest in the placeholder colour.
    pub image: String,
}

/// One object a trajectory, and its pictures as files.
pub(crate) struct Jsonl;

impl Format for Jsonl {
    const NAME: &'static str = "jsonl";
    const TABLE: Option<&'static str> = Some("trajectories");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut pictures = Pictures::new(folder);
        let mut file = LineFile::create(folder, source.file_name("jsonl"))?;
        for trajectory in TableReader::open(&source.path)? {
            file.push(&line(&trajectory?, &mut pictures)?)?;
        }
        let mut written = file.finish(source.split)?;
        written.pictures = pictures.count;
        Ok(written)
    }
}

/// A file with one JSON object a line.
pub(crate) struct LineFile {
    file: AtomicFile,
    name: String,
    rows: u64,
}

impl LineFile {
    /// Begins a file of an export, named by its path in it.
    pub(crate) fn create(folder: &Path, name: String) -> Result<Self, ExportError> {
        Ok(Self { file: AtomicFile::create(&folder.join(&name))?, name, rows: 0 })
    }

    pub(crate) fn push(&mut self, row: &impl Serialize) -> Result<(), ExportError> {
        let json = serde_json::to_string(row).expect("numbers and texts are always JSON");
        writeln!(self.file, "{json}").map_err(ExportError::io("write", self.file.path()))?;
        self.rows += 1;
        Ok(())
    }

    /// Makes the file durable; one without rows is not kept.
    pub(crate) fn finish(self, split: &str) -> Result<Written, ExportError> {
        let mut written = Written::default();
        if self.rows > 0 {
            written.add(self.name, split, self.rows, self.file.commit()?);
        }
        Ok(written)
    }
}

/// Writes the pictures of a trajectory, and makes its line.
fn line(release: &ReleaseTrajectory, pictures: &mut Pictures) -> Result<TrajectoryLine, ExportError> {
    let trajectory = &release.trajectory;
    let id = trajectory.id().to_string();
    let mut steps = Vec::with_capacity(trajectory.num_attempts());
    for (position, (step, attempt_index, attempt)) in trajectory.attempts().enumerate() {
        steps.push(AttemptLine {
            region: trajectory.schedule.regions()[step.region_index].name.clone(),
            region_index: step.region_index,
            attempt: attempt_index,
            thought: attempt.thought.clone(),
            critique: attempt.critique.comment.clone(),
            score: attempt.critique.score(),
            criteria: attempt.critique.scores,
            accepted: attempt.accepted,
            revised_thought: attempt.critique.revised_thought.clone(),
            image: pictures.write(&id, &format!("-{position:02}"), &attempt.canvas)?,
        });
    }
    let image = pictures.write(&id, "", &trajectory.final_image)?;
    Ok(TrajectoryLine {
        id,
        prompt: trajectory.prompt.text.clone(),
        category: trajectory.prompt.category.clone(),
        source: trajectory.prompt.source.clone(),
        mode: trajectory.mode.as_str().to_owned(),
        painter: trajectory.painter.clone(),
        reward: release.reward,
        image,
        steps,
    })
}
