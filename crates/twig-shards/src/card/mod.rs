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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Shard, Split, fixtures};

    fn config(name: &str, rows: &[(&str, u64)]) -> Config {
        let split = |&(split, rows): &(&str, u64)| Split {
            name: split.to_owned(),
            shards: vec![Shard {
                path: format!("{name}/{split}-00000-of-00001.parquet"),
                rows,
                row_groups: 1,
                bytes: 1_250_000,
                data_bytes: 1_500_000,
                sha256: "0".repeat(64),
            }],
        };
        Config { name: name.to_owned(), splits: rows.iter().map(split).collect() }
    }

    fn manifest() -> Manifest {
        fixtures::manifest(vec![
            config("trajectories", &[("train", 6), ("validation", 2)]),
            config("judgements", &[("train", 18)]),
            config("sft", &[]),
        ])
    }

    #[test]
    fn the_card_of_a_small_release() {
        insta::assert_snapshot!(render_card(&manifest(), &fixtures::card_facts()));
    }

    #[test]
    fn the_front_matter_comes_back_whatever_the_names_are() {
        let manifest = manifest();
        for name in ["no", "---", "a: b # c", "multi\nline", "\u{7}\"'\\", "null", "1e3", "- x", ""] {
            let mut facts = fixtures::card_facts();
            facts.name = name.to_owned();
            facts.languages = vec![name.to_owned()];
            let parsed = FrontMatter::parse(&render_card(&manifest, &facts)).unwrap();
            assert_eq!(parsed, FrontMatter::new(&manifest, &facts), "{name:?}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_cell() {
        let mut facts = fixtures::card_facts();
        facts.teachers[0].model = "a | b\n<script>".to_owned();
        assert!(render_card(&manifest(), &facts).contains("| a \\| b &lt;script> |\n"));
    }

    #[test]
    fn a_card_without_front_matter_is_refused() {
        assert!(FrontMatter::parse("# Title\n").is_err());
        assert!(FrontMatter::parse("---\nlicense: x\n").unwrap_err().contains("closing line"));
        assert!(FrontMatter::parse("---\nlicense: x\n---\n").unwrap_err().contains("not as written"));
    }
}
