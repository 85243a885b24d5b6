//! Image token ids as NumPy files, for trainers of token generators in the manner of LlamaGen and SimpleAR.
//!
//! ```text
//! train-00000-of-00001.jsonl             id, prompt, thoughts, category, reward, code_path
//! codes/9e/9e3779b97f4a7c15-0.npy        int32, one row of ids in raster order
//! ```

use std::{fs, path::Path};

use serde::Serialize;
use twig_model::Score;
use twig_shards::{ReleaseTrajectory, TableReader};

use crate::{
    ExportError,
    folder::{Written, create_folder},
    format::{Format, Source},
    jsonl::LineFile,
    npy,
};

/// Ids of the finished pictures by the first tokenizer.
pub(crate) struct Codes;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    prompt: &'a str,
    /// The thoughts that the picture shows, in order.
    thoughts: Vec<&'a str>,
    category: &'a str,
    reward: Score,
    /// Name of the tokenizer.
    tokenizer: &'a str,
    code_path: &'a str,
}

impl Format for Codes {
    const NAME: &'static str = "codes";
    const TABLE: Option<&'static str> = Some("trajectories");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut lines = LineFile::create(folder, source.file_name("jsonl"))?;
        for release in TableReader::<ReleaseTrajectory>::open(&source.path)? {
            let release = release?;
            let Some(tokens) = &release.tokens else {
                return Err(ExportError::Lacks { format: Self::NAME, what: "image tokens" });
            };
            let id = release.trajectory.id().to_string();
            let below = format!("codes/{}", &id[..2]);
            let code_path = format!("{below}/{id}.npy");
            let path = folder.join(&code_path);
            create_folder(&folder.join(&below))?;
            let ids = tokens.final_ids.iter().map(|&id| id as i32);
            fs::write(&path, npy::int32(&[1, ids.len()], ids)).map_err(ExportError::io("write", &path))?;
            let steps = release.trajectory.steps.iter();
            lines.push(&Line {
                id: &id,
                prompt: &release.trajectory.prompt.text,
                thoughts: steps.map(|step| step.last_attempt().thought.as_str()).collect(),
                category: &release.trajectory.prompt.category,
                reward: release.reward,
                tokenizer: &tokens.tokenizer,
                code_path: &code_path,
            })?;
        }
        lines.finish(source.split)
    }
}
