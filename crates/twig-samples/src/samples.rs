use serde::{Deserialize, Serialize};
use twig_model::{
    JanusSample, Picture, SampleHead, Score, SftMessage, SftPart, SftSample, TaskKind, Trajectory,
    TrajectoryTokens,
};
use twig_tokens::{
    TextTokenizer,
    layout::{self, ChatPart, PrefixStyle, Sequence},
};

use crate::{
    MixWeights, instructions,
    pass::{Pass, passes},
};

/// How samples are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSettings {
    /// How thoughts are wrapped in front of image tokens.
    pub prefix: PrefixStyle,
    /// What the default mix is made of. Weights are taken as they are; see [`MixWeights::check`].
    pub mix: MixWeights,
    /// Seed of the draw for the default mix.
    pub seed: u64,
}

/// The samples of one trajectory, attempt by attempt in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// The understanding tasks, think and reflect, as chats.
    pub sft: Vec<SftSample>,
    /// All three groups of tasks as sequences.
    pub janus: Vec<JanusSample>,
    /// What could not be made.
    pub skipped: Skipped,
}

/// Samples that could not be made, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Generate samples of a schedule whose regions are not raster spans in order: a generator continues a
    /// sequence, so there is nothing to continue.
    pub not_raster: u64,
}

/// Tokens that do not belong to the trajectory.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("trajectory {trajectory_id}: {what} has {found} entries, {wanted} are wanted")]
pub struct TokensMismatch {
    /// The trajectory.
    pub trajectory_id: String,
    /// Which list: `final_ids`, `attempt_ids` or `attempt_ids[i]`.
    pub what: String,
    /// Entries there are.
    pub found: usize,
    /// Entries there should be.
    pub wanted: usize,
}

/// The training samples of a trajectory: one think, one reflect and one generate sample for each attempt.
///
/// - think: (T, τ_<k, the canvas before the region) → the thought of the attempt; after a redo this is the
///   revised thought `τ̂_k`, asked in the same place as `τ_k` was.
/// - reflect: (T, τ_≤k, the canvas after the attempt) → score and revised thought.
/// - generate: (τ_≤k, ids of V_<k) → ids of `V_k` as they came out at the attempt.
///
/// `accepted` is the attempt's, for all three, so that accepted samples come in equal numbers and a rejected
/// one has an accepted sibling with the same question. `in_default_mix` is `accepted` and drawn by
/// [`MixWeights`]. `reward` is that of the finished picture.
pub fn samples_of(
    trajectory: &Trajectory,
    tokens: &TrajectoryTokens,
    reward: Score,
    settings: &SampleSettings,
    text: &dyn TextTokenizer,
) -> Result<Samples, TokensMismatch> {
    check_tokens(trajectory, tokens)?;
    let mut samples = Samples::default();
    for pass in passes(trajectory, tokens) {
        let head = |task| head(&pass, task, reward, settings);
        for chat in [think_chat(&pass), reflect_chat(&pass)] {
            let head = head(chat.task);
            samples.janus.push(chat.to_janus(head.clone(), text));
            samples.sft.push(chat.into_sft(head));
        }
        if trajectory.schedule.is_raster() {
            samples.janus.push(generate(&pass, head(TaskKind::Generate), settings.prefix, text));
        } else {
            samples.skipped.not_raster += 1;
        }
    }
    Ok(samples)
}

fn check_tokens(trajectory: &Trajectory, tokens: &TrajectoryTokens) -> Result<(), TokensMismatch> {
    let check = |what: &dyn Fn() -> String, found: usize, wanted: usize| {
        if found == wanted {
            return Ok(());
        }
        Err(TokensMismatch { trajectory_id: trajectory.id().to_string(), what: what(), found, wanted })
    };
    let num_tokens = trajectory.schedule.geometry().grid.num_tokens() as usize;
    check(&|| "final_ids".to_owned(), tokens.final_ids.len(), num_tokens)?;
    check(&|| "attempt_ids".to_owned(), tokens.attempt_ids.len(), trajectory.num_attempts())?;
    for (i, ((step, _, _), ids)) in trajectory.attempts().zip(&tokens.attempt_ids).enumerate() {
        let region = &trajectory.schedule.regions()[step.region_index];
        check(&|| format!("attempt_ids[{i}]"), ids.len(), region.num_tokens() as usize)?;
    }
    Ok(())
}

fn head(pass: &Pass<'_>, task: TaskKind, reward: Score, settings: &SampleSettings) -> SampleHead {
    let trajectory_id = pass.trajectory.id().to_string();
    let id = format!("{trajectory_id}-{}-{}-{}", task.as_str(), pass.region.index, pass.attempt_index);
    let accepted = pass.attempt.accepted;
    SampleHead {
        in_default_mix: accepted && settings.mix.draws(task, &id, settings.seed),
        id,
        trajectory_id,
        prompt: pass.trajectory.prompt.text.clone(),
        category: pass.trajectory.prompt.category.clone(),
        task,
        region_index: pass.region.index as u32,
        attempt: pass.attempt_index as u32,
        accepted,
        reward,
    }
}

/// An understanding pass: a question, perhaps about a picture, and its answer.
struct Chat<'a> {
    task: TaskKind,
    /// The picture with its ids.
    canvas: Option<(&'a Picture, Vec<u32>)>,
    question: String,
    answer: String,
    /// Tokens of a picture.
    num_tokens: u32,
}

fn think_chat<'a>(pass: &Pass<'a>) -> Chat<'a> {
    Chat {
        task: TaskKind::Think,
        canvas: pass.canvas_before.map(|canvas| (canvas, pass.ids_before.clone())),
        question: instructions::think(pass),
        answer: pass.attempt.thought.clone(),
        num_tokens: pass.trajectory.schedule.geometry().grid.num_tokens(),
    }
}

fn reflect_chat<'a>(pass: &Pass<'a>) -> Chat<'a> {
    Chat {
        task: TaskKind::Reflect,
        canvas: Some((&pass.attempt.canvas, pass.ids_after())),
        question: instructions::reflect(pass),
        answer: instructions::reflection(pass),
        num_tokens: pass.trajectory.schedule.geometry().grid.num_tokens(),
    }
}

impl Chat<'_> {
    fn to_janus(&self, head: SampleHead, text: &dyn TextTokenizer) -> JanusSample {
        let mut parts: Vec<ChatPart<'_>> = self.canvas.iter().map(|_| ChatPart::Image).collect();
        parts.push(ChatPart::Text(&self.question));
        let sequence = layout::chat(text, &parts, &self.answer, self.num_tokens);
        let images = self.canvas.iter().map(|(canvas, _)| (*canvas).clone()).collect();
        janus_sample(head, sequence, images)
    }

    fn into_sft(self, head: SampleHead) -> SftSample {
        let mut question: Vec<SftPart> = self.canvas.iter().map(|_| SftPart::Image).collect();
        question.push(SftPart::Text(self.question));
        let answer = vec![SftPart::Text(self.answer)];
        let (images, image_tokens) =
            self.canvas.into_iter().map(|(canvas, ids)| (canvas.clone(), ids)).unzip();
        SftSample {
            head,
            messages: vec![
                SftMessage { role: "user", parts: question },
                SftMessage { role: "assistant", parts: answer },
            ],
            images,
            image_tokens,
        }
    }
}

fn generate(pass: &Pass<'_>, head: SampleHead, style: PrefixStyle, text: &dyn TextTokenizer) -> JanusSample {
    // The regions are raster spans in order, so what is painted so far is one span from the start.
    let num_painted = pass.region.cells().next().unwrap_or(0) as usize;
    let visual_prefix = &pass.ids_before[..num_painted];
    let sequence = layout::generation(text, style, &pass.thoughts(), visual_prefix, pass.ids);
    janus_sample(head, sequence, Vec::new())
}

fn janus_sample(head: SampleHead, sequence: Sequence, images: Vec<Picture>) -> JanusSample {
    let Sequence { input_ids, labels, vq_ids, vq_labels, prompt_len } = sequence;
    JanusSample { head, input_ids, labels, vq_ids, vq_labels, prompt_len, images }
}
