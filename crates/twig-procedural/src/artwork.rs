//! The library of drawings: what can be drawn, and which nouns it is called by.
//!
//! Drawings are emoji of Twemoji (art under CC-BY 4.0, Twitter and contributors) and the project's own
//! `art/drawings.svg`; `art/objects.txt` lists them with their nouns.

use std::{collections::HashMap, sync::OnceLock};

use resvg::usvg;
use twemoji_assets::svg::SvgTwemojiAsset;

/// Index of an object in the [`Library`].
pub(crate) type ObjectId = usize;

/// Something that can be drawn.
#[derive(Debug)]
pub(crate) struct Object {
    /// What it is called, singular.
    pub(crate) name: &'static str,
    /// Its size beside other things, about 1.
    pub(crate) scale: f32,
    /// Its drawing, parsed.
    pub(crate) tree: usvg::Tree,
    /// The colour that its body has instead of the drawing's.
    pub(crate) dye: Option<[u8; 3]>,
    /// Whether it cannot be drawn the other way round, since it bears letters or figures.
    pub(crate) has_writing: bool,
    /// The usual drawing of the same thing, and how many drawings of it follow that one.
    usual: ObjectId,
    num_others: usize,
}

/// All objects, and the nouns that lead to them.
#[derive(Debug)]
pub(crate) struct Library {
    objects: Vec<Object>,
    by_noun: HashMap<&'static str, ObjectId>,
    longest_noun: usize,
}

impl Library {
    /// The library, read once.
    pub(crate) fn get() -> &'static Self {
        static LIBRARY: OnceLock<Library> = OnceLock::new();
        LIBRARY.get_or_init(Self::read)
    }

    fn read() -> Self {
        let own = own_drawings();
        let (mut objects, mut by_noun, mut longest_noun) = (Vec::new(), HashMap::new(), 1);
        for line in include_str!("../art/objects.txt").lines().filter(|line| !line.starts_with('#')) {
            let (drawings, scale, nouns) = split_line(line);
            let (scale, has_writing) = (scale.trim_end_matches('!'), scale.ends_with('!'));
            let scale =
                scale.parse().unwrap_or_else(|_| panic!("`{scale}` is no size; a test reads every line"));
            for noun in nouns.split(", ") {
                by_noun.entry(noun).or_insert(objects.len());
                longest_noun = longest_noun.max(noun.split(' ').count());
            }
            let name = nouns.split(", ").next().unwrap_or(nouns);
            let (usual, num_others) = (objects.len(), drawings.split('/').count() - 1);
            objects.extend(drawings.split('/').map(|drawing| {
                let (art, dye) =
                    drawing.split_once('#').map_or((drawing, None), |(art, dye)| (art, Some(dye)));
                let (tree, dye) = (tree(art, &own), dye.map(hex));
                Object { name, scale, tree, dye, has_writing, usual, num_others }
            }));
        }
        Self { objects, by_noun, longest_noun }
    }

    /// The object of that id.
    pub(crate) fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id]
    }

    /// All drawings of what an object is, the usual one first.
    pub(crate) fn drawings(&self, id: ObjectId) -> std::ops::RangeInclusive<ObjectId> {
        let object = &self.objects[id];
        object.usual..=object.usual + object.num_others
    }

    /// Whether two objects are drawings of the same thing.
    pub(crate) fn are_alike(&self, one: ObjectId, other: ObjectId) -> bool {
        self.objects[one].usual == self.objects[other].usual
    }

    /// Number of objects.
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    /// The object that a singular noun names.
    pub(crate) fn find(&self, noun: &str) -> Option<ObjectId> {
        self.by_noun.get(noun).copied()
    }

    /// Words in the longest noun, for longest-match reading.
    pub(crate) fn longest_noun(&self) -> usize {
        self.longest_noun
    }
}

/// The drawing of an emoji, with or without the selector that asks for its coloured form.
fn emoji(art: &str) -> Option<&'static SvgTwemojiAsset> {
    SvgTwemojiAsset::from_emoji(art).or_else(|| SvgTwemojiAsset::from_emoji(art.trim_end_matches('\u{fe0f}')))
}

/// The drawing that is called by an emoji or by an id in `drawings.svg`.
fn tree(art: &str, own: &HashMap<&'static str, String>) -> usvg::Tree {
    let svg = match own.get(art) {
        Some(svg) => svg.clone(),
        None => emoji(art)
            .unwrap_or_else(|| {
                panic!("`{art}` is neither an emoji nor in drawings.svg; a test reads every line")
            })
            .to_string(),
    };
    usvg::Tree::from_str(&svg, &usvg::Options::default())
        .unwrap_or_else(|error| panic!("drawing `{art}`: {error}; a test reads every line"))
}

/// The colour that six hexadecimal digits stand for.
fn hex(digits: &str) -> [u8; 3] {
    let value = u32::from_str_radix(digits, 16)
        .unwrap_or_else(|_| panic!("`{digits}` is no colour; a test reads every line"));
    let [_, rgb @ ..] = value.to_be_bytes();
    rgb
}

/// `DRAWINGS SIZE | noun, noun` in its three parts.
fn split_line(line: &'static str) -> (&'static str, &'static str, &'static str) {
    let parts = line.split_once(" | ").and_then(|(art, nouns)| {
        let (art, scale) = art.split_once(' ')?;
        Some((art, scale, nouns))
    });
    parts.unwrap_or_else(|| panic!("`{line}` is not a line of objects.txt; a test reads every line"))
}

/// The groups of `drawings.svg` by id, each as a picture of its own.
fn own_drawings() -> HashMap<&'static str, String> {
    include_str!("../art/drawings.svg")
        .lines()
        .filter_map(|line| line.strip_prefix("<g id=\"")?.split_once('"'))
        .map(|(id, rest)| {
            let group =
                format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><g{rest}</svg>"#);
            (id, group)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_has_a_drawing() {
        assert!(Library::get().len() >= 60);
    }

    #[test]
    fn synonyms_lead_to_one_object() {
        let library = Library::get();
        assert_eq!(library.find("sofa"), library.find("couch"));
        assert_eq!(library.object(library.find("puppy").unwrap()).name, "dog");
        assert_eq!(library.find("quux"), None);
    }
}
