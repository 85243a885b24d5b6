//! Which prompts belong together: the unit of work, of commit and of distribution.

use twig_model::PromptId;

/// Prompts of a partition, as a rule.
const PROMPTS_PER_PARTITION: usize = 200;

/// One of N partitions. Membership is a function of the prompt id and N alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// From 0.
    pub index: u32,
    /// N.
    pub of: u32,
}

impl Partition {
    /// The partition of a prompt: the hash's range is cut into N equal parts, so that the partitions in
    /// order hold the ids in order.
    pub fn of_prompt(id: &PromptId, of: u32) -> Self {
        Self::of_hash(id.hash(), of)
    }

    /// The same for the id's hash.
    pub(crate) fn of_hash(hash: u64, of: u32) -> Self {
        let index = (u128::from(hash) * u128::from(of)) >> 64;
        Self { index: index as u32, of }
    }

    /// All N partitions in order.
    pub fn all(of: u32) -> impl Iterator<Item = Self> {
        (0..of).map(move |index| Self { index, of })
    }

    /// `part-00003-of-00032`.
    pub fn file_stem(self) -> String {
        format!("part-{:05}-of-{:05}", self.index, self.of)
    }
}

/// N for a new job: partitions of about 200 prompts, at most 10,000 of them.
pub(crate) fn default_count(num_prompts: usize) -> u32 {
    num_prompts.div_ceil(PROMPTS_PER_PARTITION).clamp(1, 10_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn partitions_keep_the_order_of_ids(mut hashes in proptest::collection::vec(any::<u64>(), 1..50), of in 1u32..500) {
            hashes.sort_unstable();
            let indexes: Vec<u32> = hashes
                .iter()
                .map(|hash| Partition::of_prompt(&PromptId::from_hash(*hash), of).index)
                .collect();
            prop_assert!(indexes.is_sorted() && indexes.iter().all(|index| *index < of));
        }
    }
}
