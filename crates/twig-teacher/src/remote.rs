//! A teacher behind a network: pays for calls, paces them, and tries again what may work.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use twig_model::{Answer, AskError, BoxFuture, RejectReason, Reply, Request, Teacher, Usage};

use crate::{
    AnswerSchemas, ClientError, Gauge, Notice, Notices, OpenAiSettings, Prices, Purse, Stop,
    batched::Reserved,
    notices::Counted,
    openai::{
        body::{self, Call},
        client::{Answered, OpenAi},
        failure::{Failure, FailureKind},
    },
    pace::{Pace, Weight},
    prices::CallBound,
    purse::Reservation,
};

/// Pause before a second attempt, doubled before each further one; the real pause is drawn between none and
/// this, so that calls which failed together do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Failures in a row, of all questions, from which on the server counts as down: then a question that fails
/// waits and is not given up.
const DOWN_AFTER_FAILURES: u32 = 20;
/// Attempts at a question that was refused for too much load: a server which lets nobody in is noticed by
/// `outage_secs`, this bounds one that refuses the same question for ever.
const MAX_REFUSALS: u32 = 100;

/// A model behind OpenAI's HTTP interface, as a teacher.
///
/// For one question: reserve what it may cost → wait for a turn → send → on failure do what its kind asks →
/// settle what it has cost. The answer store stands before it (see [`crate::stack`]).
pub struct Remote {
    name: String,
    identity: String,
    settings: OpenAiSettings,
    schemas: Arc<AnswerSchemas>,
    client: OpenAi,
    pace: Pace,
    prices: Option<Prices>,
    purse: Option<Arc<Purse>>,
    notices: Notices,
    gauge: Arc<Gauge>,
    stop: Stop,
    batches: PathBuf,
    health: Mutex<Health>,
}

/// What the teachers of a job share.
#[derive(Clone)]
pub struct Shared {
    /// The JSON Schemas of structured answers.
    pub schemas: Arc<AnswerSchemas>,
    /// The money; `None` where nothing is to be asked.
    pub purse: Option<Arc<Purse>>,
    /// Where notices are left.
    pub notices: Notices,
    /// The run's stop: pauses end with it.
    pub stop: Stop,
    /// Folder for what is written down about batches.
    pub batches: PathBuf,
}

/// How the server has been doing, over all questions.
#[derive(Debug)]
struct Health {
    /// The last answer, or the beginning.
    last_answer: Instant,
    failures_since: u32,
    /// The model and fingerprint that answered last.
    model: Option<String>,
    /// Why nothing more is asked.
    ended: Option<String>,
}

impl Remote {
    /// A teacher called `name` in the pipeline file.
    pub fn new(name: &str, settings: &OpenAiSettings, shared: &Shared) -> Result<Self, ClientError> {
        let picture = &settings.picture;
        let prices = settings.prices.as_ref().map(|prices| {
            Prices::new(prices, &picture.size, picture.quality.as_deref(), settings.batch.is_some())
        });
        Ok(Self {
            name: name.to_owned(),
            identity: settings.identity(),
            settings: settings.clone(),
            schemas: Arc::clone(&shared.schemas),
            client: OpenAi::new(settings)?,
            pace: Pace::new(settings.concurrency, &settings.limits),
            prices,
            purse: shared.purse.clone(),
            notices: shared.notices.clone(),
            gauge: Arc::default(),
            stop: shared.stop.clone(),
            batches: shared.batches.clone(),
            health: Mutex::new(Health {
                last_answer: Instant::now(),
                failures_since: 0,
                model: None,
                ended: None,
            }),
        })
    }

    /// What the teacher is doing, for those who watch.
    pub fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// The client, for the batch path.
    pub(crate) fn client(&self) -> &OpenAi {
        &self.client
    }

    /// Where batches are written down.
    pub(crate) fn batches(&self) -> &Path {
        &self.batches
    }

    pub(crate) fn settings(&self) -> &OpenAiSettings {
        &self.settings
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn notices(&self) -> &Notices {
        &self.notices
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The call that asks `request`.
    pub(crate) fn call(&self, request: &Request) -> Call {
        body::call(&self.settings, &self.schemas, request)
    }

    /// Puts aside what one call for `request` may cost.
    pub(crate) async fn reserve(&self, request: &Request) -> Result<Option<Reservation>, AskError> {
        let (Some(purse), Some(prices)) = (&self.purse, &self.prices) else { return Ok(None) };
        // That there is a bound wherever there is a budget is checked with the pipeline file.
        let bound = prices.bound_micro_usd(body::bound(&self.settings, request)).unwrap_or(0);
        purse.reserve(&self.name, bound).await.map(Some)
    }

    /// Settles a call that was answered, and tells what it cost. Where the server does not say what the call
    /// took, it counts at its reservation.
    pub(crate) fn settle(
        &self,
        reservation: Option<Reservation>,
        usage: &Usage,
        pictures: u64,
    ) -> Option<u64> {
        let reservation = reservation?;
        let cost = self.prices.as_ref()?.cost_micro_usd(usage, pictures).unwrap_or(reservation.micro_usd());
        reservation.settle(cost);
        Some(cost)
    }

    /// Settles a question of a batch, for which this run or an earlier one has put money aside.
    pub(crate) fn settle_batched(
        &self,
        reservation: Option<Reservation>,
        earlier: Option<Reserved>,
        usage: &Usage,
        pictures: u64,
    ) -> Option<u64> {
        if reservation.is_some() {
            return self.settle(reservation, usage, pictures);
        }
        let (earlier, purse) = (earlier?, self.purse.as_ref()?);
        let cost = self.prices.as_ref()?.cost_micro_usd(usage, pictures).unwrap_or(earlier.micro_usd);
        purse.settle_earlier(&earlier, cost);
        Some(cost)
    }

    async fn asked(&self, request: &Request) -> Result<Reply, AskError> {
        let call = self.call(request);
        let bound = body::bound(&self.settings, request);
        let mut lost = Lost::default();
        let mut trying = Trying::begin();
        let mut reservation = self.reserve(request).await?;
        loop {
            if reservation.is_none() {
                reservation = self.reserve(request).await?;
            }
            self.still_open()?;
            match self.attempt(&call, bound, reservation.as_mut()).await {
                Ok(mut reply) => {
                    let pictures = u64::from(call.kind.makes_picture());
                    let cost = self.settle(reservation.take(), &reply.usage, pictures);
                    reply.usage.cost_micro_usd = cost.map(|cost| cost + lost.micro_usd);
                    reply.usage.maybe_paid_calls = lost.calls;
                    return Ok(reply);
                }
                Err(failure) => {
                    if failure.maybe_paid {
                        lost.add(reservation.take());
                    }
                    match self.consequence(&failure, &mut trying)? {
                        Consequence::Again(pause) => self.rest(pause).await?,
                        Consequence::Declined(reason) => {
                            return Ok(self.declined(failure, reason, &lost));
                        }
                    }
                }
            }
        }
    }

    /// One call, in its turn.
    async fn attempt(
        &self,
        call: &Call,
        bound: CallBound,
        mut reservation: Option<&mut Reservation>,
    ) -> Result<Reply, Failure> {
        let weight = Weight { tokens: bound.input_tokens + bound.output_tokens, pictures: bound.pictures };
        let turn = {
            let _waiting = Counted::new(&self.gauge.waiting);
            self.pace.turn(weight).await
        };
        let _under_way = Counted::new(&self.gauge.under_way);
        self.gauge.sent.fetch_add(1, Ordering::Relaxed);
        if let Some(reservation) = &mut reservation {
            reservation.set_under_way(true);
        }
        let outcome = self.client.attempt(call).await;
        if let Some(reservation) = reservation {
            reservation.set_under_way(false);
        }
        match outcome {
            Ok(Answered { reply, hints }) => {
                self.gauge.answered.fetch_add(1, Ordering::Relaxed);
                turn.succeeded();
                if let Some(pause) = hints.no_calls_for {
                    self.pace.hold(pause);
                }
                if let Some((left, reset)) = hints.tokens_left
                    && left < weight.tokens
                {
                    self.pace.hold(reset);
                }
                self.answered_by(&reply);
                Ok(reply)
            }
            Err(failure) => {
                if let FailureKind::Overloaded { retry_after } = &failure.kind {
                    self.gauge.refused.fetch_add(1, Ordering::Relaxed);
                    if let Some(pause) = turn.refused(*retry_after) {
                        self.held(pause, &failure.detail);
                    }
                } else {
                    self.gauge.failed.fetch_add(1, Ordering::Relaxed);
                }
                Err(failure)
            }
        }
    }

    /// What a failure means for the question.
    fn consequence(&self, failure: &Failure, trying: &mut Trying) -> Result<Consequence, AskError> {
        let limits = &self.settings.limits;
        match &failure.kind {
            FailureKind::Paused => Err(self.ended(failure.detail.clone())),
            FailureKind::Declined(reason) => {
                self.alive();
                Ok(Consequence::Declined(*reason))
            }
            FailureKind::Overloaded { retry_after } => {
                trying.refusals += 1;
                self.outage(failure)?;
                if trying.refusals >= MAX_REFUSALS {
                    return Ok(Consequence::Declined(RejectReason::TeacherFailed));
                }
                Ok(Consequence::Again(
                    trying.pause(limits.max_pause_secs).max(retry_after.unwrap_or_default()),
                ))
            }
            FailureKind::Broken => {
                trying.failures += 1;
                let down = self.outage(failure)?;
                let spent = trying.since.elapsed() >= Duration::from_secs(limits.give_up_secs);
                if (trying.failures >= limits.attempts || spent) && !down {
                    return Ok(Consequence::Declined(RejectReason::TeacherFailed));
                }
                Ok(Consequence::Again(trying.pause(limits.max_pause_secs)))
            }
        }
    }

    /// Waits before another attempt; a stop ends the wait and the question.
    async fn rest(&self, pause: Duration) -> Result<(), AskError> {
        let _waiting = Counted::new(&self.gauge.waiting);
        tokio::select! {
            () = sleep(pause) => Ok(()),
            () = self.stop.requested() => Err(AskError::Stopping),
        }
    }

    /// Counts a failure; tells whether the server seems to be down for everybody, and ends the teacher when that
    /// has lasted too long.
    fn outage(&self, failure: &Failure) -> Result<bool, AskError> {
        let (silent, failures) = {
            let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
            health.failures_since += 1;
            (health.last_answer.elapsed(), health.failures_since)
        };
        if silent >= Duration::from_secs(self.settings.limits.outage_secs) {
            return Err(AskError::Unreachable {
                teacher: self.name.clone(),
                detail: format!(
                    "nothing has been answered for {} s, after {failures} failed calls; the last one: {}",
                    silent.as_secs(),
                    failure.detail
                ),
            });
        }
        Ok(failures >= DOWN_AFTER_FAILURES)
    }

    fn alive(&self) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        health.last_answer = Instant::now();
        health.failures_since = 0;
    }

    fn answered_by(&self, reply: &Reply) {
        self.alive();
        let model = match &reply.fingerprint {
            Some(fingerprint) => format!("{} ({fingerprint})", reply.model),
            None => reply.model.clone(),
        };
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if health.model.as_ref() == Some(&model) {
            return;
        }
        if let Some(from) = health.model.replace(model.clone()) {
            self.notices.leave(Notice::ModelChanged { teacher: self.name.clone(), from, to: model });
        }
    }

    fn held(&self, pause: Duration, detail: &str) {
        self.notices.leave(Notice::Held {
            teacher: self.name.clone(),
            pause,
            concurrency: self.pace.limit(),
            detail: detail.to_owned(),
        });
    }

    /// Nothing more is asked; said once, however many questions find out.
    fn ended(&self, detail: String) -> AskError {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if health.ended.is_none() {
            health.ended = Some(detail.clone());
            self.notices.leave(Notice::Ended { teacher: self.name.clone(), detail: detail.clone() });
        }
        AskError::Paused { teacher: self.name.clone(), detail }
    }

    fn still_open(&self) -> Result<(), AskError> {
        let ended = self.health.lock().unwrap_or_else(PoisonError::into_inner).ended.clone();
        match ended {
            Some(detail) => Err(AskError::Paused { teacher: self.name.clone(), detail }),
            None => Ok(()),
        }
    }

    /// An answer like any other: it is stored, and the row is rejected.
    fn declined(&self, failure: Failure, reason: RejectReason, lost: &Lost) -> Reply {
        let cost_micro_usd = self.prices.as_ref().map(|_| lost.micro_usd);
        Reply {
            answer: Answer::Declined(failure.rejection(reason)),
            model: self.settings.model.clone(),
            fingerprint: None,
            usage: Usage { cost_micro_usd, maybe_paid_calls: lost.calls, ..Usage::default() },
            key: None,
            from_store: false,
        }
    }
}

impl Teacher for Remote {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        Box::pin(self.asked(request))
    }
}

enum Consequence {
    Again(Duration),
    Declined(RejectReason),
}

/// Calls for one answer that were sent and lost.
#[derive(Default)]
struct Lost {
    calls: u32,
    micro_usd: u64,
}

impl Lost {
    /// A call that may be paid for counts at its reservation.
    fn add(&mut self, reservation: Option<Reservation>) {
        self.calls += 1;
        if let Some(reservation) = reservation {
            let micro_usd = reservation.micro_usd();
            self.micro_usd += micro_usd;
            reservation.settle(micro_usd);
        }
    }
}

/// The attempts at one question.
struct Trying {
    since: Instant,
    failures: u32,
    refusals: u32,
}

impl Trying {
    fn begin() -> Self {
        Self { since: Instant::now(), failures: 0, refusals: 0 }
    }

    /// Exponential with full jitter.
    fn pause(&self, max_pause_secs: u64) -> Duration {
        let doublings = (self.failures + self.refusals).saturating_sub(1).min(16);
        let most = (FIRST_PAUSE * 2u32.pow(doublings)).min(Duration::from_secs(max_pause_secs));
        most.mul_f64(fastrand::f64())
    }
}
