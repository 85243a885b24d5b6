//! The prompts stage: files of several formats → one table with stable ids, without duplicates.
//!
//! Holds all prompts in memory: about 200 bytes each.

mod decontaminate;
mod pictures;
mod read;
pub(crate) mod stage;
mod stored;

use std::{
    collections::{HashMap, hash_map::Entry},
    path::{Path, PathBuf},
};

use twig_model::{Prompt, PromptId, RejectReason, Rejection};

pub(crate) use pictures::Pictures;
pub use read::PromptError;
pub(crate) use read::files;

use crate::{
    near::{self, Prompts},
    settings::{DecontaminationSettings, PromptSettings, PromptSource},
};

/// Longest rejected text that is kept in the table of rejections, in characters; the source tells where
/// the whole of it stands.
const MAX_REJECTED_CHARS: usize = 1_000;

/// What the prompt files hold.
#[derive(Debug, Default)]
pub struct PromptTable {
    /// Distinct prompts, by id.
    pub prompts: Vec<Prompt>,
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
        let mut first_source: HashMap<PromptId, String> = HashMap::new();
        for path in table.files.clone() {
            let rows =
                read::file(&path, settings, |row| table.take(row, settings.max_chars, &mut first_source))?;
            table.blank_lines += rows.blank;
        }
        drop(first_source);
        let evaluation = decontaminate::EvaluationPrompts::load(decontaminate, settings, base)?;
        table.remove_contaminated(&evaluation);
        if let Some(threshold) = settings.near_duplicates {
            table.remove_near(threshold);
        }
        table.prompts.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(table)
    }

    fn remove_contaminated(&mut self, evaluation: &decontaminate::EvaluationPrompts) {
        let texts: Vec<&str> = self.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
        let overlaps = evaluation.overlaps(&texts);
        self.reject_some(RejectReason::Contaminated, overlaps);
    }

    fn remove_near(&mut self, threshold: f64) {
        let texts: Vec<&str> = self.prompts.iter().map(|prompt| prompt.text.as_str()).collect();
        let mut details = vec![None; texts.len()];
        for link in near::repeated(&near::links(&Prompts::new(&texts, threshold))) {
            let stays = &self.prompts[link.earlier as usize];
            let share = 100.0 * link.similarity;
            details[link.row as usize] = Some(format!(
                "{share:.0} % of the word pairs of {}, {}: {}",
                stays.id, stays.source, stays.text
            ));
        }
        self.reject_some(RejectReason::NearDuplicate, details);
    }

    /// Moves the prompts that have a detail to the rejected ones.
    fn reject_some(&mut self, reason: RejectReason, details: Vec<Option<String>>) {
        for (prompt, detail) in std::mem::take(&mut self.prompts).into_iter().zip(details) {
            match detail {
                None => self.prompts.push(prompt),
                Some(detail) => {
                    let detail = format!("{}: {detail}", prompt.source);
                    self.rejected.push((prompt, Rejection::new(reason, detail)));
                }
            }
        }
    }

    fn take(&mut self, row: read::RawPrompt, max_chars: usize, seen: &mut HashMap<PromptId, String>) {
        let text = normalised(&row.text);
        let id = id_of(&text);
        let prompt = Prompt { id, text, category: row.category, source: row.source };
        let chars = prompt.text.chars().count();
        if chars > max_chars {
            let detail = format!("{chars} characters; {max_chars} are the most");
            let text = prompt.text.chars().take(MAX_REJECTED_CHARS).collect();
            return self
                .rejected
                .push((Prompt { text, ..prompt }, Rejection::new(RejectReason::TooLong, detail)));
        }
        match seen.entry(prompt.id.clone()) {
            Entry::Occupied(first) => {
                let detail = format!("{}: the same prompt as {}", prompt.source, first.get());
                self.rejected.push((prompt, Rejection::new(RejectReason::DuplicatePrompt, detail)));
            }
            Entry::Vacant(slot) => {
                slot.insert(prompt.source.clone());
                self.prompts.push(prompt);
            }
        }
    }

    /// Rows read: every line with text.
    pub fn rows_in(&self) -> u64 {
        (self.prompts.len() + self.rejected.len()) as u64
    }

    /// The pilot: `limit` prompts that are a fair sample under this seed. A larger limit contains a smaller
    /// one, so what a pilot has asked is never asked again.
    pub fn pilot(&self, limit: usize, seed: u32) -> Vec<Prompt> {
        let mut drawn: Vec<(f64, &Prompt)> = self
            .prompts
            .iter()
            .map(|prompt| (crate::seeds::draw(seed, "pilot", &prompt.id), prompt))
            .collect();
        drawn.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.id.cmp(&b.1.id)));
        drawn.truncate(limit);
        let mut sample: Vec<Prompt> = drawn.into_iter().map(|(_, prompt)| prompt.clone()).collect();
        sample.sort_by(|a, b| a.id.cmp(&b.id));
        sample
    }
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
