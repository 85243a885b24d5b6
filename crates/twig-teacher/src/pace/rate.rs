//! Limits a minute, and bursts that are spread.

use std::time::Duration;

use tokio::time::Instant;

/// The first calls, and those after a pause, are spread over this time: a burst of a thousand calls in the
/// same millisecond is refused by limits that the same calls a moment apart would pass.
const SPREAD: Duration = Duration::from_millis(100);

/// The rest of a burst that is being spread.
#[derive(Debug)]
pub(super) struct Spread {
    pub(super) calls_left: usize,
    pub(super) next: Instant,
    pub(super) gap: Duration,
}

impl Spread {
    pub(super) fn over(calls: usize, from: Instant) -> Self {
        Self { calls_left: calls, next: from, gap: SPREAD / calls.max(1) as u32 }
    }
}

/// A limit a minute, as a time from which on the next unit is free; a second's worth may come at once.
#[derive(Debug)]
pub(super) struct Rate {
    per_unit: Duration,
    burst: Duration,
    free_from: Instant,
}

impl Rate {
    pub(super) fn per_minute(units: u64, now: Instant) -> Self {
        let per_unit = Duration::from_mins(1).div_f64(units as f64);
        Self { per_unit, burst: per_unit.max(Duration::from_secs(1)), free_from: now }
    }

    /// Takes `units`, and tells when they may be used.
    pub(super) fn take(&mut self, units: u64, now: Instant) -> Instant {
        let start = self.free_from.max(now);
        self.free_from = start + self.per_unit.mul_f64(units as f64);
        // Units are taken ahead of time by at most the burst.
        (start + self.per_unit).checked_sub(self.burst).map_or(now, |at| at.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_hold_over_a_minute() {
        let now = Instant::now();
        let taken = |units: u64, weight: u64, calls: usize| {
            let mut rate = Rate::per_minute(units, now);
            let at = (0..calls).map(|_| rate.take(weight, now)).last().unwrap();
            at.duration_since(now).as_secs_f64()
        };
        // Ten may come at once; the other hundred take ten seconds.
        let secs = taken(600, 1, 110);
        assert!((9.9..=10.1).contains(&secs), "{secs} s");
        let secs = taken(6000, 100, 11);
        assert!((8.9..=10.1).contains(&secs), "{secs} s");
        let secs = taken(2, 1, 3);
        assert!((59.0..=61.0).contains(&secs), "{secs} s");
    }
}
