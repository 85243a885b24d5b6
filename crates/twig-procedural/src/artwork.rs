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
            let (art, scale, nouns) = split_line(line);
            let svg = match own.get(art) {
                Some(svg) => svg.clone(),
                None => emoji(art)
                    .unwrap_or_else(|| {
                        panic!("`{art}` is neither an emoji nor in drawings.svg; a test reads every line")
                    })
                    .to_string(),
            };
            let tree = usvg::Tree::from_str(&svg, &usvg::Options::default())
                .unwrap_or_else(|error| panic!("drawing `{art}`: {error}; a test reads every line"));
            for noun in nouns.split(", ") {
                by_noun.entry(noun).or_insert(objects.len());
                longest_noun = longest_noun.max(noun.split(' ').count());
            }
            let name = nouns.split(", ").next().unwrap_or(nouns);
            objects.push(Object { name, scale, tree });
        }
        Self { objects, by_noun, longest_noun }
    }

    /// The object of that id.
    pub(crate) fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id]
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

/// `ART SCALE | noun, noun` in its three parts.
fn split_line(line: &'static str) -> (&'static str, f32, &'static str) {
    let parts = line.split_once(" | ").and_then(|(art, nouns)| {
        let (art, scale) = art.split_once(' ')?;
        Some((art, scale.parse().ok()?, nouns))
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
