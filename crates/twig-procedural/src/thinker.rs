//! Writes thoughts: for each region, what of the layout stands there, in one or two literal sentences.

use twig_model::{Region, Schedule};

use crate::{
    dice::Dice,
    layout::{Figure, Layout},
    lexicon::number_word,
    nouns::plural,
    scene::{Group, Look, Scene},
    template::Template,
};

/// Which stretch of a figure stands in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Portion {
    Whole,
    Upper,
    Middle,
    Lower,
}

impl Portion {
    /// Words that stand before the noun phrase, for one figure and for several.
    pub(crate) fn words(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Whole => None,
            Self::Upper => Some(("the upper portion of", "the upper portions of")),
            Self::Middle => Some(("the middle portion of", "the middle portions of")),
            Self::Lower => Some(("the lower portion of", "the lower portions of")),
        }
    }
}

/// Where a figure stands from left to right, in the words of thoughts, and the middle of that place.
pub(crate) const SIDES: [(&str, f32); 5] = [
    ("on the far left", 0.14),
    ("on the left", 0.31),
    ("in the centre", 0.5),
    ("on the right", 0.69),
    ("on the far right", 0.86),
];

/// The words for a place from left to right.
fn side(x: f32) -> &'static str {
    let distance = |(_, middle): &&(&str, f32)| (middle - x).abs();
    SIDES
        .iter()
        .min_by(|one, other| distance(one).total_cmp(&distance(other)))
        .map_or("in the centre", |(words, _)| words)
}

/// The middle of the place that such words name.
fn side_middle(words: &str) -> f32 {
    SIDES.iter().find(|(name, _)| *name == words).map_or(0.5, |(_, middle)| *middle)
}

/// The thoughts for all regions.
pub(crate) fn thoughts(scene: &Scene, layout: &Layout, schedule: &Schedule, seed: u64) -> Vec<String> {
    let opening_shift = Dice::new(seed, "openings").below(3);
    schedule
        .regions()
        .iter()
        .map(|region| {
            thought(
                scene,
                layout,
                schedule,
                region,
                opening_shift,
                &mut Dice::new(seed, &format!("thought {}", region.index)),
            )
        })
        .collect()
}

/// The part of the picture's height that a region takes, 0 to 1.
pub(crate) fn band(region: &Region, schedule: &Schedule) -> (f32, f32) {
    let grid = schedule.geometry().grid;
    let rows = region.rows(grid);
    (rows.start as f32 / grid.rows as f32, rows.end as f32 / grid.rows as f32)
}

fn thought(
    scene: &Scene,
    layout: &Layout,
    schedule: &Schedule,
    region: &Region,
    opening_shift: usize,
    dice: &mut Dice,
) -> String {
    let (top, bottom) = band(region, schedule);
    let scenery = layout.backdrop.words(top, bottom);
    let items = items(scene, layout, top, bottom);
    if items.is_empty() {
        let openings = [
            format!("Nothing stands here yet, only {scenery} across the full width."),
            format!("Only {scenery}, stretching from edge to edge with nothing else."),
            format!("A calm, open stretch of {scenery}, free of any objects."),
        ];
        // Regions without figures follow each other; no two are described in the same words.
        return openings[(opening_shift + region.index) % openings.len()].clone();
    }
    let [full, without_sides] = [true, false].map(|sides| join(&items, sides));
    let (opening, closing) = (dice.below(3), dice.below(3));
    let first = |list: &str| match opening {
        0 => capitalised(list),
        1 => format!("Here {} {list}", if is_plural(&items) { "are" } else { "is" }),
        _ => format!("Show {list}"),
    };
    let second = match closing {
        0 => format!("Behind is {scenery}."),
        1 => format!("The background shows {scenery}."),
        _ => format!("All around is {scenery}."),
    };
    // Most that fits is said: first the places are left out, then the background.
    let versions = [
        format!("{}. {second}", first(&full)),
        format!("{}. {second}", first(&without_sides)),
        format!("{}.", first(&full)),
        format!("{}.", first(&without_sides)),
    ];
    let fits = |version: &&String| version.split_whitespace().count() <= MOST_WORDS;
    versions.iter().find(fits).unwrap_or(&versions[3]).clone()
}

/// The most words in a thought.
const MOST_WORDS: usize = 45;

fn is_plural(items: &[Item]) -> bool {
    items.len() > 1 || items.iter().any(|item| item.count > 1)
}

/// Figures of one group that are described alike.
struct Item {
    count: usize,
    /// Which stretch of them, how many, what they are.
    what: String,
    /// Where they stand from left to right.
    side: &'static str,
}

/// What stands in a band of the picture, from left to right.
fn items(scene: &Scene, layout: &Layout, top: f32, bottom: f32) -> Vec<Item> {
    let mut parts: Vec<(usize, Portion, Vec<f32>)> = Vec::new();
    for (at, figure) in layout.figures.iter().enumerate() {
        let Some(portion) = portion(layout, at, top, bottom) else { continue };
        let x = figure.area.center_x();
        match parts.iter_mut().find(|(group, other, _)| *group == figure.group && *other == portion) {
            Some((.., places)) => places.push(x),
            None => parts.push((figure.group, portion, vec![x])),
        }
    }
    parts.into_iter().map(|(group, portion, places)| item(&scene.groups[group], portion, &places)).collect()
}

fn item(group: &Group, portion: Portion, places: &[f32]) -> Item {
    let count = places.len();
    let mean = places.iter().sum::<f32>() / count as f32;
    let phrase = noun_phrase(group.look, &group.noun, count as u32);
    let number = match count {
        1 => article(&phrase).to_owned(),
        _ => number_word(count as u32),
    };
    let portion = portion.words().map_or("", |(one, several)| if count == 1 { one } else { several });
    let side = match count {
        1 => side(mean),
        _ if places.iter().all(|x| (x - side_middle(side(mean))).abs() < 0.1) => side(mean),
        _ => "side by side",
    };
    let what =
        [portion, &number, &phrase].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    Item { count, what, side }
}

/// The stretch of a figure that stands in a band, if enough of it can be seen to be worth a word.
pub(crate) fn portion(layout: &Layout, at: usize, top: f32, bottom: f32) -> Option<Portion> {
    let figure = &layout.figures[at];
    let share = visible_share(layout, at, top, bottom);
    // A stretch is worth a word from 0.3 % of the picture on, less in very low regions.
    let least = (0.1 * (bottom - top)).min(0.003);
    let area = figure.area.w * figure.area.h * Template::of(figure.look).fullness();
    let threshold = (least / area).min(0.25);
    if share < threshold {
        return None;
    }
    let before = visible_share(layout, at, 0.0, top) >= threshold;
    let after = visible_share(layout, at, bottom, 1.0) >= threshold;
    Some(match (before, after) {
        (false, false) => Portion::Whole,
        (false, true) => Portion::Upper,
        (true, true) => Portion::Middle,
        (true, false) => Portion::Lower,
    })
}

/// The share of a figure that stands in a band and is not hidden by figures in front of it.
fn visible_share(layout: &Layout, at: usize, top: f32, bottom: f32) -> f32 {
    const STEPS: usize = 24;
    let figure = &layout.figures[at];
    let area = figure.area;
    let template = Template::of(figure.look);
    let in_front: Vec<&Figure> =
        layout.figures[at + 1..].iter().filter(|other| other.area.is_near(area, 0.0)).collect();
    let height = |y: f32| (y - area.y) / area.h;
    if in_front.is_empty() {
        return template.share(height(top), height(bottom));
    }
    let mut visible = 0;
    let mut all = 0;
    for row in 0..STEPS {
        for column in 0..STEPS {
            let (u, v) = ((column as f32 + 0.5) / STEPS as f32, (row as f32 + 0.5) / STEPS as f32);
            if !template.covers(u, v) {
                continue;
            }
            all += 1;
            let (x, y) = (area.x + u * area.w, area.y + v * area.h);
            let hidden = in_front.iter().any(|other| {
                Template::of(other.look)
                    .covers((x - other.area.x) / other.area.w, (y - other.area.y) / other.area.h)
            });
            visible += usize::from(!hidden && (top..bottom).contains(&y));
        }
    }
    visible as f32 / all.max(1) as f32
}

/// Attributes and noun: `big striped red wooden chairs`.
pub(crate) fn noun_phrase(look: Look, noun: &str, count: u32) -> String {
    let size = look.size.map(crate::scene::Size::name);
    let color = look.color.map(|color| color.name);
    let shape = look.shape.map(crate::scene::Shape::name);
    let pattern = look.pattern.map(crate::scene::Pattern::name);
    let texture = look.texture.map(crate::scene::Texture::name);
    let noun = if count == 1 { noun.to_owned() } else { plural(noun) };
    [size, pattern, color, shape, texture]
        .into_iter()
        .flatten()
        .chain([noun.as_str()])
        .collect::<Vec<_>>()
        .join(" ")
}

/// `a` or `an`, or nothing before a word that is a plural by itself.
pub(crate) fn article(phrase: &str) -> &'static str {
    let last = phrase.rsplit(' ').next().unwrap_or(phrase);
    if last.ends_with('s') && plural(last) == last {
        ""
    } else if phrase.starts_with(['a', 'e', 'i', 'o']) || phrase.starts_with("um") || phrase.starts_with("ur")
    {
        "an"
    } else {
        "a"
    }
}

/// The items as a list, with or without their places.
fn join(items: &[Item], sides: bool) -> String {
    let word = |item: &Item| if sides { format!("{} {}", item.what, item.side) } else { item.what.clone() };
    let words: Vec<String> = items.iter().map(word).collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, first)) => format!("{} and {last}", first.join(", ")),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
