//! The batch path: questions of many trajectories go in files, and their answers come within a day at, as a
//! rule, half the price.
//!
//! A batch is sent when no further question has come for a while: then every trajectory under way waits for an
//! answer, and all of them together are a wave. What was sent is written down before and after; a run that is
//! started again finds its batches at the server and sends nothing twice. Answers are stored under the same keys
//! as on the direct path, so the trajectories are the same.

mod record;
mod server;

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use reqwest::{StatusCode, header::HeaderMap};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};
use twig_model::{Answer, AskError, BoxFuture, RejectReason, Reply, Request, Teacher, Usage};

pub(crate) use record::Reserved;
use record::{BatchRecord, Question};

use crate::{
    BatchSettings, Notice, Remote, answer_key,
    openai::{
        body::{Call, CallKind, data_url},
        failure::{Failure, FailureKind},
        mask,
        reply::{self, What},
    },
    purse::Reservation,
};

/// Questions that wait to be taken into a batch; a further one waits in its caller.
const QUEUE_LEN: usize = 1024;
/// Longest pause between two tries at managing a batch, in seconds.
const MAX_PAUSE_SECS: u64 = 300;

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
    /// What batches of earlier runs will answer; nobody may have asked it yet.
    expected: HashSet<String>,
    /// Answers of earlier runs' batches that nobody has asked for yet: they stay in the fetched file.
    kept: HashMap<String, Kept>,
}

/// Where a fetched answer stands.
#[derive(Clone)]
struct Kept {
    record: Arc<BatchRecord>,
    offset: u64,
    len: usize,
}

/// A question that waits for its answer.
struct Waiting {
    key: String,
    call: Call,
    /// What is put aside for it; `None` too where an earlier run has put it aside.
    reservation: Option<Reservation>,
    failures: u32,
    done: oneshot::Sender<Result<Reply, AskError>>,
}

/// A line of a batch's answers.
#[derive(Deserialize)]
struct Line<'a> {
    custom_id: String,
    #[serde(borrow)]
    response: Option<Response<'a>>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Response<'a> {
    status_code: u16,
    #[serde(borrow)]
    body: &'a RawValue,
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
        let reservation = self.inner.remote.reserve(request).await?;
        let (done, answered) = oneshot::channel();
        let key = answer_key(self.identity(), request).0;
        let call = self.inner.remote.call(request);
        let waiting = Waiting { key, call, reservation, failures: 0, done };
        let stop = self.inner.remote.stop().clone();
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
    /// Takes in questions and sends them in waves, for as long as the run lasts.
    async fn run(self: Arc<Self>, mut incoming: mpsc::Receiver<Waiting>) {
        match record::left_by_earlier_runs(&self.folder, self.remote.identity()) {
            Ok(records) => {
                for record in records {
                    let keys = record.questions.iter().map(|question| question.key.clone());
                    self.state().expected.extend(keys);
                    tokio::spawn(Arc::clone(&self).adopt(record));
                }
            }
            Err(error) => self.tell(format!("cannot read {}: {error}", self.folder.display())),
        }
        while let Some(first) = incoming.recv().await {
            let mut wave = Vec::new();
            let mut next = Some(first);
            while let Some(waiting) = next {
                wave.extend(self.asked_before(waiting));
                if wave.len() == self.settings.max_requests {
                    break;
                }
                let gather = Duration::from_secs(self.settings.gather_secs);
                next = timeout(gather, incoming.recv()).await.ok().flatten();
            }
            for (endpoint, wave) in by_endpoint(wave) {
                for (questions, lines) in cut_by_size(wave, endpoint, self.settings.max_mb << 20) {
                    tokio::spawn(Arc::clone(&self).send(endpoint, questions, lines));
                }
            }
        }
    }

    /// Answers a question that an earlier run has put into a batch, or lets it wait for that batch; gives it back
    /// where none has.
    fn asked_before(&self, mut waiting: Waiting) -> Option<Waiting> {
        let kept = {
            let mut state = self.state();
            match state.kept.remove(&waiting.key) {
                Some(kept) => kept,
                None if state.expected.contains(&waiting.key) => {
                    // The earlier run has put its price aside.
                    waiting.reservation = None;
                    state.waiting.insert(waiting.key.clone(), waiting);
                    return None;
                }
                None => return Some(waiting),
            }
        };
        waiting.reservation = None;
        match self.read(&kept) {
            Ok(line) => self.answer_with(waiting, &line, &kept.record),
            Err(error) => {
                self.tell(format!("a fetched answer cannot be read: {error}"));
                return Some(waiting);
            }
        }
        self.forget_if_done(&kept.record);
        None
    }

    fn read(&self, kept: &Kept) -> io::Result<String> {
        use std::os::unix::fs::FileExt;
        let mut line = vec![0; kept.len];
        File::open(kept.record.answers(&self.folder))?.read_exact_at(&mut line, kept.offset)?;
        String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// [`Inner::send`] as a boxed future, for what comes about inside of one.
    fn sending(
        self: Arc<Self>,
        endpoint: &'static str,
        questions: Vec<Waiting>,
        lines: Vec<u8>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(self.send(endpoint, questions, lines))
    }

    /// Sends the file and makes a batch of it.
    async fn submitted(&self, record: &BatchRecord, lines: &[u8]) -> Result<server::BatchState, Failure> {
        let file_id = server::upload(self.remote.client(), &record.name, lines.to_vec()).await?;
        let hours = self.settings.window_hours;
        server::create(self.remote.client(), &file_id, &record.endpoint, hours, &record.name).await
    }

    /// Writes a batch down, sends it, and sees it through.
    async fn send(self: Arc<Self>, endpoint: &'static str, questions: Vec<Waiting>, lines: Vec<u8>) {
        let number = self.batches_sent.fetch_add(1, Ordering::Relaxed);
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut record = BatchRecord {
            name: format!("{:016x}-{number}", since.as_nanos() as u64),
            identity: self.remote.identity().to_owned(),
            endpoint: format!("/v1{endpoint}"),
            batch_id: None,
            questions: questions
                .iter()
                .map(|waiting| Question {
                    key: waiting.key.clone(),
                    reserved: waiting.reservation.as_ref().and_then(Reservation::written_down),
                })
                .collect(),
        };
        {
            let all = &mut self.state().waiting;
            for mut waiting in questions {
                if let Some(reservation) = &mut waiting.reservation {
                    reservation.set_under_way(true);
                }
                all.insert(waiting.key.clone(), waiting);
            }
        }
        if let Err(source) = record.save(&self.folder) {
            let path = self.folder.display().to_string();
            return self.fail_all(&record, |_| AskError::Store {
                path: path.clone(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            });
        }
        let sent = self.patiently(|| self.submitted(&record, &lines)).await;
        match sent {
            Ok(batch) => {
                self.tell(format!("batch {} with {} questions was sent", batch.id, record.questions.len()));
                record.batch_id = Some(batch.id);
                if let Err(error) = record.save(&self.folder) {
                    self.tell(format!("cannot keep the name of a batch: {error}"));
                }
                self.see_through(record).await;
            }
            Err(failure) => {
                let _ = record.forget(&self.folder);
                self.fail_all(&record, |name| AskError::Unreachable {
                    teacher: name.to_owned(),
                    detail: format!("a batch cannot be sent: {}", failure.detail),
                });
            }
        }
    }

    /// Goes on with a batch of an earlier run.
    async fn adopt(self: Arc<Self>, mut record: BatchRecord) {
        if record.batch_id.is_none() {
            match self.patiently(|| server::find(self.remote.client(), &record.name)).await {
                Ok(Some(batch)) => record.batch_id = Some(batch.id),
                // It never got as far as being paid for.
                Ok(None) => return self.give_up(&Arc::new(record)),
                Err(failure) => {
                    return self.tell(format!("a batch cannot be looked for: {}", failure.detail));
                }
            }
        }
        self.tell(format!("goes on with batch {}", record.batch_id.as_deref().unwrap_or_default()));
        self.see_through(record).await;
    }

    /// Waits for a batch and hands out its answers. What it does not answer is asked again.
    async fn see_through(self: &Arc<Self>, record: BatchRecord) {
        let record = Arc::new(record);
        let batch_id = record.batch_id.as_deref().unwrap_or_default();
        let batch = loop {
            match self.patiently(|| server::look(self.remote.client(), batch_id)).await {
                Ok(batch) if batch.is_over() => break batch,
                Ok(_) => {}
                Err(failure) => {
                    let detail = format!("batch {batch_id} cannot be looked at: {}", failure.detail);
                    return self.fail_all(&record, |name| AskError::Unreachable {
                        teacher: name.to_owned(),
                        detail: detail.clone(),
                    });
                }
            }
            sleep(Duration::from_secs(self.settings.poll_secs)).await;
        };
        let why = batch.errors.as_ref().filter(|errors| !errors.is_null());
        self.tell(match why {
            Some(errors) => format!("batch {batch_id} is {}: {errors}", batch.status),
            None => format!("batch {batch_id} is {}", batch.status),
        });
        let path = record.answers(&self.folder);
        let _ = std::fs::remove_file(&path);
        for file_id in [&batch.output_file_id, &batch.error_file_id].into_iter().flatten() {
            let fetched = self.patiently(|| server::download(self.remote.client(), file_id, &path)).await;
            if let Err(failure) = fetched {
                let detail = format!("the answers of batch {batch_id} cannot be fetched: {}", failure.detail);
                return self.fail_all(&record, |name| AskError::Unreachable {
                    teacher: name.to_owned(),
                    detail: detail.clone(),
                });
            }
        }
        if let Err(error) = self.hand_out(&record) {
            self.tell(format!("the answers of batch {batch_id} cannot be read: {error}"));
        }
        self.give_up(&record);
    }

    /// Reads the fetched answers line by line, and remembers where those stand that nobody has asked for yet.
    fn hand_out(&self, record: &Arc<BatchRecord>) -> io::Result<()> {
        let path = record.answers(&self.folder);
        if !path.exists() {
            return Ok(());
        }
        let mut reader = BufReader::new(File::open(path)?);
        let (mut offset, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 0 {
            let len = line.len();
            match serde_json::from_str::<Line>(&line) {
                Ok(Line { custom_id, .. }) => {
                    let waiting = {
                        let mut state = self.state();
                        let waiting = state.waiting.remove(&custom_id);
                        if waiting.is_none() && state.expected.remove(&custom_id) {
                            state.kept.insert(custom_id, Kept { record: Arc::clone(record), offset, len });
                        }
                        waiting
                    };
                    if let Some(waiting) = waiting {
                        self.answer_with(waiting, &line, record);
                    }
                }
                Err(error) => self.tell(format!("a line of a batch's answers cannot be read: {error}")),
            }
            offset += len as u64;
            line.clear();
        }
        Ok(())
    }

    /// Answers a question with a line of a batch's answers.
    fn answer_with(&self, waiting: Waiting, line: &str, record: &BatchRecord) {
        let question = record.questions.iter().find(|question| question.key == waiting.key);
        let earlier = question.and_then(|question| question.reserved.clone());
        match serde_json::from_str::<Line>(line) {
            Ok(line) => self.answer(waiting, &line, earlier),
            Err(error) => self.tell(format!("a line of a batch's answers cannot be read: {error}")),
        }
    }

    fn answer(&self, mut waiting: Waiting, line: &Line, earlier: Option<Reserved>) {
        let said = match (&line.response, &line.error) {
            (Some(Response { status_code: 200..=299, body }), _) => {
                let bytes = body.get().as_bytes();
                if waiting.call.kind.makes_picture() { reply::image(bytes) } else { reply::chat(bytes) }
            }
            (Some(Response { status_code, body }), _) => {
                let status = StatusCode::from_u16(*status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Err(Failure::from_status(status, &HeaderMap::new(), body.get().as_bytes()))
            }
            (None, Some(error)) => Err(Failure::broken(error.to_string(), false)),
            (None, None) => Err(Failure::broken("an answer without response or error", false)),
        };
        let pictures = u64::from(waiting.call.kind.makes_picture());
        let reply = match said {
            Ok(said) => match said.what {
                What::Answer(answer) => {
                    let reservation = waiting.reservation.take();
                    let cost = self.remote.settle_batched(reservation, earlier, &said.usage, pictures);
                    Reply {
                        answer,
                        model: said.model.unwrap_or_else(|| self.remote.settings().model.clone()),
                        fingerprint: said.fingerprint,
                        usage: Usage { cost_micro_usd: cost, ..said.usage },
                        key: None,
                        from_store: false,
                    }
                }
                What::PictureAt(_) => self.declined(
                    Failure::broken("a batch answers with addresses of pictures; ask for b64_json", true),
                    RejectReason::TeacherFailed,
                ),
            },
            Err(failure) => {
                waiting.failures += 1;
                let last = waiting.failures >= self.remote.settings().limits.attempts;
                match failure.kind {
                    FailureKind::Declined(reason) => self.declined(failure, reason),
                    _ if last => self.declined(failure, RejectReason::TeacherFailed),
                    FailureKind::Overloaded { .. } | FailureKind::Broken | FailureKind::Paused => {
                        // Left for `give_up`, which asks it again.
                        self.state().waiting.insert(waiting.key.clone(), waiting);
                        return;
                    }
                }
            }
        };
        let _ = waiting.done.send(Ok(reply));
    }

    fn declined(&self, failure: Failure, reason: RejectReason) -> Reply {
        Reply {
            answer: Answer::Declined(failure.rejection(reason)),
            model: self.remote.settings().model.clone(),
            fingerprint: None,
            usage: Usage::default(),
            key: None,
            from_store: false,
        }
    }

    /// Ends a batch; questions that it has left unanswered, because it expired or failed, go into another one.
    fn give_up(self: &Arc<Self>, record: &Arc<BatchRecord>) {
        let left: Vec<Waiting> = {
            let mut state = self.state();
            for question in &record.questions {
                state.expected.remove(&question.key);
            }
            record.questions.iter().filter_map(|question| state.waiting.remove(&question.key)).collect()
        };
        self.forget_if_done(record);
        if left.is_empty() || self.remote.stop().is_requested() {
            return;
        }
        self.tell(format!("{} questions were left unanswered and are sent again", left.len()));
        for (endpoint, wave) in by_endpoint(left) {
            for (questions, lines) in cut_by_size(wave, endpoint, self.settings.max_mb << 20) {
                tokio::spawn(Arc::clone(self).sending(endpoint, questions, lines));
            }
        }
    }

    /// Removes what was written down about a batch, once nothing of it is kept for later.
    fn forget_if_done(&self, record: &Arc<BatchRecord>) {
        if self.state().kept.values().any(|kept| kept.record.name == record.name) {
            return;
        }
        if let Err(error) = record.forget(&self.folder) {
            self.tell(format!("cannot remove the record of a batch: {error}"));
        }
    }

    /// Tries again what may work: managing a batch costs nothing.
    async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let mut pause_secs = 1;
        loop {
            match attempt().await {
                Err(Failure { kind: FailureKind::Overloaded { .. } | FailureKind::Broken, .. })
                    if pause_secs <= MAX_PAUSE_SECS =>
                {
                    sleep(Duration::from_secs(pause_secs)).await;
                    pause_secs *= 2;
                }
                outcome => return outcome,
            }
        }
    }

    fn fail_all(&self, record: &BatchRecord, error: impl Fn(&str) -> AskError) {
        let mut state = self.state();
        for question in &record.questions {
            state.expected.remove(&question.key);
            if let Some(waiting) = state.waiting.remove(&question.key) {
                let _ = waiting.done.send(Err(error(self.remote.name())));
            }
        }
    }

    fn tell(&self, detail: String) {
        self.remote.notices().leave(Notice::Batch { teacher: self.remote.name().to_owned(), detail });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch goes to one door.
fn by_endpoint(wave: Vec<Waiting>) -> HashMap<&'static str, Vec<Waiting>> {
    let mut groups: HashMap<&'static str, Vec<Waiting>> = HashMap::new();
    for waiting in wave {
        groups.entry(waiting.call.kind.path()).or_default().push(waiting);
    }
    groups
}

/// The questions as files of at most `most_bytes`.
fn cut_by_size(wave: Vec<Waiting>, endpoint: &str, most_bytes: u64) -> Vec<(Vec<Waiting>, Vec<u8>)> {
    let mut batches: Vec<(Vec<Waiting>, Vec<u8>)> = Vec::new();
    for waiting in wave {
        let line = line(&waiting, endpoint);
        match batches.last_mut() {
            Some((questions, lines)) if (lines.len() + line.len()) as u64 <= most_bytes => {
                questions.push(waiting);
                lines.extend(line);
            }
            _ => batches.push((vec![waiting], line)),
        }
    }
    batches
}

/// A question as a line of a batch's file. An edit carries its pictures as data URLs.
fn line(waiting: &Waiting, endpoint: &str) -> Vec<u8> {
    let mut body = waiting.call.fields.clone();
    if let CallKind::Edit { base, editable_rows } = &waiting.call.kind {
        body.insert("images".to_owned(), json!([{ "image_url": data_url(base) }]));
        if let Some(Ok(mask)) = editable_rows.map(|rows| mask::of(base, rows)) {
            body.insert("mask".to_owned(), json!({ "image_url": data_url(&mask) }));
        }
    }
    let line = json!({
        "custom_id": waiting.key, "method": "POST", "url": format!("/v1{endpoint}"), "body": body,
    });
    let mut bytes = line.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}
