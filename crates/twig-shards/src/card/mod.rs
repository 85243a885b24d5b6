//! The dataset card: `README.md` with the front matter that `datasets` and the Hub read, and a page for people.
//!
//! Counts of rows and files, rejections and tokenizers come from the manifest; what a manifest must not hold
//! (cost) or does not know (categories, tasks, scores, models) comes with [`CardFacts`]. Absent: pictures and
//! plots.

mod front_matter;
mod page;
mod tables;

use std::collections::BTreeMap;

pub(crate) use front_matter::FrontMatter;
use page::write_page;

use crate::Manifest;

/// What the card says beyond the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardFacts {
    /// Name of the dataset for people.
    pub name: String,
    /// Identifier of the data's licence as the Hub knows it, for example `cc-by-4.0`.
    pub license: String,
    /// Languages of the texts, for example `en`.
    pub languages: Vec<String>,
    /// Who thought, painted, criticised and judged.
    pub teachers: Vec<CardTeacher>,
    /// Settings worth knowing, as name and value, in the order in which they are shown.
    pub settings: Vec<(String, String)>,
    /// Trajectories of each category.
    pub categories: BTreeMap<String, u64>,
    /// Training samples of each task and region, for example `think 1`.
    pub tasks: BTreeMap<String, u64>,
    /// Trajectories by reward: 0 to 9, 10 to 19, …, 90 to 100.
    pub rewards: [u64; 10],
    /// What the teachers cost, in words; `None` where no prices were given.
    pub cost: Option<String>,
    /// Credits that the licences of what went into the pictures ask for.
    pub attributions: Vec<String>,
    /// What the data is not good for, one sentence or two each.
    pub limits: Vec<String>,
}

/// A teacher as the card names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardTeacher {
    /// Thinker, painter, critic or judge.
    pub role: String,
    /// Its name in the pipeline file.
    pub name: String,
    /// The model that answered.
    pub model: String,
}

/// The text of `README.md`.
pub fn render_card(manifest: &Manifest, facts: &CardFacts) -> String {
    let mut card = FrontMatter::new(manifest, facts).to_markdown();
    write_page(&mut card, manifest, facts);
    card
}
