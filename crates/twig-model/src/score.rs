use serde::{Deserialize, Serialize};

/// A critic's or judge's score, 0 to 100 inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Score(u8);

/// A number outside the range of a score.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{value} is not within 0 to {max}")]
pub struct OutOfRange {
    /// What was given.
    pub value: i64,
    /// The largest number accepted.
    pub max: u8,
}

impl Score {
    /// The best score.
    pub const MAX: Self = Self(100);

    /// Checks the range; scores are never clamped, an answer outside the range is an invalid answer.
    pub fn new(value: i64) -> Result<Self, OutOfRange> {
        match u8::try_from(value) {
            Ok(score) if score <= 100 => Ok(Self(score)),
            _ => Err(OutOfRange { value, max: 100 }),
        }
    }

    /// The score as a column value.
    pub fn get(self) -> i32 {
        i32::from(self.0)
    }
}

impl TryFrom<i64> for Score {
    type Error = OutOfRange;
    fn try_from(value: i64) -> Result<Self, OutOfRange> {
        Self::new(value)
    }
}

impl From<Score> for i64 {
    fn from(score: Score) -> Self {
        Self::from(score.0)
    }
}

/// The five criteria by which a region is scored (paper, section 3.3), each worth 0 to 20 points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Colours are those that the text names.
    ColorAccuracy,
    /// Everything named is there, whole, and as many times as said.
    ObjectCompleteness,
    /// Textures and details are rendered.
    DetailRichness,
    /// Things stand where the text puts them.
    SpatialRelationships,
    /// The region fits the rest of the picture.
    VisualCoherence,
}

impl Criterion {
    /// All criteria, in the order in which they are asked for and stored.
    pub const ALL: [Self; 5] = [
        Self::ColorAccuracy,
        Self::ObjectCompleteness,
        Self::DetailRichness,
        Self::SpatialRelationships,
        Self::VisualCoherence,
    ];

    /// The name in answers and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ColorAccuracy => "color_accuracy",
            Self::ObjectCompleteness => "object_completeness",
            Self::DetailRichness => "detail_richness",
            Self::SpatialRelationships => "spatial_relationships",
            Self::VisualCoherence => "visual_coherence",
        }
    }
}

/// Points on each of the five criteria, 0 to 20 each, in the order of [`Criterion::ALL`].
///
/// Serialises as an object with one field a criterion, which is also the form teachers answer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawScores", into = "RawScores")]
pub struct CriterionScores([u8; 5]);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScores {
    color_accuracy: i64,
    object_completeness: i64,
    detail_richness: i64,
    spatial_relationships: i64,
    visual_coherence: i64,
}

impl CriterionScores {
    /// Points a criterion can have.
    pub const MAX_POINTS: u8 = 20;

    /// Checks that each number is within 0 to 20.
    pub fn new(points: [i64; 5]) -> Result<Self, OutOfRange> {
        let mut checked = [0; 5];
        for (slot, value) in checked.iter_mut().zip(points) {
            *slot = u8::try_from(value)
                .ok()
                .filter(|&p| p <= Self::MAX_POINTS)
                .ok_or(OutOfRange { value, max: Self::MAX_POINTS })?;
        }
        Ok(Self(checked))
    }

    /// Points of one criterion.
    pub fn get(self, criterion: Criterion) -> i32 {
        i32::from(self.0[criterion as usize])
    }

    /// Points in the order of [`Criterion::ALL`].
    pub fn points(self) -> [u8; 5] {
        self.0
    }

    /// The sum, 0 to 100.
    pub fn total(self) -> Score {
        Score(self.0.iter().sum())
    }
}

impl TryFrom<RawScores> for CriterionScores {
    type Error = OutOfRange;
    fn try_from(raw: RawScores) -> Result<Self, OutOfRange> {
        Self::new([
            raw.color_accuracy,
            raw.object_completeness,
            raw.detail_richness,
            raw.spatial_relationships,
            raw.visual_coherence,
        ])
    }
}

impl From<CriterionScores> for RawScores {
    fn from(scores: CriterionScores) -> Self {
        let [color_accuracy, object_completeness, detail_richness, spatial_relationships, visual_coherence] =
            scores.0.map(i64::from);
        Self { color_accuracy, object_completeness, detail_richness, spatial_relationships, visual_coherence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_outside_the_range_are_errors_and_not_clamped() {
        assert_eq!(Score::new(100).map(Score::get), Ok(100));
        assert_eq!(Score::new(101), Err(OutOfRange { value: 101, max: 100 }));
        assert_eq!(Score::new(-1), Err(OutOfRange { value: -1, max: 100 }));
        assert_eq!(CriterionScores::new([20, 20, 20, 20, 21]), Err(OutOfRange { value: 21, max: 20 }));
    }

    #[test]
    fn criterion_scores_read_like_a_teachers_answer() {
        let answer = r#"{"color_accuracy":20,"object_completeness":19,"detail_richness":18,"spatial_relationships":17,"visual_coherence":16}"#;
        let scores: CriterionScores = serde_json::from_str(answer).unwrap();
        assert_eq!(scores.total().get(), 90);
        assert_eq!(scores.get(Criterion::SpatialRelationships), 17);
        assert_eq!(serde_json::to_string(&scores).unwrap(), answer);
        assert!(serde_json::from_str::<CriterionScores>("{}").is_err());
    }
}
