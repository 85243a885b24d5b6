//! When a call may go, and what its outcome means for the others: decisions only, no waiting.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    Weight,
    noise::{Noise, Suspicion},
    rate::{Rate, Spread},
};
use crate::limits::LimitSettings;

/// A probe counts as let in when it was not refused within twice the time of the last refusal, within these
/// bounds.
const LET_IN_AFTER: (Duration, Duration) = (Duration::from_millis(3), Duration::from_secs(1));
/// Pause after a confirmed overload where the server names none, doubled with each in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Share of the calls under way that is left after a confirmed overload.
const AFTER_OVERLOAD: f64 = 0.75;

/// The state of a teacher's pace.
#[derive(Debug)]
pub(super) struct State {
    pub(super) most: usize,
    /// Calls that may be under way now, at most `most`.
    pub(super) limit: usize,
    /// Permits to be withdrawn as calls end, after `limit` was lowered.
    pub(super) debt: usize,
    /// Calls that went well since `limit` last changed.
    pub(super) successes: usize,
    pub(super) max_pause: Duration,
    pub(super) hold_until: Instant,
    pub(super) suspicion: Option<Suspicion>,
    /// When the last calls were sent: twice as many as may be under way.
    pub(super) sent: VecDeque<Instant>,
    pub(super) noise: Noise,
    /// Overloads confirmed in a row.
    pub(super) overloads: u32,
    pub(super) spread: Spread,
    pub(super) requests: Option<Rate>,
    pub(super) tokens: Option<Rate>,
    pub(super) pictures: Option<Rate>,
}

impl State {
    pub(super) fn new(concurrency: usize, limits: &LimitSettings, now: Instant) -> Self {
        let rate = |units: Option<u64>| units.map(|units| Rate::per_minute(units, now));
        Self {
            most: concurrency,
            limit: concurrency,
            debt: 0,
            successes: 0,
            max_pause: Duration::from_secs(limits.max_pause_secs),
            hold_until: now,
            suspicion: None,
            sent: VecDeque::new(),
            noise: Noise::BEGIN,
            overloads: 0,
            spread: Spread::over(concurrency, now),
            requests: rate(limits.requests_per_minute),
            tokens: rate(limits.tokens_per_minute),
            pictures: rate(limits.pictures_per_minute),
        }
    }

    /// Counts a call that went well; tells whether one more may be under way for it.
    pub(super) fn succeeded(&mut self) -> bool {
        self.overloads = 0;
        self.noise.count(0, 1);
        self.successes += 1;
        if self.successes < self.limit || self.limit == self.most {
            return false;
        }
        self.successes = 0;
        self.limit += 1;
        let owed = self.debt > 0;
        self.debt -= usize::from(owed);
        !owed
    }

    /// Takes what the call counts for out of the rates; tells when it may go as far as they are concerned.
    pub(super) fn booked(&mut self, weight: Weight, now: Instant) -> Instant {
        let mut at = now;
        for (rate, units) in [
            (&mut self.requests, 1),
            (&mut self.tokens, weight.tokens),
            (&mut self.pictures, weight.pictures),
        ] {
            if let Some(rate) = rate
                && units > 0
            {
                at = at.max(rate.take(units, now));
            }
        }
        at
    }

    /// Whether a call may go now; if not, when to ask again. `spread` tells whether the call has been given its
    /// place in a burst that is being spread.
    pub(super) fn may_go(&mut self, now: Instant, spread: &mut bool) -> Result<(), Instant> {
        if now < self.hold_until {
            *spread = false;
            return Err(self.hold_until);
        }
        if let Some(suspicion) = &mut self.suspicion {
            if suspicion.probe_sent.is_none() {
                suspicion.probe_sent = Some(now);
                self.hold_until = now + (suspicion.refused_in * 2).clamp(LET_IN_AFTER.0, LET_IN_AFTER.1);
                self.goes(now);
                return Ok(());
            }
            // The probe has been under way for longer than a refusal takes: it was let in.
            let stray = suspicion.stray();
            self.noise.count(stray, stray);
            self.suspicion = None;
        }
        if self.spread.calls_left > 0 && !*spread {
            *spread = true;
            self.spread.calls_left -= 1;
            let at = self.spread.next.max(now);
            self.spread.next = at + self.spread.gap;
            if at > now {
                return Err(at);
            }
        }
        self.goes(now);
        Ok(())
    }

    fn goes(&mut self, now: Instant) {
        self.sent.push_back(now);
        if self.sent.len() > 2 * self.most {
            self.sent.pop_front();
        }
    }

    pub(super) fn refused(
        &mut self,
        sent_at: Instant,
        now: Instant,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let refused_in = now.saturating_duration_since(sent_at);
        match &mut self.suspicion {
            None if now < self.hold_until => None,
            None => {
                let sent = self.sent.iter().rev().take_while(|at| **at >= sent_at).count() as u32;
                self.suspicion = Some(Suspicion {
                    since: now,
                    refusals: 1,
                    bystanders: 0,
                    sent: sent.max(1),
                    refused_in,
                    probe_sent: None,
                });
                None
            }
            // Sent before the first refusal came: it says nothing about now, unless it is one of very many.
            Some(suspicion) if sent_at < suspicion.since => {
                suspicion.bystanders += 1;
                suspicion.is_overload(&self.noise).then(|| self.overloaded(now, retry_after))
            }
            Some(suspicion) => {
                suspicion.refusals += 1;
                if suspicion.refusals >= self.noise.refusals_of_overload() {
                    return Some(self.overloaded(now, retry_after));
                }
                suspicion.probe_sent = None;
                self.hold_until = now;
                None
            }
        }
    }

    pub(super) fn overloaded(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        self.suspicion = None;
        let own = (FIRST_PAUSE * 2u32.saturating_pow(self.overloads)).min(self.max_pause);
        self.overloads = (self.overloads + 1).min(16);
        let pause = retry_after.unwrap_or_else(|| own.mul_f64(0.5 + 0.5 * fastrand::f64()));
        self.hold_until = now + pause;
        let fewer = ((self.limit as f64 * AFTER_OVERLOAD) as usize).max(1);
        self.debt += self.limit - fewer;
        self.limit = fewer;
        self.successes = 0;
        self.spread = Spread::over(fewer, self.hold_until);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_calls_are_spread() {
        let begin = Instant::now();
        let mut state = State::new(100, &LimitSettings::default(), begin);
        let places: Vec<Duration> = (0..101)
            .map(|_| state.may_go(begin, &mut false).err().map_or(Duration::ZERO, |at| at - begin))
            .collect();
        assert_eq!(places[0], Duration::ZERO);
        assert_eq!(places[99], Duration::from_millis(99));
        assert_eq!(places[100], Duration::ZERO, "only the first hundred");
    }
}
