//! The dataset card: `README.md` with the front matter that `datasets` and the Hub read, and a page for people.
//!
//! Counts of rows and files, rejections and tokenizers come from the manifest; what a manifest must not hold
//! (cost) or does not know (categories, tasks, scores, models) comes with [`CardFacts`]. These stand in the card a
//! second time as a comment that programs read, so that a release made from others can have a card that is right.

pub(crate) mod assets;
pub(crate) mod croissant;
mod front_matter;
mod page;
mod svg;
mod tables;

use std::{collections::BTreeMap, fs, path::Path};

use assets::ShownTrajectory;
pub(crate) use front_matter::FrontMatter;
use page::write_page;
use serde::{Deserialize, Serialize};

use crate::{Manifest, release::CARD_NAME};

/// What the card says beyond the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardTeacher {
    /// Thinker, painter, critic or judge.
    pub role: String,
    /// Its name in the pipeline file.
    pub name: String,
    /// The model that answered.
    pub model: String,
}

/// What the comment with the facts begins and ends with; `--` within is escaped.
const FACTS_BEGIN: &str = "\n<!-- twig card ";
const FACTS_END: &str = " -->\n";

impl CardFacts {
    /// What the card of a release says. Where it is another program's, what its front matter has.
    pub(crate) fn of_release(release: &Path, manifest: &Manifest) -> Self {
        let card = fs::read_to_string(release.join(CARD_NAME)).unwrap_or_default();
        Self::of_card(&card).unwrap_or_else(|| {
            FrontMatter::parse(&card).map_or_else(
                |_| Self { name: manifest.program.clone(), license: "unknown".to_owned(), ..Self::default() },
                FrontMatter::into_facts,
            )
        })
    }

    fn of_card(card: &str) -> Option<Self> {
        let (_, rest) = card.rsplit_once(FACTS_BEGIN)?;
        serde_json::from_str(rest.split_once(FACTS_END)?.0).ok()
    }

    fn to_comment(&self) -> String {
        let json = serde_json::to_string(self).expect("texts and numbers are always JSON");
        format!("{FACTS_BEGIN}{}{FACTS_END}", json.replace("--", "-\\u002d"))
    }
}

/// The text of `README.md`.
pub(crate) fn render_card(manifest: &Manifest, facts: &CardFacts, shown: &[ShownTrajectory]) -> String {
    let mut card = FrontMatter::new(manifest, facts).to_markdown();
    write_page(&mut card, manifest, facts, shown);
    card.push_str(&facts.to_comment());
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

    fn shown() -> Vec<ShownTrajectory> {
        let attempt = |title: &str, score| assets::ShownAttempt {
            title: title.to_owned(),
            thought: "A | bird.\nTwo.".to_owned(),
            score,
            image: "assets/a-00.png".to_owned(),
        };
        vec![ShownTrajectory {
            prompt: "two \"blue\" birds".to_owned(),
            category: "color".to_owned(),
            reward: 91,
            attempts: vec![attempt("upper background", 40), attempt("upper background, again", 95)],
        }]
    }

    #[test]
    fn the_facts_come_back_from_the_card() {
        let mut facts = fixtures::card_facts();
        facts.cost = Some("3 --> 4 <!-- twig card {} -->\n".to_owned());
        let card = render_card(&manifest(), &facts, &shown());
        assert_eq!(CardFacts::of_card(&card), Some(facts.clone()));
        let folder = tempfile::tempdir().unwrap();
        let older = card.rsplit_once(FACTS_BEGIN).unwrap().0;
        fs::write(folder.path().join(CARD_NAME), older).unwrap();
        let found = CardFacts::of_release(folder.path(), &manifest());
        assert_eq!((found.name, found.license), (facts.name, facts.license));
    }

    #[test]
    fn the_card_of_a_small_release() {
        let card = render_card(&manifest(), &fixtures::card_facts(), &shown());
        for expected in [
            "num_examples: 6",
            "assets/rewards.svg",
            "upper background, again: 95",
            "A \\| bird. Two.",
            "Drawings from Twemoji",
            "load_dataset(release,",
        ] {
            assert!(card.contains(expected), "`{expected}` is not in\n{card}");
        }
    }

    #[test]
    fn the_front_matter_comes_back_whatever_the_names_are() {
        let manifest = manifest();
        for name in ["no", "---", "a: b # c", "multi\nline", "\u{7}\"'\\", "null", "1e3", "- x", ""] {
            let mut facts = fixtures::card_facts();
            facts.name = name.to_owned();
            facts.languages = vec![name.to_owned()];
            let parsed = FrontMatter::parse(&render_card(&manifest, &facts, &[])).unwrap();
            assert_eq!(parsed, FrontMatter::new(&manifest, &facts), "{name:?}");
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_cell() {
        let mut facts = fixtures::card_facts();
        facts.teachers[0].model = "a | b\n<script>".to_owned();
        assert!(render_card(&manifest(), &facts, &[]).contains("| a \\| b &lt;script> |\n"));
    }

    #[test]
    fn a_card_without_front_matter_is_refused() {
        assert!(FrontMatter::parse("# Title\n").is_err());
        assert!(FrontMatter::parse("---\nlicense: x\n").unwrap_err().contains("closing line"));
        assert!(FrontMatter::parse("---\nlicense: x\n---\n").unwrap_err().contains("not as written"));
    }
}
