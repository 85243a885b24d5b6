//! What can be said of any picture without knowing what it shows: which colours an area has, and how much of each.

use twig_imaging::RgbImage;
use twig_model::{Geometry, Region};

use crate::color::{Color, Lab};

/// Words that a description of colours begins with; tells it from a thought that names things.
const OPENING: &str = "Mostly ";

/// A colour is worth a word from this share of the area on.
const WORTH_A_WORD: f32 = 0.12;

/// Colours that are named at most.
const MOST_NAMED: usize = 3;

/// Every how many pixels the area is looked at, in both directions.
const STRIDE: usize = 3;

/// The colours of a region with their shares, the largest first; those with equal shares by name.
pub(crate) fn palette(picture: &RgbImage, region: &Region, geometry: Geometry) -> Vec<(&'static str, f32)> {
    let mut shares: Vec<(&'static str, f32)> = Vec::new();
    let mut seen = 0.0;
    for (left, top, width, height) in twig_imaging::region_pixels(region, geometry) {
        for y in (top..top + height).step_by(STRIDE) {
            for x in (left..left + width).step_by(STRIDE) {
                let name = Color::nearest(Lab::of(picture.get_pixel(x, y).0)).name;
                match shares.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, share)) => *share += 1.0,
                    None => shares.push((name, 1.0)),
                }
                seen += 1.0;
            }
        }
    }
    for (_, share) in &mut shares {
        *share /= f32::max(seen, 1.0);
    }
    shares.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    shares
}

/// A region in words: `Mostly blue, with some white and gray.`
pub(crate) fn described(palette: &[(&'static str, f32)]) -> String {
    let main = palette.first().map_or("gray", |(name, _)| name);
    let others: Vec<&str> = palette
        .iter()
        .skip(1)
        .take(MOST_NAMED - 1)
        .filter(|(_, share)| *share >= WORTH_A_WORD)
        .map(|(name, _)| *name)
        .collect();
    if others.is_empty() {
        return format!("{OPENING}{main}, from edge to edge.");
    }
    format!("{OPENING}{main}, with some {}.", others.join(" and "))
}

/// The colours that such a description names, the main one first; `None` if the text is no such description.
pub(crate) fn named(thought: &str) -> Option<Vec<&'static str>> {
    let rest = thought.strip_prefix(OPENING)?;
    let words = rest.split(|letter: char| !letter.is_alphabetic());
    Some(words.filter_map(|word| Color::named(word).map(|color| color.name)).collect())
}

/// How far a description is from what is seen: the share of the area in none of the colours that are named, and
/// the share that the main one should have and has not.
pub(crate) fn mismatch(named: &[&str], palette: &[(&'static str, f32)]) -> (f32, f32) {
    let share =
        |name: &str| palette.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, share)| *share);
    let covered: f32 = named.iter().map(|name| share(name)).sum();
    let best = palette.first().map_or(0.0, |(_, share)| *share);
    let main = named.first().map_or(0.0, |name| share(name));
    // What even the best description would leave out counts for nothing.
    let coverable: f32 = palette.iter().take(named.len().max(1)).map(|(_, share)| *share).sum();
    (coverable - covered, best - main)
}
