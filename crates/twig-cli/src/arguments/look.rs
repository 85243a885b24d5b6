//! Arguments of commands that look at what was made.

use std::path::PathBuf;

use clap::Args;
use twig_inspect::Pictures;

/// A release, or two to compare.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The output folder of a job, a release, or a release in an object store (s3://…, gs://…, az://…)
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Another one, to compare with the first
    #[arg(value_name = "OTHER")]
    pub(crate) other: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A query, and what to do with its answer.
#[derive(Debug, Args)]
pub(crate) struct SqlArguments {
    /// The output folder of a job, a release, or a release in an object store (s3://…, gs://…, az://…)
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// The query; read from the terminal, or from standard input, where it is left out
    #[arg(value_name = "QUERY")]
    pub(crate) query: Option<String>,
    /// How the answer is written; by default as a table, or as the name of the output file says
    #[arg(long, value_enum)]
    pub(crate) format: Option<AnswerFormat>,
    /// The file to write instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Rows of a table that are shown at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) rows: usize,
}

/// A form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AnswerFormat {
    /// Columns for reading, long texts cut
    Table,
    /// Comma-separated values; lists and structs as JSON
    Csv,
    /// An array of objects; bytes in base64
    Json,
    /// A Parquet file; needs --output
    Parquet,
}

/// Which trajectory, and how.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The output folder of a job or a release, then ids; an id alone is looked for in this folder and in out/*
    #[arg(value_name = "OUT|ID", required = true, num_args = 1..)]
    pub(crate) words: Vec<String>,
    /// How pictures are shown; by default as the terminal can, and not at all where none is
    #[arg(long, value_enum)]
    pub(crate) pictures: Option<Pictures>,
}

/// What to report on, and where to write it.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The output folder of a job, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// The file to write; by default report.html in the job's folder, or here for a release by itself
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct ViewArguments {
    /// The output folder of a job, finished or not, or a release
    #[arg(value_name = "OUT")]
    pub(crate) folder: PathBuf,
    /// Another one, to be seen side by side with the first
    #[arg(value_name = "OTHER")]
    pub(crate) other: Option<PathBuf>,
    /// The port; by default any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
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
