//! A batch on its way: sent, looked at until it is over, fetched, and what it has left asked again.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::{
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};
use twig_model::{AskError, BoxFuture, Teacher};

use super::{
    Inner, QUEUE_LEN, Reserved, Waiting,
    answers::HandedOut,
    gather::{by_endpoint, cut_by_size},
    record::{BatchRecord, Question},
    server, store_error,
};
use crate::{openai::failure::Failure, purse::Reservation};

/// Longest pause between two tries at managing a batch, in seconds.
const MAX_PAUSE_SECS: u64 = 300;

impl Inner {
    /// [`Inner::send`] as a boxed future, for what comes about inside of one.
    fn sending(
        self: Arc<Self>,
        endpoint: &'static str,
        questions: Vec<Waiting>,
        lines: Vec<u8>,
    ) -> BoxFuture<'static, ()> {
        Box::pin(self.send(endpoint, questions, lines))
    }

    /// Sends the file and makes a batch of it, unless an earlier try has made it and its answer was lost.
    async fn submitted(
        &self,
        record: &BatchRecord,
        lines: &[u8],
        tried_before: bool,
    ) -> Result<server::BatchState, Failure> {
        if tried_before && let Some(batch) = server::find(self.remote.client(), &record.name).await? {
            return Ok(batch);
        }
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
                    reserved: (waiting.reservation.as_ref().and_then(Reservation::written_down))
                        .or_else(|| waiting.earlier.clone()),
                })
                .collect(),
        };
        {
            let all = &mut self.state().waiting;
            for mut waiting in questions {
                waiting.batch.clone_from(&record.name);
                if let Some(reservation) = &mut waiting.reservation {
                    reservation.set_under_way(true);
                }
                all.insert(waiting.key.clone(), waiting);
            }
        }
        if let Err(error) = record.save(&self.folder) {
            self.give_money_back(&record);
            return self.fail_all(&record, || store_error(&self.folder, &error));
        }
        let (mut tries, maybe_paid) = (0, AtomicBool::new(false));
        let submit = || {
            tries += 1;
            let (submitted, maybe_paid) = (self.submitted(&record, &lines, tries > 1), &maybe_paid);
            let note = |failure: &Failure| {
                maybe_paid.fetch_or(failure.maybe_paid, Ordering::Relaxed);
            };
            async move { submitted.await.inspect_err(note) }
        };
        let sent = self.patiently(submit).await;
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
                // Nothing was made where no try can have been heard.
                if !maybe_paid.into_inner() {
                    let _ = record.forget(&self.folder);
                    self.give_money_back(&record);
                }
                self.fail_all(&record, || self.remote.error(failure.clone(), "a batch cannot be sent"));
            }
        }
    }

    /// Goes on with a batch of an earlier run.
    pub(super) async fn adopt(self: Arc<Self>, mut record: BatchRecord) {
        if record.batch_id.is_none() {
            match self.patiently(|| server::find(self.remote.client(), &record.name)).await {
                Ok(Some(batch)) => record.batch_id = Some(batch.id),
                // It never got as far as being paid for.
                Ok(None) => return self.give_up(&Arc::new(record), &HandedOut::default()),
                Err(failure) => return self.cannot_go_on(&record, &failure, "a batch cannot be looked for"),
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
                    let what = format!("batch {batch_id} cannot be looked at");
                    return self.cannot_go_on(&record, &failure, &what);
                }
            }
            sleep(Duration::from_secs(self.settings.poll_secs)).await;
        };
        let why = batch.errors.as_ref().filter(|errors| !errors.is_null());
        self.tell(match why {
            Some(errors) => format!("batch {batch_id} is {}: {errors}", batch.status),
            None => format!("batch {batch_id} is {}", batch.status),
        });
        let (path, mut end) = (record.answers(&self.folder), 0);
        for file_id in [&batch.output_file_id, &batch.error_file_id].into_iter().flatten() {
            let fetch = || server::download(self.remote.client(), file_id, &path, end);
            end = match self.patiently(fetch).await {
                Ok(end) => end,
                Err(failure) => {
                    let what = format!("the answers of batch {batch_id} cannot be fetched");
                    return self.cannot_go_on(&record, &failure, &what);
                }
            };
        }
        // Answers with pictures are gigabytes: others are asked meanwhile, and take theirs.
        let (inner, fetched) = (Arc::clone(self), Arc::clone(&record));
        let reading = spawn_blocking(move || inner.hand_out(&fetched));
        match reading.await.unwrap_or_else(|panic| Err(io::Error::other(panic))) {
            Ok(handed_out) => self.give_up(&record, &handed_out),
            Err(error) => {
                let what = format!("the answers of batch {batch_id} were fetched and cannot be read");
                self.cannot_go_on(&record, &Failure::broken(error.to_string(), true), &what);
            }
        }
    }

    /// Ends a batch; questions that it has left unanswered, because it expired or failed, go into another one. A
    /// server that leaves them unanswered again and again ends the run: that is no question's fault. As many of them as
    /// there are unreadable answers may have been paid for.
    fn give_up(self: &Arc<Self>, record: &Arc<BatchRecord>, handed_out: &HandedOut) {
        let (mut left, unasked) = {
            let state = &mut *self.state();
            let keys = record.questions.iter().map(|question| &question.key);
            let unasked = keys.clone().filter_map(|key| state.expected.remove(key)?.reserved);
            let unasked: Vec<Reserved> = unasked.collect();
            (keys.filter_map(|key| state.take(&record.name, key)).collect::<Vec<_>>(), unasked)
        };
        let mut lost = handed_out.unreadable;
        for waiting in &mut left {
            if lost > 0 && !handed_out.read.contains(&waiting.key) {
                lost -= 1;
                waiting.loses_answer();
            } else if let Some(reservation) = &mut waiting.reservation {
                reservation.set_under_way(false);
            }
        }
        unasked.iter().skip(lost).for_each(|reserved| self.remote.till().give_back(None, Some(reserved)));
        let most = self.remote.settings().limits.attempts;
        let (given_up, left): (Vec<Waiting>, Vec<Waiting>) =
            left.into_iter().map(Waiting::left_once_more).partition(|waiting| waiting.left > most);
        for waiting in given_up {
            let detail = format!("{most} batches in a row have left a question unanswered");
            let teacher = self.remote.name().to_owned();
            self.abandon(waiting, AskError::Unreachable { teacher, detail });
        }
        self.state().unstored(record).is_over = true;
        self.forget_if_done(&record.name);
        if self.remote.stop().is_requested() {
            return left.into_iter().for_each(|waiting| self.abandon(waiting, AskError::Stopping));
        }
        if left.is_empty() {
            return;
        }
        self.tell(format!("{} questions were left unanswered and are sent again", left.len()));
        tokio::spawn(Arc::clone(self).ask(left));
    }

    /// Asks questions in as many batches as it takes, once money is put aside for those that have none.
    pub(super) async fn ask(self: Arc<Self>, mut questions: Vec<Waiting>) {
        // Those that have money already wait for nobody.
        questions.sort_by_key(|waiting| waiting.reservation.is_none() && waiting.earlier.is_none());
        let gather = Duration::from_secs(self.settings.gather_secs);
        let mut wave = Vec::new();
        let ready =
            stream::iter(questions).map(|waiting| self.with_money(waiting)).buffer_unordered(QUEUE_LEN);
        let mut ready = pin!(ready);
        loop {
            match timeout(gather, ready.next()).await {
                Ok(Some(waiting)) => wave.extend(waiting),
                Ok(None) => return self.send_all(wave),
                // The money that the others want may be with those that wait here.
                Err(_) => self.send_all(std::mem::take(&mut wave)),
            }
        }
    }

    /// The question, with money put aside for it; `None` where there is none, or the run is being stopped.
    async fn with_money(&self, mut waiting: Waiting) -> Option<Waiting> {
        let (till, stop) = (self.remote.till(), self.remote.stop());
        if stop.is_requested() {
            self.abandon(waiting, AskError::Stopping);
            return None;
        }
        if let Some(error) = self.remote.why_ended() {
            self.abandon(waiting, error);
            return None;
        }
        // It may have been settled with an answer that was lost afterwards.
        waiting.earlier = waiting.earlier.filter(|earlier| till.is_open(earlier));
        if waiting.reservation.is_none() && waiting.earlier.is_none() {
            match till.reserve(waiting.bound, stop).await {
                Ok(reservation) => waiting.reservation = reservation,
                Err(error) => {
                    let _ = waiting.done.send(Err(error));
                    return None;
                }
            }
        }
        Some(waiting)
    }

    /// Writes the lines of a wave, which takes long where there are pictures in it, and sends them.
    fn send_all(self: &Arc<Self>, questions: Vec<Waiting>) {
        let inner = Arc::clone(self);
        spawn_blocking(move || {
            for (endpoint, wave) in by_endpoint(questions) {
                for (questions, lines) in cut_by_size(wave, endpoint, inner.settings.max_mb << 20) {
                    tokio::spawn(Arc::clone(&inner).sending(endpoint, questions, lines));
                }
            }
        });
    }

    /// Tries again what may work, for as long as an outage may last: managing a batch costs nothing.
    async fn patiently<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Failure> {
        let (since, mut pause_secs) = (Instant::now(), 1);
        let outage = Duration::from_secs(self.remote.settings().limits.outage_secs);
        loop {
            match attempt().await {
                Err(failure) if failure.may_pass() && since.elapsed() < outage => {
                    sleep(Duration::from_secs(pause_secs)).await;
                    pause_secs = MAX_PAUSE_SECS.min(pause_secs * 2);
                }
                outcome => return outcome,
            }
        }
    }

    /// Nothing of the batch can have been paid for.
    fn give_money_back(&self, record: &BatchRecord) {
        let mut state = self.state();
        for question in &record.questions {
            let Some(waiting) = state.waiting_for(&record.name, &question.key) else { continue };
            if let Some(reservation) = &mut waiting.reservation {
                reservation.set_under_way(false);
            }
            self.remote.till().give_back(None, waiting.earlier.take().as_ref());
        }
    }

    /// Ends the run for a batch that there is no news of: its answers may have been paid for, so nobody but the user
    /// decides that they are lost.
    fn cannot_go_on(&self, record: &BatchRecord, failure: &Failure, what: &str) {
        let mut what = what.to_owned();
        if !failure.may_pass() {
            let path = record.path(&self.folder);
            let hint =
                format!(" (if it is lost, remove {}: then its questions are sent again)", path.display());
            what.push_str(&hint);
        }
        {
            let mut state = self.state();
            // Nor is anything of it sent again that is asked later.
            state.expected.extend(record.expected());
            state.broken.insert(record.name.clone(), (failure.clone(), what.clone()));
        }
        self.fail_all(record, || self.remote.error(failure.clone(), &what));
    }

    fn fail_all(&self, record: &BatchRecord, error: impl Fn() -> AskError) {
        let mut state = self.state();
        for question in &record.questions {
            if let Some(waiting) = state.take(&record.name, &question.key) {
                let _ = waiting.done.send(Err(error()));
            }
        }
    }
}
