//! Marks that people have set in the viewer: `marks.jsonl` in the job's folder.

use std::{collections::HashMap, fs, io::ErrorKind, path::PathBuf};

use serde::Deserialize;
use twig_model::PromptId;

use super::TrajectoryKey;
use crate::{
    error::RunError,
    job::JobFolder,
    settings::{MarkedRows, Settings},
};

/// A line of the file; notes are for people.
#[derive(Deserialize)]
struct Line {
    id: String,
    mark: Option<MarkedRows>,
}

fn path(settings: &Settings) -> PathBuf {
    JobFolder::new(&settings.file.output).path().join("marks.jsonl")
}

/// The text of the file; empty where it is not there, or where no marks are asked for.
pub(crate) fn text(settings: &Settings) -> Result<String, RunError> {
    let path = path(settings);
    if settings.file.select.marks.is_none() {
        return Ok(String::new());
    }
    match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        text => text.map_err(|source| RunError::io(&path, source)),
    }
}

/// The marks by trajectory; of several lines of one trajectory the last counts.
pub(super) fn read(settings: &Settings) -> Result<HashMap<TrajectoryKey, MarkedRows>, RunError> {
    let mut marks = HashMap::new();
    for (number, line) in (1..).zip(text(settings)?.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = |why: String| {
            let error = std::io::Error::other(format!("line {number} is no mark: {why}"));
            RunError::io(&path(settings), error)
        };
        let Line { id, mark } = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
        let key = key(&id).ok_or_else(|| wrong(format!("`{id}` is no id of a trajectory")))?;
        match mark {
            Some(mark) => marks.insert(key, mark),
            None => marks.remove(&key),
        };
    }
    Ok(marks)
}

fn key(id: &str) -> Option<TrajectoryKey> {
    let (prompt, sample) = id.rsplit_once('-')?;
    Some(TrajectoryKey { prompt: PromptId::new(prompt).ok()?.hash(), sample_index: sample.parse().ok()? })
}
