//! The command line. Doc comments are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds TwiG-50K-style datasets: pictures with the region-by-region thoughts, critiques and image tokens
/// that image generators are fine-tuned on.
#[derive(Debug, Parser)]
#[command(
    name = "twig",
    version,
    after_help = "Exit codes: 0 done · 1 unexpected · 2 wrong usage, pipeline file or release · 3 more \
                  was rejected than allowed · 4 budget reached · 75 interrupted, or worth trying again\n\n\
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
    Run(RunArguments),
    /// Say what a run would do, ask and occupy, without doing it
    #[command(
        after_help = "Example:\n  twig plan pipelines/quickstart.yaml --select --set 'select.where=reward >= 95'"
    )]
    Plan(PlanArguments),
    /// Show how far a job has come
    #[command(after_help = "Examples:\n  twig status out/quickstart\n  watch twig status out/quickstart")]
    Status(FolderArguments),
    /// Look after the answer store: what every teacher has said, and what was paid for it
    #[command(
        subcommand,
        after_help = "Examples:\n  twig answers stats out/quickstart\n  twig answers export out/quickstart answers.seg"
    )]
    Answers(AnswersCommand),
    /// Check a release: hashes, schemas, counts, tokens, pictures, accounting; of a job also parts and answers
    #[command(
        after_help = "Examples:\n  twig verify out/quickstart\n  twig verify out/quickstart --repair\n  twig verify \
                      out/quickstart --json | jq .problems"
    )]
    Verify(VerifyArguments),
    /// Try rejected rows again that can succeed when a teacher is asked once more, then go on with the job
    ///
    /// Answers that were of use are kept: only the questions that failed are asked, and paid for, again.
    #[command(
        after_help = "Example:\n  twig retry pipelines/openai.yaml --reason refused --reason invalid_answer"
    )]
    Retry(RetryArguments),
    /// Summarise a release, or compare two: rows, scores, attempts, rejections
    #[command(
        after_help = "Examples:\n  twig inspect out/quickstart\n  twig inspect out/before out/after\n  twig inspect s3://bucket/release\n  \
                      twig inspect out/quickstart --json | jq .warnings"
    )]
    Inspect(InspectArguments),
    /// Ask questions in SQL: of every table, of rejected rows, calls, events and marks
    ///
    /// Without a query it reads one after the other, with history (arrow keys) and completion (Tab).
    #[command(
        after_help = "Examples:\n  twig sql out/quickstart \"select category, avg(reward) from steps group by \
                      1\"\n  twig sql out/quickstart \"select reason, count(*) n from rejected group by reason\" \
                      --format csv\n  twig sql out/quickstart \"select * from steps where score < 60\" -o \
                      worst.parquet\n  twig sql out/quickstart"
    )]
    Sql(SqlArguments),
    /// Show a trajectory in the terminal: prompt, regions, thoughts, critiques, pictures
    #[command(
        after_help = "Examples:\n  twig show out/quickstart              one with a redo\n  twig show \
                      out/quickstart 3f9a2c41   the one whose id begins so\n  twig show 3f9a2c41 | less -R      \
                      looked for in this folder and in out/*"
    )]
    Show(ShowArguments),
    /// Draw trajectories as a contact sheet: canvas, thought and critique of every region
    #[command(
        after_help = "Examples:\n  twig sheet out/quickstart\n  twig sheet out/quickstart --rows 12 -o twelve.png"
    )]
    Sheet(SheetArguments),
    /// Write a release in another format
    ///
    /// The same command goes on with an export that was interrupted.
    #[command(
        after_help = "Examples:\n  twig export out/quickstart -o exported\n  twig export out/quickstart --format \
                      webdataset -o tars"
    )]
    Export(ExportArguments),
    /// Write a report to send to somebody: one HTML file that loads nothing from anywhere
    #[command(
        after_help = "Examples:\n  twig report out/quickstart\n  twig report out/quickstart -o quickstart.html"
    )]
    Report(ReportArguments),
    /// Look at trajectories in the browser, mark them, follow a run, compare two releases
    ///
    /// Serves pages on 127.0.0.1 under an address with a random token, and prints it. Marks go to `marks.jsonl`
    /// in the job's folder, or beside a release that stands alone. Ctrl-C ends it.
    #[command(
        after_help = "Examples:\n  twig view out/quickstart\n  twig view out/before out/after   side by side\n  \
                      ssh -L 8080:127.0.0.1:8080 HOST twig view OUT --port 8080"
    )]
    View(ViewArguments),
    /// Print a script that completes commands and options in a shell
    #[command(
        after_help = "Examples:\n  twig completions bash > ~/.local/share/bash-completion/completions/twig\n  \
                      twig completions zsh > ~/.zfunc/_twig\n  twig completions fish > \
                      ~/.config/fish/completions/twig.fish"
    )]
    Completions(CompletionsArguments),
    /// Write the manual pages, or print the one of `twig` itself
    #[command(after_help = "Examples:\n  twig man | man -l -\n  twig man -o ~/.local/share/man/man1")]
    Man(ManArguments),
    /// Upload a release to an object store or to the Hugging Face Hub
    ///
    /// Readers there see all of it or nothing. The same command goes on with an upload that was interrupted.
    /// Credentials come from the environment under the names of each provider's own tools: AWS_ACCESS_KEY_ID,
    /// AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, HF_TOKEN, …
    #[command(
        after_help = "Examples:\n  twig push out/quickstart s3://bucket/quickstart\n  twig push out/quickstart hf://datasets/me/quickstart"
    )]
    Push(PushArguments),
    /// Put several releases together into a new one
    ///
    /// Of trajectories that several have (by id), the first release's is kept. Pictures are copied as they are.
    #[command(after_help = "Example:\n  twig merge out/monday out/tuesday -o out/both")]
    Merge(MergeArguments),
    /// Make a new release of the trajectories for which a condition holds
    ///
    /// The condition is SQL as in `select.where`, over id, prompt, category, mode, painter, sample_index, num_steps,
    /// attempts, min_step_score and reward.
    #[command(
        after_help = "Example:\n  twig filter out/quickstart --where \"reward >= 90 and attempts <= 4\" -o out/best"
    )]
    Filter(FilterArguments),
    /// Make a new release of a fair share of the prompts, for example as a preview
    #[command(after_help = "Example:\n  twig sample out/quickstart --share 0.01 -o out/preview")]
    Sample(SampleArguments),
    /// Print a JSON Schema: of the pipeline file, of events, of the manifest, of teachers' answers
    #[command(after_help = "Examples:\n  twig schema\n  twig schema pipeline > pipeline.schema.json")]
    Schema(SchemaArguments),
}

/// What to do with the answers of a job.
#[derive(Debug, Subcommand)]
pub(crate) enum AnswersCommand {
    /// Count answers, bytes, damage, and what was spent
    Stats(FolderArguments),
    /// Copy all sound answers of a job into a file
    Export(AnswerFileArguments),
    /// Take over the answers in a file; questions that they answer are not asked again
    Import(AnswerFileArguments),
    /// Rewrite the store without damage, torn ends and second answers to the same question
    Prune(FolderArguments),
}

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
    pub(crate) pictures: Option<PictureStyle>,
}

/// A way to show pictures in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PictureStyle {
    /// The kitty protocol
    Kitty,
    /// The inline images of iTerm2
    Iterm,
    /// Sixels
    Sixel,
    /// Half blocks in 24-bit colour
    Blocks,
    /// Half blocks in 256 colours
    Blocks256,
    /// None
    None,
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

/// Which shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Where manual pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// A folder for the pages of all commands
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
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

/// Which schema.
#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Name of a schema; lists them where it is left out
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_shows_by_example_what_to_type() {
        let command = Arguments::command();
        command.clone().debug_assert();
        for subcommand in command.get_subcommands() {
            let shown = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(shown.starts_with("Example") && shown.contains("  twig "), "{}", subcommand.get_name());
        }
    }
}
