//! The words of prompts: everything that is not a noun of the [`Library`](crate::artwork::Library).

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
    (&["contrasted", "with"], RelationKind::Beside),
    (&["around"], RelationKind::Beside),
    (&["resting", "on"], RelationKind::Above),
    (&["down", "on"], RelationKind::Above),
    (&["upon"], RelationKind::Above),
    (&["in", "front", "of"], RelationKind::InFrontOf),
    (&["hidden", "by"], RelationKind::Behind),
    (&["hidden", "behind"], RelationKind::Behind),
    (&["behind"], RelationKind::Behind),
    (&["by"], RelationKind::Beside),
    (&["holding"], RelationKind::Beside),
    (&["on"], RelationKind::Above),
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

const FUNCTION_WORDS: &str = "a an the and is are was were be been being it its their his her him he she they them there with of \
    that which while as at from to for each other all both up down out together very one's \
    this these those has have had another some so about after during then what \
    how who when where if can could will would did does do it's you we us our my \
    your because every any own themselves himself herself itself forth again \
    someone something everyone two's just also too";

/// How something is done or is, where no drawing shows it.
const ADVERBS: &str = "carefully gently softly gracefully lazily contentedly completely happily peacefully quietly slowly \
    quickly proudly playfully perfectly excitedly eagerly calmly patiently joyfully nervously obediently bravely \
    romantically weightlessly properly impatiently freshly beautifully brightly elegantly majestically delicately \
    effortlessly comfortably neatly silently steadily swiftly smoothly loudly cheerfully casually intently really \
    early finally simply easily lightly tightly warmly sweetly merrily skillfully expertly deftly busily anxiously \
    curiously confidently boldly fiercely wildly cautiously passionately enthusiastically diligently securely firmly \
    cozily snugly serenely tenderly lovingly dutifully gleefully";

/// Words that deny, or leave open, what would be drawn.
const REFUSED: &str =
    "not no without but instead except or nor never neither none cannot hardly barely rarely nearly";

/// Words that put one thing into another, or out of it: no drawing shows that, though it may show a place.
const ENCLOSING: &str = "in into inside within through until against outside off";

/// Of those, the ones that say where something is not.
const EXCLUDING: &str = "outside until off";

/// Adjectives whose lack nobody would see in a flat drawing.
const PLAIN_ADJECTIVES: &str = "nice good pretty favourite \
    joyful ready relaxed awestruck important formal motivational heartfelt catchy interesting animated \
    sparkling shimmering glittering flickering dazzling gleaming glistening stunning thrilling breathtaking \
    refreshing soothing piercing striking inviting mesmerizing tempting tantalizing challenging comforting \
    satisfying threatening imposing bustling lively exhilarating charming welcoming calming enchanting fascinating \
    interesting captivating rewarding unsuspecting \
    soft hard smooth warm cool cold hot bright sharp sweet shiny delicate vibrant natural juicy crisp \
    crunchy heavy beautiful cozy fragrant dull polished old new fresh sleek deep light plush sturdy \
    clean lovely fancy elegant cute modern vintage young happy famous ripe tired dry sticky glossy rich \
    sour tart creamy velvety bold calm quiet busy great perfect delicious crispy unique simple handmade \
    majestic graceful gentle playful romantic festive favorite comfortable single plain hardcover \
    functional stylish solid blunt loud silky stainless spacious electronic parked pristine chilly \
    tropical local foreign hiking sports dining cutting serving living toy sweet-smelling vast scenic \
    historic exotic rare classic late early final friendly lazy curious proud determined public social \
    human national special different amazing stunning breathtaking mesmerizing relaxing exciting \
    thrilling peaceful real virtual imaginary wild ancient gourmet healthy personal live lone main \
    deserted sunny windy matching fuzzy-looking birthday christmas golf wedding party makeup butternut \
    syrup engagement construction bonsai bouncy storage gift hair caution grocery laundry slippery slimy \
    squishy brittle tough tender fragile";

const ACTIONS: &str = "grilling milking framing changing plating emceeing diving shooting blowing rolling fluttering \
    jumping go goes pass build beat win compete return travel score stroll break jump roar zoom moved move scratch \
    spends spend see sees find finds learn learns get gets give gives show shows bring brings improve express \
    explore relax enjoy save help stay meet greet celebrate create capture feel taste hear rehearse perform \
    entertain impress prepare serve clean fix cook bake write draw paint study train exercise meditate rang rings \
    wagged cooked crossed cluttered holding playing looking wearing walking feeling watching taking standing sitting running enjoying \
    making creating trying practicing singing admiring having giving getting jumping wagging speaking marveling \
    hiking fixing exploring doing working waiting shopping riding reading performing lying learning fishing \
    examining dancing climbing catching barking writing using typing studying pretending laughing jogging \
    chasing capturing talking strumming smiling sharing sewing searching recording preparing lounging flying \
    directing decorating conducting cheering bringing attending waving watering tuning tossing throwing telling \
    teaching swaying styling snuggling sniffing sketching signing showing serving scratching savoring rehearsing \
    racing putting pushing pulling presenting planning picking petting observing navigating meditating leading \
    kayaking joking helping harvesting hanging going frowning feeding cooking cooing chatting checking browsing \
    brainstorming baking blooming weeping wanting visiting tying twirling trekking training touring toasting \
    tending tasting tapping swimming strolling stretching stepping staring stargazing spinning speeding snoring \
    snoozing snacking slithering skipping skating skateboarding sipping shouting seeing scurrying scrolling \
    screaming scoring sailing rushing roaring reminiscing questioning purring protecting paddling packing \
    organizing operating offering networking napping mooing measuring mastering landing knitting jotting \
    interviewing installing hugging howling heading growling grinning greeting grading giggling gazing gardening \
    floating finishing finding fidgeting fetching encouraging driving dribbling dreaming drafting discussing \
    designing delivering cuddling cruising croaking crawling crafting contemplating composing competing cleaning \
    choosing chirping chewing celebrating canoeing camping buzzing buying bouncing bonding birdwatching begging \
    beaming backpacking asking appreciating resting perching gathering grazing hopping leaping sleeping eating \
    drinking listening carrying relaxing swinging trotting galloping prancing pecking quacking soaring gliding \
    wandering roaming drifting racing parked competing coaching guarding honking chugging providing adding rocking \
    posing leaning wearing rowing surfing cycling skiing inspecting repairing assembling collecting sorting counting \
    solving thinking wondering speeding cruising guiding cradling clutching gripping stroking rubbing patting \
    licking nibbling sunbathing exercising juggling balancing kneeling crouching squatting whispering humming \
    whistling clapping texting calling filming photographing selling ordering paying sat stood lay rested floated flew swam perched nestled leaned filled played adorned decorated \
    created completed entertained captured buzzed soared gathered chatted rang grazed kept enjoyed \
    hummed stacked packed carried waved hopped scurried roamed wagged sailed crossed raced lined waited \
    croaked clucked watched stared attracted performed placed displayed held hangs hang hung sits sit \
    stands stand lies lie rests rest mounted parked positioned arranged propped cooked pitched snapped \
    jingled rumbled leaped churned lived worked provided added amplified sparkled snorted darted made \
    balanced wedged suspended rolled drove zoomed bloomed wrote lounged drifted climbed crawled glided \
    slithered pulled set fell landed shone cast flowed danced bounced hugged surrounded tied attached \
    worn seated posed opens closes float floats flies fly drift drifts holds hold supports support lays \
    plays play provide provides keeps keep complement complements gleam gleams clink clinks stirs stir \
    looks look takes take reads swims runs run walks walk jumps features feature adds add hold make \
    makes await decorate dangled glistened sparkles shines used cleaned read ride reach catch walked ran \
    took gave got rode drank ate wears carries displayed hanged topped leans contrasted snuggled curled \
    napped sprawled";

/// Words for what no drawing shows: feelings, sounds, purposes, never visible parts such as `tail`. They are understood, and nothing is drawn for them.
const UNSEEN: &str = "sadness disappointment ease hello goodbye project presentation test solo photography podcast \
    experiment experiments fundraiser festival business noises roar awe-struck skydiving snorkeling motivation \
    craftsmanship knowledge melody artistry martial masterpiece aerobics ballet calligraphy origami pottery chess fun skills skill song songs tune speech story stories notes music sounds sound sense feeling love \
    life beauty world time day morning afternoon evening moment game games way work talent performance \
    wonder awe joy pride happiness peace comfort warmth atmosphere ambiance charm melody voice voices \
    laughter adventure exercise workout health speed balance strength energy excitement adrenaline rush \
    dance routine practice class lesson conversation chat company companionship memories dreams thoughts \
    ideas problem problems math science history art arts architecture design style fashion color colors \
    texture shape shapes size view views sight sights scenery surface edge top bottom left right middle \
    inside outside end others help advice taste flavor smell scent aroma sleep nap rest trip journey \
    vacation holiday party wedding event concert meeting race contest competition show movie video news \
    directions goal goals trick tricks photo-shoot display harmony contrast nature weather breeze wind \
    sunshine light shade heat cold summer winter spring autumn yoga tennis soccer karaoke hopscotch \
    gymnastics meditation barbecue bite bites owner's distance speed-limit fetch tag turn turns sip shot \
    shots tips money's loved ones loved chores errands laundry homework job interview challenge \
    mysteries puzzle's mystery secrets romance celebration tradition culture language words letters' \
    perfection precision care attention focus patience effort purpose reflection calmness quietness \
    bath-time ride";

/// Whether a word is understood as something that no drawing shows.
pub(crate) fn is_unseen(word: &str) -> bool {
    contains(UNSEEN, word)
}
