//! Arguments of commands that make something new of a release.

use std::path::PathBuf;

use clap::Args;
use twig_export::ExportFormat;

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

/// What to upload, and where.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// s3://…, gs://…, az://…, file://… or hf://datasets/OWNER/NAME[@REVISION]
    #[arg(value_name = "URL")]
    pub(crate) target: String,
    /// Put the release in the place of another one that lies there
    #[arg(long)]
    pub(crate) replace: bool,
}

/// Where a new release goes, and what it is called.
#[derive(Debug, Args)]
pub(crate) struct NewReleaseArguments {
    /// The folder of the new release, which must not be there yet
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Its name for people, instead of that of the releases it is made from
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Megabytes after which a shard ends
    #[arg(long, value_name = "MB", default_value_t = 400, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) shard_mb: u32,
}

/// Which releases to put together.
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// Output folders of jobs, or releases
    #[arg(value_name = "OUT", required = true, num_args = 1..)]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) new: NewReleaseArguments,
}

/// Which part of a release to take.
#[derive(Debug, Args)]
pub(crate) struct FilterArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// The condition
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) condition: String,
    #[command(flatten)]
    pub(crate) new: NewReleaseArguments,
}

/// How much of a release to take.
#[derive(Debug, Args)]
pub(crate) struct SampleArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Share of the prompts, above 0 and up to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub(crate) share: f64,
    /// Another seed draws other prompts; a larger share contains a smaller one of the same seed
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) new: NewReleaseArguments,
}
