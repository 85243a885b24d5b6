//! Reads teachers' structured answers. A missing or odd value is an error, never a default.

use serde::Deserialize;
use twig_model::{CriterionScores, Critique};

/// Longest text that counts as a thought or comment, in characters.
const MAX_TEXT_CHARS: usize = 2_000;

/// Why an answer cannot be used, in words that can be sent back to the teacher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct InvalidAnswer(String);

impl InvalidAnswer {
    /// What is wrong, in words.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thoughts {
    thoughts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Thought {
    thought: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CritiqueAnswer {
    scores: CriterionScores,
    comment: String,
    revised_thought: String,
}

/// A judge's answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JudgeAnswer {
    /// Points on the five criteria.
    pub scores: CriterionScores,
    /// What is right or wrong.
    pub comment: String,
}

/// `{"thoughts": […]}` with exactly `count` texts.
pub(crate) fn thoughts(answer: &str, count: usize) -> Result<Vec<String>, InvalidAnswer> {
    let Thoughts { thoughts } = parsed(answer)?;
    if thoughts.len() != count {
        return Err(InvalidAnswer(format!("`thoughts` has {} texts; {count} are wanted", thoughts.len())));
    }
    thoughts.into_iter().map(|thought| text("thoughts", &thought)).collect()
}

/// `{"thought": …}`.
pub(crate) fn thought(answer: &str) -> Result<String, InvalidAnswer> {
    let Thought { thought } = parsed(answer)?;
    text("thought", &thought)
}

/// `{"scores": {…}, "comment": …, "revised_thought": …}`.
pub(crate) fn critique(answer: &str) -> Result<Critique, InvalidAnswer> {
    let CritiqueAnswer { scores, comment, revised_thought } = parsed(answer)?;
    Ok(Critique {
        scores,
        comment: text("comment", &comment)?,
        revised_thought: text("revised_thought", &revised_thought)?,
    })
}

/// `{"scores": {…}, "comment": …}`.
pub(crate) fn judgement(answer: &str) -> Result<JudgeAnswer, InvalidAnswer> {
    let JudgeAnswer { scores, comment } = parsed(answer)?;
    Ok(JudgeAnswer { scores, comment: text("comment", &comment)? })
}

pub(crate) fn parsed<'a, T: Deserialize<'a>>(answer: &'a str) -> Result<T, InvalidAnswer> {
    typed(answer).or_else(|error| match object_in(answer) {
        Some(object) => typed(object),
        None => Err(error),
    })
}

/// Reads the whole text as JSON of this type; what is wrong is told with the field that it is wrong in.
fn typed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, InvalidAnswer> {
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        let place = if path == "." { String::new() } else { format!(" in `{path}`") };
        InvalidAnswer(format!("the answer is not the JSON asked for{place}: {error}"))
    })?;
    let rest = json.end();
    rest.map_err(|error| InvalidAnswer(format!("the answer is not the JSON asked for: {error}")))?;
    Ok(value)
}

/// The JSON object in an answer that says more than that: behind a code fence, after a sentence, or followed by
/// one. Servers that do not enforce a form let models do so. `None` where the object is the whole answer, or
/// there is none, or there are several.
fn object_in(answer: &str) -> Option<&str> {
    let begin = answer.find('{')?;
    let mut rest = serde_json::Deserializer::from_str(&answer[begin..]).into_iter::<serde::de::IgnoredAny>();
    rest.next()?.ok()?;
    let end = begin + rest.byte_offset();
    let alone = begin == 0 && end == answer.len();
    (!alone && !answer[end..].contains('{')).then(|| &answer[begin..end])
}

/// One paragraph with single spaces, not empty and not endless.
pub(crate) fn text(field: &str, text: &str) -> Result<String, InvalidAnswer> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let chars = text.chars().count();
    match chars {
        0 => Err(InvalidAnswer(format!("`{field}` holds an empty text"))),
        1..=MAX_TEXT_CHARS => Ok(text),
        _ => Err(InvalidAnswer(format!("`{field}` has {chars} characters; {MAX_TEXT_CHARS} are the most"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCORES: &str = r#"{"color_accuracy":20,"object_completeness":20,"detail_richness":18,"spatial_relationships":20,"visual_coherence":15}"#;

    #[test]
    fn sound_answers_are_read() {
        assert_eq!(thoughts(r#"{"thoughts": ["a  b", "c"]}"#, 2).unwrap(), ["a b", "c"]);
        assert_eq!(thought(r#"{"thought": "a\nb"}"#).unwrap(), "a b");
        let answer = format!(r#"{{"scores": {SCORES}, "comment": "fine", "revised_thought": "same"}}"#);
        assert_eq!(critique(&answer).unwrap().score().get(), 93);
    }

    #[test]
    fn an_object_is_found_in_what_a_talkative_model_says() {
        for answer in [
            "```json\n{\"thought\": \"a cat\"}\n```",
            "Here it is: {\"thought\": \"a cat\"} I hope it helps.",
            "{\"thought\": \"a cat\"}\n\n",
        ] {
            assert_eq!(thought(answer).unwrap(), "a cat", "{answer}");
        }
        assert!(thought(r#"{"thought": "a"} or {"thought": "b"}"#).is_err(), "which one is meant?");
        assert!(thought(r#"```{"thoughts": ["a"]}```"#).unwrap_err().to_string().contains("unknown field"));
    }

    #[test]
    fn what_is_missing_or_odd_is_named_and_never_filled_in() {
        let error = |answer: &str| critique(answer).unwrap_err().to_string();
        assert!(
            error(r#"{"comment": "fine", "revised_thought": "same"}"#).contains("missing field `scores`")
        );
        assert!(error("SCORE: 95").contains("not the JSON"));
        let empty = format!(r#"{{"scores": {SCORES}, "comment": " ", "revised_thought": "same"}}"#);
        assert_eq!(error(&empty), "`comment` holds an empty text");
        let high = empty.replace(":15", ":21").replace("\" \"", "\"x\"");
        assert!(error(&high).contains("in `scores`: 21 is not within 0 to 20"), "{}", error(&high));
        let worded = empty.replace(":15", ":\"high\"").replace("\" \"", "\"x\"");
        assert!(
            error(&worded).contains("in `scores.visual_coherence`: invalid type: string \"high\""),
            "{}",
            error(&worded)
        );
        assert_eq!(
            thoughts(r#"{"thoughts": ["a"]}"#, 3).unwrap_err().to_string(),
            "`thoughts` has 1 texts; 3 are wanted"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error_and_never_a_panic(answer in ".*") {
            let _ = (thoughts(&answer, 3), thought(&answer), critique(&answer), judgement(&answer));
        }
    }
}
