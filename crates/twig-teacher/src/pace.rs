//! How fast one server is asked: calls under way, calls, tokens and pictures a minute, and what the server
//! itself says about its limits.
//!
//! Overload is told from noise by probes. After a 429 or 503 one more call is let through, and the others wait
//! for as long as such a refusal takes to come. Is the probe refused too, the server means it: everybody waits
//! for as long as it says, and fewer calls are under way afterwards. Is it not, the refusal was a stray one, and
//! nothing changes. Where stray refusals have been frequent, more than one probe in a row has to be refused. Only
//! the refused call itself always waits for its `Retry-After`.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use crate::limits::LimitSettings;

/// The first calls, and those after a pause, are spread over this time: a burst of a thousand calls in the
/// same millisecond is refused by limits that the same calls a moment apart would pass.
const SPREAD: Duration = Duration::from_millis(100);
/// A probe counts as let in when it was not refused within twice the time of the last refusal, within these
/// bounds.
const LET_IN_AFTER: (Duration, Duration) = (Duration::from_millis(3), Duration::from_secs(1));
/// Pause after a confirmed overload where the server names none, doubled with each in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Share of the calls under way that is left after a confirmed overload.
const AFTER_OVERLOAD: f64 = 0.75;

/// The pace of one teacher, over all partitions.
#[derive(Debug)]
pub(crate) struct Pace {
    permits: Semaphore,
    /// Short critical sections only; never held over an await.
    state: Mutex<State>,
}

/// What a call counts for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weight {
    pub(crate) tokens: u64,
    pub(crate) pictures: u64,
}

/// The right to have one call under way; given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
    sent_at: Instant,
}

#[derive(Debug)]
struct State {
    most: usize,
    /// Calls that may be under way now, at most `most`.
    limit: usize,
    /// Permits to be withdrawn as calls end, after `limit` was lowered.
    debt: usize,
    /// Calls that went well since `limit` last changed.
    successes: usize,
    max_pause: Duration,
    hold_until: Instant,
    suspicion: Option<Suspicion>,
    noise: Noise,
    /// Overloads confirmed in a row.
    overloads: u32,
    spread: Spread,
    requests: Option<Rate>,
    tokens: Option<Rate>,
    pictures: Option<Rate>,
}

/// How often calls have been refused though the server had room for others.
#[derive(Debug)]
struct Noise {
    stray: f64,
    calls: f64,
}

impl Noise {
    /// A tenth, until it is seen otherwise.
    const BEGIN: Self = Self { stray: 1.0, calls: 10.0 };
    /// Calls over which it is measured, about.
    const MEMORY: f64 = 200.0;
    /// Chance at which a row of refusals is no longer taken for noise.
    const UNLIKELY: f64 = 0.003;

    fn count(&mut self, stray: u32, calls: u32) {
        self.stray += f64::from(stray);
        self.calls += f64::from(calls);
        if self.calls > Self::MEMORY {
            let kept = Self::MEMORY / self.calls;
            self.stray *= kept;
            self.calls *= kept;
        }
    }

    /// Refusals in a row that are no noise any more.
    fn refusals_of_overload(&self) -> u32 {
        let share = (self.stray / self.calls).clamp(0.001, 0.9);
        (Self::UNLIKELY.ln() / share.ln()).ceil().max(2.0) as u32
    }
}

/// A refusal has come; is it meant for everybody?
#[derive(Debug)]
struct Suspicion {
    since: Instant,
    /// Refusals in a row, the first one included.
    refusals: u32,
    /// Refusals of calls that had been sent before the first one came.
    bystanders: u32,
    /// How long the refusal took to come.
    refused_in: Duration,
    probe_sent: Option<Instant>,
}

/// The rest of a burst that is being spread.
#[derive(Debug)]
struct Spread {
    calls_left: usize,
    next: Instant,
    gap: Duration,
}

impl Spread {
    fn over(calls: usize, from: Instant) -> Self {
        Self { calls_left: calls, next: from, gap: SPREAD / calls.max(1) as u32 }
    }
}

/// A limit a minute, as a time from which on the next unit is free; a second's worth may come at once.
#[derive(Debug)]
struct Rate {
    per_unit: Duration,
    burst: Duration,
    free_from: Instant,
}

impl Rate {
    fn per_minute(units: u64, now: Instant) -> Self {
        let per_unit = Duration::from_mins(1).div_f64(units as f64);
        Self { per_unit, burst: per_unit.max(Duration::from_secs(1)), free_from: now }
    }

    /// Takes `units`, and tells when they may be used.
    fn take(&mut self, units: u64, now: Instant) -> Instant {
        let start = self.free_from.max(now);
        self.free_from = start + self.per_unit.mul_f64(units as f64);
        // Units are taken ahead of time by at most the burst.
        (start + self.per_unit).checked_sub(self.burst).map_or(now, |at| at.max(now))
    }
}

impl Pace {
    pub(crate) fn new(concurrency: usize, limits: &LimitSettings) -> Self {
        let state = State::new(concurrency, limits, Instant::now());
        Self { permits: Semaphore::new(concurrency), state: Mutex::new(state) }
    }

    /// Waits for a turn: first for one of the calls that may be under way, then for the server's limits.
    pub(crate) async fn turn(&self, weight: Weight) -> Turn<'_> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        let mut at = self.state().booked(weight, Instant::now());
        let mut spread = false;
        loop {
            if at > Instant::now() {
                sleep_until(at).await;
            }
            let now = Instant::now();
            match self.state().may_go(now, &mut spread) {
                Ok(()) => return Turn { pace: self, permit, sent_at: now },
                Err(until) => at = until,
            }
        }
    }

    /// Calls that may be under way now.
    pub(crate) fn limit(&self) -> usize {
        self.state().limit
    }

    /// Holds everybody back, as a server's headers ask.
    pub(crate) fn hold(&self, pause: Duration) {
        let mut state = self.state();
        let until = Instant::now() + pause.min(state.max_pause);
        state.hold_until = state.hold_until.max(until);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The call went well.
    pub(crate) fn succeeded(self) {
        if self.pace.state().succeeded() {
            self.pace.permits.add_permits(1);
        }
    }

    /// The server had too much to do. Returns the pause that was found to hold for everybody, if it was.
    pub(crate) fn refused(self, retry_after: Option<Duration>) -> Option<Duration> {
        let now = Instant::now();
        self.pace.state().refused(self.sent_at, now, retry_after)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

impl State {
    fn new(concurrency: usize, limits: &LimitSettings, now: Instant) -> Self {
        let rate = |units: Option<u64>| units.map(|units| Rate::per_minute(units, now));
        Self {
            most: concurrency,
            limit: concurrency,
            debt: 0,
            successes: 0,
            max_pause: Duration::from_secs(limits.max_pause_secs),
            hold_until: now,
            suspicion: None,
            noise: Noise::BEGIN,
            overloads: 0,
            spread: Spread::over(concurrency, now),
            requests: rate(limits.requests_per_minute),
            tokens: rate(limits.tokens_per_minute),
            pictures: rate(limits.pictures_per_minute),
        }
    }

    /// Counts a call that went well; tells whether one more may be under way for it.
    fn succeeded(&mut self) -> bool {
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
    fn booked(&mut self, weight: Weight, now: Instant) -> Instant {
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
    fn may_go(&mut self, now: Instant, spread: &mut bool) -> Result<(), Instant> {
        if now < self.hold_until {
            *spread = false;
            return Err(self.hold_until);
        }
        if let Some(suspicion) = &mut self.suspicion {
            if suspicion.probe_sent.is_none() {
                suspicion.probe_sent = Some(now);
                self.hold_until = now + (suspicion.refused_in * 2).clamp(LET_IN_AFTER.0, LET_IN_AFTER.1);
                return Ok(());
            }
            // The probe has been under way for longer than a refusal takes: it was let in.
            let refusals = suspicion.refusals + suspicion.bystanders;
            self.noise.count(refusals, refusals);
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
        Ok(())
    }

    fn refused(&mut self, sent_at: Instant, now: Instant, retry_after: Option<Duration>) -> Option<Duration> {
        let refused_in = now.saturating_duration_since(sent_at);
        match &mut self.suspicion {
            None if now < self.hold_until => None,
            None => {
                self.suspicion =
                    Some(Suspicion { since: now, refusals: 1, bystanders: 0, refused_in, probe_sent: None });
                None
            }
            // Sent before the first refusal came: it says nothing about now.
            Some(suspicion) if sent_at < suspicion.since => {
                suspicion.bystanders += 1;
                None
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

    fn overloaded(&mut self, now: Instant, retry_after: Option<Duration>) -> Duration {
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
    use std::{cmp::Reverse, collections::BinaryHeap};

    use super::*;

    /// What happens to a call; times are in microseconds.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Happens {
        Answered { sent: u64 },
        Refused { sent: u64 },
        Back,
        Wants { spread: bool },
    }

    /// Calls against a server in simulated time: `lets_in` decides, a refusal comes after 1 ms and an answer
    /// after 200 ms, and a refused call is sent again after `pause`. Returns the calls sent and the seconds
    /// until the last answer.
    fn simulated(
        state: &mut State,
        begin: Instant,
        calls: usize,
        retry_after: Option<Duration>,
        mut lets_in: impl FnMut(f64) -> bool,
    ) -> (usize, u32, f64) {
        let at = |micros: u64| begin + Duration::from_micros(micros);
        let mut events: BinaryHeap<Reverse<(u64, Happens)>> = BinaryHeap::new();
        let (mut waiting, mut under_way, mut sent, mut overloads, mut now) = (calls, 0, 0, 0, 0);
        loop {
            while waiting > 0 && under_way < state.limit {
                waiting -= 1;
                under_way += 1;
                events.push(Reverse((now, Happens::Wants { spread: false })));
            }
            let Some(Reverse((micros, happens))) = events.pop() else { break };
            now = micros;
            match happens {
                Happens::Wants { mut spread } => match state.may_go(at(now), &mut spread) {
                    Err(until) => {
                        let micros = until.duration_since(begin).as_micros() as u64;
                        events.push(Reverse((micros.max(now + 1), Happens::Wants { spread })));
                    }
                    Ok(()) => {
                        sent += 1;
                        let let_in = lets_in(now as f64 / 1e6);
                        let event = if let_in {
                            (now + 200_000, Happens::Answered { sent: now })
                        } else {
                            (now + 1_000, Happens::Refused { sent: now })
                        };
                        events.push(Reverse(event));
                    }
                },
                Happens::Answered { .. } => {
                    state.succeeded();
                    under_way -= 1;
                }
                Happens::Refused { sent } => {
                    if state.refused(at(sent), at(now), retry_after).is_some() {
                        overloads += 1;
                    }
                    under_way -= 1;
                    let pause = retry_after.unwrap_or(Duration::from_millis(250)).as_micros() as u64;
                    events.push(Reverse((now + pause, Happens::Back)));
                }
                Happens::Back => waiting += 1,
            }
        }
        (sent, overloads, now as f64 / 1e6)
    }

    #[test]
    fn a_server_with_a_limit_is_hardly_asked_in_vain() {
        let begin = Instant::now();
        let mut state = State::new(32, &LimitSettings::default(), begin);
        // 40 calls a second out of a bucket of 40.
        let (mut bucket, mut last) = (40.0_f64, 0.0);
        let (sent, _, secs) = simulated(&mut state, begin, 400, Some(Duration::from_secs(1)), |now| {
            bucket = (bucket + (now - last) * 40.0).min(40.0);
            last = now;
            let let_in = bucket >= 1.0;
            bucket -= f64::from(u8::from(let_in));
            let_in
        });
        eprintln!("{sent} {secs}");
        assert!(sent <= 420, "{sent} calls were sent for 400 answers");
        // The first 40 come out of the full bucket.
        assert!(secs <= 1.1 * (360.0 / 40.0 + 0.2), "{secs} s");
    }

    #[test]
    fn stray_refusals_slow_nothing_down() {
        let begin = Instant::now();
        let mut state = State::new(32, &LimitSettings::default(), begin);
        let mut random = fastrand::Rng::with_seed(1);
        let (sent, overloads, secs) = simulated(&mut state, begin, 400, None, |_| random.f64() >= 0.3);
        assert!(sent > 500, "{sent}");
        let floor = 400.0 / 32.0 * 0.2;
        assert!(secs < 1.3 * floor + 0.5, "{secs} s with {overloads} pauses, and {floor} s without refusals");
        assert!(state.limit >= 24, "{} calls may be under way", state.limit);
    }

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

    #[tokio::test]
    async fn after_an_overload_fewer_calls_are_under_way() {
        let pace = Pace::new(4, &LimitSettings::default());
        let mut turns = Vec::new();
        for _ in 0..4 {
            turns.push(pace.turn(Weight::default()).await);
        }
        pace.state().overloaded(Instant::now(), Some(Duration::ZERO));
        assert_eq!(pace.limit(), 3);
        drop(turns);
        assert_eq!(pace.permits.available_permits(), 3);
        for _ in 0..3 {
            pace.turn(Weight::default()).await.succeeded();
        }
        assert_eq!((pace.limit(), pace.permits.available_permits()), (4, 4));
    }
}
