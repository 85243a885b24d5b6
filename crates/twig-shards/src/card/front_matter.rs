//! The YAML between the two `---` lines: which files make up which split, what the columns are, how many rows.
//!
//! `num_examples` must be exact or `datasets` refuses to load. Lists of scalars and pictures are spelt
//! `sequence`, lists of structs `list`: what every version since 2.21 reads.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{CardFacts, tables::table_text};
use crate::{Column, Config, Manifest};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrontMatter {
    pretty_name: String,
    license: String,
    language: Vec<String>,
    task_categories: Vec<String>,
    tags: Vec<String>,
    size_categories: Vec<String>,
    configs: Vec<CardConfig>,
    pub(crate) dataset_info: Vec<DatasetInfo>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct CardConfig {
    config_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<bool>,
    data_files: Vec<DataFiles>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DataFiles {
    split: String,
    path: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DatasetInfo {
    pub(crate) config_name: String,
    features: Vec<Json>,
    pub(crate) splits: Vec<SplitInfo>,
    download_size: u64,
    dataset_size: u64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SplitInfo {
    pub(crate) name: String,
    num_bytes: u64,
    pub(crate) num_examples: u64,
}

const FENCE: &str = "---\n";

impl FrontMatter {
    pub(super) fn new(manifest: &Manifest, facts: &CardFacts) -> Self {
        let configs = || manifest.configs.iter().filter(|config| !config.splits.is_empty());
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let pictures = manifest.configs.first().map_or(0, Config::rows);
        Self {
            pretty_name: facts.name.clone(),
            license: facts.license.clone(),
            language: facts.languages.clone(),
            task_categories: texts(&["text-to-image", "any-to-any"]),
            tags: texts(&["thinking-while-generating", "interleaved-reasoning", "image-tokens", "twig"]),
            size_categories: texts(&[size_category(pictures)]),
            configs: configs()
                .enumerate()
                .map(|(place, config)| CardConfig::new(config, place == 0))
                .collect(),
            dataset_info: configs().map(|config| DatasetInfo::new(config, manifest.schema_version)).collect(),
        }
    }

    /// What it tells of the facts that a card is made of.
    pub(super) fn into_facts(self) -> CardFacts {
        let Self { pretty_name: name, license, language: languages, .. } = self;
        CardFacts { name, license, languages, ..CardFacts::default() }
    }

    /// The front matter with its fences.
    pub(super) fn to_markdown(&self) -> String {
        let yaml = serde_saphyr::to_string(self).expect("texts, numbers and lists are always YAML");
        format!("{FENCE}{yaml}{FENCE}")
    }

    /// Reads the front matter of a card.
    pub(crate) fn parse(card: &str) -> Result<Self, String> {
        let rest = card.strip_prefix(FENCE).ok_or("the card does not begin with a line `---`")?;
        let end = rest.find(&format!("\n{FENCE}")).ok_or("the front matter has no closing line `---`")?;
        serde_saphyr::from_str(&rest[..=end])
            .map_err(|error| format!("the front matter is not as written: {error}"))
    }
}

impl CardConfig {
    fn new(config: &Config, is_default: bool) -> Self {
        let data_files = config.splits.iter().map(|split| DataFiles {
            split: split.name.clone(),
            path: format!("{}/{}-*.parquet", config.name, split.name),
        });
        Self {
            config_name: config.name.clone(),
            default: is_default.then_some(true),
            data_files: data_files.collect(),
        }
    }
}

impl DatasetInfo {
    fn new(config: &Config, version: u32) -> Self {
        let splits: Vec<SplitInfo> = config
            .splits
            .iter()
            .map(|split| SplitInfo {
                name: split.name.clone(),
                num_bytes: split.shards.iter().map(|shard| shard.data_bytes).sum(),
                num_examples: split.rows(),
            })
            .collect();
        let shards = config.splits.iter().flat_map(|split| &split.shards);
        let columns = table_text(&config.name, version).map_or_else(Vec::new, |table| table.columns);
        Self {
            config_name: config.name.clone(),
            features: columns
                .iter()
                .map(|Column { name, feature, .. }| named_feature(name, feature))
                .collect(),
            download_size: shards.map(|shard| shard.bytes).sum(),
            dataset_size: splits.iter().map(|split| split.num_bytes).sum(),
            splits,
        }
    }
}

/// A feature of the schema's metadata in the spelling of cards.
fn named_feature(name: &str, feature: &Json) -> Json {
    let mut entry = Map::from_iter([("name".to_owned(), json!(name))]);
    entry.extend(describe(feature));
    Json::Object(entry)
}

fn describe(feature: &Json) -> Map<String, Json> {
    let (key, value) = match feature {
        Json::Array(element) => describe_list(&element[0]),
        Json::Object(fields) => match (fields.get("_type").and_then(Json::as_str), fields.get("dtype")) {
            (Some("Image"), _) => ("dtype", json!("image")),
            (Some(_), Some(dtype)) => ("dtype", dtype.clone()),
            _ => ("struct", struct_fields(fields)),
        },
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => ("dtype", json!("null")),
    };
    Map::from_iter([(key.to_owned(), value)])
}

fn describe_list(element: &Json) -> (&'static str, Json) {
    let mut inner = describe(element);
    if let Some(dtype) = inner.remove("dtype") {
        ("sequence", dtype)
    } else if let Some(fields) = inner.remove("struct") {
        ("list", fields)
    } else {
        ("sequence", Json::Object(inner))
    }
}

fn struct_fields(fields: &Map<String, Json>) -> Json {
    fields.iter().map(|(name, feature)| named_feature(name, feature)).collect()
}

/// The Hub's size classes.
fn size_category(rows: u64) -> &'static str {
    match rows {
        0..1_000 => "n<1K",
        1_000..10_000 => "1K<n<10K",
        10_000..100_000 => "10K<n<100K",
        100_000..1_000_000 => "100K<n<1M",
        1_000_000..10_000_000 => "1M<n<10M",
        _ => "10M<n<100M",
    }
}
