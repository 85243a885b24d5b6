//! The teachers, who takes which role, and how they are asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_procedural::ProceduralSettings;
use twig_teacher::{BatchSettings, OpenAiSettings};

/// A teacher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TeacherSettings {
    /// The embedded teacher: draws what it reads, needs no network and no key.
    Procedural {
        /// Questions under way at once.
        #[serde(default = "default_concurrency")]
        #[schemars(range(min = 1, max = 4096))]
        concurrency: usize,
        /// How it draws, and which mistakes it makes how often.
        #[serde(default)]
        settings: ProceduralSettings,
    },
    /// A model behind OpenAI's HTTP interface.
    #[serde(rename = "openai")]
    OpenAi(Box<OpenAiSettings>),
}

impl TeacherSettings {
    /// How it is asked in batches, if it is.
    pub fn batch(&self) -> Option<BatchSettings> {
        match self {
            Self::Procedural { .. } => None,
            Self::OpenAi(settings) => settings.batch,
        }
    }

    /// Questions under way at once.
    pub fn concurrency(&self) -> usize {
        match self {
            Self::Procedural { concurrency, .. } => *concurrency,
            Self::OpenAi(settings) => settings.concurrency,
        }
    }
}

fn default_concurrency() -> usize {
    16
}

/// Which teacher takes which role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleSettings {
    /// Writes the thoughts.
    pub thinker: String,
    /// Makes the pictures. Not needed with `prompts.source: pictures`.
    #[serde(default)]
    pub painter: String,
    /// Scores regions and revises thoughts.
    pub critic: String,
}

/// Own wording of the questions: templates in the syntax of Jinja. A variable that a template does not have is
/// an error when the file is loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateSettings {
    /// Asks for the thoughts of all regions. Variables: `prompt`, `regions` (each with `name` and `place`).
    pub think_all: Option<String>,
    /// Asks for the thought of one region. Variables: `prompt`, `earlier_thoughts`, `region` (`name`, `place`),
    /// `number`, `count`.
    pub think: Option<String>,
    /// Asks for a critique. Variables: `prompt`, `thoughts`, `region` (`name`, `place`), `number`, `count`.
    pub critique: Option<String>,
    /// Asks for a judgement. Variables: `prompt`, `thoughts`, `region` (absent for the whole picture), `number`.
    pub judge: Option<String>,
    /// Asks for the regions of a picture. Variables: `prompt`, `picture` (whether one is attached), `rows`,
    /// `columns`, `count`.
    pub schedule: Option<String>,
    /// Asks what a region of a picture shows that is there already. Variables: as of `think`.
    pub describe: Option<String>,
    /// Asks for the questions that decide whether a picture shows the prompt. Variables: `prompt`.
    pub questions: Option<String>,
    /// Puts such questions to a picture. Variables: `questions`.
    pub inspect: Option<String>,
    /// Asks whether a picture shows the prompt, yes or no. Variables: `prompt`.
    pub probability: Option<String>,
    /// Asks which of two pictures is the better one. Variables: `prompt`.
    pub compare: Option<String>,
}
