//! Arguments of commands that make something new of a release.

use std::path::PathBuf;

use clap::Args;

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
    /// Tar files for WebDataset and Energon, one sample an attempt at a region
    Webdataset,
    /// MosaicML streaming shards of the Janus samples
    Mds,
    /// LLaMA-Factory: sharegpt chats, pictures, dataset_info.json
    LlamaFactory,
    /// BAGEL: Parquet for text-to-image and step-by-step editing, parquet_info
    Bagel,
    /// Interleaved JSON conversations with need_loss, need_vae and need_vit, in Parquet
    Irg,
    /// Image token ids as NumPy files
    Codes,
    /// Our own tables without the Hugging Face features: pictures stay bytes (ms-swift streaming)
    Plain,
}

impl From<ExportFormat> for twig_export::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Jsonl => Self::Jsonl,
            ExportFormat::Webdataset => Self::WebDataset,
            ExportFormat::Mds => Self::Mds,
            ExportFormat::LlamaFactory => Self::LlamaFactory,
            ExportFormat::Bagel => Self::Bagel,
            ExportFormat::Irg => Self::Irg,
            ExportFormat::Codes => Self::Codes,
            ExportFormat::Plain => Self::Plain,
        }
    }
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
