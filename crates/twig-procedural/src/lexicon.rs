//! The words of prompts: everything that is not a noun of the [`Library`](crate::artwork::Library).

use crate::{
    color::Color,
    scene::{Place, RelationKind, Shape, Size, Texture},
};

/// An adjective that changes how something is drawn, or one that is read and left to the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attribute {
    Color(Color),
    Texture(Texture),
    Shape(Shape),
    Size(Size),
    /// Says nothing that a drawing could show otherwise, such as `juicy`.
    Plain,
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
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    ];
    let named = WORDS.iter().position(|name| *name == word).map(|value| value as u32);
    named.or_else(|| word.parse().ok()).or(match word {
        "couple" | "both" | "pair" => Some(2),
        "several" | "few" | "some" => Some(3),
        "group" | "many" => Some(4),
        "dozen" => Some(12),
        _ => None,
    })
}

/// The word for a count in thoughts.
pub(crate) fn number_word(count: u32) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
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
    (&["on", "the", "top", "of"], RelationKind::Above),
    (&["on", "top", "of"], RelationKind::Above),
    (&["above"], RelationKind::Above),
    (&["over"], RelationKind::Above),
    (&["atop"], RelationKind::Above),
    (&["onto"], RelationKind::Above),
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
    (&["against"], RelationKind::Beside),
    (&["in", "front", "of"], RelationKind::InFrontOf),
    (&["hidden", "by"], RelationKind::Behind),
    (&["hidden", "behind"], RelationKind::Behind),
    (&["behind"], RelationKind::Behind),
    (&["by"], RelationKind::Beside),
    (&["holding"], RelationKind::Beside),
    (&["on"], RelationKind::Above),
];

/// The place that a noun names.
pub(crate) fn place(word: &str) -> Option<Place> {
    Some(match word {
        "garden" | "park" | "field" | "meadow" | "pasture" | "backyard" | "yard" | "zoo" | "farm" | "grass"
        | "lawn" | "woods" | "forest" | "campsite" | "campground" | "coop" | "countryside" | "jungle" | "hill"
        | "hills" | "orchard" | "playground" | "safari" | "valley" | "picnic" => Place::Meadow,
        "beach" | "desert" | "sand" | "shore" => Place::Beach,
        "pond" | "lake" | "sea" | "ocean" | "river" | "aquarium" | "pool" | "water" | "stream" => Place::Water,
        "snow" | "tundra" => Place::Snow,
        "street" | "road" | "city" | "highway" | "sidewalk" | "pavement" | "driveway" | "station" | "town"
        | "parking" | "airport" | "hangar" => Place::Street,
        "room" | "bedroom" | "office" | "classroom" | "library" | "studio" | "hallway" | "house" | "home"
        | "garage" | "attic" | "basement" | "gym" | "stage" | "museum" | "lab" | "restaurant" | "store"
        | "shop" | "cabin" | "wall" | "floor" | "corner" | "foyer" | "closet" | "den" | "study" | "nursery"
        | "circus" | "lounge" | "porch" | "patio" | "showroom" => Place::Room,
        "kitchen" | "bathroom" | "pantry" => Place::Kitchen,
        "sky" | "air" | "space" => Place::Sky,
        _ => return None,
    })
}

/// Whether a word joins or accompanies others without meaning of its own for a drawing.
pub(crate) fn is_function_word(word: &str) -> bool {
    contains(FUNCTION_WORDS, word) || word.len() > 4 && word.ends_with("ly") && !contains(NOT_ADVERBS, word)
}

/// Whether a word is an action whose drawing is that of those who act.
pub(crate) fn is_action(word: &str) -> bool {
    contains(ACTIONS, word)
}

fn contains(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

const NOT_ADVERBS: &str = "butterfly lily jelly belly family";

const FUNCTION_WORDS: &str = "a an the and or is are was were be been being it its their his her them they there \
    with of that which while as at in into from to for each other all both up down out around across through \
    together very one's this these those has have had";

const PLAIN_ADJECTIVES: &str = "soft hard smooth rough warm cool cold hot bright sharp sweet shiny colorful bumpy \
    delicate jagged prickly vibrant natural juicy crisp crunchy heavy beautiful cozy fragrant intricate dull \
    polished spiky old new fresh sleek striped sparkling textured deep light thin thick plush sturdy clean wide \
    narrow flat open empty lovely fancy elegant cute modern vintage young happy famous little ripe tired dry wet \
    sticky glossy rusty fiery rich sour tart plump creamy velvety marble bold calm quiet busy great perfect \
    delicious crispy unique simple handmade curved wavy rugged rocky sandy icy snowy dusty muddy weathered \
    towering majestic graceful gentle playful broken lit romantic festive favorite lush comfortable";

const ACTIONS: &str = "sitting standing lying resting sleeping walking running riding playing eating looking \
    watching wearing carrying parked hung mounted sat stood lay rested floated flew floating flying swimming swam \
    perched nestled leaned leaning filled played cluttered adorned decorated created completed entertained \
    captured buzzed soared gathered chatted rang grazed kept enjoyed hummed stacked packed carried waved hopped \
    scurried roamed wagged sailed crossed raced lined waited croaked clucked watched stared attracted performed \
    placed displayed held hangs sits stands lies rests jumping dancing smiling barking chasing";
