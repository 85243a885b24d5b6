//! The settings of the tokens stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_tokens::PatchTokenizer;

/// Which image tokenizers encode the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// The tokenizers; the first one's ids stand in `trajectories`, `steps`, `sft` and `janus`.
    #[schemars(length(min = 1))]
    pub tokenizers: Vec<TokenizerSettings>,
    /// Whose pictures are encoded: `selected`, those of the trajectories that the release keeps, or `all`. By
    /// default `selected` where a tokenizer is slow (`janus_vq`), else `all`.
    pub scope: Option<TokenScope>,
}

impl TokenSettings {
    /// Whose pictures are encoded, by choice or by default.
    pub fn scope(&self) -> TokenScope {
        let is_slow = self.tokenizers.iter().any(|tokenizer| match tokenizer {
            TokenizerSettings::Patch {} => false,
            TokenizerSettings::JanusVq { .. } => true,
        });
        self.scope.unwrap_or(if is_slow { TokenScope::Selected } else { TokenScope::All })
    }
}

/// Whose pictures are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Those of the trajectories that the release keeps. Another selection then encodes what it needs more.
    Selected,
    /// Those of all trajectories.
    All,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { tokenizers: vec![TokenizerSettings::Patch {}], scope: None }
    }
}

/// What a tokenizer runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceName {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device.
    Cuda,
}

/// An image tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenizerSettings {
    /// The embedded patch codebook: 24 × 24 tokens of 16 × 16 pixels.
    Patch {},
    /// Janus-Pro's own: 24 × 24 tokens, 16,384 codes. About a second of two cores a picture.
    JanusVq {
        /// Its name in tables and manifest.
        #[serde(default = "default_janus_name")]
        #[schemars(length(min = 1))]
        name: String,
        /// A checkpoint of Janus-Pro, or of its image tokenizer alone: a folder or a file, relative to the pipeline
        /// file. Safetensors or `pytorch_model.bin`, in one piece or in shards, under the original names or Hugging
        /// Face's. `${VARIABLE}` as in `output`.
        #[schemars(length(min = 1))]
        checkpoint: String,
        /// Threads; by default one a core. Changes nothing in the result.
        #[serde(default)]
        #[schemars(range(min = 1, max = 1024))]
        threads: Option<usize>,
        /// `cpu`, or `cuda` for the first CUDA device: with a program built with `--features cuda`, which has never
        /// been run. Ids of a CUDA device count as another tokenizer's.
        #[serde(default)]
        device: DeviceName,
        /// Pictures under way at once, each of which takes about 250 MB; by default as many as threads, and at most
        /// 4. Changes nothing in the result.
        #[serde(default)]
        #[schemars(range(min = 1, max = 1024))]
        batch: Option<usize>,
    },
}

impl TokenizerSettings {
    /// Its name in tables and manifest.
    pub fn name(&self) -> &str {
        match self {
            Self::Patch {} => PatchTokenizer::NAME,
            Self::JanusVq { name, .. } => name,
        }
    }
}

fn default_janus_name() -> String {
    "janus".to_owned()
}
