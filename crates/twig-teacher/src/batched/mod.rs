//! The batch path: questions of many trajectories go in files, and their answers come within a day at, as a
//! rule, half the price.
//!
//! A batch is sent when no further question has come for a while: then every trajectory under way waits for an
//! answer, and all of them together are a wave. What was sent is written down before and after; a run that is
//! started again finds its batches at the server and sends nothing twice. A batch is forgotten once all of its answers
//! are durable in the answer store. Answers are stored under the same keys as on the direct path, so the trajectories
//! are the same.

mod answers;
mod gather;
mod record;
mod send;
mod server;

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::AtomicU32},
};

use tokio::sync::{mpsc, oneshot};
use twig_model::{AnswerKey, AskError, BoxFuture, Reply, Request, Teacher};

use record::BatchRecord;
pub(crate) use record::{Reserved, damaged, fetched_keys, forget_answered, remove_orphans};

use crate::{
    BatchSettings, Notice, Remote, answer_key,
    openai::{
        body::{self, Call},
        failure::Failure,
    },
    prices::CallBound,
    purse::Reservation,
    trying::Lost,
};

/// Questions that wait to be taken into a batch; a further one waits in its caller.
const QUEUE_LEN: usize = 1024;

/// A [`Remote`] teacher whose questions go in batches.
pub struct Batched {
    inner: Arc<Inner>,
    queue: OnceLock<io::Result<mpsc::Sender<Waiting>>>,
}

struct Inner {
    remote: Remote,
    folder: PathBuf,
    settings: BatchSettings,
    /// Short critical sections only.
    state: Mutex<State>,
    batches_sent: AtomicU32,
}

#[derive(Default)]
struct State {
    /// Whoever waits for a batch, by the key of the answer.
    waiting: HashMap<String, Waiting>,
    /// What batches of earlier runs will answer, and nobody has asked yet.
    expected: HashMap<String, Expected>,
    /// Answers of earlier runs' batches that nobody has asked for yet: they stay in the fetched file.
    kept: HashMap<String, Kept>,
    /// What is not durable yet of the answers that were fetched, by the name of the batch.
    unstored: HashMap<String, Unstored>,
    /// Batches that there is no news of, by name: why, and what could not be done.
    broken: HashMap<String, (Failure, String)>,
}

/// A question in a batch of an earlier run.
#[derive(Clone)]
struct Expected {
    /// The name of the batch.
    batch: String,
    /// What was put aside for it.
    reserved: Option<Reserved>,
}

/// A batch whose answers were fetched.
struct Unstored {
    record: Arc<BatchRecord>,
    /// Keys of the answers that are not in the answer store yet.
    keys: HashSet<String>,
    /// Whether all of its answers were looked at.
    is_over: bool,
}

impl State {
    /// Whether an earlier run has sent this question.
    fn is_known(&self, key: &str) -> bool {
        self.expected.contains_key(key) || self.kept.contains_key(key)
    }

    /// What is not durable yet of the answers of a batch.
    fn unstored(&mut self, record: &Arc<BatchRecord>) -> &mut Unstored {
        let begin = || Unstored { record: Arc::clone(record), keys: HashSet::new(), is_over: false };
        self.unstored.entry(record.name.clone()).or_insert_with(begin)
    }

    /// The question of this key, where it waits for this batch.
    fn waiting_for(&mut self, batch: &str, key: &str) -> Option<&mut Waiting> {
        self.waiting.get_mut(key).filter(|waiting| waiting.batch == batch)
    }

    /// The same, taken out.
    fn take(&mut self, batch: &str, key: &str) -> Option<Waiting> {
        self.waiting_for(batch, key)?;
        self.waiting.remove(key)
    }

    /// An answer stays where it was fetched to, until somebody asks for it.
    fn keep(&mut self, key: String, kept: Kept) {
        self.handed_out(&kept.record.name, &key);
        self.kept.insert(key, kept);
    }

    /// An answer of this batch is on its way into the answer store.
    fn handed_out(&mut self, name: &str, key: &str) {
        if let Some(unstored) = self.unstored.get_mut(name) {
            unstored.keys.insert(key.to_owned());
        }
    }

    /// The batch, where nothing is left to be stored of it.
    fn done(&mut self, name: &str) -> Option<Arc<BatchRecord>> {
        let unstored = self.unstored.get(name)?;
        let is_done = unstored.is_over && unstored.keys.is_empty();
        is_done.then(|| self.unstored.remove(name).map(|unstored| unstored.record)).flatten()
    }
}

/// Where a fetched answer stands.
#[derive(Clone)]
struct Kept {
    record: Arc<BatchRecord>,
    earlier: Option<Reserved>,
    offset: u64,
    len: usize,
    hash: blake3::Hash,
}

/// A question that waits for its answer.
struct Waiting {
    key: String,
    /// The name of the batch that it is in; empty before it is in any.
    batch: String,
    call: Call,
    bound: CallBound,
    /// Answers to it that may be paid for and cannot be read.
    lost: Lost,
    /// What this run has put aside for it.
    reservation: Option<Reservation>,
    /// What an earlier run has put aside for it.
    earlier: Option<Reserved>,
    /// How often the server has failed on it.
    failures: u32,
    /// How many batches have left it unanswered.
    left: u32,
    done: oneshot::Sender<Result<Reply, AskError>>,
}

impl Waiting {
    /// An answer that may be paid for is lost: it counts at what was put aside for it.
    fn loses_answer(&mut self) {
        // What an earlier run has put aside counts already.
        let earlier = self.earlier.take().map_or(0, |earlier| earlier.micro_usd);
        self.lost.add(self.reservation.take());
        self.lost.micro_usd += earlier;
    }

    fn left_once_more(mut self) -> Self {
        self.left += 1;
        self
    }
}

impl Batched {
    /// Sends the questions of `remote` in batches. What is sent is written down in the folder that the teachers
    /// share.
    pub fn new(remote: Remote) -> Self {
        let settings = remote.settings().batch.unwrap_or_default();
        let folder = remote.batches().to_owned();
        let inner =
            Inner { remote, folder, settings, state: Mutex::default(), batches_sent: AtomicU32::new(0) };
        Self { inner: Arc::new(inner), queue: OnceLock::new() }
    }

    async fn asked(&self, request: &Request) -> Result<Reply, AskError> {
        let queue = self.queue.get_or_init(|| self.inner.begin()).as_ref();
        let queue = queue.map_err(|error| store_error(&self.inner.folder, error))?;
        let remote = &self.inner.remote;
        let (_counted, stop) = (remote.counted_in_batches(), remote.stop().clone());
        let (done, answered) = oneshot::channel();
        let key = answer_key(self.identity(), request).0;
        let bound = body::bound(remote.settings(), request);
        // For what an earlier run has sent, money was put aside then.
        let is_known = self.inner.state().is_known(&key);
        let reservation = if is_known { None } else { remote.till().reserve(bound, &stop).await? };
        let waiting = Waiting {
            key,
            batch: String::new(),
            call: remote.call(request),
            bound,
            lost: Lost::default(),
            reservation,
            earlier: None,
            failures: 0,
            left: 0,
            done,
        };
        tokio::select! {
            sent = queue.send(waiting) => sent.map_err(|_| AskError::Stopping)?,
            () = stop.requested() => return Err(AskError::Stopping),
        }
        // A batch may take a day: a stopping run leaves it at the server, and the next one finds it.
        tokio::select! {
            answer = answered => answer.map_err(|_| AskError::Stopping)?,
            () = stop.requested() => Err(AskError::Stopping),
        }
    }
}

impl Teacher for Batched {
    fn identity(&self) -> &str {
        self.inner.remote.identity()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        Box::pin(self.asked(request))
    }

    fn stored(&self, key: &AnswerKey) {
        self.inner.stored(&key.0);
    }
}

impl Inner {
    fn tell(&self, detail: String) {
        self.remote.notices().leave(Notice::Batch { teacher: self.remote.name().to_owned(), detail });
    }

    /// An answer is durable: batches that it came with are forgotten where it was the last one.
    fn stored(&self, key: &str) {
        let names: Vec<String> = {
            let state = &mut *self.state();
            state.kept.remove(key);
            let batches = state.unstored.iter_mut();
            batches.filter_map(|(name, batch)| batch.keys.remove(key).then(|| name.clone())).collect()
        };
        for name in names {
            self.forget_if_done(&name);
        }
    }

    /// Nothing more comes of this answer of this batch.
    fn let_go(&self, name: &str, key: &str) {
        if let Some(unstored) = self.state().unstored.get_mut(name) {
            unstored.keys.remove(key);
        }
        self.forget_if_done(name);
    }

    /// Removes what was written down about a batch, once all of its answers are durable.
    fn forget_if_done(&self, name: &str) {
        let done = self.state().done(name);
        if let Some(record) = done
            && let Err(error) = record.forget(&self.folder)
        {
            self.tell(format!("cannot remove the record of a batch: {error}"));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn store_error(folder: &Path, error: &io::Error) -> AskError {
    let source = io::Error::new(error.kind(), error.to_string());
    AskError::Store { path: folder.display().to_string(), source }
}
