//! The settings of the release, besides what it selects.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_samples::SampleSettings;
use twig_tokens::layout::PrefixStyle;

/// What is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReleaseSettings {
    /// Share of the prompts that goes to the validation split.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub validation_share: f64,
    /// Size at which a shard is closed, in MB.
    #[schemars(range(min = 1, max = 4096))]
    pub shard_mb: u32,
    /// The text before the image tokens: `twig`, as the released code has it, or `janus`, Janus's template.
    #[schemars(with = "PrefixName")]
    pub prefix: PrefixStyle,
    /// The text tokenizer of `janus`: the folder of a Janus checkpoint, or its `tokenizer.json`, relative to the
    /// pipeline file. `${VARIABLE}` as in `output`. Where it is absent, that of the first image tokenizer's
    /// checkpoint if it has one, else an embedded byte-level one, whose ids fit no published model.
    pub text_tokenizer: Option<String>,
    /// Text in front of the `janus` chats that have a picture, for models that are asked with one: the authors'
    /// Janus processor puts its own there. None by default.
    pub system_prompt: String,
    /// Samples of `janus` with more tokens are rejected as `too_long`, and those of `sft` with them. By default
    /// the context of Janus-Pro.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_tokens: u32,
    /// Share of the generate samples in `janus` whose prompt is blanked, for classifier-free guidance. 0 leaves
    /// it to the trainer, which finds the prompt by `prompt_len`; 0.1 is usual.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub prompt_drop: f64,
    /// Weights of the task groups in the default mix (`in_default_mix`). The paper found thinking and
    /// generating at 1:1 best, and every mix with reflecting worse.
    pub mix: MixSettings,
}

impl Default for ReleaseSettings {
    fn default() -> Self {
        Self {
            validation_share: 0.02,
            shard_mb: 400,
            prefix: PrefixStyle::Twig,
            text_tokenizer: None,
            system_prompt: String::new(),
            max_tokens: SampleSettings::JANUS_CONTEXT,
            prompt_drop: 0.0,
            mix: MixSettings::default(),
        }
    }
}

/// The names of [`PrefixStyle`], for the schema.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code, reason = "only its schema is used")]
enum PrefixName {
    /// `User: τ1 … τk\n\nAssistant:<begin_of_image>`.
    Twig,
    /// `<|User|>: τ1 … τk\n\n<|Assistant|>:<begin_of_image>`.
    Janus,
}

/// Weights of the task groups in the default mix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MixSettings {
    /// What to say.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub think: f64,
    /// How to refine.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub reflect: f64,
    /// Image tokens.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub generate: f64,
}

impl Default for MixSettings {
    fn default() -> Self {
        Self { think: 1.0, reflect: 0.0, generate: 1.0 }
    }
}
