use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

use sha2::{Digest, Sha256};

use super::{Keep, ReleaseSummary, Source};
use crate::{Filter, Row as _, ShardError, TableReader};

/// What stays, and in which split.
pub(super) struct Choice {
    /// Names of the splits, in the order of the first manifest.
    pub(super) splits: Vec<String>,
    /// For each source, the trajectories that stay, with the position of their split.
    kept: Vec<HashMap<String, u8>>,
    /// For each source, the prompts of which something stays.
    prompts: Vec<HashMap<String, u8>>,
    pub(super) rows_in: u64,
    pub(super) duplicates: u64,
    /// Trajectories that stay, by category.
    pub(super) categories: BTreeMap<String, u64>,
    /// Trajectories that stay, by reward in tens.
    pub(super) rewards: [u64; 10],
}

impl Choice {
    pub(super) fn new(sources: &[Source], keep: &Keep) -> Result<Self, ShardError> {
        let mut choice = Self {
            splits: split_names(sources),
            kept: vec![HashMap::new(); sources.len()],
            prompts: vec![HashMap::new(); sources.len()],
            rows_in: 0,
            duplicates: 0,
            categories: BTreeMap::new(),
            rewards: [0; 10],
        };
        let drawn = match keep {
            Keep::Share { share, seed } => draw(sources, *share, *seed)?,
            Keep::All | Keep::Where(_) => HashSet::new(),
        };
        let mut split_of_prompt: HashMap<String, u8> = HashMap::new();
        for (index, source) in sources.iter().enumerate() {
            for_each_shard(source, |split, path, rows| {
                let position = choice.splits.iter().position(|name| name == split).unwrap_or(0) as u8;
                let stays = match keep {
                    Keep::All => vec![true; rows.len()],
                    Keep::Where(filter) => passing(filter, &rows, path)?,
                    Keep::Share { .. } => rows.iter().map(|row| drawn.contains(prompt_of(&row.id))).collect(),
                };
                for (row, stays) in rows.into_iter().zip(stays) {
                    // Where sources differ the first wins, whether or not its own row stays.
                    let prompt = prompt_of(&row.id).to_owned();
                    let position = *split_of_prompt.entry(prompt).or_insert(position);
                    choice.take(index, row, stays, position);
                }
                Ok(())
            })?;
        }
        Ok(choice)
    }

    fn take(&mut self, source: usize, row: ReleaseSummary, stays: bool, position: u8) {
        self.rows_in += 1;
        if self.kept[..source].iter().any(|kept| kept.contains_key(&row.id)) {
            self.duplicates += 1;
        } else if stays {
            *self.categories.entry(row.category).or_insert(0) += 1;
            self.rewards[(row.reward.get() / 10).min(9) as usize] += 1;
            self.prompts[source].insert(prompt_of(&row.id).to_owned(), position);
            self.kept[source].insert(row.id, position);
        }
    }

    /// Trajectories that stay.
    pub(super) fn rows_out(&self) -> u64 {
        self.kept.iter().map(|kept| kept.len() as u64).sum()
    }

    /// The split of a row of any table: by its trajectory, or by its prompt where a row is about a prompt.
    pub(super) fn split_of(&self, source: usize, key: &str) -> Option<u8> {
        self.kept[source].get(key).or_else(|| self.prompts[source].get(key)).copied()
    }
}

/// The splits of all sources in the order in which they first occur.
fn split_names(sources: &[Source]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let splits = sources
        .iter()
        .filter_map(|source| source.manifest.config("trajectories"))
        .flat_map(|config| &config.splits);
    for split in splits {
        if !names.contains(&split.name) {
            names.push(split.name.clone());
        }
    }
    names
}

/// The prompt in `{prompt id}-{sample index}`.
fn prompt_of(id: &str) -> &str {
    id.rsplit_once('-').map_or(id, |(prompt, _)| prompt)
}

/// Which rows fulfil every clause.
fn passing(filter: &Filter, rows: &[ReleaseSummary], path: &Path) -> Result<Vec<bool>, ShardError> {
    let batch = ReleaseSummary::to_batch(rows.to_vec());
    let mut stays = vec![true; rows.len()];
    for clause in filter.clauses() {
        let passes =
            clause.passes(&batch).map_err(|error| ShardError::parquet("read", path)(error.into()))?;
        for (stays, passes) in stays.iter_mut().zip(passes.values()) {
            *stays &= passes;
        }
    }
    Ok(stays)
}

/// Hands over the small columns of every shard, with the name of its split.
fn for_each_shard(
    source: &Source,
    mut take: impl FnMut(&str, &Path, Vec<ReleaseSummary>) -> Result<(), ShardError>,
) -> Result<(), ShardError> {
    for split in source.manifest.config("trajectories").into_iter().flat_map(|config| &config.splits) {
        for shard in &split.shards {
            let path = source.folder.join(&shard.path);
            take(&split.name, &path, TableReader::read_all(&path)?)?;
        }
    }
    Ok(())
}

/// The prompts with the lowest lots: at least one, else the share of them.
fn draw(sources: &[Source], share: f64, seed: u64) -> Result<HashSet<String>, ShardError> {
    let mut prompts: HashSet<String> = HashSet::new();
    for source in sources {
        for_each_shard(source, |_, _, rows| {
            prompts.extend(rows.iter().map(|row| prompt_of(&row.id).to_owned()));
            Ok(())
        })?;
    }
    let wanted = ((prompts.len() as f64 * share).round() as usize).max(1);
    let mut lots: Vec<([u8; 32], String)> =
        prompts.into_iter().map(|prompt| (lot(&prompt, seed), prompt)).collect();
    lots.sort_unstable();
    lots.truncate(wanted);
    Ok(lots.into_iter().map(|(_, prompt)| prompt).collect())
}

fn lot(prompt: &str, seed: u64) -> [u8; 32] {
    let hash = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(prompt);
    hash.finalize().into()
}
