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
    /// Chance of taking stray refusals for an overload, over all calls that are remembered.
    const UNLIKELY: f64 = 0.003;
    /// Share of the calls sent together that are refused in an overload, at least.
    const MOST: f64 = 0.6;
    /// Of fewer calls than these "most" says nothing.
    const FEW: u32 = 5;

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
        (self.unlikely().ln() / share.ln()).ceil().max(2.0) as u32
    }

    /// Every stray refusal may be the first of such a row.
    fn unlikely(&self) -> f64 {
        Self::UNLIKELY / self.stray.max(1.0)
    }

    /// Whether most calls of those sent together were refused, and more than noise can be blamed for.
    fn is_overload(&self, refused: u32, sent: u32) -> bool {
        if !is_most(refused, sent) {
            return false;
        }
        // The first refusal is why anybody counts. By Chernoff, the chance of the others is at most e^(-n·D).
        let (n, share) = (f64::from(sent - 1), (self.stray / self.calls).clamp(0.1, 0.9));
        let refused_share = f64::from(refused - 1) / n;
        let term = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
        let divergence = term(refused_share, share) + term(1.0 - refused_share, 1.0 - share);
        refused_share > share && -n * divergence < self.unlikely().ln()
    }
}

fn is_most(refused: u32, sent: u32) -> bool {
    sent >= Noise::FEW && f64::from(refused) >= Noise::MOST * f64::from(sent)
}

/// A refusal has come; is it meant for everybody?
#[derive(Debug)]
pub(super) struct Suspicion {
    pub(super) since: Instant,
    /// Refusals in a row, the first one included.
    pub(super) refusals: u32,
    /// Refusals of calls that had been sent before the first one came.
    pub(super) bystanders: u32,
    /// Calls that had been sent by then since the one that was refused first, which is one of them.
    pub(super) sent: u32,
    /// How long the refusal took to come.
    pub(super) refused_in: Duration,
    pub(super) probe_sent: Option<Instant>,
}

impl Suspicion {
    /// Refusals among the calls that were sent together, and those calls.
    fn together(&self) -> (u32, u32) {
        let refused = 1 + self.bystanders;
        (refused, self.sent.max(refused))
    }

    /// Whether it is settled, before any probe has come back.
    pub(super) fn is_overload(&self, noise: &Noise) -> bool {
        let (refused, sent) = self.together();
        noise.is_overload(refused, sent)
    }

    /// Stray refusals, now that a probe was let in. Where most calls were refused nobody can say: a server that counts
    /// calls lets one in now and then.
    pub(super) fn stray(&self) -> u32 {
        let (refused, sent) = self.together();
        if is_most(refused, sent) { 0 } else { self.refusals + self.bystanders }
    }
}
