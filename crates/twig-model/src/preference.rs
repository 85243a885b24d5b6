use crate::{Picture, PromptId, Score, SftMessage};

/// Where the two sides of a preference pair come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PairKind {
    /// Two attempts at the same region: one that failed, and a better one.
    Redo,
    /// The best and the worst of several samples of a prompt.
    Sample,
}

impl PairKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Redo, Self::Sample];

    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Redo => "redo",
            Self::Sample => "sample",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Two ways of going on from the same point, the better one first: as thoughts (for chat trainers) and as
/// pictures and image tokens (for generators).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DpoPair {
    /// `{trajectory id}-redo-{region index}-{chosen attempt}-{rejected attempt}`, or
    /// `{prompt id}-sample-{chosen sample}-{rejected sample}`.
    pub id: String,
    /// Where the two sides come from.
    pub kind: PairKind,
    /// The trajectory of the chosen side.
    pub trajectory_id: String,
    /// The trajectory of the rejected side; the same one for a redo.
    pub rejected_trajectory_id: String,
    /// T.
    pub caption: String,
    /// Category of the prompt.
    pub category: String,
    /// k, from 0; `None` where whole pictures are compared.
    pub region_index: Option<u32>,
    /// The question that both sides answer.
    pub prompt: Vec<SftMessage>,
    /// The thoughts behind the chosen picture.
    pub chosen: Vec<SftMessage>,
    /// The thoughts behind the rejected picture.
    pub rejected: Vec<SftMessage>,
    /// The pictures that `prompt` refers to, in order.
    pub images: Vec<Picture>,
    /// τ_<k, the thoughts of the regions before.
    pub earlier_thoughts: Vec<String>,
    /// Ids of the regions before, in raster order; empty where they are not the beginning of the grid.
    pub prefix_tokens: Vec<u32>,
    /// The chosen picture: the canvas after the attempt, or the finished picture.
    pub chosen_image: Picture,
    /// The rejected picture.
    pub rejected_image: Picture,
    /// Ids of the chosen region or picture.
    pub chosen_tokens: Vec<u32>,
    /// Ids of the rejected region or picture.
    pub rejected_tokens: Vec<u32>,
    /// Score of the chosen attempt, or reward of the chosen picture.
    pub chosen_score: Score,
    /// Score of the rejected attempt, or reward of the rejected picture; below the chosen one.
    pub rejected_score: Score,
}

/// Two critiques of the same canvas: its own, and that of another attempt at the same region, which is wrong
/// about this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CritiquePair {
    /// `{trajectory id}-critique-{region index}-{attempt}-{other attempt}`.
    pub id: String,
    /// The trajectory.
    pub trajectory_id: String,
    /// T.
    pub caption: String,
    /// Category of the prompt.
    pub category: String,
    /// k, from 0.
    pub region_index: u32,
    /// The attempt whose canvas is judged.
    pub attempt: u32,
    /// The attempt whose critique is the rejected one.
    pub other_attempt: u32,
    /// The question.
    pub prompt: Vec<SftMessage>,
    /// The critique of this canvas.
    pub chosen: Vec<SftMessage>,
    /// The critique of the other one.
    pub rejected: Vec<SftMessage>,
    /// The canvas.
    pub images: Vec<Picture>,
    /// The score that `chosen` gives.
    pub chosen_score: Score,
    /// The score that `rejected` gives.
    pub rejected_score: Score,
}

/// A prompt for reinforcement learning, with the rewards of the pictures that there are of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptGroup {
    /// The prompt's id.
    pub id: PromptId,
    /// T.
    pub prompt: String,
    /// Category of the prompt.
    pub category: String,
    /// The kind of check that fits the prompt, in the words of T2I-R1: `spatial`, `numeracy`, `object`,
    /// `color`, `shape`, `texture`, `complex` or `non`.
    pub task_type: String,
    /// What the prompt names.
    pub mentions: PromptMentions,
    /// The trajectories, in the order of their samples.
    pub trajectory_ids: Vec<String>,
    /// Reward of each.
    pub rewards: Vec<Score>,
    /// Advantage of each within the group.
    pub advantages: Vec<Advantage>,
}

/// What a prompt names, as rewards that count and locate objects need it. Empty where it was not understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PromptMentions {
    /// The objects, singular: `bench`, `car`.
    pub nouns: Vec<String>,
    /// The objects that have attributes, with them: `green bench`, `red car`.
    pub attr_nouns: Vec<String>,
    /// How the first two related objects stand to each other in the plane.
    pub spatial: Option<SpatialMention>,
    /// How many there are of each object, where the prompt counts any.
    pub counts: Vec<CountMention>,
}

/// One object's place relative to another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpatialMention {
    /// The object that has the place.
    pub obj1: String,
    /// The object it is relative to.
    pub obj2: String,
    /// `on the left of`, `on the right of`, `on the top of`, `on the bottom of` or `next to`.
    pub locality: String,
}

/// How many of an object there are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountMention {
    /// The object, singular.
    pub obj_name: String,
    /// How many.
    pub num: u32,
}

/// How much better a sample is than its group, in standard deviations.
#[derive(Debug, Clone, Copy)]
pub struct Advantage(f64);

impl Advantage {
    /// Any finite number.
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// Group-relative advantages as GRPO has them: (reward − mean) / (standard deviation + 10⁻⁴), with the
    /// unbiased deviation that TRL takes. All 0 in a group of one, or where nobody is better.
    pub fn of_group(rewards: &[Score]) -> Vec<Self> {
        let count = rewards.len() as f64;
        let mean = rewards.iter().map(|reward| f64::from(reward.get())).sum::<f64>() / count;
        let above = |reward: &Score| f64::from(reward.get()) - mean;
        let squares: f64 = rewards.iter().map(|reward| above(reward).powi(2)).sum();
        let deviation = if rewards.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        rewards.iter().map(|reward| Self(above(reward) / (deviation + 1e-4))).collect()
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

/// By bits: advantages are finite, and stored ones come back as they were.
impl PartialEq for Advantage {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Advantage {}

#[cfg(test)]
mod tests {
    use super::*;

    fn advantages(rewards: &[i64]) -> Vec<f64> {
        let rewards: Vec<Score> = rewards.iter().map(|&reward| Score::new(reward).unwrap()).collect();
        Advantage::of_group(&rewards).into_iter().map(Advantage::get).collect()
    }

    #[test]
    fn advantages_are_relative_to_the_group() {
        // The deviation of 60, 80, 100 is 20.
        assert_eq!(advantages(&[60, 80, 100]), [-20.0 / 20.0001, 0.0, 20.0 / 20.0001]);
        assert_eq!(advantages(&[70, 70]), [0.0, 0.0]);
        assert_eq!(advantages(&[70]), [0.0]);
        assert!(advantages(&[]).is_empty());
    }
}
