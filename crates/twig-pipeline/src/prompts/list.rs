use std::ops::Range;

use rayon::slice::ParallelSliceMut;
use twig_model::{Prompt, PromptId};

use crate::partition::Partition;

/// Many prompts, in the order in which they were added until they are sorted.
///
/// # Memory
/// Their words stand one after the other, and 40 bytes a prompt say where. A category is held once for a run of prompts
/// that have it.
#[derive(Debug, Default)]
pub struct PromptList {
    words: String,
    entries: Vec<Entry>,
}

/// A prompt: its text, and its source behind that. No text has more bytes than an `u32` counts: Parquet and JSON know
/// none, and a longer line was rejected.
#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    text: u64,
    category: u64,
    text_bytes: u32,
    source_bytes: u32,
    category_bytes: u32,
}

impl PromptList {
    pub(super) fn push(&mut self, prompt: &Prompt) {
        let Prompt { id, text, category, source } = prompt;
        let of_last = self.entries.last().filter(|last| self.category_of(last) == category);
        let category_start = match of_last {
            Some(last) => last.category,
            None => self.add(category),
        };
        let start = self.add(text);
        self.add(source);
        self.entries.push(Entry {
            id: id.hash(),
            text: start,
            category: category_start,
            text_bytes: text.len() as u32,
            source_bytes: source.len() as u32,
            category_bytes: category.len() as u32,
        });
    }

    /// Adds words and tells where they begin.
    fn add(&mut self, words: &str) -> u64 {
        let start = self.words.len() as u64;
        self.words.push_str(words);
        start
    }

    /// Number of prompts.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The prompts in order, each put together.
    pub fn iter(&self) -> impl Iterator<Item = Prompt> {
        self.entries.iter().map(|entry| self.prompt(entry))
    }

    /// The prompt at this place.
    pub(super) fn get(&self, place: usize) -> Prompt {
        self.prompt(&self.entries[place])
    }

    /// Where the prompt at this place comes from.
    pub(super) fn source(&self, place: usize) -> &str {
        self.source_of(&self.entries[place])
    }

    /// The texts in order.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| self.words(entry.text, entry.text_bytes)).collect()
    }

    /// The ids in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = PromptId> {
        self.entries.iter().map(|entry| PromptId::from_hash(entry.id))
    }

    /// Puts them in the order of their ids, which must differ.
    pub(super) fn sort(&mut self) {
        self.entries.par_sort_unstable_by_key(|entry| entry.id);
    }

    /// Keeps those of which `stays`, told their places, is true.
    pub(super) fn retain(&mut self, stays: impl Fn(usize) -> bool) {
        let mut places = 0..;
        self.entries.retain(|_| places.next().is_some_and(&stays));
    }

    /// The prompts of a partition, of sorted ones: they stand together, because partitions cut the range of ids.
    pub(crate) fn of_partition(&self, partition: Partition) -> impl Iterator<Item = Prompt> {
        self.entries[self.places_of(partition)].iter().map(|entry| self.prompt(entry))
    }

    fn places_of(&self, partition: Partition) -> Range<usize> {
        let index = |entry: &Entry| Partition::of_hash(entry.id, partition.of).index;
        let start = self.entries.partition_point(|entry| index(entry) < partition.index);
        let end = self.entries.partition_point(|entry| index(entry) <= partition.index);
        start..end
    }

    fn prompt(&self, entry: &Entry) -> Prompt {
        Prompt {
            id: PromptId::from_hash(entry.id),
            text: self.words(entry.text, entry.text_bytes).to_owned(),
            category: self.category_of(entry).to_owned(),
            source: self.source_of(entry).to_owned(),
        }
    }

    fn category_of(&self, entry: &Entry) -> &str {
        self.words(entry.category, entry.category_bytes)
    }

    fn source_of(&self, entry: &Entry) -> &str {
        self.words(entry.text + u64::from(entry.text_bytes), entry.source_bytes)
    }

    fn words(&self, start: u64, bytes: u32) -> &str {
        &self.words[start as usize..][..bytes as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(hash: u64, text: &str, category: &str) -> Prompt {
        let (id, source) = (PromptId::from_hash(hash), format!("{category}.txt:{hash}"));
        Prompt { id, text: text.to_owned(), category: category.to_owned(), source }
    }

    #[test]
    fn what_was_put_in_comes_out_by_id_and_partition() {
        let third = u64::MAX / 3;
        let all = [
            prompt(7, "a cat", "animals"),
            prompt(2 * third + 9, "a bär", "animals"),
            prompt(third + 5, "a cup", ""),
            prompt(3, "a desk", "things"),
        ];
        let mut list = PromptList::default();
        for prompt in &all {
            list.push(prompt);
        }
        assert!(list.iter().eq(all.clone()));
        assert_eq!((list.get(2), list.source(1)), (all[2].clone(), all[1].source.as_str()));
        assert_eq!(list.texts(), ["a cat", "a bär", "a cup", "a desk"]);
        list.sort();
        let of = |index| list.of_partition(Partition { index, of: 3 }).map(|p| p.text).collect::<Vec<_>>();
        assert_eq!([of(0), of(1), of(2)], [vec!["a desk", "a cat"], vec!["a cup"], vec!["a bär"]]);
        list.retain(|place| place % 2 == 1);
        assert_eq!(list.texts(), ["a cat", "a bär"]);
    }

    #[test]
    fn a_prompt_takes_forty_bytes_besides_its_words() {
        assert_eq!(size_of::<Entry>(), 40);
    }
}
