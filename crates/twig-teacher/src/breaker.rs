//! The circuit breaker of one teacher, and its budget of retries.
//!
//! Twenty failures in a row with no answer in between say that nobody is there: the breaker opens, one call at a
//! time is let through to look, with pauses that double, and everybody else waits. The first answer closes it.
//! Refusals for too much load do not count: [`crate::pace`] meets those.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::limits::LimitSettings;

/// Failures in a row, of all questions, that open the breaker.
const OPENS_AFTER: u32 = 20;
/// Pause before the first look at an open breaker, doubled before each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Retries that are free before the share counts, and the most that can be saved up.
const FREE_RETRIES: f64 = 20.0;

/// How one server has been doing, over all questions.
#[derive(Debug)]
pub(crate) struct Breaker {
    first_pause: Duration,
    max_pause: Duration,
    /// Retries that one answer earns.
    per_answer: f64,
    /// Short critical sections only; never held over an await.
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// The first failure after the last answer.
    failing_since: Option<Instant>,
    failures: u32,
    open: Option<Open>,
    retries_left: f64,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    pause: Duration,
    next_look: Instant,
    looking: bool,
}

/// What a failure has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    /// How long nothing has been answered.
    pub(crate) silent: Duration,
    /// Failures since the last answer.
    pub(crate) failures: u32,
    /// Whether the breaker is open.
    pub(crate) is_open: bool,
    /// Whether this failure has opened it.
    pub(crate) opened: bool,
}

/// The right to send a call; of the one that looks whether somebody is there again it is taken back when dropped.
#[derive(Debug)]
pub(crate) struct Passed<'a> {
    looking: Option<&'a Breaker>,
}

impl Breaker {
    pub(crate) fn new(limits: &LimitSettings) -> Self {
        let max_pause = Duration::from_secs(limits.max_pause_secs);
        Self {
            first_pause: FIRST_PAUSE.min(max_pause),
            max_pause,
            per_answer: f64::from(limits.retries_per_hundred) / 100.0,
            state: Mutex::new(State {
                failing_since: None,
                failures: 0,
                open: None,
                retries_left: FREE_RETRIES,
            }),
            changed: Notify::new(),
        }
    }

    /// Waits while the breaker is open, except for the one call that looks.
    pub(crate) async fn pass(&self) -> Passed<'_> {
        loop {
            // Made before the look at the state, so that no change is missed.
            let changed = self.changed.notified();
            let next_look = match &mut self.state().open {
                None => return Passed { looking: None },
                Some(open) if !open.looking && open.next_look <= Instant::now() => {
                    open.looking = true;
                    return Passed { looking: Some(self) };
                }
                Some(open) => (!open.looking).then_some(open.next_look),
            };
            match next_look {
                Some(at) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }

    /// A call was answered. Tells for how long the breaker had been open, if it was.
    pub(crate) fn answered(&self) -> Option<Duration> {
        let was_open = {
            let mut state = self.state();
            (state.failing_since, state.failures) = (None, 0);
            state.retries_left = (state.retries_left + self.per_answer).min(FREE_RETRIES);
            state.open.take()
        };
        let open = was_open?;
        self.changed.notify_waiters();
        Some(open.since.elapsed())
    }

    /// A call has failed. Only what `counts` can open the breaker.
    pub(crate) fn failed(&self, counts: bool) -> Failed {
        let now = Instant::now();
        let mut state = self.state();
        let silent = now - *state.failing_since.get_or_insert(now);
        state.failures += u32::from(counts);
        let failures = state.failures;
        let opened = state.open.is_none() && failures >= OPENS_AFTER;
        if opened {
            let pause = self.first_pause;
            state.open = Some(Open { since: now, pause, next_look: now + pause, looking: false });
        } else if let Some(open) = &mut state.open
            && open.next_look <= now
            && counts
        {
            open.pause = (open.pause * 2).min(self.max_pause);
            open.next_look = now + open.pause;
        }
        Failed { silent, failures, is_open: state.open.is_some(), opened }
    }

    /// Takes a retry out of the budget; `false` where it is used up.
    pub(crate) fn may_retry(&self) -> bool {
        let mut state = self.state();
        let may = state.retries_left >= 1.0;
        state.retries_left -= f64::from(u8::from(may));
        may
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        if let Some(breaker) = self.looking {
            if let Some(open) = &mut breaker.state().open {
                open.looking = false;
            }
            breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    fn opened() -> Breaker {
        let (first_pause, max_pause) = (Duration::from_millis(20), Duration::from_millis(80));
        let breaker = Breaker { first_pause, max_pause, ..Breaker::new(&LimitSettings::default()) };
        for failure in 1..=OPENS_AFTER {
            assert_eq!(breaker.failed(true).opened, failure == OPENS_AFTER);
        }
        breaker
    }

    #[tokio::test]
    async fn while_nobody_answers_one_call_at_a_time_looks() {
        let breaker = Arc::new(opened());
        let (sent, under_way) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let start = Instant::now();
        let asking: Vec<_> = (0..100)
            .map(|_| {
                let (breaker, sent, under_way) = (breaker.clone(), sent.clone(), under_way.clone());
                tokio::spawn(async move {
                    loop {
                        let _passed = breaker.pass().await;
                        // The server is back after 400 ms.
                        if start.elapsed() >= Duration::from_millis(400) {
                            breaker.answered();
                            return;
                        }
                        sent.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        under_way.fetch_sub(1, Ordering::SeqCst);
                        breaker.failed(true);
                    }
                })
            })
            .collect();
        for asked in asking {
            asked.await.unwrap();
        }
        // After 20, 60, 140, 220, 300 and 380 ms at the earliest, of which a busy machine may miss some.
        let sent = sent.load(Ordering::SeqCst);
        assert!((1..=6).contains(&sent), "{sent}");
    }

    #[tokio::test]
    async fn a_look_that_is_given_up_lets_another_one_go() {
        let breaker = opened();
        drop(breaker.pass().await);
        let second = breaker.pass().await;
        assert!(second.looking.is_some());
    }

    #[test]
    fn refusals_open_nothing_and_only_time_without_an_answer_counts() {
        let breaker = Breaker::new(&LimitSettings::default());
        for _ in 0..100 {
            assert!(!breaker.failed(false).is_open);
        }
        breaker.answered();
        assert_eq!(breaker.failed(true).silent, Duration::ZERO);
    }

    #[test]
    fn retries_are_a_share_of_the_answers() {
        let breaker = Breaker::new(&LimitSettings { retries_per_hundred: 25, ..LimitSettings::default() });
        assert_eq!((0..100).filter(|_| breaker.may_retry()).count(), 20);
        for _ in 0..8 {
            breaker.answered();
        }
        assert_eq!((0..100).filter(|_| breaker.may_retry()).count(), 2);
    }
}
