//! The answer store: everything a teacher ever said, and the only state that cost money.
//!
//! `answers/part-00003/<writer>.seg` holds the answers of partition 3 that one stage of one run wrote. Segments are only
//! ever appended to, so a kill can at worst tear the last record, which readers ignore; overlapping runs
//! write segments of their own and cannot harm each other.

mod committer;
mod ledger;
mod partition;
mod record;
mod segment;
mod upkeep;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use committer::Committer;
pub use ledger::Ledger;
pub use partition::PartitionAnswers;
pub use upkeep::StoreReport;

/// The store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system failed.
    #[error("answer store: cannot use {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// A segment of a later format, or a file that is no segment.
    #[error("answer store: {path} is not a segment that this version of twig reads; move it away to go on")]
    NotASegment {
        /// The file.
        path: PathBuf,
    },
}

/// What a look at a store found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Answers that can be used.
    pub answers: u64,
    /// Bytes of torn records at the ends of segments, left by kills; harmless.
    pub torn_bytes: u64,
    /// Records whose hash does not fit their bytes; they are asked again.
    pub damaged: u64,
}

impl StoreStats {
    /// Adds the findings of another segment or partition.
    pub fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.torn_bytes += other.torn_bytes;
        self.damaged += other.damaged;
    }
}

/// Folder of answers that were taken over from other jobs.
const IMPORTED: &str = "imported";
/// Folder of what calls have cost.
const LEDGER: &str = "ledger";
/// Folder of what is known of batches.
const BATCHES: &str = "batches";

/// Reads every record of a file that may be anything.
pub(crate) fn read_anything(path: &Path, file: &std::fs::File) {
    let read = |bytes: &[u8], _| record::from_bytes(bytes).is_some() || record::key_of(bytes).is_some();
    let _ = segment::records(path, file, read);
}

/// The answer store of a job; opens one partition at a time.
#[derive(Debug)]
pub struct AnswerStore {
    folder: PathBuf,
    writer: String,
    /// Partitions opened so far: two stages of a run open the same one, each with a segment of its own.
    openings: AtomicU32,
    /// Answers of other jobs, for all partitions.
    imported: Arc<partition::Index>,
    committer: Arc<Committer>,
}

impl AnswerStore {
    /// Opens the store in `folder`. `writer` names this run's segments and must be used by no other run.
    pub fn open(folder: &Path, writer: &str) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)
            .map_err(|source| StoreError::Io { path: folder.to_owned(), source })?;
        for unfinished in [IMPORTED, BATCHES, LEDGER] {
            partition::remove_unfinished(&folder.join(unfinished))?;
        }
        upkeep::forget_answered_batches(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            writer: writer.to_owned(),
            openings: AtomicU32::new(0),
            imported: Arc::new(partition::read_index(&folder.join(IMPORTED))?.0),
            committer: Arc::new(Committer::start()),
        })
    }

    /// Reads the index of one partition from all its segments.
    ///
    /// Costs one pass over the partition's bytes; holds about 100 bytes an answer while it is open.
    pub fn partition(&self, index: u32) -> Result<PartitionAnswers, StoreError> {
        let folder = self.folder.join(format!("part-{index:05}"));
        let opening = self.openings.fetch_add(1, Ordering::Relaxed);
        let segment = format!("{}-{opening}.seg", self.writer);
        PartitionAnswers::open(folder, &segment, Arc::clone(&self.imported), Arc::clone(&self.committer))
    }

    /// Opens the ledger of what calls have cost, over all runs.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        Ledger::open(self.folder.join(LEDGER), &self.writer, Arc::clone(&self.committer))
    }
}
