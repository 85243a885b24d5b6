use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Catalogue, Entry, marks::Marks};

/// Which trajectories a gallery shows, and in which order; as it stands in the address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    /// Words that all must occur.
    pub(super) q: String,
    /// Not empty: search in thoughts and critiques as well as in prompts.
    pub(super) said: String,
    pub(super) category: String,
    pub(super) split: String,
    /// Least reward; text, since an empty field of a form is one too.
    pub(super) min: String,
    /// Highest reward.
    pub(super) max: String,
    pub(super) redos: String,
    pub(super) mark: String,
    pub(super) sort: String,
}

pub(super) const REDO_CHOICES: [(&str, &str); 3] = [("", "any"), ("some", "with redos"), ("none", "without")];
pub(super) const MARK_CHOICES: [(&str, &str); 6] = [
    ("", "any"),
    ("keep", "keep"),
    ("drop", "drop"),
    ("noted", "with a note"),
    ("marked", "marked"),
    ("unmarked", "not marked"),
];
pub(super) const SORT_CHOICES: [(&str, &str); 6] = [
    ("", "as in the dataset"),
    ("best", "best reward"),
    ("worst", "worst reward"),
    ("weakest", "weakest region"),
    ("redos", "most redos"),
    ("prompt", "prompt"),
];

impl Filter {
    /// The part of the address, with its question mark, that asks for this; empty where it asks for everything.
    pub(super) fn query(&self) -> String {
        let pairs = [
            ("q", &self.q),
            ("said", &self.said),
            ("category", &self.category),
            ("split", &self.split),
            ("min", &self.min),
            ("max", &self.max),
            ("redos", &self.redos),
            ("mark", &self.mark),
            ("sort", &self.sort),
        ];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }

    /// The words that are searched for, in lower case.
    pub(super) fn words(&self) -> Vec<String> {
        self.q.split_whitespace().map(str::to_lowercase).collect()
    }

    /// Positions in the catalogue of what is shown. `said` holds the ids in whose thoughts and critiques the words
    /// occur, where those are searched.
    pub(super) fn select(
        &self,
        catalogue: &Catalogue,
        marks: &Marks,
        said: Option<&HashSet<String>>,
    ) -> Vec<usize> {
        let words = self.words();
        let category = catalogue.categories().iter().position(|name| *name == self.category);
        let split = catalogue.splits().iter().position(|name| *name == self.split);
        let (min, max) = (self.min.parse::<u8>().ok(), self.max.parse::<u8>().ok());
        let passes = |entry: &Entry| {
            (self.category.is_empty() || category == Some(entry.category.into()))
                && (self.split.is_empty() || split == Some(entry.split.into()))
                && min.is_none_or(|min| entry.reward.is_some_and(|reward| reward >= min))
                && max.is_none_or(|max| entry.reward.is_some_and(|reward| reward <= max))
                && match self.redos.as_str() {
                    "some" => entry.redos() > 0,
                    "none" => entry.redos() == 0,
                    _ => true,
                }
                && self.mark_fits(marks, &entry.id)
                && (words.is_empty()
                    || said.is_some_and(|said| said.contains(&*entry.id))
                    || holds_all(&entry.prompt, &words)
                    || entry.id.starts_with(&self.q))
        };
        let entries = catalogue.entries();
        let mut positions: Vec<usize> = (0..entries.len()).filter(|&at| passes(&entries[at])).collect();
        // Sorting is stable: what is equal stays in the dataset's order.
        match self.sort.as_str() {
            "best" => positions.sort_by_key(|&at| std::cmp::Reverse(entries[at].reward)),
            "worst" => positions.sort_by_key(|&at| entries[at].reward),
            "weakest" => positions.sort_by_key(|&at| entries[at].min_step_score),
            "redos" => positions.sort_by_key(|&at| std::cmp::Reverse(entries[at].redos())),
            "prompt" => positions.sort_by(|&a, &b| entries[a].prompt.cmp(&entries[b].prompt)),
            _ => {}
        }
        positions
    }

    fn mark_fits(&self, marks: &Marks, id: &str) -> bool {
        let mark = || marks.get(id);
        let verdict = || mark().and_then(|mark| mark.mark).map(crate::marks::Verdict::as_str);
        match self.mark.as_str() {
            "" => true,
            "noted" => mark().is_some_and(|mark| !mark.note.is_empty()),
            "marked" => mark().is_some(),
            "unmarked" => mark().is_none(),
            wanted => verdict() == Some(wanted),
        }
    }
}

/// Whether all words, given in lower case, occur in a text.
pub(super) fn holds_all(text: &str, words: &[String]) -> bool {
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// A value for the part of an address behind the question mark.
pub(super) fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, fixtures::write_release};

    #[test]
    fn filters_sort_and_search() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 8);
        let dataset = Dataset::open(folder.path()).unwrap();
        let catalogue = Catalogue::load(&dataset).unwrap();
        let marks = Marks::load(&folder.path().join("none")).unwrap();
        let select = |filter: Filter| filter.select(&catalogue, &marks, None);
        let with = |change: fn(&mut Filter)| {
            let mut filter = Filter::default();
            change(&mut filter);
            filter
        };
        assert_eq!(select(Filter::default()).len(), 8);
        assert_eq!(select(with(|filter| filter.q = "GREEN 3".to_owned())), [3]);
        assert_eq!(select(with(|filter| filter.category = "numeracy".to_owned())), [1, 3, 5, 7]);
        assert_eq!(select(with(|filter| filter.category = "no such".to_owned())), [0usize; 0]);
        assert_eq!(select(with(|filter| filter.redos = "some".to_owned())), [0, 3, 6]);
        assert_eq!(select(with(|filter| filter.sort = "best".to_owned()))[..2], [7, 6]);
        assert_eq!(select(with(|filter| filter.min = "70".to_owned())), [6, 7]);
        assert_eq!(with(|filter| filter.q = "a&b <x>".to_owned()).query(), "?q=a%26b%20%3Cx%3E");
    }
}
