//! The money of a job: what may be spent is reserved before a call and settled after it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use twig_model::AskError;

use crate::{Ledger, Stop, batched::Reserved};

/// The purse of a job, shared by all its teachers.
#[derive(Debug)]
pub struct Purse {
    ledger: Ledger,
    budget_micro_usd: Option<u64>,
    /// Short critical sections only.
    state: Mutex<State>,
    /// A reservation was settled, perhaps for less.
    settled: Notify,
}

#[derive(Debug, Default)]
struct State {
    spent: u64,
    reserved: u64,
}

/// Money put aside for one call. Dropped unsettled it is given back, unless the call is under way: then it may
/// be paid for, and counts at its reservation.
#[derive(Debug)]
pub(crate) struct Reservation {
    purse: Arc<Purse>,
    call: u64,
    micro_usd: u64,
    open: bool,
    under_way: bool,
}

impl Purse {
    /// A purse with what the ledger says has been spent; `None` for no budget.
    pub fn new(ledger: Ledger, budget_usd: Option<f64>) -> Self {
        let spent = ledger.spent_micro_usd();
        Self {
            ledger,
            budget_micro_usd: budget_usd.map(|usd| (usd * 1e6) as u64),
            state: Mutex::new(State { spent, reserved: 0 }),
            settled: Notify::new(),
        }
    }

    /// Dollars spent over all runs, in millionths.
    pub fn spent_micro_usd(&self) -> u64 {
        self.state().spent
    }

    /// Puts `micro_usd` aside for a call. Where the budget has no room for it while other calls are under way,
    /// waits for what they leave, or for a stop.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        teacher: &str,
        micro_usd: u64,
        stop: &Stop,
    ) -> Result<Reservation, AskError> {
        let Some(budget) = self.budget_micro_usd else {
            let call = self.ledger.number();
            return Ok(Reservation {
                purse: Arc::clone(self),
                call,
                micro_usd: 0,
                open: true,
                under_way: false,
            });
        };
        loop {
            let settled = self.settled.notified();
            {
                let mut state = self.state();
                if state.spent + state.reserved + micro_usd <= budget {
                    state.reserved += micro_usd;
                    break;
                }
                if state.reserved == 0 || state.spent + micro_usd > budget {
                    let usd = |micro: u64| micro as f64 / 1e6;
                    return Err(AskError::BudgetReached {
                        teacher: teacher.to_owned(),
                        spent_usd: usd(state.spent + state.reserved),
                        budget_usd: usd(budget),
                        bound_usd: usd(micro_usd),
                    });
                }
            }
            tokio::select! {
                () = settled => {}
                () = stop.requested() => return Err(AskError::Stopping),
            }
        }
        match self.ledger.reserve(micro_usd).await {
            Ok(call) => {
                Ok(Reservation { purse: Arc::clone(self), call, micro_usd, open: true, under_way: false })
            }
            Err(source) => {
                self.state().reserved -= micro_usd;
                self.settled.notify_waiters();
                Err(AskError::Store { path: self.ledger.path().display().to_string(), source })
            }
        }
    }

    /// Counts a call for which nothing had been put aside.
    pub(crate) fn spend(&self, micro_usd: u64) {
        self.settle(self.ledger.number(), 0, micro_usd);
    }

    /// Whether what an earlier run has put aside was not settled yet.
    pub(crate) fn is_open(&self, earlier: &Reserved) -> bool {
        self.ledger.is_open(&earlier.writer, earlier.call)
    }

    /// Settles what an earlier run has put aside: it has counted as spent since.
    pub(crate) fn settle_earlier(&self, earlier: &Reserved, micro_usd: u64) {
        if let Some(reserved) = self.ledger.settle_of(&earlier.writer, earlier.call, micro_usd) {
            let mut state = self.state();
            state.spent = state.spent - reserved + micro_usd;
            drop(state);
            self.settled.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count_as_spent(&self, reserved: u64) {
        {
            let mut state = self.state();
            state.reserved -= reserved;
            state.spent += reserved;
        }
        self.settled.notify_waiters();
    }

    fn settle(&self, call: u64, reserved: u64, micro_usd: u64) {
        {
            let mut state = self.state();
            state.reserved -= reserved;
            state.spent += micro_usd;
        }
        if reserved > 0 || micro_usd > 0 {
            self.ledger.settle(call, micro_usd);
        }
        self.settled.notify_waiters();
    }
}

impl Reservation {
    /// What was put aside, in millionths of a dollar.
    pub(crate) fn micro_usd(&self) -> u64 {
        self.micro_usd
    }

    /// Where the ledger has it; `None` where there is no budget.
    pub(crate) fn written_down(&self) -> Option<Reserved> {
        let writer = self.purse.ledger.writer().to_owned();
        (self.micro_usd > 0).then_some(Reserved { writer, call: self.call, micro_usd: self.micro_usd })
    }

    /// The call is sent, or has come back without an answer that is paid for.
    pub(crate) fn set_under_way(&mut self, under_way: bool) {
        self.under_way = under_way;
    }

    /// The call has cost so much.
    pub(crate) fn settle(mut self, micro_usd: u64) {
        self.open = false;
        self.purse.settle(self.call, self.micro_usd, micro_usd);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open && self.under_way {
            // Unsettled it counts as spent; where it belongs to a batch, a later run may hear what it has cost.
            self.purse.count_as_spent(self.micro_usd);
        } else if self.open {
            self.purse.settle(self.call, self.micro_usd, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AnswerStore;

    fn purse(folder: &std::path::Path, run: &str, budget: f64) -> Arc<Purse> {
        let store = AnswerStore::open(folder, run).unwrap();
        Arc::new(Purse::new(store.ledger().unwrap(), Some(budget)))
    }

    #[tokio::test]
    async fn a_budget_is_never_exceeded_and_lasts_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let first = purse(folder.path(), "first", 1.0);
        first.reserve("t", 600_000, &Stop::default()).await.unwrap().settle(500_000);
        drop(first);
        let second = purse(folder.path(), "second", 1.0);
        let kept = second.reserve("t", 300_000, &Stop::default()).await.unwrap();
        let error = second.reserve("t", 600_000, &Stop::default()).await.unwrap_err().to_string();
        assert!(error.starts_with("the budget is reached: 0.80 of 1.00 USD"), "{error}");
        drop(kept);
        second.reserve("t", 500_000, &Stop::default()).await.unwrap().settle(500_000);
        assert!(second.reserve("t", 1, &Stop::default()).await.is_err());
        assert_eq!(second.spent_micro_usd(), 1_000_000);
    }

    #[tokio::test]
    async fn a_call_waits_for_what_another_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let purse = purse(folder.path(), "w", 1.0);
        let first = purse.reserve("t", 800_000, &Stop::default()).await.unwrap();
        let waiting = tokio::spawn({
            let purse = Arc::clone(&purse);
            async move { purse.reserve("t", 700_000, &Stop::default()).await.map(Reservation::micro_usd_of) }
        });
        tokio::task::yield_now().await;
        first.settle(100_000);
        assert_eq!(waiting.await.unwrap().unwrap(), 700_000);
    }

    impl Reservation {
        fn micro_usd_of(self) -> u64 {
            self.micro_usd
        }
    }
}
