//! The words of prompts: everything that is not a noun of the [`Library`](crate::artwork::Library).

mod words;

use self::words::{
    ACTIONS, ADVERBS, ENCLOSING, EXCLUDING, FUNCTION_WORDS, PLAIN_ADJECTIVES, REFUSED, UNSEEN,
};
use crate::{
    color::Color,
    scene::{Pattern, Place, RelationKind, Shape, Size, Texture},
};

/// An adjective that changes how something is drawn, or one that is read and left to the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attribute {
    Color(Color),
    Texture(Texture),
    Shape(Shape),
    Size(Size),
    Pattern(Pattern),
    /// Says nothing that a drawing could show otherwise, such as `juicy`.
    Plain,
}

/// The attribute that a text begins with, and how many words name it.
pub(crate) fn leading_attribute(words: &[String]) -> Option<(Attribute, usize)> {
    if let [one, other, ..] = words
        && let Some(color) = Color::named(&format!("{one} {other}"))
    {
        return Some((Attribute::Color(color), 2));
    }
    let first = words.first()?;
    // A shade of a colour that is not drawn is no mere adjective.
    let is_shade = matches!(first.as_str(), "light" | "dark" | "deep" | "pale")
        && words.get(1).is_some_and(|next| Color::named(next).is_some());
    if is_shade { None } else { Some((attribute(first)?, 1)) }
}

/// The attribute that a word names.
pub(crate) fn attribute(word: &str) -> Option<Attribute> {
    let found = |attribute| Some(attribute);
    if let Some(color) = Color::named(word) {
        return found(Attribute::Color(color));
    }
    if let Some(texture) = texture(word) {
        return found(Attribute::Texture(texture));
    }
    if let Some(shape) = shape(word) {
        return found(Attribute::Shape(shape));
    }
    if let Some(size) = size(word) {
        return found(Attribute::Size(size));
    }
    if let Some(pattern) = pattern(word) {
        return found(Attribute::Pattern(pattern));
    }
    if contains(PLAIN_ADJECTIVES, word) { found(Attribute::Plain) } else { None }
}

fn texture(word: &str) -> Option<Texture> {
    Some(match word {
        "wooden" | "wood" => Texture::Wooden,
        "metallic" | "metal" | "steel" => Texture::Metallic,
        "glass" => Texture::Glass,
        "fabric" | "cotton" | "woolen" | "denim" | "velvet" => Texture::Fabric,
        "leather" | "leather-bound" => Texture::Leather,
        "plastic" => Texture::Plastic,
        "rubber" => Texture::Rubber,
        "fluffy" | "furry" | "fuzzy" => Texture::Fluffy,
        _ => return None,
    })
}

fn pattern(word: &str) -> Option<Pattern> {
    Some(match word {
        "striped" | "stripy" => Pattern::Striped,
        "spotted" | "dotted" | "speckled" | "polka-dot" | "polka-dotted" => Pattern::Spotted,
        "checkered" | "checked" | "plaid" => Pattern::Checkered,
        "colorful" | "colourful" | "multicolored" | "multi-colored" | "rainbow-colored" => Pattern::Colorful,
        "rough" | "bumpy" | "textured" | "coarse" | "gritty" | "rugged" => Pattern::Rough,
        "spiky" | "prickly" | "thorny" | "bristly" | "spiny" => Pattern::Spiky,
        _ => return None,
    })
}

fn shape(word: &str) -> Option<Shape> {
    Some(match word {
        "round" | "circular" => Shape::Round,
        "square" => Shape::Square,
        "rectangular" => Shape::Rectangular,
        "triangular" => Shape::Triangular,
        "oval" => Shape::Oval,
        "oblong" => Shape::Oblong,
        "pentagonal" => Shape::Pentagonal,
        "hexagonal" => Shape::Hexagonal,
        "diamond" | "diamond-shaped" => Shape::Diamond,
        "teardrop" | "teardrop-shaped" => Shape::Teardrop,
        "crescent" | "crescent-shaped" => Shape::Crescent,
        "star-shaped" => Shape::Star,
        "spherical" => Shape::Spherical,
        "cubic" => Shape::Cubic,
        "cylindrical" => Shape::Cylindrical,
        "conical" => Shape::Conical,
        "pyramidal" => Shape::Pyramidal,
        _ => return None,
    })
}

fn size(word: &str) -> Option<Size> {
    Some(match word {
        "big" | "large" | "huge" | "giant" => Size::Big,
        "small" | "little" | "tiny" | "mini" => Size::Small,
        "tall" => Size::Tall,
        "short" => Size::Short,
        "long" => Size::Long,
        _ => return None,
    })
}

/// The number that a word or digits name, if it can be a count.
pub(crate) fn number(word: &str) -> Option<u32> {
    const WORDS: [&str; 21] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
    ];
    let named = WORDS.iter().position(|name| *name == word).map(|value| value as u32);
    named.or_else(|| word.parse().ok()).or(match word {
        "both" => Some(2),
        "several" | "few" | "some" => Some(3),
        "many" => Some(4),
        "dozen" => Some(12),
        _ => None,
    })
}

/// The number that a word means before `of`: `a couple of`.
pub(crate) fn collective(word: &str) -> Option<u32> {
    Some(match word {
        "couple" | "pair" => 2,
        "few" => 3,
        "group" | "bunch" | "set" | "stack" | "pile" | "team" | "crowd" | "lot" => 4,
        _ => return None,
    })
}

/// The word for a count in thoughts.
pub(crate) fn number_word(count: u32) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    WORDS.get(count as usize).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// Phrases that say how two things stand to each other, longest first where one begins another.
pub(crate) const RELATIONS: &[(&[&str], RelationKind)] = &[
    (&["on", "the", "left", "side", "of"], RelationKind::LeftOf),
    (&["on", "the", "right", "side", "of"], RelationKind::RightOf),
    (&["on", "the", "left", "of"], RelationKind::LeftOf),
    (&["on", "the", "right", "of"], RelationKind::RightOf),
    (&["to", "the", "left", "of"], RelationKind::LeftOf),
    (&["to", "the", "right", "of"], RelationKind::RightOf),
    (&["left", "of"], RelationKind::LeftOf),
    (&["right", "of"], RelationKind::RightOf),
    (&["on", "the", "top", "of"], RelationKind::On),
    (&["on", "top", "of"], RelationKind::On),
    (&["above"], RelationKind::Above),
    (&["over"], RelationKind::Above),
    (&["atop"], RelationKind::On),
    (&["onto"], RelationKind::On),
    (&["on", "the", "bottom", "of"], RelationKind::Below),
    (&["on", "bottom", "of"], RelationKind::Below),
    (&["below"], RelationKind::Below),
    (&["under"], RelationKind::Below),
    (&["underneath"], RelationKind::Below),
    (&["beneath"], RelationKind::Below),
    (&["next", "to"], RelationKind::Beside),
    (&["on", "the", "side", "of"], RelationKind::Beside),
    (&["on", "side", "of"], RelationKind::Beside),
    (&["by", "the", "side", "of"], RelationKind::Beside),
    (&["close", "to"], RelationKind::Beside),
    (&["near"], RelationKind::Beside),
    (&["beside"], RelationKind::Beside),
    (&["alongside"], RelationKind::Beside),
    (&["contrasted", "with"], RelationKind::Beside),
    (&["around"], RelationKind::Beside),
    (&["resting", "on"], RelationKind::On),
    (&["down", "on"], RelationKind::On),
    (&["upon"], RelationKind::On),
    (&["in", "front", "of"], RelationKind::InFrontOf),
    (&["hidden", "by"], RelationKind::Behind),
    (&["hidden", "behind"], RelationKind::Behind),
    (&["behind"], RelationKind::Behind),
    (&["by"], RelationKind::Beside),
    (&["holding"], RelationKind::Beside),
    (&["on"], RelationKind::On),
];

/// Whether a place is seen in the upper half of a picture, else in the lower.
pub(crate) fn is_upper(place_word: &str) -> bool {
    matches!(
        place_word,
        "sky"
            | "air"
            | "space"
            | "wall"
            | "walls"
            | "room"
            | "bathroom"
            | "kitchen"
            | "bedroom"
            | "forest"
            | "sunset"
            | "office"
            | "background"
            | "house"
            | "bath"
    )
}

/// The place that a noun names.
pub(crate) fn place(word: &str) -> Option<Place> {
    Some(match word {
        "garden" | "park" | "field" | "meadow" | "pasture" | "backyard" | "yard" | "zoo" | "farm"
        | "grass" | "lawn" | "woods" | "forest" | "campsite" | "campground" | "coop" | "countryside"
        | "jungle" | "hill" | "hills" | "orchard" | "playground" | "safari" | "valley" | "picnic"
        | "trail" | "path" | "ground" | "barn" | "pond-side" | "habitat" | "landscape" | "neighborhood"
        | "driveway" | "outdoors" | "grasslands" | "soil" | "dirt" => Place::Meadow,
        "beach" | "desert" | "sand" | "shore" => Place::Beach,
        "pond" | "lake" | "sea" | "ocean" | "river" | "aquarium" | "pool" | "water" | "stream" => {
            Place::Water
        }
        "snow" | "tundra" => Place::Snow,
        "waters" | "bay" | "reef" => Place::Water,
        "street" | "road" | "city" | "highway" | "sidewalk" | "pavement" | "streets" | "roads"
        | "intersection" | "station" | "town" | "parking" | "airport" | "hangar" => Place::Street,
        "room" | "bedroom" | "office" | "classroom" | "library" | "studio" | "hallway" | "house" | "home"
        | "garage" | "attic" | "basement" | "gym" | "stage" | "museum" | "lab" | "restaurant" | "store"
        | "shop" | "cabin" | "wall" | "floor" | "corner" | "foyer" | "closet" | "den" | "study"
        | "nursery" | "circus" | "lounge" | "porch" | "patio" | "showroom" | "walls" | "floors"
        | "background" | "cafe" | "clinic" | "workshop" | "class" | "court" | "conference" | "theater"
        | "theatre" | "school" | "hospital" | "mall" | "balcony" | "club" | "gallery" | "salon" | "rink"
        | "ballroom" | "area" | "center" => Place::Room,
        "kitchen" | "bathroom" | "pantry" | "bath" => Place::Kitchen,
        "sky" | "air" | "space" | "sunset" | "sunrise" | "sunlight" | "night" | "horizon" => Place::Sky,
        _ => return None,
    })
}

/// Whether a word joins or accompanies others without meaning of its own for a drawing.
pub(crate) fn is_function_word(word: &str) -> bool {
    contains(FUNCTION_WORDS, word) || contains(ADVERBS, word)
}

/// Whether a word denies what follows, or offers it as an alternative: what it stands beside is never drawn.
pub(crate) fn is_refused(word: &str) -> bool {
    contains(REFUSED, word) || word.ends_with("n't") || word.ends_with("n’t")
}

/// Whether a word puts one thing into another, or out of it, which is not drawn.
pub(crate) fn is_enclosing(word: &str) -> bool {
    contains(ENCLOSING, word)
}

/// Whether a word says where something is not: not even a place may follow it.
pub(crate) fn is_excluding(word: &str) -> bool {
    contains(EXCLUDING, word)
}

/// Whether a word is an action whose drawing is that of those who act.
pub(crate) fn is_action(word: &str) -> bool {
    contains(ACTIONS, word)
}

fn contains(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// Whether a word is understood as something that no drawing shows.
pub(crate) fn is_unseen(word: &str) -> bool {
    contains(UNSEEN, word)
}
