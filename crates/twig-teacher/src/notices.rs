//! What a teacher behind a network has to say besides its answers, for those who watch a run.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Notices that wait to be read; older ones make room.
const MOST_WAITING: usize = 256;

/// Something to tell. It stands as it is among the events of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Notice {
    /// A server asked to be left alone.
    TeacherHeld {
        /// Name of the teacher.
        teacher: String,
        /// For how long nothing is sent to it.
        seconds: f64,
        /// Calls under way from then on, at most.
        concurrency: u64,
        /// What the server said.
        detail: String,
    },
    /// Nobody answers: until somebody does, one call at a time looks whether the server is there again.
    TeacherDown {
        /// Name of the teacher.
        teacher: String,
        /// Failed calls in a row.
        failures: u32,
        /// Seconds without an answer after which the run ends.
        outage_secs: u64,
        /// What came of the last call.
        detail: String,
    },
    /// A server that was down answers again.
    TeacherBack {
        /// Name of the teacher.
        teacher: String,
        /// For how long it was down.
        seconds: f64,
    },
    /// So many calls break that their retries are held back.
    RetriesHeldBack {
        /// Name of the teacher.
        teacher: String,
        /// Retries allowed for each hundred answers.
        retries_per_hundred: u32,
        /// What came of the last call.
        detail: String,
    },
    /// A teacher takes no more questions in this run; the run ends when the others have answered.
    TeacherEnded {
        /// Name of the teacher.
        teacher: String,
        /// Why.
        detail: String,
    },
    /// Another model answers than before, or in another state.
    ModelChanged {
        /// Name of the teacher.
        teacher: String,
        /// Model and fingerprint until now.
        from: String,
        /// Those from now on.
        to: String,
    },
    /// A batch was sent, looked at, or fetched.
    Batch {
        /// Name of the teacher.
        teacher: String,
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
    pub(crate) in_batches: AtomicUsize,
    pub(crate) sent: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) failed: AtomicU64,
}

/// A look at a [`Gauge`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// Calls under way.
    pub under_way: usize,
    /// Questions that wait: for money, for a turn, for another attempt, or for the server to come back.
    pub waiting: usize,
    /// Questions in batches, or on their way into one.
    pub in_batches: usize,
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
            in_batches: self.in_batches.load(Ordering::Relaxed),
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
