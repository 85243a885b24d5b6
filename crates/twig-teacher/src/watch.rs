//! What is seen of a server, over all questions, and what is told of it.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use twig_model::{AskError, Reply};

use crate::{
    LimitSettings, Notice, Notices, Stop,
    breaker::{Breaker, Failed, Passed},
    openai::failure::Failure,
};

/// Watches one server.
#[derive(Debug)]
pub(crate) struct Watch {
    teacher: String,
    notices: Notices,
    outage_secs: u64,
    retries_per_hundred: u32,
    breaker: Breaker,
    /// Short critical sections only.
    seen: Mutex<Seen>,
}

/// What has been seen of the server.
#[derive(Debug, Default)]
struct Seen {
    /// The model and fingerprint that answered last.
    model: Option<(String, Option<String>)>,
    /// Why nothing more is asked.
    ended: Option<String>,
    /// Whether it has been told that retries are held back.
    holds_back: bool,
}

impl Watch {
    pub(crate) fn new(teacher: &str, limits: &LimitSettings, notices: Notices) -> Self {
        Self {
            teacher: teacher.to_owned(),
            notices,
            outage_secs: limits.outage_secs,
            retries_per_hundred: limits.retries_per_hundred,
            breaker: Breaker::new(limits),
            seen: Mutex::default(),
        }
    }

    /// Waits while the server is down; a teacher that has ended is asked no more.
    pub(crate) async fn pass(&self, stop: &Stop) -> Result<Passed<'_>, AskError> {
        let passed = tokio::select! {
            biased;
            passed = self.breaker.pass() => passed,
            () = stop.requested() => return Err(AskError::Stopping),
        };
        match self.why_ended() {
            Some(detail) => Err(AskError::Paused { teacher: self.teacher.clone(), detail }),
            None => Ok(passed),
        }
    }

    /// Why nothing more is asked, if that is so.
    pub(crate) fn why_ended(&self) -> Option<String> {
        self.seen().ended.clone()
    }

    /// Counts a failure, and ends the run where that has gone on for too long.
    pub(crate) fn failed(&self, failure: &Failure, counts: bool) -> Result<Failed, AskError> {
        let failed = self.breaker.failed(counts);
        let outage_secs = self.outage_secs;
        if failed.silent >= Duration::from_secs(outage_secs) {
            return Err(AskError::Unreachable {
                teacher: self.teacher.clone(),
                detail: format!(
                    "nothing has been answered for {} s, after {} failed calls in a row; the last one: {}",
                    failed.silent.as_secs(),
                    failed.failures,
                    failure.detail
                ),
            });
        }
        if failed.opened {
            self.notices.leave(Notice::TeacherDown {
                teacher: self.teacher.clone(),
                failures: failed.failures,
                outage_secs,
                detail: failure.detail.clone(),
            });
        }
        Ok(failed)
    }

    /// The server has answered, if only to decline.
    pub(crate) fn alive(&self) {
        if let Some(down) = self.breaker.answered() {
            let (teacher, seconds) = (self.teacher.clone(), down.as_secs_f64());
            self.notices.leave(Notice::TeacherBack { teacher, seconds });
        }
    }

    /// A call was answered; by whom?
    pub(crate) fn answered_by(&self, reply: &Reply) {
        let mut seen = self.seen();
        let is_same = |(model, fingerprint): &(String, Option<String>)| {
            *model == reply.model && *fingerprint == reply.fingerprint
        };
        if seen.model.as_ref().is_some_and(is_same) {
            return;
        }
        let now = (reply.model.clone(), reply.fingerprint.clone());
        let told = |(model, fingerprint): &(String, Option<String>)| match fingerprint {
            Some(fingerprint) => format!("{model} ({fingerprint})"),
            None => model.clone(),
        };
        let to = told(&now);
        if let Some(from) = seen.model.replace(now) {
            let (teacher, from) = (self.teacher.clone(), told(&from));
            self.notices.leave(Notice::ModelChanged { teacher, from, to });
        }
    }

    /// Everybody waits for so long.
    pub(crate) fn held(&self, pause: Duration, concurrency: usize, detail: &str) {
        self.notices.leave(Notice::TeacherHeld {
            teacher: self.teacher.clone(),
            seconds: pause.as_secs_f64(),
            concurrency: concurrency as u64,
            detail: detail.to_owned(),
        });
    }

    /// Takes a retry out of the budget, and says so once where it is used up.
    pub(crate) fn may_retry(&self, detail: &str) -> bool {
        let may = self.breaker.may_retry();
        self.held_back(!may, detail);
        may
    }

    fn held_back(&self, holds_back: bool, detail: &str) {
        let before = std::mem::replace(&mut self.seen().holds_back, holds_back);
        if holds_back && !before {
            self.notices.leave(Notice::RetriesHeldBack {
                teacher: self.teacher.clone(),
                retries_per_hundred: self.retries_per_hundred,
                detail: detail.to_owned(),
            });
        }
    }

    /// Nothing more is asked; said once, however many questions find out.
    pub(crate) fn ended(&self, detail: String) -> AskError {
        let mut seen = self.seen();
        if seen.ended.is_none() {
            seen.ended = Some(detail.clone());
            self.notices
                .leave(Notice::TeacherEnded { teacher: self.teacher.clone(), detail: detail.clone() });
        }
        AskError::Paused { teacher: self.teacher.clone(), detail }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
