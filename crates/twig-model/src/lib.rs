//! The vocabulary of TwiG datasets, shared by every other crate.
//!
//! A [`Prompt`] is drawn along a [`Schedule`] of [`Region`]s. For each region there is a thought (a local
//! sub-prompt), an [`Attempt`] at painting it and a [`Critique`] of what came out; a region that was not
//! accepted may be attempted again. All of it together is a [`Trajectory`]; a [`Judgement`] scores its
//! picture. Whatever cannot become data is a [`Rejection`] with a reason from a closed list.
//!
//! Thoughts, pictures and scores come from [`Teacher`]s, which answer [`Request`]s.
//!
//! Deliberately absent: files, pixels, networks and asynchronous runtimes. Terms follow the paper
//! "Thinking-while-Generating" (arXiv 2511.16671), section 3.

mod agreement;
mod inquiry;
mod judgement;
mod picture;
mod preference;
mod prompt;
mod region;
mod rejection;
mod sample;
mod schedule;
mod score;
mod teacher;
mod trajectory;

pub use agreement::{Agreement, Calibration, PairAgreement, Ratings};
pub use inquiry::{CompareTask, DescribeTask, InspectTask, ProbabilityTask, QuestionsTask, ScheduleTask};
pub use judgement::{JudgeCriterion, Judgement, weighted_reward};
pub use picture::Picture;
pub use preference::{
    Advantage, CountMention, CritiquePair, DpoPair, PairKind, PromptGroup, PromptMentions, SpatialMention,
};
pub use prompt::{InvalidPromptId, Prompt, PromptId};
pub use region::{Geometry, Grid, Region, TokenSpan};
pub use rejection::{RejectReason, Rejection};
pub use sample::{
    JanusSample, SampleHead, SampleLayout, SftMessage, SftPart, SftSample, TaskKind, TrajectoryTokens,
};
pub use schedule::{GridBox, Schedule, ScheduleError};
pub use score::{Criterion, CriterionScores, OutOfRange, Score};
pub use teacher::{
    Answer, AnswerKey, AnswerSchema, AskError, BoxFuture, ChatForm, CritiqueTask, ImageForm, JudgeTask,
    Message, PaintTask, Part, PixelBox, Rendered, Reply, Request, Role, Speaker, Task, Teacher, ThinkTask,
    Usage,
};
pub use trajectory::{Attempt, Critique, Mode, Step, Trajectory, TrajectoryId};
