//! Prompts that an evaluation set holds too: the same but for case, punctuation, articles or the order of
//! their phrases, the same words otherwise arranged, one within the other, or almost the same.

use std::collections::HashMap;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use super::read::{self, PromptError};
use crate::{
    near::{Prompts, links_to_known, phrases_key, shared, shingles, words},
    settings::{DecontaminationSettings, PromptSettings},
};

/// An evaluation prompt of fewer words is no sign of contamination where it stands within another prompt.
const MIN_CONTAINED_WORDS: usize = 4;
/// Share of common pairs of words from which two prompts of the same words say the same. `a cat on the left
/// of a dog` and `a dog on the left of a cat` share a third.
const MIN_SHARED_PAIRS: f64 = 0.5;

/// A prompt of an evaluation set.
struct EvaluationPrompt {
    text: String,
    /// File and line.
    source: String,
}

/// The prompts of evaluation sets, ready to be looked up.
pub(super) struct EvaluationPrompts {
    prompts: Vec<EvaluationPrompt>,
    by_phrases: HashMap<u64, u32>,
    by_words: HashMap<u64, Vec<u32>>,
    by_run: HashMap<u64, u32>,
    /// Words of a run, see [`DecontaminationSettings::ngram`].
    ngram: usize,
    similarity: f64,
}

impl EvaluationPrompts {
    /// Reads the files, in any format of prompts, with the fields named for the job's own.
    pub(super) fn load(
        settings: &DecontaminationSettings,
        fields: &PromptSettings,
        base: &std::path::Path,
    ) -> Result<Self, PromptError> {
        let mut prompts = Vec::new();
        for path in settings.prompt_files(base)? {
            read::file(&path, fields, |row| {
                prompts.push(EvaluationPrompt { text: row.text, source: row.source });
            })?;
        }
        Ok(Self::new(prompts, settings))
    }

    fn new(prompts: Vec<EvaluationPrompt>, settings: &DecontaminationSettings) -> Self {
        let (ngram, similarity) = (settings.ngram, settings.similarity);
        let mut all = Self {
            prompts,
            by_phrases: HashMap::new(),
            by_words: HashMap::new(),
            by_run: HashMap::new(),
            ngram,
            similarity,
        };
        for (index, prompt) in (0..).zip(&all.prompts) {
            let words = words(&prompt.text);
            if words.is_empty() {
                continue;
            }
            all.by_phrases.entry(phrases_key(&prompt.text)).or_insert(index);
            all.by_words.entry(key_of_words(&words)).or_default().push(index);
            // A prompt shorter than a run is a run itself.
            let run = words.len().min(ngram);
            if run >= MIN_CONTAINED_WORDS.min(ngram) {
                for words in words.windows(run) {
                    all.by_run.entry(run_key(words)).or_insert(index);
                }
            }
        }
        all
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.prompts.is_empty()
    }

    /// For each text, what of it an evaluation set holds, in words for the table of rejections.
    pub(super) fn overlaps(&self, texts: &[&str]) -> Vec<Option<String>> {
        let mut overlaps: Vec<Option<String>> = texts.par_iter().map(|text| self.overlap(text)).collect();
        let known = self.prompts.len();
        let all: Vec<&str> =
            self.prompts.iter().map(|prompt| prompt.text.as_str()).chain(texts.iter().copied()).collect();
        for link in links_to_known(&Prompts::new(&all, self.similarity), known) {
            let row = link.row as usize - known;
            let how = || format!("{:.0} % of the word pairs of", 100.0 * link.similarity);
            overlaps[row].get_or_insert_with(|| self.shown(&how(), link.earlier));
        }
        overlaps
    }

    fn overlap(&self, text: &str) -> Option<String> {
        let words = words(text);
        if words.is_empty() {
            return None;
        }
        if let Some(&index) = self.by_phrases.get(&phrases_key(text)) {
            let is_exact = self.prompts[index as usize].text.trim() == text;
            return Some(self.shown(if is_exact { "the same as" } else { "the same phrases as" }, index));
        }
        let same_words = self.by_words.get(&key_of_words(&words)).into_iter().flatten().find(|index| {
            let other = crate::near::words(&self.prompts[**index as usize].text);
            shared(&shingles(&words, 2), &shingles(&other, 2)).0 >= MIN_SHARED_PAIRS
        });
        if let Some(&index) = same_words {
            return Some(self.shown("the same words as", index));
        }
        let runs = (MIN_CONTAINED_WORDS.min(self.ngram)..=self.ngram).rev();
        let contained =
            runs.flat_map(|run| words.windows(run)).find_map(|run| self.by_run.get(&run_key(run)));
        contained.map(|&index| self.shown("words in a row of", index))
    }

    fn shown(&self, how: &str, index: u32) -> String {
        let EvaluationPrompt { text, source } = &self.prompts[index as usize];
        let text: String = text.chars().take(super::MAX_REJECTED_CHARS).collect();
        format!("{how} {source}: {}", text.trim())
    }
}

/// A key of the words whatever their order.
fn key_of_words(words: &[u64]) -> u64 {
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    run_key(&sorted)
}

/// A key of words in this order; runs of different lengths have different keys.
fn run_key(words: &[u64]) -> u64 {
    crate::near::sequence_key(words)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn evaluation(texts: &[&str]) -> EvaluationPrompts {
        let prompts = (1..).zip(texts).map(|(line, text)| EvaluationPrompt {
            text: (*text).to_owned(),
            source: format!("val.txt:{line}"),
        });
        EvaluationPrompts::new(prompts.collect(), &DecontaminationSettings::default())
    }

    const HELD_OUT: [&str; 6] = [
        "a red car and a blue dog",
        "a giraffe on the right of a wallet",
        "The child is blowing bubbles in the park.",
        "three keys and four chickens",
        "The soft pink petals of the cherry blossom contrasted with the rough brown bark of the old tree",
        "a fabric pillow and a fluffy blanket",
    ];

    #[test]
    fn planted_leaks_are_found_with_how() {
        let found = evaluation(&HELD_OUT).overlaps(&[
            "a red car and a blue dog",
            "A Red Car and a BLUE dog",
            "a red car, and a blue dog!",
            "the red car and the blue dog",
            "a blue dog and a red car",
            "on the right of a wallet, a giraffe",
            "four chickens and three keys",
            "A photo of a giraffe on the right of a wallet, highly detailed",
            "The soft pink petals of the cherry blossom contrasted with the rough brown bark of an old oak",
        ]);
        let found: Vec<String> = found.into_iter().map(Option::unwrap_or_default).collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        the same as val.txt:1: a red car and a blue dog
        the same phrases as val.txt:1: a red car and a blue dog
        the same phrases as val.txt:1: a red car and a blue dog
        the same phrases as val.txt:1: a red car and a blue dog
        the same phrases as val.txt:1: a red car and a blue dog
        the same words as val.txt:2: a giraffe on the right of a wallet
        the same phrases as val.txt:4: three keys and four chickens
        words in a row of val.txt:2: a giraffe on the right of a wallet
        words in a row of val.txt:5: The soft pink petals of the cherry blossom contrasted with the rough brown bark of the old tree
        ");
    }

    #[test]
    fn prompts_that_mean_something_else_stay() {
        let strangers = [
            "a blue car and a red dog",
            "a wallet on the right of a giraffe",
            "a giraffe on the left of a wallet",
            "The child is blowing a whistle in the park.",
            "four keys and three chickens",
            "a fabric blanket and a fluffy pillow",
            "a red car",
            "",
        ];
        assert_eq!(evaluation(&HELD_OUT).overlaps(&strangers), vec![None; strangers.len()]);
    }

    /// Leaks planted into 2,000 prompts of the kind that T2I-CompBench is made of: all are found, and of the
    /// others, which differ from every held-out prompt in a colour or a thing, none is removed.
    #[test]
    fn of_planted_leaks_all_are_found_and_nothing_else_is_removed() {
        let colors =
            ["red", "blue", "green", "black", "white", "pink", "brown", "yellow", "purple", "orange"];
        let things = ["car", "dog", "vase", "chair", "apple", "boat", "clock", "sofa", "horse", "cup"];
        let text = |number: usize| {
            let [a, b, c, d] = [number, number / 10, number / 100, number / 1_000].map(|n| n % 10);
            format!("a {} {} and a {} {}", colors[a], things[b], colors[c], things[(b + d + 1) % 10])
        };
        let held_out: Vec<String> = (0..200).map(|number| text(number * 37 % 9_000)).collect();
        let is_held_out = |number: usize| (0..200).any(|held| held * 37 % 9_000 == number);
        let leaks = held_out.iter().enumerate().map(|(index, text)| {
            let (first, second) = text.split_once(" and ").unwrap();
            match index % 5 {
                0 => text.clone(),
                1 => text.to_uppercase(),
                2 => format!("{}.", text.replace(" and", ", and")),
                3 => text.replace(" a ", " the ").replacen("a ", "the ", 1),
                _ => format!("{second} and {first}"),
            }
        });
        let leaks: Vec<String> = leaks.collect();
        let swapped: Vec<u64> = leaks.iter().map(|leak| phrases_key(leak)).collect();
        let others: Vec<String> = (0..9_000)
            .filter(|&number| !is_held_out(number))
            .map(text)
            .filter(|text| !swapped.contains(&phrases_key(text)))
            .take(2_000)
            .collect();
        let held_out: Vec<&str> = held_out.iter().map(String::as_str).collect();
        let evaluation = evaluation(&held_out);
        let count = |texts: &[String]| {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            evaluation.overlaps(&texts).iter().flatten().count()
        };
        assert_eq!((count(&leaks), count(&others)), (200, 0), "leaks found of 200, others removed of 2000");
    }

    /// T2I-CompBench's training files against its validation files, where both are at hand: two prompts stand
    /// in both as they are, and five but for an article or the final full stop.
    #[test]
    fn what_t2i_compbench_leaks_into_its_validation_files_is_found() {
        let usual = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/t2i-compbench");
        let folder = std::env::var_os("T2I_COMPBENCH").map_or(usual, PathBuf::from);
        let fields: PromptSettings =
            serde_json::from_value(serde_json::json!({ "files": ["*_train.txt"] })).unwrap();
        let names =
            ["3d_spatial", "color", "complex", "non_spatial", "numeracy", "shape", "spatial", "texture"];
        let against: Vec<String> = names.map(|name| format!("{name}_val.txt")).into();
        let settings = DecontaminationSettings { against, ..DecontaminationSettings::default() };
        let table = match super::super::PromptTable::load(&fields, &settings, &folder) {
            Ok(table) => table,
            Err(PromptError::NoFile { pattern, .. }) => {
                eprintln!("skipped: no {pattern} in {}; set T2I_COMPBENCH to its files", folder.display());
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let removed: Vec<(&str, &str)> = (table.rejected.iter())
            .filter(|(_, rejection)| rejection.reason == twig_model::RejectReason::Contaminated)
            .map(|(prompt, rejection)| (prompt.text.as_str(), rejection.detail.as_str()))
            .collect();
        let is_found = |text: &str, how: &str| {
            removed.iter().any(|(prompt, detail)| *prompt == text && detail.contains(how))
        };
        for exact in ["a boy on the top of a wallet", "a giraffe on the right of a wallet"] {
            assert!(is_found(exact, "the same as"), "{exact}");
        }
        for near in [
            "The child is blowing bubbles in the park.",
            "a cubic block and a cylindrical flashlight",
            "an oblong watermelon and a teardrop pear",
            "a circular clock and a triangular wall shelf",
            "a round doughnut and a square napkin",
        ] {
            assert!(is_found(near, "the same phrases as"), "{near}");
        }
        for other in ["a wallet on the top of a boy", "a fabric blanket and a fluffy pillow"] {
            assert!(!is_found(other, ""), "{other}");
        }
        eprintln!("{} of {} removed", removed.len(), table.rows_in());
    }
}
