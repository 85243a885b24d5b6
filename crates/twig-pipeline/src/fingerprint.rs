//! Fingerprints: hashes of everything that shapes a partition of a stage.

use std::collections::BTreeMap;

use blake3::Hasher;
use serde::Serialize;
use twig_model::Prompt;

use crate::{
    job::{FORMAT_VERSION, Stage},
    part::PartRows,
};

/// Collects what shapes the rows of a stage.
#[derive(Clone)]
pub(crate) struct Fingerprint(Hasher);

impl Fingerprint {
    pub(crate) fn of(stage: Stage) -> Self {
        let mut hasher = Hasher::new_derive_key("twig stage fingerprint, version 1");
        hasher.update(&FORMAT_VERSION.to_le_bytes());
        hasher.update(stage.as_str().as_bytes());
        Self(hasher)
    }

    /// Adds a value under a name. Settings serialise with their fields in a fixed order.
    pub(crate) fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        let json = serde_json::to_vec(value).unwrap_or_default();
        for bytes in [name.as_bytes(), &json] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    /// Adds the prompts of a partition.
    pub(crate) fn with_prompts(self, prompts: &[Prompt]) -> Self {
        self.with("prompts", &prompts)
    }

    /// Adds the rows that are tried again, where there are any.
    pub(crate) fn with_retries(self, retries: Option<&BTreeMap<String, u32>>) -> Self {
        match retries {
            Some(retries) => self.with("asked again", retries),
            None => self,
        }
    }

    pub(crate) fn finish(&self) -> String {
        self.0.finalize().to_hex()[..32].to_owned()
    }
}

/// Fingerprint and rows of a partition that is made from one of trajectories.
pub(crate) fn on_top_of(base: &Fingerprint, input: &PartRows) -> (String, u64) {
    (base.clone().with("trajectories", &input.file.sha256).finish(), input.rows_out)
}
