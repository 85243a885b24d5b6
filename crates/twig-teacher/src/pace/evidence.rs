//! Telling overload from refusals that mean nothing.
//!
//! Stray refusals hit one call here and one there; a server that has enough refuses nearly everything from some call
//! on. That is a change of the share of refusals, and it is found as such changes are: by a cumulative sum of
//! log-likelihood ratios (CUSUM, E. S. Page, "Continuous Inspection Schemes", 1954) over the calls in the order in
//! which they were sent.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Share of the calls that are refused in an overload: a server that counts calls lets one in now and then.
const REFUSED_IN_OVERLOAD: f64 = 0.9;
/// The sum from which refusals are taken for an overload: e^10 = 22,000 calls between two false alarms, about.
const CERTAIN: f64 = 10.0;
/// The sum from which the others wait for what happens to one more call.
const SUSPICIOUS: f64 = 3.5;

/// What a refusal says about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// No more than what is known of its stray refusals.
    Noise,
    Suspicious,
    Overload,
}

/// How often calls are refused though the server has room for others.
#[derive(Debug)]
struct Noise {
    stray: f64,
    calls: f64,
}

impl Noise {
    /// What is taken for granted until it is seen otherwise.
    const BEGIN: Self = Self { stray: 1.5, calls: 10.0 };
    /// Calls over which it is measured, about.
    const MEMORY: f64 = 200.0;
    /// Up to this share of stray refusals a server is a quiet one.
    const QUIET: f64 = 0.03;
    /// A server that refuses more than half of the calls for no reason is taken for an overloaded one.
    const MOST: f64 = 0.5;

    fn count(&mut self, stray: u32, calls: u32) {
        self.stray += f64::from(stray);
        self.calls += f64::from(calls);
        if self.calls > Self::MEMORY {
            let kept = Self::MEMORY / self.calls;
            self.stray *= kept;
            self.calls *= kept;
        }
    }

    /// Share of the calls that are refused for no reason.
    fn share(&self) -> f64 {
        (self.stray / self.calls).clamp(0.001, Self::MOST)
    }

    /// What a call that was refused adds to the sum, and one that was let in.
    fn weights(&self) -> (f64, f64) {
        let share = self.share();
        ((REFUSED_IN_OVERLOAD / share).ln(), ((1.0 - REFUSED_IN_OVERLOAD) / (1.0 - share)).ln())
    }
}

#[derive(Debug)]
struct Sent {
    at: Instant,
    refused: bool,
}

/// The last calls in the order in which they were sent, and what their refusals say.
#[derive(Debug)]
pub(super) struct Outcomes {
    noise: Noise,
    /// Calls that have not been counted as noise yet: the last ones, and those that are under suspicion.
    calls: VecDeque<Sent>,
    most: usize,
    /// Number of the first of `calls`.
    first: u64,
    /// Number of the first call after the last overload; what was sent before says nothing about now.
    believed_from: u64,
    /// How long the last refusal took to come, and how long the slower ones of the last.
    last: Duration,
    slowest: Duration,
}

impl Outcomes {
    /// Of a server that may have so many calls under way.
    pub(super) fn new(concurrency: usize) -> Self {
        Self {
            noise: Noise::BEGIN,
            calls: VecDeque::new(),
            most: 4 * concurrency + 64,
            first: 0,
            believed_from: 0,
            last: Duration::ZERO,
            slowest: Duration::ZERO,
        }
    }

    /// A call is sent; returns its number.
    pub(super) fn sent(&mut self, at: Instant) -> u64 {
        if self.calls.len() == self.most {
            self.count_first();
        }
        self.calls.push_back(Sent { at, refused: false });
        self.first + self.calls.len() as u64 - 1
    }

    /// The call of this number was refused.
    pub(super) fn refused(&mut self, number: u64, now: Instant) -> Evidence {
        if number < self.believed_from {
            return Evidence::Noise;
        }
        let place = number.checked_sub(self.first).map(|place| place as usize);
        let Some((place, call)) = place.and_then(|place| Some((place, self.calls.get_mut(place)?))) else {
            // It was taken for one that was let in.
            self.noise.count(1, 0);
            return Evidence::Noise;
        };
        call.refused = true;
        self.last = now.saturating_duration_since(call.at);
        self.slowest = self.slowest.mul_f64(0.9).max(self.last);
        let (sum, begin) = self.sum_up_to(place);
        // What was sent before the suspicious calls, and long enough ago to be known, is noise.
        for _ in 0..begin {
            if now.saturating_duration_since(self.calls[0].at) < self.slowest * 2 {
                break;
            }
            self.count_first();
        }
        match sum {
            _ if sum >= CERTAIN => Evidence::Overload,
            _ if sum >= SUSPICIOUS => Evidence::Suspicious,
            _ => Evidence::Noise,
        }
    }

    /// How long the last refusal took to come.
    pub(super) fn refused_in(&self) -> Duration {
        self.last
    }

    /// How much more often than from a quiet server overloads are found where there are none, about.
    pub(super) fn false_alarms(&self) -> f64 {
        let seen = self.noise.stray - Noise::BEGIN.stray;
        (seen / self.noise.calls / Noise::QUIET).max(1.0)
    }

    /// An overload was found: what was sent up to now is not looked at again.
    pub(super) fn begin_anew(&mut self) {
        self.first += self.calls.len() as u64;
        self.calls.clear();
        self.believed_from = self.first;
    }

    /// The greatest sum over calls one after another that end at `place`, and where these begin. Calls sent later are
    /// left out: of these only the refusals are known.
    fn sum_up_to(&self, place: usize) -> (f64, usize) {
        let (refused, let_in) = self.noise.weights();
        let (mut sum, mut greatest) = (0.0, (0.0, place + 1));
        for (place, call) in self.calls.iter().enumerate().take(place + 1).rev() {
            sum += if call.refused { refused } else { let_in };
            if sum > greatest.0 {
                greatest = (sum, place);
            }
        }
        greatest
    }

    fn count_first(&mut self) {
        if let Some(call) = self.calls.pop_front() {
            self.first += 1;
            self.noise.count(u32::from(call.refused), 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of these calls (`x` is refused) says, a millisecond apart, refused at once.
    fn evidence(outcomes: &mut Outcomes, calls: &str) -> Vec<Evidence> {
        let begin = Instant::now();
        let at = |number: usize| begin + Duration::from_millis(number as u64);
        let sent = calls.chars().enumerate().map(|(number, call)| (call, at(number)));
        sent.filter_map(|(call, now)| {
            let number = outcomes.sent(now);
            (call == 'x').then(|| outcomes.refused(number, now + Duration::from_micros(500)))
        })
        .collect()
    }

    #[test]
    fn a_row_of_refusals_is_an_overload_and_how_long_it_must_be_depends_on_the_noise() {
        let rows = |before: &str| {
            let mut outcomes = Outcomes::new(8);
            evidence(&mut outcomes, &before.repeat(20));
            let found = evidence(&mut outcomes, &"x".repeat(40));
            let first = |wanted: Evidence| found.iter().position(|one| *one == wanted).unwrap() + 1;
            (first(Evidence::Suspicious), first(Evidence::Overload))
        };
        assert_eq!(rows("...................."), (1, 2));
        assert_eq!(rows(".........x.........."), (2, 4));
        let (suspicious, overload) = rows("..x...x.x.");
        assert!((3..=6).contains(&suspicious) && (8..=12).contains(&overload), "{suspicious} {overload}");
    }

    #[test]
    fn calls_of_before_an_overload_say_nothing_afterwards() {
        let mut outcomes = Outcomes::new(8);
        let now = Instant::now();
        let before: Vec<u64> = (0..8).map(|_| outcomes.sent(now)).collect();
        outcomes.begin_anew();
        let stray = outcomes.noise.stray;
        for number in before {
            assert_eq!(outcomes.refused(number, now), Evidence::Noise);
        }
        assert!((outcomes.noise.stray - stray).abs() < 1e-9, "they are no stray refusals either");
    }
}
