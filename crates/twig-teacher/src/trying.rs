//! The attempts at one question: how many there were, what they have cost, and how long to wait for the next.

use std::time::Duration;

use tokio::time::Instant;
use twig_model::RejectReason;

use crate::purse::Reservation;

/// Pause before a second attempt, doubled before each further one; the real pause is drawn between none and
/// this, so that calls which failed together do not come back together.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Drawn on top of a pause that the server has named, as often as the question was refused.
const EXTRA: Duration = Duration::from_millis(20);

/// What follows from a failure.
pub(crate) enum Consequence {
    Again(Duration),
    Declined(RejectReason),
}

/// Calls for one answer that were sent and lost.
#[derive(Default)]
pub(crate) struct Lost {
    pub(crate) calls: u32,
    pub(crate) micro_usd: u64,
}

impl Lost {
    /// A call that may be paid for counts at its reservation.
    pub(crate) fn add(&mut self, reservation: Option<Reservation>) {
        self.calls += 1;
        if let Some(reservation) = reservation {
            let micro_usd = reservation.micro_usd();
            self.micro_usd += micro_usd;
            reservation.settle(micro_usd);
        }
    }
}

/// The attempts at one question.
pub(crate) struct Trying {
    pub(crate) since: Instant,
    pub(crate) failures: u32,
    pub(crate) refusals: u32,
    most: Duration,
}

impl Trying {
    pub(crate) fn begin(max_pause_secs: u64) -> Self {
        Self { since: Instant::now(), failures: 0, refusals: 0, most: Duration::from_secs(max_pause_secs) }
    }

    /// Exponential with full jitter.
    pub(crate) fn pause(&self) -> Duration {
        self.doubled(FIRST_PAUSE).mul_f64(fastrand::f64())
    }

    /// After a refusal: what the server has named, and a little more, so that those who were told the same do not
    /// come back together.
    pub(crate) fn pause_after_refusal(&self, retry_after: Option<Duration>) -> Duration {
        match retry_after {
            Some(named) => named + (EXTRA * self.refusals.max(1)).mul_f64(fastrand::f64()),
            None => self.pause(),
        }
    }

    /// Where too many calls break: nearly the longest pause.
    pub(crate) fn long_pause(&self) -> Duration {
        self.most.mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    fn doubled(&self, first: Duration) -> Duration {
        let doublings = (self.failures + self.refusals).saturating_sub(1).min(16);
        (first * 2u32.pow(doublings)).min(self.most)
    }
}
