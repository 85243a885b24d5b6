use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    committer::{Committer, SegmentWriter},
    partition::segments,
    segment,
    upkeep::written,
};

/// How long a reservation may wait for others to become durable with it: what has a price takes longer to answer.
const PATIENCE: Duration = Duration::from_millis(100);

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
    damaged: u64,
    /// What earlier runs have put aside and not settled. Short critical sections only.
    open: Mutex<HashMap<Call, u64>>,
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
        let (account, name) = (Account::read(&folder)?, writer.to_owned());
        let writer = Arc::new(SegmentWriter::new(folder.join(format!("{writer}.seg"))));
        let (spent_micro_usd, damaged) = (account.spent(), account.num_damaged());
        let open = Mutex::new(account.open);
        Ok(Self { writer, committer, name, next: AtomicU64::new(0), spent_micro_usd, damaged, open })
    }

    /// What earlier runs have spent, calls that a kill cut off at their reservation.
    pub fn spent_micro_usd(&self) -> u64 {
        self.spent_micro_usd
    }

    /// Damaged entries. Each counts as spent with the largest sum of any other: too much rather than too little.
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// Writes a reservation down; returns the number of the call once it is durable.
    pub(crate) async fn reserve(&self, micro_usd: u64) -> io::Result<u64> {
        let call = self.number();
        let line = line(&Entry::Reserved { call, micro_usd })?;
        self.committer.commit(Arc::clone(&self.writer), line, PATIENCE).await?;
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

    /// Writes down what a call of an earlier run has cost; returns what had been put aside for it. `None` where it
    /// was settled before: then its cost is counted already.
    pub(crate) fn settle_of(&self, writer: &str, call: u64, micro_usd: u64) -> Option<u64> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let reserved = open.remove(&(Arc::from(writer), call))?;
        self.post(&Entry::Settled { writer: Some(writer.to_owned()), call, micro_usd });
        Some(reserved)
    }

    /// Whether an earlier run has put money aside for this call that nobody has settled.
    pub(crate) fn is_open(&self, writer: &str, call: u64) -> bool {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(Arc::from(writer), call))
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

/// Everything that the ledger in `folder` says was spent, in millionths of a dollar, and its segments with damaged
/// entries.
pub(super) fn look(folder: &Path) -> Result<(u64, BTreeMap<PathBuf, u64>), StoreError> {
    let account = Account::read(folder)?;
    Ok((account.spent(), account.damaged))
}

/// Writes segments with damaged entries again. What those count for is written down as spent.
pub(super) fn mend(folder: &Path) -> Result<(), StoreError> {
    let account = Account::read(folder)?;
    for (path, count) in &account.damaged {
        let io_error = |source| StoreError::Io { path: path.clone(), source };
        let file = File::open(path).map_err(io_error)?;
        let micro_usd = count * account.largest;
        let lost = line(&Entry::Settled { writer: None, call: u64::MAX, micro_usd }).map_err(io_error)?;
        let mut entries = segment::frame(&lost);
        segment::records(path, &file, |record, _| {
            let is_entry = serde_json::from_slice::<Entry>(record).is_ok();
            if is_entry {
                entries.extend(segment::frame(record));
            }
            is_entry
        })?;
        written(path, |out| out.write_all(&entries).map_err(io_error))?;
    }
    Ok(())
}

/// A call, by the run that put its price aside and its number there.
type Call = (Arc<str>, u64);

/// What the ledger adds up to. Only calls that were never settled are held one by one: those that a kill cut off,
/// and those in batches.
#[derive(Debug, Default)]
struct Account {
    settled: u64,
    open: HashMap<Call, u64>,
    /// The largest sum of an entry.
    largest: u64,
    /// Damaged entries, by segment.
    damaged: BTreeMap<PathBuf, u64>,
}

impl Account {
    /// Runs are read in the order they began in: whoever settles another's call comes after it.
    fn read(folder: &Path) -> Result<Self, StoreError> {
        let mut account = Self::default();
        for path in segments(folder)? {
            account.add(&path)?;
        }
        Ok(account)
    }

    fn add(&mut self, path: &Path) -> Result<(), StoreError> {
        let file = File::open(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
        let own: Arc<str> = path.file_stem().unwrap_or_default().to_string_lossy().into();
        let stats = segment::records(path, &file, |record, _| match serde_json::from_slice(record) {
            Ok(Entry::Reserved { call, micro_usd }) => {
                self.largest = self.largest.max(micro_usd);
                self.open.insert((Arc::clone(&own), call), micro_usd);
                true
            }
            Ok(Entry::Settled { writer, call, micro_usd }) => {
                self.open.remove(&(writer.map_or_else(|| Arc::clone(&own), Arc::from), call));
                self.largest = self.largest.max(micro_usd);
                self.settled += micro_usd;
                true
            }
            Err(_) => false,
        })?;
        if stats.damaged > 0 {
            self.damaged.insert(path.to_owned(), stats.damaged);
        }
        Ok(())
    }

    /// Everything settled, everything put aside that was never settled, and what cannot be read at the most that it
    /// may have been.
    fn spent(&self) -> u64 {
        self.settled + self.open.values().sum::<u64>() + self.num_damaged() * self.largest
    }

    fn num_damaged(&self) -> u64 {
        self.damaged.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(spent(folder.path()), 106);
    }

    #[tokio::test]
    async fn what_was_put_aside_is_settled_by_a_later_run_once() {
        let folder = tempfile::tempdir().unwrap();
        let call =
            AnswerStore::open(folder.path(), "1").unwrap().ledger().unwrap().reserve(100).await.unwrap();
        for (run, reserved) in [("2", Some(100)), ("3", None)] {
            let ledger = AnswerStore::open(folder.path(), run).unwrap().ledger().unwrap();
            assert_eq!(ledger.settle_of("1", call, 40), reserved, "{run}");
            assert_eq!(ledger.settle_of("1", call, 40), None, "{run}");
        }
        assert_eq!(spent(folder.path()), 40);
    }

    #[tokio::test]
    async fn a_damaged_entry_counts_at_the_largest_sum_before_it_is_mended_and_after() {
        let folder = tempfile::tempdir().unwrap();
        {
            let ledger = AnswerStore::open(folder.path(), "first").unwrap().ledger().unwrap();
            for micro_usd in [100, 70, 30] {
                ledger.reserve(micro_usd).await.unwrap();
            }
        }
        let path = folder.path().join("ledger/first.seg");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let report = AnswerStore::look(folder.path()).unwrap();
        assert_eq!(report.damaged_ledger, BTreeMap::from([(path, 1)]));
        assert_eq!(spent(folder.path()), 100 + 30 + 100);
        mend(&folder.path().join("ledger")).unwrap();
        assert_eq!(AnswerStore::look(folder.path()).unwrap().damaged_ledger, BTreeMap::new());
        assert_eq!(spent(folder.path()), 100 + 30 + 100);
    }

    fn spent(folder: &Path) -> u64 {
        AnswerStore::open(folder, "last").unwrap().ledger().unwrap().spent_micro_usd()
    }
}
