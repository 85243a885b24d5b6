use std::{fmt, future::Future, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{
    CompareTask, DescribeTask, InspectTask, Picture, ProbabilityTask, QuestionsTask, Rejection, Schedule,
    ScheduleTask,
};

/// A boxed future, so that teachers can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Somebody who can be asked: a model behind an interface, the embedded teacher, or a wrapper round one.
///
/// Policies (answer store, concurrency, retry, …) are wrappers over this same trait.
pub trait Teacher: Send + Sync {
    /// Everything about this teacher that shapes its replies besides the request: who it is and how it is
    /// set. Part of the answer key; changing it means asking anew.
    fn identity(&self) -> &str;

    /// Asks and waits for the answer.
    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>>;

    /// The answer of this key is durable in the answer store: whoever has kept it elsewhere may let it go.
    fn stored(&self, _key: &AnswerKey) {}
}

/// What a teacher is asked to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Writes thoughts.
    Thinker,
    /// Makes pictures.
    Painter,
    /// Scores a region and revises its thought.
    Critic,
    /// Scores a finished picture.
    Judge,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Thinker, Self::Painter, Self::Critic, Self::Judge];

    /// The name in tables and pipeline files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Thinker => "thinker",
            Self::Painter => "painter",
            Self::Critic => "critic",
            Self::Judge => "judge",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One question: the typed task, the rendered form that a model reads, and what tells repetitions apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is wanted, typed. The embedded teacher reads this.
    pub task: Task,
    /// What is wanted, as text and pictures. Models read this, and only this enters the answer key.
    pub rendered: Rendered,
    /// Sampling seed of this request, a function of job seed, prompt, sample, role, region and attempt.
    pub seed: u64,
    /// Seed shared by all requests of one trajectory, a function of job seed, prompt and sample. The
    /// embedded teacher's thinker and painter agree on a layout through it.
    pub trajectory_seed: u64,
    /// Raised by `twig retry`, so that a question already answered is asked again.
    pub ask: u32,
}

/// A typed task.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Write the thought for one region, or for all.
    Think(ThinkTask),
    /// Make a picture, or repaint one region of one.
    Paint(PaintTask),
    /// Score a region and revise its thought.
    Critique(CritiqueTask),
    /// Score a finished picture.
    Judge(JudgeTask),
    /// Propose the regions.
    Schedule(ScheduleTask),
    /// Write the thought for a region of a picture that is there already.
    Describe(DescribeTask),
    /// Write questions that a picture of the prompt answers with yes.
    Questions(QuestionsTask),
    /// Answer such questions about a picture.
    Inspect(InspectTask),
    /// Say how likely a picture shows the prompt.
    Probability(ProbabilityTask),
    /// Say which of two pictures is the better one.
    Compare(CompareTask),
}

impl Task {
    /// The role that takes this task.
    pub fn role(&self) -> Role {
        match self {
            Self::Think(_) | Self::Schedule(_) | Self::Describe(_) => Role::Thinker,
            Self::Paint(_) => Role::Painter,
            Self::Critique(_) => Role::Critic,
            Self::Judge(_)
            | Self::Questions(_)
            | Self::Inspect(_)
            | Self::Probability(_)
            | Self::Compare(_) => Role::Judge,
        }
    }
}

/// τ_k = `ULM_u`(T, τ_<k, V_<k): what to say about a region before it is painted.
///
/// Answered by text, a JSON object: `{"thoughts": [τ_1, …, τ_K]}` where `region_index` is `None`, else
/// `{"thought": τ_k}`.
#[derive(Debug, Clone, PartialEq)]
pub struct ThinkTask {
    /// T.
    pub prompt: String,
    /// S.
    pub schedule: Schedule,
    /// The region to think about, or `None` for all K at once.
    pub region_index: Option<usize>,
    /// τ_<k, with revised thoughts in place of those that were redone.
    pub earlier_thoughts: Vec<String>,
    /// V_<k: the canvas so far; `None` for the first region and for all at once.
    pub canvas: Option<Picture>,
}

/// V_k = `ULM_g`(τ_≤k, V_<k): a picture, or one region of it.
///
/// Answered by a picture; of a region, everything outside is ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct PaintTask {
    /// T; not an input of the generator in the paper, here for the embedded teacher.
    pub prompt: String,
    /// S.
    pub schedule: Schedule,
    /// The region to paint, or `None` for the whole picture.
    pub region_index: Option<usize>,
    /// τ_≤k, or all K thoughts for the whole picture.
    pub thoughts: Vec<String>,
    /// The picture that the region is painted into; `None` for the whole picture.
    pub base: Option<Picture>,
    /// Counts the attempts at this region from 0.
    pub attempt: u32,
}

/// (`r_k`, τ̂_k) = `ULM_u`(T, τ_≤k, V_≤k): how good region k is, and how to say it better.
///
/// Answered by text, a JSON object: `{"scores": {…five criteria…}, "comment": …, "revised_thought": …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct CritiqueTask {
    /// T.
    pub prompt: String,
    /// S.
    pub schedule: Schedule,
    /// k, from 0.
    pub region_index: usize,
    /// τ_≤k.
    pub thoughts: Vec<String>,
    /// V_≤k: regions after k are in the placeholder colour.
    pub canvas: Picture,
}

/// A score for a finished picture, or one region of it.
///
/// Answered by text, a JSON object: `{"scores": {…five criteria…}, "comment": …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeTask {
    /// T.
    pub prompt: String,
    /// S.
    pub schedule: Schedule,
    /// The region to score, or `None` for the whole picture.
    pub region_index: Option<usize>,
    /// τ_1 … τ_K as they stand in the finished picture.
    pub thoughts: Vec<String>,
    /// The finished picture.
    pub picture: Picture,
}

/// The form of a request that goes to a model.
#[derive(Debug, Clone, PartialEq)]
pub enum Rendered {
    /// Messages in, text out.
    Chat(ChatForm),
    /// Text and perhaps a picture in, a picture out.
    Image(ImageForm),
}

/// A chat request.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatForm {
    /// The messages in order.
    pub messages: Vec<Message>,
    /// What the answer must follow, if it is to be JSON.
    pub answer_schema: Option<AnswerSchema>,
}

/// A JSON Schema that answers must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnswerSchema {
    /// Its name, as in `schemas/`.
    pub name: &'static str,
    /// The schema itself.
    pub json: &'static str,
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub speaker: Speaker,
    /// Text and pictures in order.
    pub parts: Vec<Part>,
}

/// Who speaks in a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The instructions.
    System,
    /// The question.
    User,
    /// An earlier answer.
    Assistant,
}

impl Speaker {
    /// The name in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// A picture.
    Picture(Picture),
}

/// An image request.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageForm {
    /// The description to paint.
    pub prompt: String,
    /// Side of the square picture in pixels.
    pub image_size: u32,
    /// Picture to edit.
    pub base: Option<Picture>,
    /// Where the picture may change: the mask of an edit. Empty for everywhere.
    pub editable: Vec<PixelBox>,
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelBox {
    /// Pixels to the left of it.
    pub left: u32,
    /// Pixels above it.
    pub top: u32,
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// The key of an answer: a hash of everything that shapes it, as 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AnswerKey(pub String);

impl fmt::Display for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a teacher said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Text, as a rule a JSON object.
    Text(String),
    /// A picture, not yet checked.
    Picture(Picture),
    /// The teacher will not or cannot answer this request. An answer like any other: it is stored, and
    /// the row it belongs to is rejected.
    Declined(Rejection),
}

/// What an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read, if the teacher counts them.
    pub input_tokens: Option<u64>,
    /// Tokens written, if the teacher counts them.
    pub output_tokens: Option<u64>,
    /// Of the tokens read, those that the server had cached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input_tokens: Option<u64>,
    /// Of the tokens read, those of pictures, where they are counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_input_tokens: Option<u64>,
    /// Of the tokens written, those of pictures, where they are counted apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_output_tokens: Option<u64>,
    /// Price in millionths of a US dollar, if prices are given. Calls before this one that were given up after
    /// they had been sent are in it, at what they can have cost.
    pub cost_micro_usd: Option<u64>,
    /// Calls for this answer that were given up after they had been sent, and may have been paid for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub maybe_paid_calls: u32,
    /// Milliseconds from question to answer, as measured when it was really asked.
    pub latency_ms: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// An answer with its provenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What was said.
    pub answer: Answer,
    /// The model that says it answered.
    pub model: String,
    /// The server's own name for the state of that model (`system_fingerprint`), where it gives one.
    pub fingerprint: Option<String>,
    /// What it took.
    pub usage: Usage,
    /// Where it stands in the answer store; `None` before it has been stored.
    pub key: Option<AnswerKey>,
    /// Whether it was read from the store and not asked this time.
    pub from_store: bool,
}

/// A teacher could not be asked. Unlike [`Answer::Declined`] this says nothing about the row: the run
/// cannot go on as it is.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The teacher cannot be reached or does not work.
    #[error("teacher `{teacher}` does not answer: {detail}")]
    Unreachable {
        /// Its name in the pipeline file.
        teacher: String,
        /// What was seen.
        detail: String,
    },
    /// The teacher takes no more questions until somebody sees to it: no key, a wrong key, no money left.
    #[error("teacher `{teacher}` takes no more questions: {detail}")]
    Paused {
        /// Its name in the pipeline file.
        teacher: String,
        /// What it said, and what to do.
        detail: String,
    },
    /// One more question could cost more than is left of the budget.
    #[error(
        "the budget is reached: {spent_usd:.2} of {budget_usd:.2} USD are spent or reserved, and a question to \
         `{teacher}` may cost {bound_usd:.4}"
    )]
    BudgetReached {
        /// Whose question it was.
        teacher: String,
        /// Spent, and reserved by calls that a kill cut off.
        spent_usd: f64,
        /// The budget.
        budget_usd: f64,
        /// The most that the question can cost.
        bound_usd: f64,
    },
    /// A replay found no answer to a question.
    #[error(
        "teacher `{teacher}` is replayed, and the answer store holds no answer to a question of the {role}"
    )]
    NotRecorded {
        /// Its name in the pipeline file.
        teacher: String,
        /// Who asked.
        role: Role,
    },
    /// The answer could not be made durable, so it must not be used.
    #[error("cannot keep an answer in {path}")]
    Store {
        /// The segment file.
        path: String,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// The run is stopping; nothing new is asked.
    #[error("the run is stopping")]
    Stopping,
}
