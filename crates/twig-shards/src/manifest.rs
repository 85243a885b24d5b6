use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_model::{Grid, RejectReason};

use crate::{ShardError, shards::shard_name, versions::SCHEMA_VERSION};

/// What a release consists of and how it came about: `manifest.json`.
///
/// Holds nothing that differs between two runs with the same settings, prompts and answers: no times, no
/// dates, no cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the tables' schemas.
    pub schema_version: u32,
    /// Name and version of the program, for example `twig 0.1.0`.
    pub program: String,
    /// Hash of the resolved settings.
    pub settings_hash: String,
    /// Seed of the job.
    pub seed: u64,
    /// How a sequence for image generation begins, for example `janus` or `twig`.
    pub prefix_style: String,
    /// Image tokenizers; `image_tokens` and `step_tokens` are those of the first.
    pub tokenizers: Vec<ImageTokenizer>,
    /// The tokenizer behind `input_ids` and `labels`.
    pub text_tokenizer: Option<TextTokenizer>,
    /// Hash of each prompt template by its name.
    pub templates: BTreeMap<String, String>,
    /// The judges whose scores make up the reward.
    pub judges: Vec<Judge>,
    /// Rows in and out of each stage, in the order of the stages.
    pub accounting: Vec<StageAccount>,
    /// The tables in the order of the card, the default one first.
    pub configs: Vec<Config>,
}

/// An image tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageTokenizer {
    /// Name in the pipeline file and in the table `tokens`.
    pub name: String,
    /// Hash of its weights.
    pub fingerprint: String,
    /// Number of codes; ids are below it.
    pub codebook_size: u32,
    /// Rows and columns of tokens.
    #[schemars(with = "BTreeMap<String, u32>")]
    pub grid: Grid,
    /// Side of the square picture in pixels.
    pub image_size: u32,
    /// The code that stands for "not generated yet".
    pub placeholder: u32,
}

/// A text tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextTokenizer {
    /// Its name, for example `byte-level`.
    pub name: String,
    /// Hash of its file.
    pub fingerprint: String,
    /// Whether it is that of a Janus checkpoint; ids of another one fit no published model.
    pub is_janus: bool,
    /// Ids of special tokens by the names that the tokenizer has for them, for example `<begin_of_image>`; those
    /// that it spells in plain words are left out.
    pub special_ids: BTreeMap<String, u32>,
}

/// A judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// Name in the pipeline file.
    pub name: String,
    /// Hash of its prompt template.
    pub prompt_hash: String,
    /// Weight of its score in the reward.
    pub weight: u32,
}

/// What went into a stage and what became of it: `rows_in = rows_out + Σ rejected`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageAccount {
    /// Name of the stage.
    pub stage: String,
    /// Rows it was given.
    pub rows_in: u64,
    /// Rows it handed on.
    pub rows_out: u64,
    /// Rows it rejected, by reason; reasons that did not occur are left out.
    #[schemars(with = "BTreeMap<String, u64>")]
    pub rejected: BTreeMap<RejectReason, u64>,
}

impl StageAccount {
    /// The stage that counts training samples and not trajectories.
    pub const SAMPLES: &str = "samples";

    /// Whether no row was lost or invented.
    pub fn balances(&self) -> bool {
        let rejected = self.rejected.values().try_fold(0u64, |sum, count| sum.checked_add(*count));
        rejected.and_then(|rejected| rejected.checked_add(self.rows_out)) == Some(self.rows_in)
    }
}

/// A table of the release, which `datasets` calls a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the table and of its folder.
    pub name: String,
    /// Its splits; those without rows are left out.
    pub splits: Vec<Split>,
}

impl Config {
    /// Rows of all splits.
    pub fn rows(&self) -> u64 {
        self.splits.iter().map(Split::rows).sum()
    }
}

/// A split of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// `train` or `validation`.
    pub name: String,
    /// Its files in order.
    pub shards: Vec<Shard>,
}

impl Split {
    /// Rows of all shards.
    pub fn rows(&self) -> u64 {
        self.shards.iter().map(|shard| shard.rows).sum()
    }
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Path inside the release, with `/`.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// Row groups.
    pub row_groups: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Bytes of all values before encoding.
    pub data_bytes: u64,
    /// SHA-256 of the file as 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// What the last stage that counts trajectories handed on: the release, or what was done to it since.
    pub fn released(&self) -> Option<u64> {
        let of_trajectories =
            self.accounting.iter().rev().find(|account| account.stage != StageAccount::SAMPLES);
        of_trajectories.map(|account| account.rows_out)
    }

    /// Name of the file.
    pub const FILE_NAME: &'static str = "manifest.json";

    /// No manifest of an honest release is larger: 64 MiB describe about 300,000 shards.
    const MAX_BYTES: u64 = 64 << 20;

    /// The text of `manifest.json`, the same for equal manifests.
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("numbers and texts under text keys are always JSON") + "\n"
    }

    /// Reads the manifest of a release from untrusted bytes: paths lie inside the release and follow the naming
    /// of shards, versions are known.
    pub fn load(release: &Path) -> Result<Self, ShardError> {
        let path = release.join(Self::FILE_NAME);
        let file = File::open(&path).map_err(ShardError::io("open", &path))?;
        let mut bytes = Vec::new();
        file.take(Self::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(ShardError::io("read", &path))?;
        Self::parse(&bytes).map_err(|what| ShardError::Manifest { path, what })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() as u64 > Self::MAX_BYTES {
            return Err(format!("it is larger than {} bytes", Self::MAX_BYTES));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        if self.schema_version == 0 || self.schema_version > SCHEMA_VERSION {
            let version = self.schema_version;
            return Err(format!(
                "schema version {version} is unknown to this program, which reads up to {SCHEMA_VERSION}; a newer twig wrote it"
            ));
        }
        for config in &self.configs {
            check_name(&config.name)?;
            for split in &config.splits {
                check_name(&split.name)?;
                check_shards(&config.name, split)?;
            }
        }
        Ok(())
    }

    /// The configuration of that name.
    pub fn config(&self, name: &str) -> Option<&Config> {
        self.configs.iter().find(|config| config.name == name)
    }

    /// All files of all tables.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.configs.iter().flat_map(|config| &config.splits).flat_map(|split| &split.shards)
    }

    /// The files of one split of one table, as paths below the folder of the release.
    pub fn paths(&self, release: &Path, config: &str, split: &str) -> Vec<PathBuf> {
        let splits = self.config(config).into_iter().flat_map(|config| &config.splits);
        let shards = splits.filter(|found| found.name == split).flat_map(|split| &split.shards);
        shards.map(|shard| release.join(&shard.path)).collect()
    }
}

/// Names become folders and file names.
fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(format!("`{name}` is not a name; lower-case letters, digits and `_` are wanted"))
    }
}

/// A shard has the one name that its place gives it, which also keeps paths inside the release.
fn check_shards(config: &str, split: &Split) -> Result<(), String> {
    for (index, shard) in split.shards.iter().enumerate() {
        let wanted = format!("{config}/{}", shard_name(&split.name, index, split.shards.len()));
        if shard.path != wanted {
            return Err(format!("the shard `{}` should be called `{wanted}`", shard.path));
        }
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if shard.sha256.len() != 64 || !shard.sha256.bytes().all(is_hex) {
            return Err(format!("the hash of `{}` is not 64 lower-case hexadecimal digits", shard.path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    fn config(shards: &[&str]) -> Config {
        let shard = |path: &&str| Shard {
            path: (*path).to_owned(),
            rows: 1,
            row_groups: 1,
            bytes: 10,
            data_bytes: 12,
            sha256: "0".repeat(64),
        };
        let split = Split { name: "train".to_owned(), shards: shards.iter().map(shard).collect() };
        Config { name: "steps".to_owned(), splits: vec![split] }
    }

    #[test]
    fn a_manifest_comes_back_from_its_text() {
        let manifest = fixtures::manifest(vec![config(&["steps/train-00000-of-00001.parquet"])]);
        assert_eq!(Manifest::parse(manifest.to_json().as_bytes()), Ok(manifest));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused() {
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = fixtures::manifest(vec![config(&["steps/train-00000-of-00001.parquet"])]);
            change(&mut manifest);
            Manifest::parse(manifest.to_json().as_bytes()).unwrap_err()
        };
        let wanted = "should be called `steps/train-00000-of-00001.parquet`";
        for path in
            ["../secret.parquet", "/etc/passwd", "steps/train-00000-of-00002.parquet", "steps\\x.parquet"]
        {
            let mut manifest = fixtures::manifest(vec![config(&[path])]);
            let refusal = Manifest::parse(manifest.to_json().as_bytes()).unwrap_err();
            assert_eq!(refusal, format!("the shard `{path}` {wanted}"));
            manifest.configs[0].name = "..".to_owned();
            assert!(
                Manifest::parse(manifest.to_json().as_bytes()).unwrap_err().starts_with("`..` is not a name")
            );
        }
        assert!(refused(|manifest| manifest.schema_version += 1).contains("a newer twig wrote it"));
        assert!(refused(|manifest| manifest.configs[0].splits[0].shards[0].sha256.push('0')).contains("64"));
        assert!(Manifest::parse(b"[]").is_err());
        assert!(
            Manifest::parse(br#"{"schema_version": 1, "surprise": 2}"#).unwrap_err().contains("surprise")
        );
    }

    #[test]
    fn an_account_that_overflows_does_not_balance() {
        let mut account = fixtures::manifest(Vec::new()).accounting.remove(0);
        assert!(account.balances());
        account.rejected.insert(RejectReason::Refused, u64::MAX);
        assert!(!account.balances());
    }

    #[test]
    fn the_schema_of_the_file_is_stable() {
        insta::assert_json_snapshot!(schemars::schema_for!(Manifest));
    }
}
