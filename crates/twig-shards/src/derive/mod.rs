//! New releases from existing ones: several merged, a part of one by a condition, a small fair sample.
//!
//! Row groups that stay whole are copied byte for byte. Of the others the rows that stay are read and written
//! again; pictures are bytes throughout and never decoded. Features, statistics, manifest, card and checksums of
//! the new release are those of any other: `twig verify` and every consumer take it as such.
//!
//! What stays is decided trajectory by trajectory; rows of the other tables follow theirs. All samples of a
//! prompt are in one split: where two releases differ about that, the first one wins.

mod account;
mod choice;
mod mapped;
mod rewrite;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use twig_model::{Mode, Score};

use crate::{Config, Filter, Manifest, PlainRow, ShardError, card::CardFacts, publish, record::record};
use account::{derived_facts, derived_manifest};
use choice::Choice;

record! {
    /// What a trajectory of a release is chosen by.
    pub struct ReleaseSummary {
        /// `{prompt id}-{sample index}`.
        id: String,
        /// The text that is drawn.
        prompt: String,
        /// What kind of prompt it is.
        category: String,
        /// How it was made.
        mode: Mode,
        /// The model that painted.
        painter: String,
        /// Counts the samples of one prompt from 0.
        sample_index: u32,
        /// Number of regions.
        num_steps: u32,
        /// Attempts over all regions.
        attempts: u32,
        /// Lowest score among the attempts that stay in the picture.
        min_step_score: Score,
        /// Reward of the finished picture.
        reward: Score,
    }
}

impl PlainRow for ReleaseSummary {
    const TABLE: &'static str = "trajectories";
}

/// Which trajectories a new release takes from its sources.
pub enum Keep<'a> {
    /// Every one; of those that several sources have (by id) the first.
    All,
    /// Those that pass, by the columns of [`ReleaseSummary`].
    Where(&'a Filter),
    /// All samples of this share of the prompts, drawn by the seed; a larger share contains a smaller one.
    Share {
        /// From 0 (exclusive) to 1.
        share: f64,
        /// Another seed draws other prompts.
        seed: u64,
    },
}

/// How a release comes about from others.
pub struct Derivation<'a> {
    /// `merge`, `filter` or `sample`: the stage in the accounting.
    pub action: &'a str,
    /// What was asked for, in words, for the card.
    pub description: String,
    /// The name of the new release; by default that of the sources.
    pub name: Option<String>,
    /// The folders of the sources.
    pub sources: &'a [PathBuf],
    /// What is taken.
    pub keep: Keep<'a>,
    /// Bytes after which a shard ends.
    pub shard_bytes: u64,
}

/// What a derived release has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// Trajectories of all sources.
    pub rows_in: u64,
    /// Trajectories of the new release.
    pub rows_out: u64,
    /// Trajectories that an earlier source has too.
    pub duplicates: u64,
    /// Row groups copied as they are, and row groups written again.
    pub copied_groups: u64,
    /// See `copied_groups`.
    pub rewritten_groups: u64,
}

/// Writes a new release from existing ones into the folder `out`, which must not be there.
///
/// # Memory
/// Two row groups for each table, with the pages that their pictures came in (at most four times as much), and about 150
/// bytes a trajectory and 1 byte a row of the sources.
pub fn derive(derivation: &Derivation, out: &Path) -> Result<Derived, ShardError> {
    if out.symlink_metadata().is_ok() {
        return Err(ShardError::Exists { path: out.to_owned() });
    }
    let sources = load(derivation.sources)?;
    let choice = Choice::new(&sources, &derivation.keep)?;
    if choice.rows_out() == 0 {
        return Err(ShardError::Nothing { what: format!("none of {} trajectories stays", choice.rows_in) });
    }
    let growing = Growing::create(out)?;
    let tables: Vec<(Config, rewrite::Groups)> = sources[0]
        .manifest
        .configs
        .par_iter()
        .map(|config| rewrite::table(&config.name, &sources, &choice, &growing.0, derivation.shard_bytes))
        .collect::<Result<_, _>>()?;
    let (copied_groups, rewritten_groups) = tables.iter().fold((0, 0), |(copied, rewritten), (_, groups)| {
        (copied + groups.copied, rewritten + groups.rewritten)
    });
    let configs = tables.into_iter().map(|(config, _)| config).collect();
    let manifest = derived_manifest(derivation, &sources, &choice, configs);
    let facts = derived_facts(derivation, &sources, &choice, &manifest, &growing.0)?;
    publish(&growing.0, &manifest, &facts)?;
    growing.commit(out)?;
    let (rows_in, rows_out, duplicates) = (choice.rows_in, choice.rows_out(), choice.duplicates);
    Ok(Derived { rows_in, rows_out, duplicates, copied_groups, rewritten_groups })
}

/// A release that another is made from.
struct Source {
    folder: PathBuf,
    manifest: Manifest,
    /// What its card says.
    facts: CardFacts,
}

/// Loads the sources, which must speak of the same tokens in the same tables.
fn load(folders: &[PathBuf]) -> Result<Vec<Source>, ShardError> {
    let mut sources: Vec<Source> = Vec::new();
    for folder in folders {
        let manifest = Manifest::load(folder)?;
        let facts = CardFacts::of_release(folder, &manifest);
        if let Some(first) = sources.first()
            && let Some(what) = difference(&first.manifest, &manifest)
        {
            return Err(ShardError::Incompatible {
                first: first.folder.clone(),
                other: folder.clone(),
                what: what.to_owned(),
            });
        }
        sources.push(Source { folder: folder.clone(), manifest, facts });
    }
    if sources.is_empty() {
        return Err(ShardError::Nothing { what: "no release was named".to_owned() });
    }
    Ok(sources)
}

/// Why rows of two releases do not belong into one table.
fn difference(a: &Manifest, b: &Manifest) -> Option<&'static str> {
    let tables =
        |manifest: &Manifest| manifest.configs.iter().map(|config| config.name.clone()).collect::<Vec<_>>();
    [
        (a.schema_version != b.schema_version, "they have different schema versions"),
        (a.tokenizers != b.tokenizers, "their image tokenizers differ, so their ids mean different things"),
        (
            a.text_tokenizer != b.text_tokenizer,
            "their text tokenizers differ, so their ids mean different things",
        ),
        (a.prefix_style != b.prefix_style, "their image sequences begin differently (`release.prefix`)"),
        (tables(a) != tables(b), "they have different tables"),
    ]
    .into_iter()
    .find_map(|(differs, what)| differs.then_some(what))
}

/// The new release under a hidden name; dropping it removes it.
struct Growing(PathBuf);

impl Growing {
    fn create(out: &Path) -> Result<Self, ShardError> {
        let name = out.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.ok_or_else(|| ShardError::Exists { path: out.to_owned() })?;
        let name = format!("{}{name}-{}", crate::atomic::TEMPORARY_PREFIX, std::process::id());
        let growing = Self(out.with_file_name(name));
        std::fs::create_dir_all(&growing.0).map_err(ShardError::io("create the folder", &growing.0))?;
        Ok(growing)
    }

    fn commit(self, out: &Path) -> Result<(), ShardError> {
        std::fs::rename(&self.0, out).map_err(ShardError::io("write", out))?;
        match out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => crate::atomic::sync_folder(parent),
            None => crate::atomic::sync_folder(Path::new(".")),
        }
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        // After a commit nothing is left; nothing can be done about another failure here.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
