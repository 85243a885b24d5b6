//! When a call may go, and what its outcome means for the others: decisions only, no waiting.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Weight,
    evidence::{Evidence, Outcomes},
    rate::{Rate, Spread},
};
use crate::limits::LimitSettings;

/// A probe counts as let in when it was not refused within twice the time of the last refusal, within these bounds.
const LET_IN_AFTER: (Duration, Duration) = (Duration::from_millis(3), Duration::from_secs(1));
/// Pause after a confirmed overload where the server names none, doubled with each in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Share of the calls under way that is left after a confirmed overload.
const AFTER_OVERLOAD: f64 = 0.75;

/// There were more refusals than the known noise explains; are they meant for everybody? One more call tells, and
/// the others wait for it.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    /// Number of that one call, once it is sent, and when it counts as let in.
    probe: Option<(u64, Instant)>,
}

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
    pub(super) outcomes: Outcomes,
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
            outcomes: Outcomes::new(concurrency),
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
        self.successes += 1;
        // The limit comes back by one each time that all calls under way have gone well, and faster where it was lowered
        // for nothing before.
        let wanted = (self.limit as f64 / self.outcomes.false_alarms()) as usize;
        if self.successes < wanted || self.limit == self.most {
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

    /// Whether a call may go now: its number, or when to ask again. `spread` tells whether the call has been given its
    /// place in a burst that is being spread.
    pub(super) fn may_go(&mut self, now: Instant, spread: &mut bool) -> Result<u64, Instant> {
        if now < self.hold_until {
            *spread = false;
            return Err(self.hold_until);
        }
        if let Some(suspicion) = &mut self.suspicion {
            match suspicion.probe {
                None => {
                    let number = self.outcomes.sent(now);
                    let let_in_at =
                        now + (self.outcomes.refused_in() * 2).clamp(LET_IN_AFTER.0, LET_IN_AFTER.1);
                    suspicion.probe = Some((number, let_in_at));
                    return Ok(number);
                }
                Some((_, let_in_at)) if now < let_in_at => {
                    *spread = false;
                    return Err(let_in_at);
                }
                // The probe has been under way for longer than a refusal takes.
                Some(_) => self.suspicion = None,
            }
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
        Ok(self.outcomes.sent(now))
    }

    /// The call of this number was refused. Returns the pause that was found to hold for everybody.
    pub(super) fn refused(
        &mut self,
        number: u64,
        now: Instant,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        match (self.outcomes.refused(number, now), &mut self.suspicion) {
            (Evidence::Overload, _) => return Some(self.overloaded(now, retry_after)),
            (_, Some(suspicion)) if suspicion.probe.is_some_and(|(probe, _)| number >= probe) => {
                suspicion.probe = None;
            }
            (Evidence::Suspicious, None) if now >= self.hold_until => {
                self.suspicion = Some(Suspicion::default());
            }
            _ => {}
        }
        None
    }

    pub(super) fn overloaded(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
        self.suspicion = None;
        self.outcomes.begin_anew();
        let own = (FIRST_PAUSE * 2u32.saturating_pow(self.overloads)).min(self.max_pause);
        self.overloads = (self.overloads + 1).min(16);
        let pause = retry_after.unwrap_or_else(|| own.mul_f64(0.5 + 0.5 * fastrand::f64()));
        self.hold_until = self.hold_until.max(now + pause);
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
