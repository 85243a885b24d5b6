//! How the answers about schedules, existing pictures and judgements are read. A missing or odd value is an error,
//! never a default.

use serde::Deserialize;
use twig_model::{Geometry, GridBox, Schedule};

use crate::answers::{InvalidAnswer, parsed, text};

/// Questions that one prompt may have at most.
const MAX_QUESTIONS: usize = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Regions {
    regions: Vec<ProposedBox>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedBox {
    name: String,
    row: u32,
    column: u32,
    rows: u32,
    columns: u32,
}

/// `{"regions": […]}`: so many boxes that tile the grid.
pub(crate) fn schedule(
    answer: &str,
    geometry: Geometry,
    num_regions: usize,
) -> Result<Schedule, InvalidAnswer> {
    let Regions { regions } = parsed(answer)?;
    if regions.len() != num_regions {
        let found = regions.len();
        return Err(InvalidAnswer::new(format!("`regions` has {found} entries; {num_regions} are wanted")));
    }
    let boxes = regions.into_iter().map(|ProposedBox { name, row, column, rows, columns }| {
        Ok(GridBox { name: Some(text("name", &name)?), row, column, rows, columns })
    });
    let boxes = boxes.collect::<Result<Vec<_>, InvalidAnswer>>()?;
    Schedule::boxes(geometry, &boxes).map_err(|error| InvalidAnswer::new(error.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Questions {
    questions: Vec<String>,
}

/// `{"questions": […]}`: 1 to 12 different ones.
pub(crate) fn questions(answer: &str) -> Result<Vec<String>, InvalidAnswer> {
    let Questions { questions } = parsed(answer)?;
    let mut found: Vec<String> = Vec::new();
    for question in questions {
        let question = text("questions", &question)?;
        if !found.contains(&question) {
            found.push(question);
        }
    }
    match found.len() {
        1..=MAX_QUESTIONS => Ok(found),
        count => Err(InvalidAnswer::new(format!(
            "`questions` has {count} different texts; 1 to {MAX_QUESTIONS} are wanted"
        ))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    answers: Vec<bool>,
}

/// `{"answers": […]}`: one for each question.
pub(crate) fn inspection(answer: &str, count: usize) -> Result<Vec<bool>, InvalidAnswer> {
    let Answers { answers } = parsed(answer)?;
    if answers.len() == count {
        return Ok(answers);
    }
    Err(InvalidAnswer::new(format!("`answers` has {} entries; {count} are wanted", answers.len())))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probability {
    probability: f64,
}

/// `{"probability": …}`, from 0 to 1.
pub(crate) fn probability(answer: &str) -> Result<f64, InvalidAnswer> {
    let neither = |_| InvalidAnswer::new("the answer is neither yes nor no");
    let Probability { probability } = parsed(answer).map_err(neither)?;
    if (0.0..=1.0).contains(&probability) {
        return Ok(probability);
    }
    Err(InvalidAnswer::new(format!("{probability} is no probability; 0 to 1 is wanted")))
}

/// Which picture is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Better {
    First,
    Second,
    Neither,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comparison {
    better: Better,
    comment: String,
}

/// `{"better": …, "comment": …}`.
pub(crate) fn comparison(answer: &str) -> Result<Better, InvalidAnswer> {
    let Comparison { better, comment } = parsed(answer)?;
    text("comment", &comment).map(|_| better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_proposal_that_does_not_tile_is_told_what_is_wrong() {
        let part = |row: u32, rows: u32| {
            format!(r#"{{"name": "part", "row": {row}, "column": 0, "rows": {rows}, "columns": 24}}"#)
        };
        let answer = |parts: [String; 2]| format!(r#"{{"regions": [{}]}}"#, parts.join(", "));
        let read = |parts| schedule(&answer(parts), Geometry::JANUS, 2);
        let sound = read([part(0, 10), part(10, 14)]).unwrap();
        assert_eq!(sound.regions()[1].name, "part 2");
        let error = read([part(0, 10), part(9, 15)]).unwrap_err().to_string();
        assert_eq!(error, "token 216 (row 9, column 0) is covered 2 times; every token must be covered once");
        let error = schedule(&answer([part(0, 10), part(10, 14)]), Geometry::JANUS, 3).unwrap_err();
        assert_eq!(error.to_string(), "`regions` has 2 entries; 3 are wanted");
    }

    #[test]
    fn answers_of_judges_are_read_and_never_filled_in() {
        assert_eq!(questions(r#"{"questions": ["a?", "b?", "a?"]}"#).unwrap(), ["a?", "b?"]);
        assert!(questions(r#"{"questions": []}"#).is_err());
        assert_eq!(inspection(r#"{"answers": [true, false]}"#, 2).unwrap(), [true, false]);
        assert!(inspection(r#"{"answers": [true]}"#, 2).is_err());
        assert!((probability(r#"{"probability": 0.25}"#).unwrap() - 0.25).abs() < 1e-12);
        assert!(probability(r#"{"probability": 25}"#).is_err());
        assert_eq!(comparison(r#"{"better": "second", "comment": "x"}"#).unwrap(), Better::Second);
        assert!(comparison(r#"{"better": "third", "comment": "x"}"#).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer_or_an_error_and_never_a_panic(answer in ".*") {
            let _ = (schedule(&answer, Geometry::JANUS, 3), questions(&answer), inspection(&answer, 2));
            let _ = (probability(&answer), comparison(&answer));
        }
    }
}
