//! Reads prompts: words into phrases, phrases into a [`Scene`].
//!
//! A prompt is a run of noun phrases (`two red cups`), relations (`on the left of`), places (`in the park`)
//! and actions (`is sitting`). A relation holds between the noun phrase before it and the one after it.
//! Whatever is none of these is reported by name: nothing is drawn from a prompt that is not understood.

mod phrase;

pub(crate) use self::phrase::noun_phrase;
use self::phrase::plain_noun;
use crate::{
    lexicon::{self, Attribute},
    scene::{BackdropColors, Group, MAX_COUNT, Place, Relation, RelationKind, Scene, Texture},
};

/// Why a prompt cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Words outside the vocabulary, in order, each once.
    #[error("words not understood: {}", .0.join(", "))]
    UnknownWords(Vec<String>),
    /// Nothing in it can be drawn.
    #[error("no object that could be drawn is named")]
    NoObject,
    /// More figures than fit in a picture.
    #[error("{0} figures are named; at most {MAX_COUNT} are drawn")]
    TooMany(u32),
}

/// Reads a prompt.
pub(crate) fn read(prompt: &str) -> Result<Scene, Unreadable> {
    let words = words(prompt);
    let mut reader = Reader { words: &words, ..Reader::default() };
    reader.read_all();
    reader.finish()
}

/// The words in lower case, commas and the like between them as words of their own.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for raw in text.to_lowercase().split_whitespace() {
        let start = raw.trim_start_matches(|c: char| !c.is_alphanumeric());
        let is_negative = start.starts_with(|c: char| c.is_ascii_digit())
            && raw[..raw.len() - start.len()].ends_with(['-', '\u{2212}']);
        let word = start.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            let sign = if is_negative { "-" } else { "" };
            words.push(format!("{sign}{}", word.trim_end_matches("'s")));
        }
        if raw.ends_with([',', '.', ';', '!', '?']) {
            words.push(",".to_owned());
        }
    }
    words
}

#[derive(Default)]
struct Reader<'a> {
    words: &'a [String],
    at: usize,
    groups: Vec<Group>,
    relations: Vec<Relation>,
    pending: Option<(usize, RelationKind)>,
    place: Option<Place>,
    backdrop: BackdropColors,
    unknown: Vec<String>,
    /// Whether the pending relation is the first of two that `between` stands for.
    is_between: bool,
    /// A word such as `inside` whose object is still to come.
    enclosing: Option<String>,
}

impl Reader<'_> {
    fn read_all(&mut self) {
        while self.at < self.words.len() {
            let read = self.refused_word()
                || self.place_phrase()
                || self.relation()
                || self.noun_phrase()
                || self.other_word();
            if !read {
                self.reject(self.words[self.at].clone());
                self.at += 1;
            }
        }
    }

    fn reject(&mut self, word: String) {
        if !self.unknown.contains(&word) {
            self.unknown.push(word);
        }
    }

    /// `not`, `or`; also the adjective beside it, which is not what stands in the way.
    fn refused_word(&mut self) -> bool {
        let is_refused = |at: usize| self.words.get(at).is_some_and(|word| lexicon::is_refused(word));
        if is_refused(self.at) {
            self.reject(self.words[self.at].clone());
        } else if lexicon::attribute(&self.words[self.at]).is_none() || !is_refused(self.at + 1) {
            return false;
        }
        self.at += 1;
        true
    }

    fn rest(&self) -> &[String] {
        &self.words[self.at..]
    }

    /// `in the park`; also `a bathroom`, a place named as if it were a thing.
    fn place_phrase(&mut self) -> bool {
        let mut length = 0;
        let word = |at: usize| self.rest().get(at).map_or("", String::as_str);
        let preposition = word(0);
        if lexicon::is_enclosing(preposition)
            || matches!(preposition, "at" | "on" | "across" | "along" | "from" | "to" | "of" | "over")
        {
            length += 1;
        }
        let (mut color, mut unseen, mut is_wooden) = (None, Vec::new(), false);
        loop {
            let attribute = lexicon::leading_attribute(&self.rest()[length..]);
            match attribute {
                Some((Attribute::Color(named), _)) => color = Some(named),
                Some((Attribute::Plain | Attribute::Size(_), _)) => {}
                Some((Attribute::Texture(Texture::Wooden), _)) => is_wooden = true,
                Some((Attribute::Texture(_) | Attribute::Shape(_) | Attribute::Pattern(_), _)) => {
                    unseen.push(word(length).to_owned());
                }
                None if matches!(word(length), "a" | "an" | "the" | "his" | "her" | "their") => {}
                None => break,
            }
            length += attribute.map_or(1, |(_, words)| words);
        }
        let Some(mut place) = lexicon::place(word(length)) else { return false };
        if noun_phrase(self.rest()).is_some_and(|phrase| phrase.num_words > length) {
            return false;
        }
        if is_wooden && matches!(word(length), "floor" | "floors") {
            place = Place::PlankFloor;
        } else if is_wooden {
            unseen.push("wooden".to_owned());
        }
        let is_upper = lexicon::is_upper(word(length));
        // `in the garden chair` is no place, and neither is what lies `outside the garden`.
        let encloses_object =
            lexicon::is_enclosing(preposition) && plain_noun(&self.rest()[length + 1..]).is_some();
        let not_there =
            (encloses_object || lexicon::is_excluding(preposition)).then(|| preposition.to_owned());
        let not_there =
            not_there.or_else(|| self.enclosing.clone().filter(|enclosing| lexicon::is_excluding(enclosing)));
        if let Some(word) = not_there {
            self.reject(word);
        }
        for word in unseen {
            self.reject(word);
        }
        self.enclosing = None;
        self.place = self.place.or(Some(place));
        if let Some(color) = color {
            let half = if is_upper { &mut self.backdrop.upper } else { &mut self.backdrop.lower };
            *half = half.or(Some(color));
        }
        self.at += length + 1;
        true
    }

    fn relation(&mut self) -> bool {
        let rest = self.rest();
        if rest[0] == "between" && !self.groups.is_empty() {
            // `a cup between a fork and a knife`: right of the one, left of the other.
            self.pending = Some((self.groups.len() - 1, RelationKind::RightOf));
            self.is_between = true;
            self.at += 1;
            return true;
        }
        let found = lexicon::RELATIONS.iter().find(|(phrase, _)| {
            phrase.len() <= rest.len() && phrase.iter().zip(rest).all(|(expected, word)| expected == word)
        });
        let Some((phrase, kind)) = found else { return false };
        let Some(subject) = self.groups.len().checked_sub(1) else { return false };
        self.enclosing = None;
        self.is_between = false;
        self.pending = Some((subject, *kind));
        self.at += phrase.len();
        true
    }

    fn noun_phrase(&mut self) -> bool {
        let Some(phrase) = noun_phrase(self.rest()) else { return false };
        if let Some(word) = self.enclosing.take() {
            self.reject(word);
        }
        let object = self.groups.len();
        if let Some((subject, kind)) = self.pending.take() {
            self.relations.push(Relation { subject, kind, object });
            let and_another = std::mem::take(&mut self.is_between);
            self.pending = and_another.then_some((subject, RelationKind::LeftOf));
        }
        self.groups.push(phrase.group);
        self.at += phrase.num_words;
        true
    }

    fn other_word(&mut self) -> bool {
        let word = &self.words[self.at];
        let known = word == ","
            || lexicon::is_enclosing(word)
            || lexicon::is_function_word(word)
            || lexicon::is_action(word)
            || lexicon::is_unseen(word)
            || lexicon::attribute(word) == Some(Attribute::Plain);
        // `in the middle of a box` is in the box; `outside, with a box` is not.
        if lexicon::is_enclosing(word) {
            self.enclosing = Some(word.clone());
        } else if !matches!(word.as_str(), "a" | "an" | "the" | "of" | "to" | "from")
            && (word == "," || !lexicon::is_unseen(word))
        {
            self.enclosing = None;
        }
        if known {
            self.at += 1;
        }
        known
    }

    fn finish(self) -> Result<Scene, Unreadable> {
        let figures: u32 = self.groups.iter().map(|group| group.count).sum();
        if !self.unknown.is_empty() {
            Err(Unreadable::UnknownWords(self.unknown))
        } else if self.groups.is_empty() {
            Err(Unreadable::NoObject)
        } else if figures > MAX_COUNT {
            Err(Unreadable::TooMany(figures))
        } else {
            Ok(Scene {
                groups: self.groups,
                relations: self.relations,
                place: self.place,
                backdrop: self.backdrop,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_drawn_is_rejected_by_name() {
        let rejected = [
            ("a dog is not on the chair", "not"),
            ("a dog isn't on the chair", "isn't"),
            ("a table with no vase", "no"),
            ("a dog without a cat", "without"),
            ("a cat instead of a dog", "instead"),
            ("a red or blue ball", "or"),
            ("a cat or a dog", "or"),
            ("a cat but never a dog", "but, never"),
            ("-3 cats", "-3"),
            ("\u{2212}3 cats", "-3"),
            ("a cat inside a box", "inside"),
            ("a cat in a red box", "in"),
            ("in a box is a cat", "in"),
            ("a cat in the middle of a box", "in"),
            ("a ladder against a tree", "against"),
            ("a dog outside the house", "outside"),
            ("a broken vase", "broken"),
            ("a transparent cup", "transparent"),
            ("a dog with a tail", "tail"),
            ("a bird with wings", "wings"),
            ("a burning house", "burning"),
            ("a curly dog", "curly"),
            ("a dog running away", "away"),
            ("a dog like a cat", "like"),
            ("a cup bigger than a bowl", "bigger, than"),
            ("a frobbing dog", "frobbing"),
            ("a dog sits zestly", "zestly"),
            ("a pale teal cup", "pale"),
            ("a leather and wooden chair", "leather"),
            ("a dog under a table on a velvet floor", "velvet"),
        ];
        for (prompt, words) in rejected {
            let words = words.split(", ").map(str::to_owned).collect();
            assert_eq!(read(prompt), Err(Unreadable::UnknownWords(words)), "{prompt}");
        }
        for prompt in [
            "a dog in the garden",
            "a cat in the house",
            "a dog in front of a tree",
            "a beautiful new car",
            "3 cats",
            "a dog playing outside, with a ball",
        ] {
            assert!(read(prompt).is_ok(), "{prompt}: {:?}", read(prompt));
        }
    }

    #[test]
    fn shades_patterns_and_between_are_drawn() {
        let look = |prompt: &str| read(prompt).unwrap().groups[0].look;
        assert_eq!(look("a light blue car").color.map(|color| color.name), Some("light blue"));
        assert_eq!(look("a deep blue car").color.map(|color| color.name), Some("navy"));
        assert_eq!(look("a striped red fish").pattern, Some(crate::scene::Pattern::Striped));
        assert_eq!(read("a cup on a wooden floor").unwrap().place, Some(Place::PlankFloor));
        let kinds: Vec<_> = read("a cup between a fork and a knife")
            .unwrap()
            .relations
            .iter()
            .map(|relation| (relation.subject, relation.kind, relation.object))
            .collect();
        assert_eq!(kinds, [(0, RelationKind::RightOf, 1), (0, RelationKind::LeftOf, 2)]);
    }
}
