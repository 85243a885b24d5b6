//! The batch path: questions of many trajectories go in files, and their answers come within a day at, as a
//! rule, half the price.
//!
//! A batch is sent when no further question has come for a while: then every trajectory under way waits for an
//! answer, and all of them together are a wave. What was sent is written down before and after; a run that is
//! started again finds its batches at the server and sends nothing twice. Answers are stored under the same keys
//! as on the direct path, so the trajectories are the same.

mod answers;
mod gather;
mod record;
mod send;
mod server;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::AtomicU32},
};

use tokio::sync::{mpsc, oneshot};
use twig_model::{AskError, BoxFuture, Reply, Request, Teacher};

use record::BatchRecord;
pub(crate) use record::{Reserved, damaged};

use crate::{
    BatchSettings, Notice, Remote, answer_key,
    openai::body::{self, Call},
    purse::Reservation,
};

/// Questions that wait to be taken into a batch; a further one waits in its caller.
const QUEUE_LEN: usize = 1024;

/// A [`Remote`] teacher whose questions go in batches.
pub struct Batched {
    inner: Arc<Inner>,
    queue: OnceLock<mpsc::Sender<Waiting>>,
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
    /// What batches of earlier runs will answer, and what was put aside for it; nobody may have asked it yet.
    expected: HashMap<String, Option<Reserved>>,
    /// Answers of earlier runs' batches that nobody has asked for yet: they stay in the fetched file.
    kept: HashMap<String, Kept>,
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
    call: Call,
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
    fn paid_by_earlier_run(&mut self, earlier: Option<Reserved>) {
        (self.reservation, self.earlier) = (None, earlier);
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
        let queue = self.queue.get_or_init(|| {
            let (queue, incoming) = mpsc::channel(QUEUE_LEN);
            tokio::spawn(Arc::clone(&self.inner).run(incoming));
            queue
        });
        let remote = &self.inner.remote;
        let _counted = remote.counted_in_batches();
        let reservation = remote.till().reserve(body::bound(remote.settings(), request)).await?;
        let (done, answered) = oneshot::channel();
        let key = answer_key(self.identity(), request).0;
        let call = remote.call(request);
        let waiting = Waiting { key, call, reservation, earlier: None, failures: 0, left: 0, done };
        let stop = remote.stop().clone();
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
}

impl Inner {
    fn tell(&self, detail: String) {
        self.remote.notices().leave(Notice::Batch { teacher: self.remote.name().to_owned(), detail });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
