//! Arguments of commands that run jobs and look after them.

use std::path::PathBuf;

use clap::Args;

/// A job, and a file of answers.
#[derive(Debug, Args)]
pub(crate) struct AnswerFileArguments {
    /// The output folder of a job
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// The file of answers
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// The job, and what of its pipeline file to change.
#[derive(Debug, Args)]
pub(crate) struct JobArguments {
    /// The pipeline file
    #[arg(value_name = "FILE")]
    pub(crate) pipeline: PathBuf,
    /// Prompt files or patterns instead of those in the pipeline file, relative to the current directory
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    pub(crate) prompts: Vec<String>,
    /// Output folder instead of that in the pipeline file
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<String>,
    /// Change a field of the pipeline file, for example `trajectories.regions=4`
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub(crate) set: Vec<String>,
    /// Pilot: only a fair sample of so many prompts; a full run later asks nothing of it again
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
}

/// A job, and how to run it.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Ask nobody: answer everything from the answer store, and fail where it has no answer
    #[arg(long)]
    pub(crate) replay: bool,
}

/// A job, and which of its rejected rows to try again.
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// Only rows that were rejected for this reason: refused, invalid_answer, bad_picture or teacher_failed
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: Vec<String>,
}

/// A folder to check.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Take damaged pieces of a job out of use, so that the next run makes just these anew
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A job, and how to show its plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Show what the selection would remove of what the job has made so far: step by step, alone and in order,
    /// by category, with examples
    #[arg(long, conflicts_with = "limit")]
    pub(crate) select: bool,
    /// Ask every teacher behind a network one tiny question: does it answer, how fast, what does it support
    #[arg(long)]
    pub(crate) ping: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A folder, and how to show what is said about it.
#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
