//! How likely a yes is, from the log-probabilities of an answer's tokens.

use serde::Deserialize;

/// Tokens at the beginning of an answer among which the word is looked for: some models begin with a line break.
const FIRST_TOKENS: usize = 4;

/// `choices[0].logprobs`.
#[derive(Debug, Deserialize)]
pub(crate) struct Logprobs {
    content: Option<Vec<Chosen>>,
}

#[derive(Debug, Deserialize)]
struct Chosen {
    token: String,
    logprob: f64,
    #[serde(default)]
    top_logprobs: Vec<Alternative>,
}

#[derive(Debug, Deserialize)]
struct Alternative {
    token: String,
    logprob: f64,
}

/// The probability of yes against no: of all tokens that mean either, at the place where the answer says which.
/// Without log-probabilities the answer itself is all there is, 1 or 0. `None` where it is neither.
pub(crate) fn of_yes(logprobs: Option<&Logprobs>, text: &str) -> Option<f64> {
    let tokens = logprobs.and_then(|logprobs| logprobs.content.as_deref()).unwrap_or_default();
    let said = tokens.iter().take(FIRST_TOKENS).find(|token| is_yes(&token.token).is_some());
    let Some(said) = said else {
        let first_word = text.split_whitespace().next()?;
        return is_yes(first_word).map(|yes| f64::from(u8::from(yes)));
    };
    let listed = said.top_logprobs.iter().any(|other| other.token == said.token);
    let own = (!listed).then_some((said.token.as_str(), said.logprob));
    let others = said.top_logprobs.iter().map(|other| (other.token.as_str(), other.logprob));
    let (mut yes, mut no) = (0.0, 0.0);
    for (token, logprob) in others.chain(own) {
        match is_yes(token) {
            Some(true) => yes += logprob.exp(),
            Some(false) => no += logprob.exp(),
            None => {}
        }
    }
    let probability = yes / (yes + no);
    probability.is_finite().then_some(probability)
}

/// Whether a token says yes or no, whatever stands round it.
fn is_yes(token: &str) -> Option<bool> {
    let word = token.trim_matches(|c: char| !c.is_alphanumeric());
    match word {
        _ if word.eq_ignore_ascii_case("yes") => Some(true),
        _ if word.eq_ignore_ascii_case("no") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logprobs(json: &serde_json::Value) -> Logprobs {
        serde_json::from_value(json.clone()).unwrap()
    }

    #[test]
    fn all_tokens_that_mean_yes_count_against_all_that_mean_no() {
        let half = 0.5_f64.ln();
        let json = serde_json::json!({"content": [
            {"token": "\n", "logprob": -0.1, "top_logprobs": []},
            {"token": "Yes", "logprob": half, "top_logprobs": [
                {"token": "Yes", "logprob": half}, {"token": " yes", "logprob": 0.1_f64.ln()},
                {"token": "No", "logprob": 0.2_f64.ln()}, {"token": "Maybe", "logprob": 0.15_f64.ln()},
            ]},
        ]});
        let found = of_yes(Some(&logprobs(&json)), "\nYes").unwrap();
        assert!((found - 0.75).abs() < 1e-9, "{found}");
    }

    #[test]
    fn without_log_probabilities_the_word_counts() {
        assert_eq!(of_yes(None, "Yes."), Some(1.0));
        assert_eq!(of_yes(None, "no, there is no cat"), Some(0.0));
        assert_eq!(of_yes(None, "Nobody knows."), None);
        assert_eq!(of_yes(None, ""), None);
        let alone = serde_json::json!({"content": [{"token": "no", "logprob": -0.3}]});
        assert_eq!(of_yes(Some(&logprobs(&alone)), "no"), Some(0.0));
        let odd = serde_json::json!({"content": [{"token": "no", "logprob": -1e9}]});
        assert_eq!(of_yes(Some(&logprobs(&odd)), "no"), None, "neither has any weight");
    }
}
