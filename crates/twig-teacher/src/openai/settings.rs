//! The settings of a teacher behind OpenAI's HTTP interface, as they stand in the pipeline file. Field
//! comments are the user's documentation.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    limits::LimitSettings,
    prices::{CallBound, PriceSettings, Prices},
};

/// A model behind any server that speaks OpenAI's HTTP interface: OpenAI, vLLM, SGLang, llama.cpp, Ollama,
/// LiteLLM and other gateways.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAiSettings {
    /// Address of the interface, for example `https://api.openai.com/v1`. `${VARIABLE}` is replaced by that
    /// variable of the environment.
    #[schemars(length(min = 1))]
    pub base_url: String,
    /// The model's name at the server.
    #[schemars(length(min = 1))]
    pub model: String,
    /// Who answers, as far as answers that were paid for are concerned: by default the host of `base_url`.
    /// Give two addresses of the same model one identity, and neither asks again what the other has answered.
    #[serde(default)]
    pub identity: Option<String>,
    /// Name of the environment variable that holds the key; the key itself never stands in a file.
    #[serde(default)]
    pub api_key_variable: Option<String>,
    /// Sent as `OpenAI-Organization`.
    #[serde(default)]
    pub organisation: Option<String>,
    /// Further headers, name: value. `${VARIABLE}` in a value is replaced when it is sent, and treated as a
    /// secret.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Further fields of the request's body, for example `temperature: 0.7`. Part of what an answer depends
    /// on: changing one asks anew.
    #[serde(default)]
    pub body: Map<String, Value>,
    /// Fields that the server refuses and that are not to be sent, for example `[seed, response_format]`.
    #[serde(default)]
    pub omit: Vec<String>,
    /// Fields that the server knows under another name, ours: theirs, for example
    /// `max_tokens: max_completion_tokens`.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// How an answer in JSON is asked for. Whatever it is, the answer is checked.
    #[serde(default)]
    pub structured_output: StructuredOutput,
    /// Longest answer in tokens; sent as `max_tokens`, and what a budget reserves for a call.
    #[serde(default = "default_max_output_tokens")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_output_tokens: u64,
    /// Most tokens that one picture in a question costs; what a budget reserves for it.
    #[serde(default = "default_tokens_per_picture")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub tokens_per_picture: u64,
    /// How pictures are asked for.
    #[serde(default)]
    pub picture: PictureSettings,
    /// Seconds that one call may take.
    #[serde(default)]
    pub timeouts: TimeoutSettings,
    /// Address of a proxy. By default the environment's `HTTPS_PROXY` and its kin are followed.
    #[serde(default)]
    pub proxy: Option<String>,
    /// Calls under way at once, at most; fewer while the server is overloaded.
    #[serde(default = "default_concurrency")]
    #[schemars(range(min = 1, max = 65_536))]
    pub concurrency: usize,
    /// What the server allows, and how failures are met.
    #[serde(default)]
    pub limits: LimitSettings,
    /// What calls cost. Without prices cost is unknown, and there can be no budget.
    #[serde(default)]
    pub prices: Option<PriceSettings>,
    /// Send questions as batches of files, at half the price with most providers, answered within a day.
    #[serde(default)]
    pub batch: Option<BatchSettings>,
}

/// How an answer in JSON is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StructuredOutput {
    /// The server is given the JSON Schema and holds the model to it.
    #[default]
    JsonSchema,
    /// The server is told that the answer is to be a JSON object.
    JsonObject,
    /// The server is told nothing; only the question asks for JSON.
    Text,
}

/// How pictures are asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PictureSettings {
    /// Sent as `size`.
    pub size: String,
    /// Sent as `quality`, where given.
    pub quality: Option<String>,
    /// Form of the answer: `b64_json`, `url`, or absent for models that take no `response_format`.
    pub response_format: Option<String>,
}

impl Default for PictureSettings {
    fn default() -> Self {
        Self { size: "1024x1024".to_owned(), quality: None, response_format: None }
    }
}

/// Seconds that one call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutSettings {
    /// Until the connection stands.
    #[schemars(range(min = 1, max = 600))]
    pub connect_secs: u64,
    /// For a text.
    #[schemars(range(min = 1, max = 7200))]
    pub text_secs: u64,
    /// For a picture.
    #[schemars(range(min = 1, max = 7200))]
    pub picture_secs: u64,
}

impl Default for TimeoutSettings {
    fn default() -> Self {
        Self { connect_secs: 15, text_secs: 120, picture_secs: 300 }
    }
}

/// The batch path: files of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchSettings {
    /// Questions in one batch, at most.
    #[schemars(range(min = 1, max = 50_000))]
    pub max_requests: usize,
    /// Megabytes of one batch's file, at most.
    #[schemars(range(min = 1, max = 512))]
    pub max_mb: u64,
    /// Seconds without a further question after which a batch is sent.
    #[schemars(range(min = 1, max = 3600))]
    pub gather_secs: u64,
    /// Seconds between two looks at a batch.
    #[schemars(range(min = 1, max = 3600))]
    pub poll_secs: u64,
    /// Hours that the server is given.
    #[schemars(range(min = 1, max = 168))]
    pub window_hours: u64,
}

impl Default for BatchSettings {
    fn default() -> Self {
        Self { max_requests: 50_000, max_mb: 100, gather_secs: 5, poll_secs: 60, window_hours: 24 }
    }
}

fn default_max_output_tokens() -> u64 {
    1_024
}

fn default_tokens_per_picture() -> u64 {
    2_000
}

fn default_concurrency() -> usize {
    16
}

impl OpenAiSettings {
    /// The host of `base_url` with its port, or the address itself where it has none.
    pub fn host(&self) -> String {
        let url = url::Url::parse(&self.base_url).ok();
        let host = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port())));
        match host {
            Some((host, Some(port))) => format!("{host}:{port}"),
            Some((host, None)) => host,
            None => self.base_url.clone(),
        }
    }

    /// Whether there is a most that one picture can cost, as a budget wants it.
    pub fn can_bound_pictures(&self) -> bool {
        let (size, quality) = (&self.picture.size, self.picture.quality.as_deref());
        let prices = self.prices.as_ref().map(|prices| Prices::new(prices, size, quality, false));
        let picture = CallBound { pictures: 1, ..CallBound::default() };
        prices.is_some_and(|prices| prices.bound_micro_usd(picture).is_some())
    }

    /// These settings without all that changes nothing in an answer.
    #[must_use]
    pub fn shaping(&self) -> Self {
        let mut neutral = self.clone();
        neutral.identity = Some(self.identity.clone().unwrap_or_else(|| self.host()));
        neutral.base_url.clear();
        (neutral.api_key_variable, neutral.organisation, neutral.proxy) = (None, None, None);
        (neutral.prices, neutral.batch, neutral.picture.response_format) = (None, None, None);
        neutral.headers.clear();
        neutral.rename.clear();
        (neutral.timeouts, neutral.limits) = (TimeoutSettings::default(), LimitSettings::default());
        (neutral.concurrency, neutral.tokens_per_picture) = (0, 0);
        neutral
    }

    /// Who answers and how it is set: everything about this teacher that shapes a reply, and nothing else.
    ///
    /// Neither address nor timeouts, headers, proxy, limits, prices or the batch path are part of it, nor
    /// under which name a field is sent.
    pub fn identity(&self) -> String {
        let mut shaping = Map::new();
        for (name, value) in [
            ("body", Value::Object(self.body.clone())),
            ("structured_output", serde_json::to_value(self.structured_output).unwrap_or_default()),
            ("max_tokens", self.max_output_tokens.into()),
            ("size", self.picture.size.clone().into()),
            ("quality", self.picture.quality.clone().into()),
        ] {
            shaping.insert(name.to_owned(), value);
        }
        let mut omitted = self.omit.clone();
        omitted.sort();
        omitted.dedup();
        // How a picture travels says nothing about what it shows.
        omitted.retain(|name| name != "response_format" || self.structured_output != StructuredOutput::Text);
        shaping.insert("omit".to_owned(), omitted.into());
        let who = self.identity.clone().unwrap_or_else(|| self.host());
        format!("openai/1 {who} {} {}", self.model, Value::Object(shaping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: Value) -> OpenAiSettings {
        let mut value = serde_json::json!({"base_url": "http://127.0.0.1:8080/v1", "model": "m"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_shapes_a_reply_changes_the_identity_and_nothing_else_does() {
        let base = settings(serde_json::json!({})).identity();
        let shaping = [
            serde_json::json!({"model": "n"}),
            serde_json::json!({"identity": "somebody"}),
            serde_json::json!({"base_url": "http://127.0.0.1:8081/v1"}),
            serde_json::json!({"body": {"temperature": 0.5}}),
            serde_json::json!({"omit": ["seed"]}),
            serde_json::json!({"structured_output": "json_object"}),
            serde_json::json!({"max_output_tokens": 7}),
            serde_json::json!({"picture": {"size": "512x512"}}),
            serde_json::json!({"picture": {"quality": "high"}}),
        ];
        let mut identities: Vec<String> = shaping.into_iter().map(|more| settings(more).identity()).collect();
        identities.push(base.clone());
        let distinct: std::collections::HashSet<_> = identities.iter().collect();
        assert_eq!(distinct.len(), identities.len());
        let indifferent = [
            serde_json::json!({"base_url": "http://127.0.0.1:8080/other/path"}),
            serde_json::json!({"base_url": "https://127.0.0.1:8080/v1"}),
            serde_json::json!({"api_key_variable": "KEY"}),
            serde_json::json!({"organisation": "o"}),
            serde_json::json!({"headers": {"x-a": "b"}}),
            serde_json::json!({"rename": {"max_tokens": "max_completion_tokens"}}),
            serde_json::json!({"picture": {"response_format": "url"}}),
            serde_json::json!({"timeouts": {"text_secs": 9}}),
            serde_json::json!({"proxy": "http://127.0.0.1:1"}),
            serde_json::json!({"concurrency": 3}),
            serde_json::json!({"limits": {"requests_per_minute": 5}}),
            serde_json::json!({"prices": {"input": 1.0}}),
            serde_json::json!({"tokens_per_picture": 9}),
            serde_json::json!({"batch": {}}),
        ];
        for more in indifferent {
            assert_eq!(settings(more.clone()).identity(), base, "{more}");
        }
    }
}
