//! What rows of different shards owe each other: ids are unique within a table, every row belongs to a
//! trajectory of its own split, and no prompt is in two splits.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{Problems, shard::ShardFindings};

/// The first half of a SHA-256: enough to tell all ids of a release apart.
type Hash = [u8; 16];

/// The ids of a row, hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowKeys {
    /// What no other row of the table has.
    unique: Hash,
    /// The trajectory it belongs to.
    trajectory: Hash,
    /// The prompt, for trajectories.
    prompt: Option<Hash>,
}

impl RowKeys {
    /// The keys of a row whose id within its table is made of several parts.
    pub(super) fn new(parts: &[&str], trajectory: &str) -> Self {
        Self { unique: hash(&parts.join("\n")), trajectory: hash(trajectory), prompt: None }
    }

    /// The keys of a trajectory, whose id begins with the prompt's.
    pub(super) fn of_trajectory(id: &str) -> Self {
        let prompt = id.rsplit_once('-').map_or(id, |(prompt, _)| prompt);
        Self { prompt: Some(hash(prompt)), ..Self::new(&[id], id) }
    }
}

fn hash(text: &str) -> Hash {
    let digest = Sha256::digest(text.as_bytes());
    std::array::from_fn(|index| digest[index])
}

pub(super) fn check(shards: &[ShardFindings]) -> Problems {
    let mut problems = Problems::default();
    check_unique(shards, &mut problems);
    check_splits(shards, &mut problems);
    problems
}

/// Every row of every shard with its place.
fn rows(shards: &[ShardFindings]) -> impl Iterator<Item = (&ShardFindings, u64, &RowKeys)> {
    shards.iter().flat_map(|shard| shard.keys.iter().zip(0..).map(move |(keys, row)| (shard, row, keys)))
}

fn check_unique(shards: &[ShardFindings], problems: &mut Problems) {
    let mut seen: HashMap<(&str, Hash), (&ShardFindings, u64)> = HashMap::new();
    for (shard, row, keys) in rows(shards) {
        if let Some((first, first_row)) = seen.insert((&shard.config, keys.unique), (shard, row)) {
            let what = format!("its id is also that of row {first_row} of {}", first.path);
            problems.add(&shard.path, Some(row), what);
        }
    }
}

fn check_splits(shards: &[ShardFindings], problems: &mut Problems) {
    let mut split_of_prompt: HashMap<Hash, &str> = HashMap::new();
    let mut split_of_trajectory: HashMap<Hash, &str> = HashMap::new();
    for (shard, row, keys) in rows(shards) {
        let Some(prompt) = keys.prompt else { continue };
        split_of_trajectory.insert(keys.trajectory, &shard.split);
        let split = *split_of_prompt.entry(prompt).or_insert(&shard.split);
        if split != shard.split {
            problems.add(&shard.path, Some(row), format!("its prompt is in the split `{split}` too"));
        }
    }
    if shards.iter().all(|shard| shard.config != "trajectories") {
        return;
    }
    for (shard, row, keys) in rows(shards).filter(|(_, _, keys)| keys.prompt.is_none()) {
        match split_of_trajectory.get(&keys.trajectory) {
            Some(split) if *split == shard.split => {}
            Some(split) => {
                problems.add(&shard.path, Some(row), format!("its trajectory is in the split `{split}`"));
            }
            None => problems.add(&shard.path, Some(row), "its trajectory is not in this release"),
        }
    }
}
