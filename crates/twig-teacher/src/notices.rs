//! What a teacher behind a network has to say besides its answers, for those who watch a run.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Notices that wait to be read; older ones make room.
const MOST_WAITING: usize = 256;

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The server asked to be left alone; nothing is sent to it for so long.
    Held {
        /// Whose server.
        teacher: String,
        /// For how long.
        pause: Duration,
        /// Calls under way from then on, at most.
        concurrency: usize,
        /// What the server said.
        detail: String,
    },
    /// A teacher takes no more questions in this run.
    Ended {
        /// Which.
        teacher: String,
        /// Why.
        detail: String,
    },
    /// Another model answers than before, or in another state.
    ModelChanged {
        /// Whose model.
        teacher: String,
        /// Model and fingerprint until now.
        from: String,
        /// Those from now on.
        to: String,
    },
    /// A batch was sent, looked at, or fetched.
    Batch {
        /// Whose batch.
        teacher: String,
        /// In words.
        detail: String,
    },
    /// What may go wrong later, in words.
    Warning {
        /// In words.
        detail: String,
    },
}

/// Where teachers leave their notices, and what they are doing.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<std::collections::VecDeque<Notice>>>);

impl Notices {
    /// Leaves a notice.
    pub(crate) fn leave(&self, notice: Notice) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == MOST_WAITING {
            waiting.pop_front();
        }
        waiting.push_back(notice);
    }

    /// Takes all notices, oldest first.
    pub fn take(&self) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
    }
}

/// What a teacher is doing: counters that only grow, except for what is under way.
#[derive(Debug, Default)]
pub struct Gauge {
    pub(crate) under_way: AtomicUsize,
    pub(crate) waiting: AtomicUsize,
    pub(crate) sent: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// A look at a [`Gauge`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// Calls under way.
    pub under_way: usize,
    /// Questions that wait for a turn or for another attempt.
    pub waiting: usize,
    /// Calls sent.
    pub sent: u64,
    /// Calls answered.
    pub answered: u64,
    /// Calls refused for too much load.
    pub refused: u64,
    /// Calls that broke.
    pub failed: u64,
}

impl Gauge {
    /// What it shows now.
    pub fn read(&self) -> Reading {
        Reading {
            under_way: self.under_way.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

/// Counts one in for as long as it lives.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(crate) fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
