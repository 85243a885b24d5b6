//! The pipeline file: read, checked as a whole, and resolved to what a run needs.

mod check;
mod file;
mod judgements;
mod meaning;
mod node;
mod release;
mod run;
mod schedule;
mod select;
mod teachers;
mod tokens;
mod trajectories;
mod variables;

pub(crate) use variables::replaced;

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use file::{PipelineFile, PromptSettings, PromptSource};
pub use judgements::{JudgeKind, JudgeSettings, JudgementSettings};
use node::{Node, NodeKind, Place};
pub use release::{MixSettings, ReleaseSettings};
pub use run::{MaxRejected, RejectLimit, RunSettings};
pub use schedule::{BoxSettings, ScheduleSettings, ShapeName};
pub use select::{DecontaminationSettings, MarkedRows, SelectSettings};
use serde_json::Value;
pub use teachers::{RoleSettings, TeacherSettings, TemplateSettings};
pub use tokens::{DeviceName, TokenScope, TokenSettings, TokenizerSettings};
pub use trajectories::{CanvasView, Thinking, TrajectorySettings};
use twig_model::Schedule;

use twig_shards::{Filter, FilterError, Row, SelectionRow};

/// Largest pipeline file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Trajectories under way at once where a teacher is asked in batches.
const WAVE: usize = 2_000;

/// One thing that is wrong with a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    place: Place,
    path: String,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "{}: {}", self.place, self.message),
            path => write!(f, "{}: `{path}`: {}", self.place, self.message),
        }
    }
}

/// Why a pipeline file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the pipeline file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// It is far too long for a pipeline file.
    #[error("{path} has {bytes} bytes; a pipeline file has at most {MAX_FILE_BYTES}")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// Everything that is wrong with it, in the order of its lines.
    #[error("{path} has {} problem(s):{}", problems.len(), bulleted(problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// At least one.
        problems: Vec<Problem>,
    },
}

fn bulleted(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// A pipeline file whose every field has been checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The fields, with defaults filled in and variables replaced.
    pub file: PipelineFile,
    /// The folder that prompt files are relative to.
    pub base: PathBuf,
    /// The regions of every trajectory; where they are found for each apart, as many bands.
    pub schedule: Schedule,
    /// `select.gates`, parsed.
    pub gates: Option<Filter>,
    /// `select.where`, parsed.
    pub condition: Option<Filter>,
}

impl Settings {
    /// Reads and checks a pipeline file.
    ///
    /// `overrides` are `key.path=value` arguments that replace fields before the check.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, SettingsError> {
        let unreadable = |source| SettingsError::Unreadable { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(SettingsError::TooLong { path: path.to_owned(), bytes });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Self::parse(&text, base, overrides)
            .map_err(|problems| SettingsError::Invalid { path: path.to_owned(), problems })
    }

    /// Checks the text of a pipeline file; on failure, says everything that is wrong with it.
    pub fn parse(text: &str, base: PathBuf, overrides: &[String]) -> Result<Self, Vec<Problem>> {
        let mut node = Node::parse(text).map_err(|error| vec![unparsable(&error)])?;
        let mut problems = Vec::new();
        for argument in overrides {
            match parse_override(argument) {
                Ok((path, value)) => node.set(&path, value),
                Err(problem) => problems.push(problem),
            }
        }
        problems.extend(check::check(&node, &pipeline_schema()));
        problems.extend(meaning::problems(&node));
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        if problems.is_empty() { Self::resolve(&node, base) } else { Err(problems) }
    }

    /// Hash of the settings that shape the result; how the run goes about it does not.
    pub fn hash(&self) -> String {
        let mut file =
            PipelineFile { run: RunSettings::default(), output: String::new(), ..self.file.clone() };
        // Where prompts lie is no part of it; what they say enters by the rows themselves.
        file.prompts.files.clear();
        // Nor where the tokenizer lies; what it is, the manifest says.
        file.release.text_tokenizer = None;
        file.decontaminate.against.clear();
        for teacher in file.teachers.values_mut() {
            match teacher {
                TeacherSettings::Procedural { concurrency, .. } => *concurrency = 0,
                TeacherSettings::OpenAi(settings) => **settings = settings.shaping(),
            }
        }
        // Nor is where weights lie: their fingerprint stands in the manifest.
        for tokenizer in &mut file.tokens.tokenizers {
            if let TokenizerSettings::JanusVq { checkpoint, threads, batch, .. } = tokenizer {
                (*checkpoint, *threads, *batch) = (String::new(), None, None);
            }
        }
        let json = serde_json::to_vec(&file).unwrap_or_default();
        blake3::hash(&json).to_hex()[..32].to_owned()
    }

    /// Trajectories under way at once over all open partitions.
    pub fn in_flight(&self) -> usize {
        let most = self.file.teachers.values().map(TeacherSettings::concurrency).max().unwrap_or(1);
        let wave = if self.has_batches() { WAVE } else { 0 };
        self.file.run.in_flight.unwrap_or((2 * most).max(wave))
    }

    /// Partitions open at once, of which each has about `rows` trajectories.
    pub fn open_partitions(&self, rows: usize) -> usize {
        /// More than fill the window, so that the last answers of some do not empty it.
        const SPARE: usize = 3;
        let filling = self.in_flight().div_ceil(rows.max(1));
        self.file.run.open_partitions.unwrap_or((filling + SPARE).min(256))
    }

    fn has_batches(&self) -> bool {
        self.file.teachers.values().any(|teacher| teacher.batch().is_some())
    }

    /// The settings of a document in which no problem was found.
    fn resolve(node: &Node, base: PathBuf) -> Result<Self, Vec<Problem>> {
        let wrong = |path: &str, message: String| vec![problem_at(node, path, message)];
        let mut file: PipelineFile =
            serde_json::from_value(node.to_json()).map_err(|error| wrong("", error.to_string()))?;
        let checkpoints = file.tokens.tokenizers.iter_mut().filter_map(|tokenizer| match tokenizer {
            TokenizerSettings::JanusVq { checkpoint, .. } => Some(checkpoint),
            TokenizerSettings::Patch {} => None,
        });
        let texts = std::iter::once(&mut file.output)
            .chain(&mut file.prompts.files)
            .chain(&mut file.decontaminate.against);
        for text in texts.chain(&mut file.release.text_tokenizer).chain(checkpoints) {
            *text = variables::replaced(text).map_err(|message| wrong("", message))?;
        }
        for teacher in file.teachers.values_mut() {
            if let TeacherSettings::OpenAi(settings) = teacher {
                settings.base_url =
                    variables::replaced(&settings.base_url).map_err(|message| wrong("", message))?;
            }
        }
        let schedule = file
            .trajectories
            .planned_schedule()
            .map_err(|error| wrong("trajectories.regions", error.to_string()))?;
        let parsed = |path: &str, text: Option<&str>| {
            text.map(condition).transpose().map_err(|error| wrong(path, error.to_string()))
        };
        let gates = parsed("select.gates", Some(&file.select.gates))?;
        let condition = parsed("select.where", file.select.condition.as_deref())?;
        Ok(Self { file, base, schedule, gates, condition })
    }
}

/// Clauses of a condition, at most: a row says in a word of 64 bits which of them, and of the gates, it fails.
const MAX_CLAUSES: usize = 32;

/// Parses a condition on the columns of a trajectory.
fn condition(text: &str) -> Result<Filter, FilterError> {
    let filter = Filter::parse(text, &SelectionRow::schema())?;
    let clauses = filter.clauses().len();
    if clauses > MAX_CLAUSES {
        let message = format!("{clauses} conditions are joined by `and`; {MAX_CLAUSES} are the most");
        return Err(FilterError { character: None, message });
    }
    Ok(filter)
}

/// The JSON Schema of the pipeline file, as it stands in `schemas/pipeline.schema.json`.
pub(crate) fn pipeline_schema() -> Value {
    schemars::schema_for!(PipelineFile).to_value()
}

fn problem_at(node: &Node, path: &str, message: String) -> Problem {
    Problem { place: node.place_of(path).clone(), path: path.to_owned(), message }
}

fn unparsable(error: &serde_saphyr::Error) -> Problem {
    let line = error.location().map_or(1, |location| location.line());
    Problem { place: Place::Line(line), path: String::new(), message: not_yaml(error) }
}

/// The parser's first line says what is wrong and where; those below it draw the place once more.
fn not_yaml(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    format!("this is not YAML: {}", text.lines().next().unwrap_or_default().trim_start_matches("error: "))
}

fn parse_override(argument: &str) -> Result<(String, Node), Problem> {
    let place = Place::Argument(argument.to_owned());
    let wrong =
        |message: &str| Problem { place: place.clone(), path: String::new(), message: message.to_owned() };
    let (path, value) = argument.split_once('=').ok_or_else(|| wrong("`key.path=value` is wanted"))?;
    let mut node = Node::parse(value).map_err(|error| wrong(&not_yaml(&error)))?;
    relocate(&mut node, &place);
    Ok((path.trim().to_owned(), node))
}

fn relocate(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.kind {
        NodeKind::Scalar(_) => {}
        NodeKind::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        NodeKind::Map(fields) => {
            for (_, at, value) in fields {
                *at = place.clone();
                relocate(value, place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
