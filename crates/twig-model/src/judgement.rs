use std::fmt;

use crate::{AnswerKey, Criterion, Score};

/// What a judge's number is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JudgeCriterion {
    /// The score as a whole, 0 to 100.
    Overall,
    /// One of the five criteria, 0 to 20.
    Of(Criterion),
    /// The answer to one yes/no question, 0 or 100.
    Question,
    /// The outcome against another sample of the prompt: 0 lost, 50 even, 100 won.
    Comparison,
}

impl JudgeCriterion {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Overall => "overall",
            Self::Of(criterion) => criterion.as_str(),
            Self::Question => "question",
            Self::Comparison => "comparison",
        }
    }

    /// The criterion of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Overall, Self::Question, Self::Comparison]
            .into_iter()
            .chain(Criterion::ALL.map(Self::Of))
            .find(|criterion| criterion.as_str() == name)
    }
}

impl fmt::Display for JudgeCriterion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One number that one judge gave one picture or region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// `{prompt id}-{sample index}`.
    pub trajectory_id: String,
    /// The region, or `None` for the whole picture.
    pub region_index: Option<u32>,
    /// Name of the judge in the pipeline file.
    pub judge: String,
    /// The model that answered.
    pub model: String,
    /// Hash of the judge's prompt template, so that scores of different wordings are not mixed.
    pub prompt_hash: String,
    /// What the number is about.
    pub criterion: JudgeCriterion,
    /// What was asked: the question, or the id of the trajectory compared with.
    pub about: Option<String>,
    /// 0 to 20 for one of the five criteria, 0 to 100 for all else.
    pub score: i32,
    /// Where the raw answer stands in the answer store.
    pub answer_key: AnswerKey,
}

/// The reward of a picture: the weighted mean of its judges' overall scores, rounded half up.
///
/// `None` where no judge gave a score: a missing answer never becomes a number.
pub fn weighted_reward(scores: &[(Score, u32)]) -> Option<Score> {
    let total: i64 = scores.iter().map(|(_, weight)| i64::from(*weight)).sum();
    let sum: i64 = scores.iter().map(|(score, weight)| i64::from(score.get()) * i64::from(*weight)).sum();
    if total == 0 { None } else { Score::new((2 * sum + total) / (2 * total)).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reward_is_a_rounded_weighted_mean_and_never_invented() {
        let score = |value| Score::new(value).unwrap();
        assert_eq!(weighted_reward(&[]), None);
        assert_eq!(weighted_reward(&[(score(80), 0)]), None);
        assert_eq!(weighted_reward(&[(score(80), 1), (score(91), 1)]), Some(score(86)));
        assert_eq!(weighted_reward(&[(score(100), 3), (score(0), 1)]), Some(score(75)));
        assert_eq!(weighted_reward(&[(score(100), 7)]), Some(score(100)));
    }
}
