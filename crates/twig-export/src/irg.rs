//! Interleaved conversations in the manner of Interleaving-Reasoning-Generation: Parquet files with one column of
//! JSON, whose parts say what is learnt and what is only looked at.
//!
//! ```text
//! conversation/train/…parquet          conversation: JSON
//! parquet_info/conversation_train.json
//! ```
//!
//! The user asks for the prompt. The answer is, region after region: the thought (learnt), the canvas painted
//! after it; and where the attempt failed, the critique with the revised thought (learnt) and the canvas painted
//! after that. Canvases of failed attempts are looked at and never learnt; the last canvas is learnt and never
//! looked at, since nothing follows it.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use twig_model::{Attempt, Trajectory};
use twig_shards::{IrgConversation, ReleaseTrajectory, TableReader};

use crate::{
    ExportError,
    bagel::{ParquetFile, write_parquet_info},
    folder::{ExportedFile, Written},
    format::{Format, Source},
};

/// One conversation a trajectory.
pub(crate) struct Irg;

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Turn<'a> {
    User { content: &'a str, need_loss: bool },
    Assistant { content: Vec<Part<'a>> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Part<'a> {
    Text {
        content: std::borrow::Cow<'a, str>,
        need_loss: bool,
    },
    Image {
        /// Base64 of the PNG.
        content: String,
        /// The picture is learnt.
        need_loss: bool,
        /// Later parts see it as latents.
        need_vae: bool,
        /// Later parts see it through the vision encoder.
        need_vit: bool,
    },
}

impl Format for Irg {
    const NAME: &'static str = "irg";
    const TABLE: Option<&'static str> = Some("trajectories");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut file = ParquetFile::create(folder, "conversation", source)?;
        for release in TableReader::<ReleaseTrajectory>::open(&source.path)? {
            let trajectory = release?.trajectory;
            let turns = turns(&trajectory);
            let conversation = serde_json::to_string(&turns).expect("texts and flags are always JSON");
            file.push(IrgConversation { id: trajectory.id().to_string(), conversation })?;
        }
        file.finish(source.split)
    }

    fn finish(
        &self,
        files: &[ExportedFile],
        folder: &Path,
        out: &Path,
    ) -> Result<Vec<ExportedFile>, ExportError> {
        write_parquet_info(files, folder, out)
    }
}

fn turns(trajectory: &Trajectory) -> [Turn<'_>; 2] {
    let count = trajectory.num_attempts();
    let mut content = Vec::with_capacity(2 * count);
    let mut failed: Option<&Attempt> = None;
    for (position, (step, attempt_index, attempt)) in trajectory.attempts().enumerate() {
        let text = match failed.take() {
            // The thought of a redo is the revised thought of what it repeats.
            Some(before) => format!("{} {}", before.critique.comment, attempt.thought).into(),
            None => attempt.thought.as_str().into(),
        };
        content.push(Part::Text { content: text, need_loss: true });
        let is_last = position + 1 == count;
        let stays = attempt_index + 1 == step.attempts.len();
        content.push(Part::Image {
            content: BASE64_STANDARD.encode(attempt.canvas.bytes()),
            need_loss: stays,
            need_vae: !is_last,
            need_vit: !is_last,
        });
        failed = (!stays).then_some(attempt);
    }
    let user = Turn::User { content: &trajectory.prompt.text, need_loss: false };
    [user, Turn::Assistant { content }]
}
