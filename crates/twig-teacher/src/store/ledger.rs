use std::{
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    committer::{Committer, SegmentWriter},
    partition::segments,
    segment,
};

/// What calls may cost and have cost, written down before and after each: `answers/ledger/<writer>.seg`.
///
/// A reservation is durable before its call is sent, so that after a kill a call that was under way counts at
/// its reservation. A settlement need not be durable at once: where it is lost, the reservation counts.
#[derive(Debug)]
pub struct Ledger {
    writer: Arc<SegmentWriter>,
    committer: Arc<Committer>,
    name: String,
    next: AtomicU64,
    spent_micro_usd: u64,
}

/// A line of the ledger.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Entry {
    Reserved {
        call: u64,
        micro_usd: u64,
    },
    Settled {
        /// Whose call it is, where an earlier run had put its price aside.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        writer: Option<String>,
        call: u64,
        micro_usd: u64,
    },
}

impl Ledger {
    pub(super) fn open(folder: PathBuf, writer: &str, committer: Arc<Committer>) -> Result<Self, StoreError> {
        let (spent_micro_usd, name) = (spent(&folder)?, writer.to_owned());
        let writer = Arc::new(SegmentWriter::new(folder.join(format!("{writer}.seg"))));
        Ok(Self { writer, committer, name, next: AtomicU64::new(0), spent_micro_usd })
    }

    /// What earlier runs have spent, calls that a kill cut off at their reservation.
    pub fn spent_micro_usd(&self) -> u64 {
        self.spent_micro_usd
    }

    /// Writes a reservation down; returns the number of the call once it is durable.
    pub(crate) async fn reserve(&self, micro_usd: u64) -> io::Result<u64> {
        let call = self.number();
        self.committer.commit(Arc::clone(&self.writer), line(&Entry::Reserved { call, micro_usd })?).await?;
        Ok(call)
    }

    /// A number for a call without a reservation.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes down what a call has cost; durable with the next commit.
    pub(crate) fn settle(&self, call: u64, micro_usd: u64) {
        // Where it cannot be written the reservation stands, which is never too little.
        self.post(&Entry::Settled { writer: None, call, micro_usd });
    }

    /// Writes down what a call of an earlier run has cost.
    pub(crate) fn settle_of(&self, writer: &str, call: u64, micro_usd: u64) {
        self.post(&Entry::Settled { writer: Some(writer.to_owned()), call, micro_usd });
    }

    /// The name of this run's part of the ledger.
    pub(crate) fn writer(&self) -> &str {
        &self.name
    }

    fn post(&self, entry: &Entry) {
        if let Ok(line) = line(entry) {
            self.committer.post(Arc::clone(&self.writer), line);
        }
    }

    /// The file of this run.
    pub(crate) fn path(&self) -> &Path {
        self.writer.path()
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    Ok(serde_json::to_vec(entry)?)
}

/// Everything that the ledger in `folder` says was spent, in millionths of a dollar.
pub(super) fn spent(folder: &Path) -> Result<u64, StoreError> {
    let mut calls = Calls::default();
    for path in segments(folder)? {
        calls.read(&path)?;
    }
    Ok(calls.spent())
}

/// What is known of every call, by the run that put its price aside and its number there.
#[derive(Default)]
struct Calls {
    reserved: HashMap<(String, u64), u64>,
    settled: HashMap<(String, u64), u64>,
}

impl Calls {
    fn read(&mut self, path: &Path) -> Result<(), StoreError> {
        let file = File::open(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        let own = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        segment::records(path, &file, |record, _| match serde_json::from_slice(record) {
            Ok(Entry::Reserved { call, micro_usd }) => {
                self.reserved.insert((own.clone(), call), micro_usd);
                true
            }
            Ok(Entry::Settled { writer, call, micro_usd }) => {
                self.settled.insert((writer.unwrap_or_else(|| own.clone()), call), micro_usd);
                true
            }
            Err(_) => false,
        })?;
        Ok(())
    }

    /// Everything settled, and everything put aside that was never settled.
    fn spent(&self) -> u64 {
        let open = self.reserved.iter().filter(|(call, _)| !self.settled.contains_key(*call));
        self.settled.values().sum::<u64>() + open.map(|(_, micro_usd)| micro_usd).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use crate::AnswerStore;

    #[tokio::test]
    async fn a_call_that_was_cut_off_counts_at_its_reservation() {
        let folder = tempfile::tempdir().unwrap();
        {
            let store = AnswerStore::open(folder.path(), "first").unwrap();
            let ledger = store.ledger().unwrap();
            let (a, _cut_off) = (ledger.reserve(100).await.unwrap(), ledger.reserve(70).await.unwrap());
            ledger.settle(a, 30);
            ledger.settle(ledger.number(), 5);
        }
        let store = AnswerStore::open(folder.path(), "second").unwrap();
        let ledger = store.ledger().unwrap();
        assert_eq!(ledger.spent_micro_usd(), 30 + 70 + 5);
        ledger.reserve(1).await.unwrap();
        drop((ledger, store));
        assert_eq!(
            AnswerStore::open(folder.path(), "third").unwrap().ledger().unwrap().spent_micro_usd(),
            106
        );
    }
}
