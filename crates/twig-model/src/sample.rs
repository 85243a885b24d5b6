use serde::{Deserialize, Serialize};

use crate::{Picture, Score};

/// The three groups of training tasks; with K regions there are 3·K tasks, nine in TwiG-50K.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// T: what to say about region k.
    Think,
    /// R: how to refine region k: a score and a revised thought.
    Reflect,
    /// G: the image tokens of region k.
    Generate,
}

impl TaskKind {
    /// Every group, in the order of the passes.
    pub const ALL: [Self; 3] = [Self::Think, Self::Reflect, Self::Generate];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Think => "think",
            Self::Reflect => "reflect",
            Self::Generate => "generate",
        }
    }

    /// The group of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// How text and image tokens of a Janus sample follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SampleLayout {
    /// A question with pictures, then the answer: the understanding tasks.
    Chat,
    /// `User: ` and all thoughts so far, then all image tokens so far, as TwiG was released.
    Twig,
    /// The same behind Janus-Pro's own template, with `<|User|>` and `<|Assistant|>`.
    Janus,
}

impl SampleLayout {
    /// Every layout.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Twig, Self::Janus];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Twig => "twig",
            Self::Janus => "janus",
        }
    }

    /// The layout of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == name)
    }
}

/// What every training sample says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleHead {
    /// `{trajectory id}-{task}-{region index}-{attempt}`.
    pub id: String,
    /// `{prompt id}-{sample index}`.
    pub trajectory_id: String,
    /// T.
    pub prompt: String,
    /// Category of the prompt.
    pub category: String,
    /// Which group of tasks.
    pub task: TaskKind,
    /// k, from 0.
    pub region_index: u32,
    /// Which attempt at region k, from 0.
    pub attempt: u32,
    /// Whether that attempt was accepted.
    pub accepted: bool,
    /// Whether the seeded default mix (T:G = 1:1, no R) draws this sample.
    pub in_default_mix: bool,
    /// Reward of the finished picture.
    pub reward: Score,
}

/// A sample for chat trainers: the understanding tasks as messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftSample {
    /// Ids and labels.
    pub head: SampleHead,
    /// Alternating user and assistant messages; each [`SftPart::Image`] takes the next of `images`.
    pub messages: Vec<SftMessage>,
    /// The pictures that the messages refer to, in order.
    pub images: Vec<Picture>,
    /// Ids of each picture: those of the regions so far, 0 (the placeholder code) for the rest.
    pub image_tokens: Vec<Vec<u32>>,
}

/// One message of a chat sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SftMessage {
    /// `user` or `assistant`.
    pub role: &'static str,
    /// Text and picture places in order.
    pub parts: Vec<SftPart>,
}

/// A piece of a message in a chat sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SftPart {
    /// The place of the next picture.
    Image,
    /// Plain text.
    Text(String),
}

/// A sample for Janus training loops: ids, unshifted labels and pictures.
///
/// `input_ids`, `labels`, `vq_ids` and `vq_labels` have the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JanusSample {
    /// Ids and labels.
    pub head: SampleHead,
    /// How text and image tokens follow each other.
    pub layout: SampleLayout,
    /// Text token ids. Positions of generated image tokens hold the pad id, positions of understood
    /// pictures the image placeholder id.
    pub input_ids: Vec<i32>,
    /// Text targets: `labels[i]` is `input_ids[i]` or -100. The trainer shifts.
    pub labels: Vec<i32>,
    /// Image token ids, -1 where the position is no image token.
    pub vq_ids: Vec<i32>,
    /// Image token targets: `vq_labels[i]` is `vq_ids[i]` or -100. The trainer shifts.
    pub vq_labels: Vec<i32>,
    /// Length of the text in front of generated image tokens, which a classifier-free-guidance drop blanks
    /// all of but its first and last position; 0 for a chat.
    pub prompt_len: u32,
    /// Whether that drop has been made.
    pub prompt_dropped: bool,
    /// One picture for each run of image placeholders, in order.
    pub images: Vec<Picture>,
}

/// The image tokens of a trajectory by one tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrajectoryTokens {
    /// Name of the tokenizer in the pipeline file.
    pub tokenizer: String,
    /// Ids of the finished picture, in raster order.
    pub final_ids: Vec<u32>,
    /// For each attempt (in the order of `Trajectory::attempts`), the ids of its region: cut from
    /// `final_ids` for the last attempt at a region, from the canvas at that attempt for the others.
    pub attempt_ids: Vec<Vec<u32>>,
}
