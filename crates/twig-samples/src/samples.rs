use serde::{Deserialize, Serialize};
use twig_model::{
    JanusSample, Picture, RejectReason, Rejection, SampleHead, SampleLayout, Score, SftMessage, SftPart,
    SftSample, TaskKind, Trajectory, TrajectoryTokens,
};
use twig_tokens::{
    TextError, TextTokenizer,
    layout::{self, ChatPart, PrefixStyle, Sequence},
};

use crate::{
    MixWeights, instructions,
    mix::is_drawn,
    pass::{Pass, passes},
};

/// How samples are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SampleSettings {
    /// How thoughts are wrapped in front of image tokens.
    pub prefix: PrefixStyle,
    /// Stands in front of Janus chats that have a picture, where Janus's own processor puts one; empty, there
    /// is none.
    pub system_prompt: String,
    /// What the default mix is made of. Weights are taken as they are; see [`MixWeights::check`].
    pub mix: MixWeights,
    /// Share of the generate samples whose prompt is blanked, for classifier-free guidance.
    pub prompt_drop: f64,
    /// Samples with more tokens are rejected.
    pub max_tokens: u32,
    /// Seed of the draws for the default mix and for the drop.
    pub seed: u64,
}

impl SampleSettings {
    /// The context of Janus-Pro, in tokens: `max_position_embeddings` of its language model.
    pub const JANUS_CONTEXT: u32 = 16_384;
}

impl Default for SampleSettings {
    fn default() -> Self {
        Self {
            prefix: PrefixStyle::default(),
            system_prompt: String::new(),
            mix: MixWeights::default(),
            prompt_drop: 0.0,
            max_tokens: Self::JANUS_CONTEXT,
            seed: 0,
        }
    }
}

/// The samples of one trajectory, attempt by attempt in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    /// The understanding tasks, think and reflect, as chats.
    pub sft: Vec<SftSample>,
    /// All three groups of tasks as sequences.
    pub janus: Vec<JanusSample>,
    /// What could not be made.
    pub rejected: Vec<RejectedSample>,
}

/// A sample that could not be made, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedSample {
    /// What the sample would have said about itself.
    pub head: SampleHead,
    /// The reason: it is too long, or its region is no raster span.
    pub rejection: Rejection,
}

/// Why the samples of a trajectory cannot be made at all.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SampleError {
    /// The tokens are those of something else.
    #[error(transparent)]
    Tokens(#[from] TokensMismatch),
    /// A text cannot be encoded.
    #[error("trajectory {trajectory_id}")]
    Text {
        /// The trajectory.
        trajectory_id: String,
        /// What the tokenizer said.
        #[source]
        source: TextError,
    },
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
///
/// A sample with more than `max_tokens` tokens is rejected with its length, in both forms; a generate sample of
/// a region that is no raster span in order is rejected as `not_raster`.
pub fn samples_of(
    trajectory: &Trajectory,
    tokens: &TrajectoryTokens,
    reward: Score,
    settings: &SampleSettings,
    text: &dyn TextTokenizer,
) -> Result<Samples, SampleError> {
    check_tokens(trajectory, tokens)?;
    let mut maker = Maker { settings, text, samples: Samples::default() };
    for pass in passes(trajectory, tokens) {
        maker
            .add_pass(&pass, reward)
            .map_err(|source| SampleError::Text { trajectory_id: trajectory.id().to_string(), source })?;
    }
    Ok(maker.samples)
}

/// Ids of the canvas after each attempt, in the order in which they were made; 0 where nothing is painted yet.
pub fn canvas_ids(
    trajectory: &Trajectory,
    tokens: &TrajectoryTokens,
) -> Result<Vec<Vec<u32>>, TokensMismatch> {
    check_tokens(trajectory, tokens)?;
    Ok(passes(trajectory, tokens).iter().map(Pass::ids_after).collect())
}

/// Makes samples, pass by pass.
struct Maker<'a> {
    settings: &'a SampleSettings,
    text: &'a dyn TextTokenizer,
    samples: Samples,
}

impl Maker<'_> {
    fn add_pass(&mut self, pass: &Pass<'_>, reward: Score) -> Result<(), TextError> {
        let head = |task| head(pass, task, reward, self.settings);
        let (think, reflect, generate) =
            (head(TaskKind::Think), head(TaskKind::Reflect), head(TaskKind::Generate));
        self.add_chat(think, Chat::think(pass))?;
        self.add_chat(reflect, Chat::reflect(pass))?;
        if pass.trajectory.schedule.is_raster() {
            self.add_generation(generate, pass)
        } else {
            let what = "the regions of its schedule are no raster spans in order";
            self.reject(generate, Rejection::new(RejectReason::NotRaster, what));
            Ok(())
        }
    }

    fn add_chat(&mut self, head: SampleHead, chat: Chat<'_>) -> Result<(), TextError> {
        let sequence = chat.sequence(&self.settings.system_prompt, self.text)?;
        if let Some(head) = self.fits(head, &sequence) {
            let images = chat.images();
            self.samples.janus.push(janus_sample(head.clone(), SampleLayout::Chat, sequence, images));
            self.samples.sft.push(chat.into_sft(head));
        }
        Ok(())
    }

    fn add_generation(&mut self, head: SampleHead, pass: &Pass<'_>) -> Result<(), TextError> {
        let prefix = self.settings.prefix;
        let thoughts = pass.thoughts();
        let mut sequence = layout::generation(self.text, prefix, &thoughts, pass.visual_prefix(), pass.ids)?;
        let Some(head) = self.fits(head, &sequence) else { return Ok(()) };
        let is_dropped = is_drawn(self.settings.prompt_drop, &head.id, self.settings.seed ^ DROP_SALT);
        if is_dropped {
            sequence.drop_prompt(self.text);
        }
        let layout = match prefix {
            PrefixStyle::Twig => SampleLayout::Twig,
            PrefixStyle::Janus => SampleLayout::Janus,
        };
        let sample = janus_sample(head, layout, sequence, Vec::new());
        self.samples.janus.push(JanusSample { prompt_dropped: is_dropped, ..sample });
        Ok(())
    }

    /// Gives the head back if the sequence is short enough, else rejects the sample.
    fn fits(&mut self, head: SampleHead, sequence: &Sequence) -> Option<SampleHead> {
        let (length, most) = (sequence.input_ids.len(), self.settings.max_tokens);
        if length <= most as usize {
            return Some(head);
        }
        let what = format!("{length} tokens where `release.max_tokens` allows {most}");
        self.reject(head, Rejection::new(RejectReason::TooLong, what));
        None
    }

    fn reject(&mut self, head: SampleHead, rejection: Rejection) {
        self.samples.rejected.push(RejectedSample { head, rejection });
    }
}

/// Keeps the draw for the drop apart from that for the mix.
const DROP_SALT: u64 = 0x6366_6764_726f_7073;

pub(crate) fn check_tokens(trajectory: &Trajectory, tokens: &TrajectoryTokens) -> Result<(), TokensMismatch> {
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
pub(crate) struct Chat<'a> {
    /// The picture with its ids.
    canvas: Option<(&'a Picture, Vec<u32>)>,
    question: String,
    answer: String,
    /// Tokens of a picture.
    num_tokens: u32,
}

impl<'a> Chat<'a> {
    pub(crate) fn think(pass: &Pass<'a>) -> Self {
        Self {
            canvas: pass.canvas_before.map(|canvas| (canvas, pass.ids_before.clone())),
            question: instructions::think(pass),
            answer: pass.attempt.thought.clone(),
            num_tokens: pass.trajectory.schedule.geometry().grid.num_tokens(),
        }
    }

    pub(crate) fn reflect(pass: &Pass<'a>) -> Self {
        Self {
            canvas: Some((&pass.attempt.canvas, pass.ids_after())),
            question: instructions::reflect(pass),
            answer: instructions::reflection(pass),
            num_tokens: pass.trajectory.schedule.geometry().grid.num_tokens(),
        }
    }

    fn sequence(&self, system_prompt: &str, text: &dyn TextTokenizer) -> Result<Sequence, TextError> {
        let mut parts: Vec<ChatPart<'_>> = self.canvas.iter().map(|_| ChatPart::Image).collect();
        parts.push(ChatPart::Text(&self.question));
        let system_prompt = if self.canvas.is_some() { system_prompt } else { "" };
        layout::chat(text, system_prompt, &parts, &self.answer, self.num_tokens)
    }

    pub(crate) fn images(&self) -> Vec<Picture> {
        self.canvas.iter().map(|(canvas, _)| (*canvas).clone()).collect()
    }

    /// The user's message.
    pub(crate) fn user(&self) -> SftMessage {
        let mut parts: Vec<SftPart> = self.canvas.iter().map(|_| SftPart::Image).collect();
        parts.push(SftPart::Text(self.question.clone()));
        SftMessage { role: "user", parts }
    }

    /// The answer as a message.
    pub(crate) fn assistant(&self) -> SftMessage {
        SftMessage { role: "assistant", parts: vec![SftPart::Text(self.answer.clone())] }
    }

    fn into_sft(self, head: SampleHead) -> SftSample {
        let messages = vec![self.user(), self.assistant()];
        let (images, image_tokens) =
            self.canvas.into_iter().map(|(canvas, ids)| (canvas.clone(), ids)).unzip();
        SftSample { head, messages, images, image_tokens }
    }
}

fn janus_sample(
    head: SampleHead,
    layout: SampleLayout,
    sequence: Sequence,
    images: Vec<Picture>,
) -> JanusSample {
    let Sequence { input_ids, labels, vq_ids, vq_labels, prompt_len } = sequence;
    let prompt_dropped = false;
    JanusSample { head, layout, input_ids, labels, vq_ids, vq_labels, prompt_len, prompt_dropped, images }
}
