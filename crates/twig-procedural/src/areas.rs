//! Regions that are no bands, and thoughts that speak of colours alone.
//!
//! Thoughts name a figure in the region that holds most of it. The critic looks for each named figure in the part
//! of the canvas that has been painted, and at the colours; it says nothing of the form of what a region's border
//! cuts off.

use twig_imaging::{Rgb, RgbImage};
use twig_model::{CriterionScores, Region, Schedule};

use crate::{
    critic::Opinion,
    fitting::Fit,
    layout::Layout,
    palette,
    percept::{SIDE, View},
    reading::{Expected, read_thought},
    scene::Scene,
    template::Template,
    thinker::{article, noun_phrase},
};

/// Puts thoughts about areas in the place of those about bands, for regions that are none.
pub(crate) fn rewrite_thoughts(thoughts: &mut [String], scene: &Scene, layout: &Layout, schedule: &Schedule) {
    let grid = schedule.geometry().grid;
    if schedule.regions().iter().all(|region| region.is_band(grid)) {
        return;
    }
    let owners = owners(layout, schedule);
    for (region, thought) in schedule.regions().iter().zip(thoughts) {
        let figures = layout.figures.iter().zip(&owners).filter(|(_, owner)| **owner == region.index);
        let phrases: Vec<String> = figures
            .map(|(figure, _)| {
                let phrase = noun_phrase(figure.look, &scene.groups[figure.group].noun, 1);
                format!("{} {phrase}", article(&phrase)).trim().to_owned()
            })
            .collect();
        let rows = region.rows(grid);
        let share = |row: u32| row as f32 / grid.rows as f32;
        let scenery = layout.backdrop.words(share(rows.start), share(rows.end));
        *thought = match phrases.split_last() {
            None => format!("Only {scenery}, with nothing else."),
            Some((last, [])) => format!("Show {last}. Behind is {scenery}."),
            Some((last, first)) => format!("Show {} and {last}. Behind is {scenery}.", first.join(", ")),
        };
    }
}

/// The region that holds most of each figure.
fn owners(layout: &Layout, schedule: &Schedule) -> Vec<usize> {
    const STEPS: usize = 24;
    let grid = schedule.geometry().grid;
    let mut region_of = vec![0; grid.num_tokens() as usize];
    for region in schedule.regions() {
        region.cells().for_each(|cell| region_of[cell as usize] = region.index);
    }
    let owner = |figure: &crate::layout::Figure| {
        let template = Template::of(figure.look);
        let mut counts = vec![0; schedule.num_regions()];
        for step in 0..STEPS * STEPS {
            let (u, v) =
                (((step % STEPS) as f32 + 0.5) / STEPS as f32, ((step / STEPS) as f32 + 0.5) / STEPS as f32);
            if template.covers(u, v) {
                let cell = |at: f32, count: u32| ((at * count as f32).max(0.0) as u32).min(count - 1);
                let row = cell(figure.area.y + v * figure.area.h, grid.rows);
                let column = cell(figure.area.x + u * figure.area.w, grid.cols);
                counts[region_of[(row * grid.cols + column) as usize]] += 1;
            }
        }
        // The first of those that hold the most.
        (0..counts.len()).rev().max_by_key(|region| counts[*region]).unwrap_or(0)
    };
    layout.figures.iter().map(owner).collect()
}

/// What the critic says of an area of a canvas of which the first `num_painted` regions are there; `None` where the region is a band and the thought names things, which the
/// critic of bands knows more of.
pub(crate) fn critique(
    canvas: &RgbImage,
    thoughts: &[String],
    schedule: &Schedule,
    k: usize,
    num_painted: usize,
) -> Option<Opinion> {
    let region = &schedule.regions()[k];
    let thought = thoughts.get(k).map_or("", String::as_str);
    if let Some(named) = palette::named(thought) {
        return Some(colors_opinion(canvas, &named, thought, region, schedule));
    }
    let is_plain = schedule.regions().iter().all(|region| region.is_band(schedule.geometry().grid));
    (!is_plain).then(|| figures_opinion(canvas, thought, schedule, k, num_painted))
}

/// Holds the colours that a thought names against those of the region.
fn colors_opinion(
    canvas: &RgbImage,
    named: &[&str],
    thought: &str,
    region: &Region,
    schedule: &Schedule,
) -> Opinion {
    let seen = palette::palette(canvas, region, schedule.geometry());
    let (unnamed, main) = palette::mismatch(named, &seen);
    let lost = |share: f32| (40.0 * share).round().clamp(0.0, 20.0) as i64;
    let points = [20 - lost(main.max(unnamed)), 20 - lost(unnamed), 20 - lost(unnamed / 2.0), 20, 20];
    let is_right = lost(main.max(unnamed)) <= 4;
    Opinion {
        scores: CriterionScores::new(points).expect("points are kept within 0 to 20"),
        comment: if is_right {
            "The colours are those that the thought names.".to_owned()
        } else {
            format!("The region is {}", palette::described(&seen).to_lowercase())
        },
        revised_thought: if is_right { thought.to_owned() } else { palette::described(&seen) },
    }
}

/// Looks for the figures that a thought names.
fn figures_opinion(
    canvas: &RgbImage,
    thought: &str,
    schedule: &Schedule,
    k: usize,
    num_painted: usize,
) -> Opinion {
    let expected = read_thought(thought);
    let view = View::of(&without_placeholder(canvas, schedule, num_painted), 1.0);
    let missing = missing(&view, &expected, schedule, k);
    let lost = (14 * missing.len() as i64).min(20);
    let points = [20, 20 - lost, 20 - lost.min(4), 20 - lost.min(6), 20 - lost.min(2)];
    let names: Vec<String> =
        missing.iter().map(|figure| format!("The {} is missing.", figure.noun)).collect();
    let mend: Vec<String> = missing.iter().map(|figure| format!(" Draw the {}.", figure.noun)).collect();
    Opinion {
        scores: CriterionScores::new(points).expect("points are kept within 0 to 20"),
        comment: if names.is_empty() {
            "Everything that the thought names can be seen there.".to_owned()
        } else {
            names.join(" ")
        },
        revised_thought: format!("{thought}{}", mend.concat()),
    }
}

/// The named figures that no blob suits, each blob counting once.
fn missing<'a>(view: &View, expected: &'a [Expected], schedule: &Schedule, k: usize) -> Vec<&'a Expected> {
    // Half of a figure may be cut off.
    const LIKE_ENOUGH: f32 = 0.4;
    let mut free: Vec<usize> =
        (0..view.blobs.len()).filter(|at| touches(view, &view.blobs[*at], schedule, k)).collect();
    let mut missing = Vec::new();
    for figure in expected {
        let score = |at: &usize| Fit::single(view, &view.blobs[*at], figure.look).score;
        let best = free.iter().enumerate().map(|(place, at)| (score(at), place));
        match best.max_by(|one, other| one.0.total_cmp(&other.0)) {
            Some((score, place)) if score > LIKE_ENOUGH => {
                free.remove(place);
            }
            _ => missing.push(figure),
        }
    }
    missing
}

/// Whether a good part of a blob lies in the region.
fn touches(view: &View, blob: &crate::percept::Blob, schedule: &Schedule, k: usize) -> bool {
    let grid = schedule.geometry().grid;
    let mask = schedule.regions()[k].mask(grid);
    let mut within = 0;
    for y in blob.top..blob.bottom {
        for x in blob.left..blob.right {
            let (row, column) = (y * grid.rows as usize / SIDE, x * grid.cols as usize / SIDE);
            if mask[row * grid.cols as usize + column] && view.covers(blob, x as i32, y as i32) {
                within += 1;
            }
        }
    }
    10 * within >= 3 * blob.area
}

/// The canvas with the background of its rows where regions are still blank.
fn without_placeholder(canvas: &RgbImage, schedule: &Schedule, num_painted: usize) -> RgbImage {
    let (size, geometry) = (canvas.width(), schedule.geometry());
    let mut blank = vec![false; (size * size) as usize];
    for region in &schedule.regions()[num_painted..] {
        for (left, top, width, height) in twig_imaging::region_pixels(region, geometry) {
            for y in top..top + height {
                let start = (y * size + left) as usize;
                blank[start..start + width as usize].fill(true);
            }
        }
    }
    let mut filled = canvas.clone();
    let mut behind = Rgb([128; 3]);
    for y in 0..size {
        let is_painted = |x: &u32| !blank[(y * size + x) as usize];
        // The rim of a row shows its background, or the nearest to the rim that there is.
        let rim = (0..size / 2).flat_map(|x| [x, size - 1 - x]).find(is_painted);
        behind = rim.map_or(behind, |x| *canvas.get_pixel(x, y));
        for x in (0..size).filter(|x| !is_painted(x)) {
            filled.put_pixel(x, y, behind);
        }
    }
    filled
}
