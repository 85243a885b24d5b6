//! The command line. Doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds TwiG-50K-style datasets: pictures with the region-by-region thoughts, critiques and image tokens
/// that image generators are fine-tuned on.
#[derive(Debug, Parser)]
#[command(
    name = "twig",
    version,
    after_help = "Exit codes: 0 done · 1 unexpected · 2 wrong usage, pipeline file or release · 3 done, but \
                  more was rejected than allowed · 75 interrupted, or worth trying again\n\n\
                  Start with: twig run pipelines/quickstart.yaml"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a build job, or go on with one
    ///
    /// Whatever was done before stays and is not done again; run the same command after an interruption.
    /// Ctrl-C once finishes what is under way, twice stops at once.
    #[command(after_help = "Example:\n  twig run pipelines/quickstart.yaml --limit 20")]
    Run(JobArguments),
    /// Say what a run would do, ask and occupy, without doing it
    #[command(
        after_help = "Example:\n  twig plan pipelines/quickstart.yaml --select --set 'select.where=reward >= 95'"
    )]
    Plan(PlanArguments),
    /// Show how far a job has come
    Status(FolderArguments),
    /// Check a release: hashes, schemas, counts, tokens, pictures, accounting
    Verify(FolderArguments),
    /// Summarise a release: rows, scores, attempts, rejections
    Inspect(FolderArguments),
    /// Draw trajectories as a contact sheet: canvas, thought and critique of every region
    Sheet(SheetArguments),
    /// Write a release in another format
    Export(ExportArguments),
    /// Print a JSON Schema: of the pipeline file, of events, of the manifest, of teachers' answers
    Schema(SchemaArguments),
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

/// A job, and how to show its plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) job: JobArguments,
    /// Show what the selection would remove of what the job has made so far: step by step, alone and in order,
    /// by category, with examples
    #[arg(long, conflicts_with = "limit")]
    pub(crate) select: bool,
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

/// Which trajectories to draw, and where.
#[derive(Debug, Args)]
pub(crate) struct SheetArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Ids of trajectories; by default some of every category
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Trajectories to draw where no id is given
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) rows: usize,
    /// The PNG file to write
    #[arg(long, short, value_name = "FILE", default_value = "sheet.png")]
    pub(crate) output: PathBuf,
}

/// What to write, in which format, and where.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// The format
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) format: ExportFormat,
    /// The folder to write, which must not be there yet
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
}

/// A format that releases can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a trajectory, pictures as PNG files
    Jsonl,
}

/// Which schema.
#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Name of a schema; lists them where it is left out
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}
