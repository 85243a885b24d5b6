use twig_model::{Advantage, CountMention, PromptGroup, PromptId, PromptMentions, Score, SpatialMention};

use crate::{Malformed, PlainRow, Row, record::record};

record! {
    /// Columns of a prompt for reinforcement learning: T2I-R1's, which TRL's `GRPOTrainer` hands to reward
    /// functions, and the rewards of the pictures that there are.
    pub struct GrpoRecord {
        /// Id of the prompt.
        id: PromptId,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// The check that fits the prompt: `spatial`, `numeracy`, `object`, `color`, `shape`, `texture`,
        /// `complex` or `non`.
        task_type: String,
        /// Objects that the prompt names, singular; empty where it was not understood.
        nouns: Vec<String>,
        /// Objects with their attributes; null where none has any.
        attr_nouns: Option<Vec<String>>,
        /// How two objects stand to each other in the plane; null where the prompt does not say.
        spatial_info: Option<SpatialRecord>,
        /// How many there are of each object; null where the prompt counts none.
        numeracy_info: Option<Vec<CountRecord>>,
        /// Ids of the pictures of this prompt in `trajectories`.
        trajectory_ids: Vec<String>,
        /// Reward of each, 0 to 100.
        rewards: Vec<Score>,
        /// Advantage of each within the group: (reward - mean) / (unbiased standard deviation + 0.0001).
        advantages: Vec<Advantage>,
    }
}

record! {
    /// One object's place relative to another's.
    pub struct SpatialRecord {
        /// The object that has the place.
        obj1: String,
        /// The object it is relative to.
        obj2: String,
        /// `on the left of`, `on the right of`, `on the top of`, `on the bottom of` or `next to`.
        locality: String,
    }
}

record! {
    /// How many of an object there are to be.
    pub struct CountRecord {
        /// The object, singular.
        obj_name: String,
        /// How many.
        num: u32,
    }
}

impl PlainRow for GrpoRecord {
    const TABLE: &'static str = "grpo";
}

/// What is empty is null.
fn filled<T>(list: Vec<T>) -> Option<Vec<T>> {
    if list.is_empty() { None } else { Some(list) }
}

impl Row for PromptGroup {
    type Record = GrpoRecord;
    const TABLE: &'static str = "grpo";

    fn into_record(self) -> GrpoRecord {
        let PromptMentions { nouns, attr_nouns, spatial, counts } = self.mentions;
        let spatial =
            spatial.map(|SpatialMention { obj1, obj2, locality }| SpatialRecord { obj1, obj2, locality });
        let counts = counts.into_iter().map(|CountMention { obj_name, num }| CountRecord { obj_name, num });
        GrpoRecord {
            id: self.id,
            prompt: self.prompt,
            category: self.category,
            task_type: self.task_type,
            nouns,
            attr_nouns: filled(attr_nouns),
            spatial_info: spatial,
            numeracy_info: filled(counts.collect()),
            trajectory_ids: self.trajectory_ids,
            rewards: self.rewards,
            advantages: self.advantages,
        }
    }

    fn from_record(record: GrpoRecord) -> Result<Self, Malformed> {
        let spatial = record.spatial_info.map(|SpatialRecord { obj1, obj2, locality }| SpatialMention {
            obj1,
            obj2,
            locality,
        });
        let counts = record.numeracy_info.unwrap_or_default().into_iter();
        let counts = counts.map(|CountRecord { obj_name, num }| CountMention { obj_name, num });
        Ok(Self {
            id: record.id,
            prompt: record.prompt,
            category: record.category,
            task_type: record.task_type,
            mentions: PromptMentions {
                nouns: record.nouns,
                attr_nouns: record.attr_nouns.unwrap_or_default(),
                spatial,
                counts: counts.collect(),
            },
            trajectory_ids: record.trajectory_ids,
            rewards: record.rewards,
            advantages: record.advantages,
        })
    }
}
