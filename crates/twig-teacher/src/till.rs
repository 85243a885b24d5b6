//! What the calls of one teacher cost: put aside before each, settled after it.

use std::sync::Arc;

use twig_model::{AskError, Usage};

use crate::{OpenAiSettings, Prices, Purse, Stop, batched::Reserved, prices::CallBound, purse::Reservation};

/// The money side of one teacher.
#[derive(Debug)]
pub(crate) struct Till {
    teacher: String,
    prices: Option<Prices>,
    purse: Option<Arc<Purse>>,
}

impl Till {
    pub(crate) fn new(teacher: &str, settings: &OpenAiSettings, purse: Option<Arc<Purse>>) -> Self {
        let picture = &settings.picture;
        let prices = settings.prices.as_ref().map(|prices| {
            Prices::new(prices, &picture.size, picture.quality.as_deref(), settings.batch.is_some())
        });
        Self { teacher: teacher.to_owned(), prices, purse }
    }

    /// Whether calls have a price.
    pub(crate) fn has_prices(&self) -> bool {
        self.prices.is_some()
    }

    /// Puts aside what one call may cost.
    pub(crate) async fn reserve(
        &self,
        bound: CallBound,
        stop: &Stop,
    ) -> Result<Option<Reservation>, AskError> {
        let (Some(purse), Some(prices)) = (&self.purse, &self.prices) else { return Ok(None) };
        // That there is a bound wherever there is a budget is checked with the pipeline file.
        let micro_usd = prices.bound_micro_usd(bound).unwrap_or(0);
        purse.reserve(&self.teacher, micro_usd, stop).await.map(Some)
    }

    /// Settles a call that was answered, and tells what it cost. Where the server does not say what the call
    /// took, it counts at its reservation.
    pub(crate) fn settle(
        &self,
        reservation: Option<Reservation>,
        usage: &Usage,
        pictures: u64,
    ) -> Option<u64> {
        let reservation = reservation?;
        let cost = self.prices.as_ref()?.cost_micro_usd(usage, pictures).unwrap_or(reservation.micro_usd());
        reservation.settle(cost);
        Some(cost)
    }

    /// Gives back what this run or an earlier one has put aside for a question of a batch that costs nothing.
    pub(crate) fn give_back(&self, reservation: Option<Reservation>, earlier: Option<&Reserved>) {
        if let Some(reservation) = reservation {
            reservation.settle(0);
        }
        if let (Some(earlier), Some(purse)) = (earlier, &self.purse) {
            purse.settle_earlier(earlier, 0);
        }
    }

    /// Settles a question of a batch, for which this run or an earlier one has put money aside.
    pub(crate) fn settle_batched(
        &self,
        reservation: Option<Reservation>,
        earlier: Option<&Reserved>,
        usage: &Usage,
        pictures: u64,
    ) -> Option<u64> {
        if reservation.is_some() {
            return self.settle(reservation, usage, pictures);
        }
        let (prices, purse) = (self.prices.as_ref()?, self.purse.as_ref()?);
        let counted = prices.cost_micro_usd(usage, pictures);
        match earlier {
            Some(earlier) => {
                let cost = counted.unwrap_or(earlier.micro_usd);
                purse.settle_earlier(earlier, cost);
                Some(cost)
            }
            // That run had no budget.
            None => {
                let cost = counted.unwrap_or(0);
                purse.spend(cost);
                Some(cost)
            }
        }
    }

    /// Whether what an earlier run has put aside still stands for something that was not answered.
    pub(crate) fn is_open(&self, earlier: &Reserved) -> bool {
        self.purse.as_ref().is_some_and(|purse| purse.is_open(earlier))
    }
}
