//! Plain JSON Lines and PNG files, for programs that know nothing of Parquet.
//!
//! ```text
//! train.jsonl  validation.jsonl     one object a trajectory
//! images/9e/9e3779b97f4a7c15-0.png      the finished picture
//! images/9e/9e3779b97f4a7c15-0-02.png   the canvas after the third attempt
//! manifest.json
//! ```

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use twig_model::{CriterionScores, Picture, Score};
use twig_shards::{Manifest, ReleaseTrajectory, Split, TableReader, atomic::AtomicFile};

use crate::{
    ExportError,
    folder::{ExportSummary, ExportedFile, GrowingFolder},
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

/// Writes a release as `{split}.jsonl` files and PNG pictures into the folder `out`, which must not be there.
///
/// The same release gives the same bytes.
///
/// # Memory
/// One batch of 16 trajectories with their pictures.
pub fn jsonl(release: &Path, out: &Path) -> Result<ExportSummary, ExportError> {
    let manifest = Manifest::load(release)?;
    let folder = GrowingFolder::create(out)?;
    let mut pictures = Pictures { folder: folder.path().to_owned(), made: BTreeSet::new(), count: 0 };
    let splits = manifest.config("trajectories").into_iter().flat_map(|config| &config.splits);
    let files = splits.map(|split| write_split(release, split, &mut pictures)).collect::<Result<_, _>>()?;
    let Manifest { program, settings_hash, .. } = manifest;
    let summary =
        ExportSummary { format: "jsonl".to_owned(), program, settings_hash, files, pictures: pictures.count };
    folder.commit(&summary)?;
    Ok(summary)
}

fn write_split(release: &Path, split: &Split, pictures: &mut Pictures) -> Result<ExportedFile, ExportError> {
    let path = format!("{}.jsonl", split.name);
    let mut file = AtomicFile::create(&pictures.folder.join(&path))?;
    let mut rows = 0;
    for shard in &split.shards {
        for trajectory in TableReader::open(&release.join(&shard.path))? {
            let line = write_pictures(&trajectory?, pictures)?;
            let json = serde_json::to_string(&line).expect("numbers and texts are always JSON");
            writeln!(file, "{json}").map_err(ExportError::io("write", &pictures.folder.join(&path)))?;
            rows += 1;
        }
    }
    let digest = file.commit()?;
    Ok(ExportedFile { path, rows, bytes: digest.bytes, sha256: digest.sha256 })
}

/// Writes the pictures of a trajectory, and makes its line.
fn write_pictures(
    release: &ReleaseTrajectory,
    pictures: &mut Pictures,
) -> Result<TrajectoryLine, ExportError> {
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

/// The folder of pictures. They lie in 256 folders by the first two digits of their id, since many programs
/// are slow with a hundred thousand files in one.
struct Pictures {
    folder: PathBuf,
    made: BTreeSet<String>,
    count: u64,
}

impl Pictures {
    /// Writes a picture as it is stored and gives its path inside the export.
    ///
    /// Ids are hexadecimal digits, `-` and a number, which the reader of trajectories has checked: the path
    /// stays inside.
    fn write(&mut self, id: &str, suffix: &str, picture: &Picture) -> Result<String, ExportError> {
        if !picture.bytes().starts_with(b"\x89PNG\r\n\x1a\n") {
            return Err(ExportError::NotPng { id: id.to_owned() });
        }
        let below = format!("images/{}", &id[..2]);
        if !self.made.contains(&below) {
            let folder = self.folder.join(&below);
            fs::create_dir_all(&folder).map_err(ExportError::io("create the folder", &folder))?;
            self.made.insert(below.clone());
        }
        let name = format!("{below}/{id}{suffix}.png");
        let path = self.folder.join(&name);
        fs::write(&path, picture.bytes()).map_err(ExportError::io("write", &path))?;
        self.count += 1;
        Ok(name)
    }
}

#[cfg(test)]
mod tests;
