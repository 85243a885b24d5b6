//! What teachers have taken: answers, tokens, pictures and money, by role and model.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use twig_model::Role;
use twig_shards::CallRow;

/// What one model has taken in one role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bill {
    /// Answers, whether asked for in this run or found in the answer store.
    pub answers: u64,
    /// Of them pictures.
    pub pictures: u64,
    /// Tokens read, as far as they were counted.
    pub input_tokens: u64,
    /// Tokens written, as far as they were counted.
    pub output_tokens: u64,
    /// Answers with a price.
    pub priced: u64,
    /// The prices together, in millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// Calls that were given up after they had been sent, and may have been paid for; in `cost_micro_usd` at
    /// what they can have cost.
    pub maybe_paid_calls: u64,
}

/// Bills by role, then model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bills(pub BTreeMap<String, BTreeMap<String, Bill>>);

impl Bills {
    /// What these calls have taken.
    pub(crate) fn of<'a>(calls: impl IntoIterator<Item = &'a CallRow>) -> Self {
        let mut bills = Self::default();
        for call in calls {
            let by_model = bills.0.entry(call.role.as_str().to_owned()).or_default();
            by_model.entry(call.model.clone()).or_default().add(&Bill {
                answers: 1,
                pictures: u64::from(call.role == Role::Painter && call.raw_text.is_none()),
                input_tokens: call.input_tokens.unwrap_or(0),
                output_tokens: call.output_tokens.unwrap_or(0),
                priced: u64::from(call.cost_micro_usd.is_some()),
                cost_micro_usd: call.cost_micro_usd.unwrap_or(0),
                maybe_paid_calls: u64::from(call.maybe_paid_calls),
            });
        }
        bills
    }

    /// Adds those of another part.
    pub(crate) fn add(&mut self, other: &Self) {
        for (role, by_model) in &other.0 {
            for (model, bill) in by_model {
                self.0.entry(role.clone()).or_default().entry(model.clone()).or_default().add(bill);
            }
        }
    }

    /// All of one role.
    pub fn role(&self, role: &str) -> Bill {
        let mut sum = Bill::default();
        self.0.get(role).into_iter().flat_map(BTreeMap::values).for_each(|bill| sum.add(bill));
        sum
    }

    /// All of them.
    pub fn total(&self) -> Bill {
        let mut sum = Bill::default();
        self.0.values().flat_map(BTreeMap::values).for_each(|bill| sum.add(bill));
        sum
    }

    /// In words, for the card; `None` where nothing has a price.
    pub fn told(&self) -> Option<String> {
        let total = self.total();
        if total.priced == 0 {
            return None;
        }
        let models: Vec<String> = self
            .0
            .iter()
            .flat_map(|(role, by_model)| by_model.iter().map(move |(model, bill)| (role, model, bill)))
            .filter(|(_, _, bill)| bill.priced > 0)
            .map(|(role, model, bill)| {
                format!("{role} {model} {:.2} for {} answers", bill.usd(), bill.answers)
            })
            .collect();
        let mut told = format!("{:.2} US dollars ({})", total.usd(), models.join(", "));
        if total.priced < total.answers {
            told.push_str(&format!("; {} answers have no price", total.answers - total.priced));
        }
        if total.maybe_paid_calls > 0 {
            told.push_str(&format!(
                "; {} lost calls are counted at the most that they can have cost",
                total.maybe_paid_calls
            ));
        }
        Some(told)
    }
}

impl Bill {
    fn add(&mut self, other: &Self) {
        self.answers += other.answers;
        self.pictures += other.pictures;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.priced += other.priced;
        self.cost_micro_usd += other.cost_micro_usd;
        self.maybe_paid_calls += other.maybe_paid_calls;
    }

    /// The price in dollars.
    pub fn usd(&self) -> f64 {
        self.cost_micro_usd as f64 / 1e6
    }
}
