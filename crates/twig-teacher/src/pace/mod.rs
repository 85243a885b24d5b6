//! How fast one server is asked: calls under way, calls, tokens and pictures a minute, and what the server
//! itself says about its limits.
//!
//! Overload is told from noise by how likely the refusals are (see [`evidence`]). Where a 429 or 503 is no more than
//! what is known of the server's stray refusals, only the refused call itself waits for its `Retry-After`, and nothing
//! else changes. Where it is more, one more call is let through, and the others wait for as long as such a refusal
//! takes to come. Is it refused too, and that often enough, the server means it: everybody waits for as long as it
//! says, and fewer calls are under way afterwards.

mod evidence;
mod rate;
#[cfg(test)]
mod simulated;
mod state;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

use crate::limits::LimitSettings;
use state::State;

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
    number: u64,
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
            match self.state().may_go(Instant::now(), &mut spread) {
                Ok(number) => return Turn { pace: self, permit, number },
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
        self.pace.state().refused(self.number, Instant::now(), retry_after)
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

#[cfg(test)]
mod tests {
    use super::*;

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
