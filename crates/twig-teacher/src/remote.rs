//! A teacher behind a network: pays for calls, paces them, and tries again what may work.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::sleep;
use twig_model::{Answer, AskError, BoxFuture, RejectReason, Reply, Request, Teacher, Usage};

use crate::{
    ClientError, Gauge, Notices, OpenAiSettings, Purse, Stop,
    breaker::Failed,
    notices::Counted,
    openai::{
        body::{self, Call},
        client::{Answered, OpenAi},
        failure::{Failure, FailureKind},
        forms::Forms,
    },
    pace::{Pace, Weight},
    prices::CallBound,
    purse::Reservation,
    till::Till,
    trying::{Consequence, Lost, Trying},
    watch::Watch,
};

/// Attempts at a question that was refused for too much load: a server which lets nobody in is noticed by
/// `outage_secs`, this bounds one that refuses the same question for ever.
const MAX_REFUSALS: u32 = 100;

/// A model behind OpenAI's HTTP interface, as a teacher.
///
/// For one question: reserve what it may cost → wait while the server is down → wait for a turn → send → on failure
/// do what its kind asks → settle what it has cost. The answer store stands before it (see [`crate::stack`]).
pub struct Remote {
    name: String,
    identity: String,
    settings: OpenAiSettings,
    forms: Forms,
    client: OpenAi,
    pace: Pace,
    till: Till,
    watch: Watch,
    notices: Notices,
    gauge: Arc<Gauge>,
    stop: Stop,
    batches: PathBuf,
}

/// What the teachers of a job share.
#[derive(Clone)]
pub struct Shared {
    /// The money; `None` where nothing is to be asked.
    pub purse: Option<Arc<Purse>>,
    /// Where notices are left.
    pub notices: Notices,
    /// The run's stop: pauses end with it.
    pub stop: Stop,
    /// Folder for what is written down about batches.
    pub batches: PathBuf,
}

impl Remote {
    /// A teacher called `name` in the pipeline file.
    pub fn new(name: &str, settings: &OpenAiSettings, shared: &Shared) -> Result<Self, ClientError> {
        Ok(Self {
            name: name.to_owned(),
            identity: settings.identity(),
            settings: settings.clone(),
            forms: Forms::new(settings),
            client: OpenAi::new(settings)?,
            watch: Watch::new(name, &settings.limits, shared.notices.clone()),
            pace: Pace::new(settings.concurrency, &settings.limits),
            till: Till::new(name, settings, shared.purse.clone()),
            notices: shared.notices.clone(),
            gauge: Arc::default(),
            stop: shared.stop.clone(),
            batches: shared.batches.clone(),
        })
    }

    /// What the teacher is doing, for those who watch.
    pub fn gauge(&self) -> Arc<Gauge> {
        Arc::clone(&self.gauge)
    }

    /// Counts a question of the batch path for as long as it waits.
    pub(crate) fn counted_in_batches(&self) -> Counted<'_> {
        Counted::new(&self.gauge.in_batches)
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

    pub(crate) fn till(&self) -> &Till {
        &self.till
    }

    /// What a failure means that is no single question's.
    pub(crate) fn error(&self, failure: Failure, what: &str) -> AskError {
        match failure.kind {
            FailureKind::Paused => self.watch.ended(failure.detail),
            _ => AskError::Unreachable {
                teacher: self.name.clone(),
                detail: format!("{what}: {}", failure.detail),
            },
        }
    }

    /// Why nobody is to be asked any more, where that is so.
    pub(crate) fn why_ended(&self) -> Option<AskError> {
        self.watch.why_ended().map(|detail| self.watch.ended(detail))
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The call that asks `request`.
    pub(crate) fn call(&self, request: &Request) -> Call {
        self.forms.call(request)
    }

    async fn asked(&self, request: &Request) -> Result<Reply, AskError> {
        let call = self.call(request);
        let bound = body::bound(&self.settings, request);
        let mut lost = Lost::default();
        let mut trying = Trying::begin(self.settings.limits.max_pause_secs);
        let mut reservation = None;
        loop {
            let passed = {
                let _waiting = Counted::new(&self.gauge.waiting);
                if reservation.is_none() {
                    reservation = self.till.reserve(bound, &self.stop).await?;
                }
                self.watch.pass(&self.stop).await?
            };
            let failure = match self.attempt(&call, bound, reservation.as_mut()).await {
                Ok(mut reply) => {
                    let pictures = u64::from(call.kind.makes_picture());
                    let cost = self.till.settle(reservation.take(), &reply.usage, pictures);
                    reply.usage.cost_micro_usd = cost.map(|cost| cost + lost.micro_usd);
                    reply.usage.maybe_paid_calls = lost.calls;
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            if failure.maybe_paid {
                lost.add(reservation.take());
            }
            let consequence = self.consequence(&failure, &mut trying)?;
            drop(passed);
            match consequence {
                Consequence::Again(pause) => self.rest(pause).await?,
                Consequence::Declined(reason) => return Ok(self.declined(failure, reason, &lost)),
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
        // Others may have found out meanwhile that nobody is to be asked any more.
        if let Some(detail) = self.watch.why_ended() {
            return Err(Failure::new(FailureKind::Paused, detail, false));
        }
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
            Ok(Answered { reply, names_model, hints }) => {
                self.gauge.answered.fetch_add(1, Ordering::Relaxed);
                turn.succeeded();
                if let Some(pause) = hints.pause(weight.tokens) {
                    self.pace.hold(pause);
                }
                self.watch.alive();
                if names_model {
                    self.watch.answered_by(&reply);
                }
                Ok(reply)
            }
            Err(mut failure) => {
                failure.retry_after = failure.wait(weight.tokens);
                if failure.kind == FailureKind::Overloaded {
                    self.gauge.refused.fetch_add(1, Ordering::Relaxed);
                    if let Some(pause) = turn.refused(failure.retry_after) {
                        self.watch.held(pause, self.pace.limit(), &failure.detail);
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
            FailureKind::Paused => Err(self.watch.ended(failure.detail.clone())),
            FailureKind::Declined(reason) => {
                self.watch.alive();
                Ok(Consequence::Declined(*reason))
            }
            FailureKind::Overloaded => {
                trying.refusals += 1;
                self.watch.failed(failure, false)?;
                if trying.refusals >= MAX_REFUSALS {
                    return Ok(Consequence::Declined(RejectReason::TeacherFailed));
                }
                Ok(Consequence::Again(trying.pause_after_refusal(failure.retry_after)))
            }
            FailureKind::Broken | FailureKind::Silent | FailureKind::Unreached => {
                trying.failures += 1;
                let Failed { is_open, .. } = self.watch.failed(failure, true)?;
                // While nobody is there, that is no question's fault.
                let is_its_own = match failure.kind {
                    FailureKind::Unreached => false,
                    FailureKind::Silent => !is_open,
                    _ => true,
                };
                let spent = trying.since.elapsed() >= Duration::from_secs(limits.give_up_secs);
                if (trying.failures >= limits.attempts || spent) && is_its_own {
                    return Ok(Consequence::Declined(RejectReason::TeacherFailed));
                }
                let may = self.watch.may_retry(&failure.detail);
                let pause = if may { trying.pause() } else { trying.long_pause() };
                let wanted = failure.retry_after.map(|named| trying.pause_after_refusal(Some(named)));
                Ok(Consequence::Again(wanted.map_or(pause, |wanted| wanted.max(pause))))
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

    /// An answer like any other: it is stored, and the row is rejected.
    pub(crate) fn declined(&self, failure: Failure, reason: RejectReason, lost: &Lost) -> Reply {
        let cost_micro_usd = self.till.has_prices().then_some(lost.micro_usd);
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
