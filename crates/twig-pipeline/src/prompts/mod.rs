//! The prompts stage: files of several formats → one table with stable ids, without duplicates.
//!
//! Holds all prompts in memory while it lasts, see [`PromptList`]. Later stages read its parts.

mod decontaminate;
mod list;
mod pictures;
mod read;
pub(crate) mod stage;
mod stored;

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    path::{Path, PathBuf},
};

use rayon::iter::{ParallelDrainRange, ParallelIterator};
use twig_model::{Prompt, PromptId, RejectReason, Rejection};

pub use list::PromptList;
pub(crate) use pictures::Pictures;
pub use read::PromptError;
use read::RawPrompt;
pub(crate) use read::files;

use crate::{
    near::{self, Prompts},
    partition::Partition,
    settings::{DecontaminationSettings, PromptSettings, PromptSource},
};

/// Longest rejected text that is kept in the table of rejections, in characters; the source tells where
/// the whole of it stands.
const MAX_REJECTED_CHARS: usize = 1_000;

/// Rows whose ids are computed side by side.
const BATCH: usize = 16_384;

/// The place of each prompt by its hash.
type Seen = HashMap<u64, u32>;

/// What the prompt files hold.
#[derive(Debug, Default)]
pub struct PromptTable {
    /// Distinct prompts, by id.
    pub prompts: PromptList,
    /// What was left out, and why.
    pub rejected: Vec<(Prompt, Rejection)>,
    /// Lines without text; they are no rows.
    pub blank_lines: u64,
    /// The files, in the order in which they were read.
    pub files: Vec<PathBuf>,
    /// Where the pictures lie, for `source: pictures`.
    pub(crate) pictures: Pictures,
}

impl PromptTable {
    /// Reads all files and gives every distinct text its id. The first of several equal prompts stays, and the
    /// first of near ones where the settings ask for it; what evaluation sets hold is left out.
    pub fn load(
        settings: &PromptSettings,
        decontaminate: &DecontaminationSettings,
        base: &Path,
    ) -> Result<Self, PromptError> {
        if settings.source == PromptSource::Pictures {
            return Self::load_pictures(settings, base);
        }
        let mut table = Self { files: read::files(&settings.files, base)?, ..Self::default() };
        let (mut seen, mut batch) = (Seen::new(), Vec::new());
        for path in table.files.clone() {
            let rows = read::file(&path, settings, |row| {
                batch.push(row);
                if batch.len() >= BATCH {
                    table.take(&mut batch, settings.max_chars, &mut seen);
                }
            })?;
            table.take(&mut batch, settings.max_chars, &mut seen);
            table.blank_lines += rows.blank;
        }
        drop(seen);
        let evaluation = decontaminate::EvaluationPrompts::load(decontaminate, settings, base)?;
        if !evaluation.is_empty() {
            table.remove_contaminated(&evaluation);
        }
        if let Some(threshold) = settings.near_duplicates {
            table.remove_near(threshold);
        }
        table.prompts.sort();
        Ok(table)
    }

    fn remove_contaminated(&mut self, evaluation: &decontaminate::EvaluationPrompts) {
        let overlaps = evaluation.overlaps(&self.prompts.texts());
        self.reject_some(RejectReason::Contaminated, &overlaps);
    }

    fn remove_near(&mut self, threshold: f64) {
        let links = near::links(&Prompts::new(&self.prompts.texts(), threshold));
        let mut details = vec![None; self.prompts.len()];
        for link in near::repeated(&links) {
            let Prompt { id, text, source, .. } = self.prompts.get(link.earlier as usize);
            let share = 100.0 * link.similarity;
            details[link.row as usize] =
                Some(format!("{share:.0} % of the word pairs of {id}, {source}: {text}"));
        }
        self.reject_some(RejectReason::NearDuplicate, &details);
    }

    /// Moves the prompts that have a detail to the rejected ones.
    fn reject_some(&mut self, reason: RejectReason, details: &[Option<String>]) {
        for (place, detail) in details.iter().enumerate() {
            if let Some(detail) = detail {
                let prompt = self.prompts.get(place);
                let detail = format!("{}: {detail}", prompt.source);
                self.rejected.push((prompt, Rejection::new(reason, detail)));
            }
        }
        self.prompts.retain(|place| details[place].is_none());
    }

    /// Takes in a batch of rows.
    fn take(&mut self, batch: &mut Vec<RawPrompt>, max_chars: usize, seen: &mut Seen) {
        let prompts: Vec<Prompt> = batch.par_drain(..).map(prompt_of).collect();
        for prompt in prompts {
            let chars = prompt.text.chars().count();
            if chars > max_chars {
                let detail = format!("{chars} characters; {max_chars} are the most");
                let text = prompt.text.chars().take(MAX_REJECTED_CHARS).collect();
                let rejection = Rejection::new(RejectReason::TooLong, detail);
                self.rejected.push((Prompt { text, ..prompt }, rejection));
                continue;
            }
            self.take_first(prompt, "prompt", seen);
        }
    }

    /// Takes in a prompt unless it was there before; tells whether it did.
    fn take_first(&mut self, prompt: Prompt, what: &str, seen: &mut Seen) -> bool {
        match seen.entry(prompt.id.hash()) {
            Entry::Occupied(first) => {
                let first = self.prompts.source(*first.get() as usize);
                let detail = format!("{}: the same {what} as {first}", prompt.source);
                self.rejected.push((prompt, Rejection::new(RejectReason::DuplicatePrompt, detail)));
                false
            }
            Entry::Vacant(place) => {
                place.insert(self.prompts.len() as u32);
                self.prompts.push(&prompt);
                true
            }
        }
    }

    /// Rows read: every line with text.
    pub fn rows_in(&self) -> u64 {
        (self.prompts.len() + self.rejected.len()) as u64
    }

    /// The prompts of a run: all, or a pilot of `limit` that are a fair sample under this seed. A larger limit
    /// contains a smaller one, so what a pilot has asked is never asked again.
    pub fn sample(&self, limit: Option<usize>, seed: u32) -> Sample {
        let Some(limit) = limit else { return Sample(None) };
        let draw = |id: PromptId| (crate::seeds::draw(seed, "pilot", &id), id.hash());
        let mut drawn: Vec<(f64, u64)> = self.prompts.ids().map(draw).collect();
        drawn.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        drawn.truncate(limit);
        Sample(Some(drawn.into_iter().map(|(_, id)| id).collect()))
    }

    /// Lets go of everything but where pictures lie.
    pub(crate) fn into_pictures(self) -> Pictures {
        self.pictures
    }

    /// The prompts of a partition, those of the sample.
    pub(crate) fn of_partition(&self, partition: Partition, sample: &Sample) -> Vec<Prompt> {
        self.prompts.of_partition(partition).filter(|prompt| sample.has(prompt)).collect()
    }
}

/// Which prompts a run takes; `None` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample(Option<BTreeSet<u64>>);

impl Sample {
    /// Whether it takes this one.
    pub fn has(&self, prompt: &Prompt) -> bool {
        self.0.as_ref().is_none_or(|ids| ids.contains(&prompt.id.hash()))
    }
}

fn prompt_of(row: RawPrompt) -> Prompt {
    let text = normalised(&row.text);
    Prompt { id: id_of(&text), text, category: row.category, source: row.source }
}

/// Surrounding white space gone, single spaces within. Case and punctuation stay: they are part of what a
/// painter reads.
fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn id_of(text: &str) -> PromptId {
    let hash = blake3::hash(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    PromptId::from_hash(u64::from_be_bytes(first))
}

#[cfg(test)]
mod tests;
