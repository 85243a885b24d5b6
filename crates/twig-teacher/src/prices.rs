//! What calls cost. Prices come from the pipeline file, never from a table of ours: a table that is out of
//! date estimates wrong without anybody noticing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_model::Usage;

/// What calls cost, in US dollars: for each million tokens, or for each picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PriceSettings {
    /// A million tokens read.
    #[schemars(range(min = 0.0))]
    pub input: f64,
    /// A million tokens read that the server had cached; by default as `input`.
    #[schemars(range(min = 0.0))]
    pub cached_input: Option<f64>,
    /// A million tokens written.
    #[schemars(range(min = 0.0))]
    pub output: f64,
    /// A million tokens of pictures read, where the server counts them apart; by default as `input`.
    #[schemars(range(min = 0.0))]
    pub image_input: Option<f64>,
    /// A million tokens of pictures written; by default as `output`.
    #[schemars(range(min = 0.0))]
    pub image_output: Option<f64>,
    /// Each picture made, by `size` or by `size/quality` as they stand under `picture`, for example
    /// `1024x1024/high: 0.167`.
    pub pictures: BTreeMap<String, f64>,
    /// Most tokens that one picture made by a token price takes; what a budget reserves for it.
    #[schemars(range(min = 1))]
    pub max_tokens_per_picture_made: Option<u64>,
    /// What is left of the price on the batch path; 0.5 is half.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub batch_share: Option<f64>,
}

/// Prices of one teacher, resolved for its size and quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    settings: PriceSettings,
    picture: Option<f64>,
    share: f64,
}

impl Prices {
    /// The prices at a picture size and quality, on the batch path or not.
    pub fn new(settings: &PriceSettings, size: &str, quality: Option<&str>, batch: bool) -> Self {
        let exact = quality.and_then(|quality| settings.pictures.get(&format!("{size}/{quality}")));
        let picture = exact.or_else(|| settings.pictures.get(size)).copied();
        let share = if batch { settings.batch_share.unwrap_or(1.0) } else { 1.0 };
        Self { settings: settings.clone(), picture, share }
    }

    /// What a call cost, in millionths of a dollar, rounded up; `None` where the server did not count what
    /// would have to be paid for.
    pub fn cost_micro_usd(&self, usage: &Usage, pictures: u64) -> Option<u64> {
        if pictures > 0
            && let Some(picture) = self.picture
        {
            return Some(self.rounded(picture * 1e6 * pictures as f64));
        }
        let PriceSettings { input, cached_input, output, image_input, image_output, .. } = self.settings;
        let (read, written) = (usage.input_tokens?, usage.output_tokens?);
        let cached = usage.cached_input_tokens.unwrap_or(0).min(read);
        let pictured = usage.image_input_tokens.unwrap_or(0).min(read - cached);
        let text = read - cached - pictured;
        let drawn = usage.image_output_tokens.unwrap_or(if pictures > 0 { written } else { 0 }).min(written);
        // Dollars a million tokens are millionths of a dollar a token.
        let micro = text as f64 * input
            + cached as f64 * cached_input.unwrap_or(input)
            + pictured as f64 * image_input.unwrap_or(input)
            + (written - drawn) as f64 * output
            + drawn as f64 * image_output.unwrap_or(output);
        Some(self.rounded(micro))
    }

    /// The most that a call can cost: every token read at the dearest price for reading, and every token that
    /// may be written. `None` where a picture's price is not known.
    pub fn bound_micro_usd(&self, bound: CallBound) -> Option<u64> {
        let PriceSettings { input, cached_input, output, image_input, image_output, .. } = self.settings;
        let read = input.max(cached_input.unwrap_or(0.0)).max(image_input.unwrap_or(0.0));
        match (bound.pictures, self.picture) {
            (0, _) => {
                Some(self.rounded(bound.input_tokens as f64 * read + bound.output_tokens as f64 * output))
            }
            (pictures, Some(picture)) => Some(self.rounded(picture * 1e6 * pictures as f64)),
            (pictures, None) => {
                let tokens = self.settings.max_tokens_per_picture_made? * pictures;
                let written = image_output.unwrap_or(output).max(output);
                Some(self.rounded(bound.input_tokens as f64 * read + tokens as f64 * written))
            }
        }
    }

    fn rounded(&self, micro_usd: f64) -> u64 {
        // Binary fractions such as 0.1 must not push a whole number over its edge.
        (micro_usd * self.share - 1e-6).ceil().max(0.0) as u64
    }
}

/// The most that a call can take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallBound {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written, of text.
    pub output_tokens: u64,
    /// Pictures made.
    pub pictures: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(json: serde_json::Value) -> PriceSettings {
        serde_json::from_value(json).unwrap()
    }

    fn usage(input: u64, cached: u64, output: u64) -> Usage {
        Usage {
            input_tokens: Some(input),
            cached_input_tokens: Some(cached),
            output_tokens: Some(output),
            ..Usage::default()
        }
    }

    #[test]
    fn tokens_are_paid_by_kind() {
        let settings = prices(serde_json::json!({"input": 2.5, "cached_input": 1.25, "output": 10.0}));
        let prices = Prices::new(&settings, "1024x1024", None, false);
        // 600 × 2.5 + 400 × 1.25 + 200 × 10 millionths.
        assert_eq!(prices.cost_micro_usd(&usage(1000, 400, 200), 0), Some(4000));
        assert_eq!(prices.cost_micro_usd(&Usage::default(), 0), None, "not counted is not free");
        let bound = CallBound { input_tokens: 1000, output_tokens: 200, pictures: 0 };
        assert_eq!(prices.bound_micro_usd(bound), Some(4500));
    }

    #[test]
    fn a_picture_costs_by_size_and_quality_and_half_in_a_batch() {
        let settings = prices(serde_json::json!({
            "pictures": {"1024x1024": 0.04, "1024x1024/high": 0.167}, "batch_share": 0.5,
        }));
        let of = |quality, batch| {
            Prices::new(&settings, "1024x1024", quality, batch).cost_micro_usd(&Usage::default(), 1)
        };
        assert_eq!(of(None, false), Some(40_000));
        assert_eq!(of(Some("high"), false), Some(167_000));
        assert_eq!(of(Some("high"), true), Some(83_500));
        let unknown = Prices::new(&settings, "512x512", None, false);
        assert_eq!(unknown.bound_micro_usd(CallBound { pictures: 1, ..CallBound::default() }), None);
    }
}
