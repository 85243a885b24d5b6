use std::{
    io,
    path::{Path, PathBuf},
};

use twig_imaging::DecodeError;
use twig_model::AskError;
use twig_shards::{RemoteError, ShardError};
use twig_teacher::StoreError;

use crate::{prompts::PromptError, settings::SettingsError, templates::TemplateError};

/// Why a run did not come to its end. Rejected rows are not errors; see `twig_model::Rejection`.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The pipeline file cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The prompts cannot be read.
    #[error(transparent)]
    Prompts(#[from] PromptError),
    /// The output folder belongs to something else.
    #[error(
        "the output folder {folder} cannot be used: {why}; choose another with --output, or move it away"
    )]
    ForeignFolder {
        /// The folder.
        folder: PathBuf,
        /// What stands against it.
        why: String,
    },
    /// Another run works in the folder.
    #[error("the output folder {folder} is in use by {holder}; wait for it to end, or choose another folder")]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who holds it.
        holder: String,
    },
    /// The run was stopped; the same command goes on where it was.
    #[error("stopped; run the same command again to go on")]
    Interrupted,
    /// A teacher does not answer; nothing is lost, the same command goes on.
    #[error("{0}; what has been answered is kept, run the same command again to go on")]
    Teacher(AskError),
    /// One more question could cost more than is left of the budget.
    #[error("{0}; nothing is lost: raise run.budget_usd and run the same command again to go on")]
    BudgetReached(AskError),
    /// A replay lacks an answer.
    #[error("{0}; run without `replay` to ask it")]
    NotRecorded(AskError),
    /// A teacher's settings do not work on this machine.
    #[error("teacher `{name}` cannot be asked: {why}")]
    TeacherSettings {
        /// Its name in the pipeline file.
        name: String,
        /// What stands against it.
        why: String,
    },
    /// More was rejected than the pipeline file allows.
    #[error(
        "{detail}; what was answered is kept: mend the cause or raise the limit, and run the same command again"
    )]
    TooManyRejected {
        /// How much, and the limit.
        detail: String,
    },
    /// The selection leaves nothing.
    #[error("no trajectory is left to publish: {detail}")]
    NothingToRelease {
        /// Counts by reason.
        detail: String,
    },
    /// The file system failed.
    #[error("cannot use {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A table could not be written or read.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// The answer store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A prompt template is broken.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The embedded codebook is broken.
    #[error(transparent)]
    Codebook(#[from] twig_tokens::CodebookError),
    /// The checkpoint's tokenizer cannot be used.
    #[error("`release.text_tokenizer`")]
    TextTokenizer(#[from] twig_tokens::CheckpointTextError),
    /// A text of the release cannot be encoded.
    #[error(transparent)]
    Samples(#[from] twig_samples::SampleError),
    /// The weights of an image tokenizer cannot be used.
    #[error("the image tokenizer's checkpoint (tokens.tokenizers) cannot be used")]
    Checkpoint(#[from] twig_tokens::CheckpointError),
    /// An image tokenizer failed on its own ids.
    #[error(transparent)]
    Tokenizer(#[from] twig_tokens::TokenizeError),
    /// A part is not what was written.
    #[error(
        "{path} has changed since it was written; its record was removed, run the same command again to make \
         it anew from the answers that are kept"
    )]
    DamagedPart {
        /// The part.
        path: PathBuf,
    },
    /// What says whose folder it is has been damaged.
    #[error(
        "{path} has changed since it was written; `twig run` with the job's pipeline file writes it again"
    )]
    DamagedJob {
        /// The file.
        path: PathBuf,
    },
    /// The list of rows that are tried again is not what was written.
    #[error("{path} has changed since it was written; remove it, and note the rows again with `twig retry`")]
    DamagedRetries {
        /// The file.
        path: PathBuf,
    },
    /// The disk is about to be full.
    #[error(
        "{free_mb} MB are free on the disk of {folder}, and run.min_free_disk_mb is {min_mb}; nothing is lost: make \
         room and run the same command again to go on"
    )]
    LittleDisk {
        /// The output folder.
        folder: PathBuf,
        /// What is free.
        free_mb: u64,
        /// What must be.
        min_mb: u64,
    },
    /// The output folder cannot be made or used.
    #[error(
        "the output folder {folder} cannot be used; choose another with --output, or see to its permissions"
    )]
    OutputFolder {
        /// The folder.
        folder: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// An evaluation picture that cannot be looked at protects nothing.
    #[error("the evaluation picture {path} of decontaminate.against cannot be read as one")]
    EvaluationPicture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A selection is tried on what a job has made.
    #[error("{folder} holds nothing to select from yet; `twig run` makes it, `--limit 50` a first sample")]
    NothingToSelect {
        /// The job's folder.
        folder: PathBuf,
    },
    /// The job's copy in an object store could not be read or written.
    #[error("the copy of the job (run.mirror) cannot be used; what is done here is kept")]
    Mirror(#[source] RemoteError),
    /// Rows went missing: a fault of this program.
    #[error("accounting: {0}; this is a fault in twig, please report it")]
    Accounting(String),
    /// A worker panicked: a fault of this program.
    #[error("a worker ended unexpectedly; this is a fault in twig, please report it with the message above")]
    Worker,
}

impl RunError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn foreign(folder: &Path, why: String) -> Self {
        Self::ForeignFolder { folder: folder.to_owned(), why }
    }

    /// The exit code of the program, as the README lists them.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::TooManyRejected { .. } => 3,
            Self::BudgetReached(_) => 4,
            Self::Interrupted
            | Self::InUse { .. }
            | Self::Teacher(_)
            | Self::DamagedPart { .. }
            | Self::LittleDisk { .. } => 75,
            Self::OutputFolder { source, .. } if is_of_the_disk(source) => 1,
            Self::Io { source, .. }
            | Self::OutputFolder { source, .. }
            | Self::Shards(ShardError::Io { source, .. })
            | Self::Store(StoreError::Io { source, .. })
                if is_passing(source) =>
            {
                75
            }
            Self::Mirror(error) | Self::Prompts(PromptError::Store { source: error, .. })
                if error.may_pass() =>
            {
                75
            }
            Self::Settings(_)
            | Self::Prompts(_)
            | Self::ForeignFolder { .. }
            | Self::NotRecorded(_)
            | Self::TeacherSettings { .. }
            | Self::OutputFolder { .. }
            | Self::TextTokenizer(_)
            | Self::Checkpoint(_)
            | Self::EvaluationPicture { .. }
            | Self::NothingToSelect { .. }
            | Self::Mirror(_)
            | Self::NothingToRelease { .. } => 2,
            Self::Io { .. }
            | Self::Shards(_)
            | Self::Store(_)
            | Self::Template(_)
            | Self::Codebook(_)
            | Self::Samples(_)
            | Self::Tokenizer(_)
            | Self::Accounting(_)
            | Self::DamagedJob { .. }
            | Self::DamagedRetries { .. }
            | Self::Worker => 1,
        }
    }

    /// The error with its causes, in one line.
    pub(crate) fn with_causes(&self) -> String {
        let causes = std::iter::successors(std::error::Error::source(self), |cause| cause.source());
        causes.fold(self.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

/// Whether the disk fails, rather than the folder being a wrong choice.
fn is_of_the_disk(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied)
        // EIO has no kind of its own.
        || error.raw_os_error() == Some(5)
}

/// Whether the cause may go away: then the same command is worth trying again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<AskError> for RunError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Stopping => Self::Interrupted,
            AskError::Store { path, source } => Self::Io { path: PathBuf::from(path), source },
            AskError::Unreachable { .. } | AskError::Paused { .. } => Self::Teacher(error),
            AskError::BudgetReached { .. } => Self::BudgetReached(error),
            AskError::NotRecorded { .. } => Self::NotRecorded(error),
        }
    }
}
