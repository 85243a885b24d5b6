//! Telling overload from refusals that mean nothing.

use std::time::Duration;

use tokio::time::Instant;

/// How often calls have been refused though the server had room for others.
#[derive(Debug)]
pub(super) struct Noise {
    stray: f64,
    calls: f64,
}

impl Noise {
    /// A tenth, until it is seen otherwise.
    pub(super) const BEGIN: Self = Self { stray: 1.0, calls: 10.0 };
    /// Calls over which it is measured, about.
    const MEMORY: f64 = 200.0;
    /// Chance that somewhere in what is remembered a row of refusals is noise that is not taken for it.
    const UNLIKELY: f64 = 0.003;

    pub(super) fn count(&mut self, stray: u32, calls: u32) {
        self.stray += f64::from(stray);
        self.calls += f64::from(calls);
        if self.calls > Self::MEMORY {
            let kept = Self::MEMORY / self.calls;
            self.stray *= kept;
            self.calls *= kept;
        }
    }

    /// Refusals in a row that are no noise any more.
    pub(super) fn refusals_of_overload(&self) -> u32 {
        let share = (self.stray / self.calls).clamp(0.001, 0.9);
        // Every stray refusal may be the first of such a row.
        let unlikely = Self::UNLIKELY / self.stray.max(1.0);
        (unlikely.ln() / share.ln()).ceil().max(2.0) as u32
    }
}

/// A refusal has come; is it meant for everybody?
#[derive(Debug)]
pub(super) struct Suspicion {
    pub(super) since: Instant,
    /// Refusals in a row, the first one included.
    pub(super) refusals: u32,
    /// Refusals of calls that had been sent before the first one came.
    pub(super) bystanders: u32,
    /// How long the refusal took to come.
    pub(super) refused_in: Duration,
    pub(super) probe_sent: Option<Instant>,
}
