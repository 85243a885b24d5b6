//! A build job: the pipeline file, the stages, the run, and what can be said about a run.
//!
//! [`run()`] does a job; [`plan()`] says what it would do, [`status()`] how far it has come. The stages are
//! functions from files to files, called one after the other in `run.rs`; each works partition by partition,
//! and a partition counts once its record has been written (`part.rs`).
//!
//! Deliberately absent: the command line, progress bars, Polars.

mod answers;
mod asking;
mod bill;
mod check;
mod cost;
mod cpu;
mod error;
mod events;
mod fingerprint;
mod free_disk;
#[doc(hidden)]
pub mod harness;
mod ids;
mod inquiries;
mod job;
mod judgements;
mod measures;
mod mirror;
mod near;
mod on_finish;
mod part;
mod partition;
mod ping;
mod places;
mod plan;
mod prompts;
mod recipe;
mod rejections;
mod release;
mod retry;
mod run;
pub mod schemas;
mod sealed;
mod seeds;
mod settings;
mod status;
mod teachers;
mod templates;
mod tokens;
mod trajectories;
mod work;

pub use bill::{Bill, Bills};
pub use check::{JobReport, check, forget_damaged};
pub use cost::CostPlan;
pub use error::RunError;
pub use events::{Event, EventLine, Observer};
pub use job::{FORMAT_VERSION, JobFolder, JobLock, JobRecord, Stage};
pub use part::{FileRecord, PartRecord};
pub use partition::Partition;
pub use ping::{PingReport, ping};
pub use plan::{BatchPlan, Plan, StagePlan, plan};
pub use prompts::{PromptError, PromptList, PromptTable, Sample};
pub use release::{Example, Funnel, FunnelStep, ReleaseRecord, Repeats, funnel};
pub use retry::retry;
pub use run::{RunSummary, run};
pub use settings::{
    BoxSettings, CanvasView, DecontaminationSettings, DeviceName, JudgeKind, JudgeSettings,
    JudgementSettings, MarkedRows, MaxRejected, MixSettings, PipelineFile, Problem, PromptSettings,
    PromptSource, RejectLimit, ReleaseSettings, RoleSettings, RunSettings, ScheduleSettings, SelectSettings,
    Settings, SettingsError, ShapeName, TeacherSettings, TemplateSettings, Thinking, TokenScope,
    TokenSettings, TokenizerSettings, TrajectorySettings,
};
pub use status::{StageStatus, Status, status};
pub use templates::{TemplateError, Templates};
pub use twig_teacher::{AnswerStore, Notice, Ping, Reading, Stop, StoreReport};
