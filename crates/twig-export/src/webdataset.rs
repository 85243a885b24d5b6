//! Tar files as WebDataset, Energon and `datasets` read them: a sample is what shares a name up to the first dot.
//!
//! ```text
//! train-00000-of-00001.tar
//!   9e3779b97f4a7c15-0-s02.json         texts, scores and place of the third attempt of that trajectory
//!   9e3779b97f4a7c15-0-s02.png          the canvas after it
//!   9e3779b97f4a7c15-0-s02.tokens.npy   the ids of its region, where the release has ids
//! ```
//!
//! A sample is one attempt and not one trajectory, because `datasets` wants the same endings in every sample.
//! Energon wants an index beside the tar files, which `energon prepare` makes.

use std::path::Path;

use serde::Serialize;
use tar::{Builder, EntryType, Header};
use twig_model::{Score, TrajectoryTokens};
use twig_shards::{ReleaseTrajectory, TableReader, atomic::AtomicFile};

use crate::{
    ExportError,
    folder::Written,
    format::{Format, Source},
    npy,
    pictures::png,
};

/// One sample an attempt at a region.
pub(crate) struct WebDataset;

/// The member `json` of a sample.
#[derive(Serialize)]
struct Sample<'a> {
    id: &'a str,
    prompt: &'a str,
    category: &'a str,
    /// Position among the attempts of the trajectory.
    step: usize,
    region: &'a str,
    region_index: usize,
    attempt: usize,
    /// The tokens of the region in raster order; null where they are not one run.
    token_start: Option<u32>,
    token_end: Option<u32>,
    /// All thoughts that the region was painted after, this one last.
    thoughts: Vec<&'a str>,
    critique: &'a str,
    revised_thought: &'a str,
    score: Score,
    accepted: bool,
    /// Whether the attempt stays in the finished picture.
    stays: bool,
    reward: Score,
}

impl Format for WebDataset {
    const NAME: &'static str = "webdataset";
    const TABLE: Option<&'static str> = Some("trajectories");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let name = source.file_name("tar");
        let path = folder.join(&name);
        let mut tar = Builder::new(AtomicFile::create(&path)?);
        let mut samples = 0;
        for release in TableReader::<ReleaseTrajectory>::open(&source.path)? {
            samples += append(&mut tar, &release?, &path)?;
        }
        let file = tar.into_inner().map_err(ExportError::io("write", &path))?;
        let mut written = Written::default();
        written.add(name, source.split, samples, file.commit()?);
        Ok(written)
    }
}

/// Appends the samples of a trajectory and tells how many they are.
fn append(
    tar: &mut Builder<AtomicFile>,
    release: &ReleaseTrajectory,
    path: &Path,
) -> Result<u64, ExportError> {
    let trajectory = &release.trajectory;
    let id = trajectory.id().to_string();
    let mut kept: Vec<&str> = Vec::new();
    let mut count = 0;
    for (position, (step, attempt_index, attempt)) in trajectory.attempts().enumerate() {
        let region = &trajectory.schedule.regions()[step.region_index];
        let span = region.raster_span();
        let stays = attempt_index + 1 == step.attempts.len();
        let sample = Sample {
            id: &id,
            prompt: &trajectory.prompt.text,
            category: &trajectory.prompt.category,
            step: position,
            region: &region.name,
            region_index: step.region_index,
            attempt: attempt_index,
            token_start: span.map(|span| span.start),
            token_end: span.map(|span| span.end),
            thoughts: kept.iter().copied().chain([attempt.thought.as_str()]).collect(),
            critique: &attempt.critique.comment,
            revised_thought: &attempt.critique.revised_thought,
            score: attempt.critique.score(),
            accepted: attempt.accepted,
            stays,
            reward: release.reward,
        };
        let key = format!("{id}-s{position:02}");
        let json = serde_json::to_vec(&sample).expect("numbers and texts are always JSON");
        let members = [("json", json), ("png", png(&id, &attempt.canvas)?.to_vec())];
        let tokens = release.tokens.as_ref().map(|tokens| ("tokens.npy", ids(tokens, position)));
        for (ending, bytes) in members.into_iter().chain(tokens) {
            member(tar, &format!("{key}.{ending}"), &bytes).map_err(ExportError::io("write", path))?;
        }
        if stays {
            kept.push(&attempt.thought);
        }
        count += 1;
    }
    Ok(count)
}

fn ids(tokens: &TrajectoryTokens, position: usize) -> Vec<u8> {
    let ids = &tokens.attempt_ids[position];
    npy::int32(&[ids.len()], ids.iter().map(|&id| id as i32))
}

/// Appends a file without owner and time, so that equal samples are equal bytes.
fn member(tar: &mut Builder<AtomicFile>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    tar.append_data(&mut header, name, bytes)
}
