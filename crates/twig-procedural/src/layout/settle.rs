//! Moves figures a little, so that none reaches just a sliver into a region: whatever stands in a region is worth a
//! word there.

use twig_model::Schedule;

use super::{Area, Figure};
use crate::{template::Template, thinker::band};

/// Shares of a figure below this are slivers.
const SLIVER: f32 = 0.24;

/// Parts of a figure below this share of the picture are slivers, however small the figure.
const CRUMB: f32 = 0.008;

/// A figure this close to a region has a foot in it for all that outlines and shifts can do.
const TOUCH: f32 = 0.012;

/// Beyond this many regions, figures cannot help reaching into one or another.
const MANY_REGIONS: usize = 6;

/// Figures that come closer than this look as if they touched.
const CLEAR: f32 = 0.026;

/// Where figures may be moved to, from above.
const WITHIN: (f32, f32) = (0.035, 0.965);

/// Moves rows and columns as they are and, where that does not help, shrinks them a little or moves their figures
/// one by one.
pub(super) fn settle(units: &mut [Vec<Figure>], schedule: &Schedule) {
    if schedule.num_regions() > MANY_REGIONS {
        return;
    }
    let borders: Vec<f32> = schedule.regions()[1..].iter().map(|region| band(region, schedule).0).collect();
    for at in 0..units.len() {
        let others: Vec<Area> =
            areas(units.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, unit)| unit));
        units[at] = settled(&units[at], &others, &borders);
        if slivers(&units[at], &borders) == 0.0 || are_tied(&units[at]) {
            continue;
        }
        for member in 0..units[at].len() {
            let mut others = others.clone();
            others.extend(
                units[at]
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != member)
                    .map(|(_, figure)| figure.area),
            );
            units[at][member] = settled(&units[at][member..=member], &others, &borders)[0];
        }
    }
}

fn areas<'a>(units: impl Iterator<Item = &'a Vec<Figure>>) -> Vec<Area> {
    units.flatten().map(|figure| figure.area).collect()
}

/// Whether figures stand on or before each other, so that none can move alone.
fn are_tied(unit: &[Figure]) -> bool {
    unit.iter().any(|figure| figure.group != unit[0].group)
        && unit.iter().enumerate().any(|(at, one)| {
            unit[at + 1..]
                .iter()
                .any(|other| one.area.x < other.area.right() && other.area.x < one.area.right())
        })
}

/// The figures moved up or down together, and made smaller where that alone does not help.
fn settled(unit: &[Figure], others: &[Area], borders: &[f32]) -> Vec<Figure> {
    const STEP: f32 = 0.01;
    const STEPS: i32 = 16;
    const SCALES: [f32; 5] = [1.0, 0.94, 0.88, 0.82, 0.76];
    // What moving by a tenth of the picture and shrinking by a tenth cost; a sliver costs up to 1.
    const MOVING: f32 = 0.3;
    const SHRINKING: f32 = 0.8;
    let mut best = (slivers(unit, borders), unit.to_vec());
    for scale in SCALES {
        for step in -STEPS..=STEPS {
            let shift = step as f32 * STEP;
            let cost = MOVING * shift.abs() + SHRINKING * (1.0 - scale);
            if cost >= best.0 {
                continue;
            }
            let moved = moved(unit, scale, shift);
            let free = moved.iter().all(|figure| {
                figure.area.y >= WITHIN.0
                    && figure.area.bottom() <= WITHIN.1
                    && !others.iter().any(|other| other.is_near(figure.area, CLEAR))
            });
            let cost = cost + slivers(&moved, borders);
            if free && cost < best.0 {
                best = (cost, moved);
            }
        }
    }
    best.1
}

/// The figures scaled towards the middle of their common floor, then shifted.
fn moved(unit: &[Figure], scale: f32, shift: f32) -> Vec<Figure> {
    let left = unit.iter().map(|figure| figure.area.x).fold(f32::INFINITY, f32::min);
    let right = unit.iter().map(|figure| figure.area.right()).fold(0.0, f32::max);
    let (middle, floor) =
        (f32::midpoint(left, right), unit.iter().map(|figure| figure.area.bottom()).fold(0.0, f32::max));
    let scaled = |figure: &Figure| {
        let Area { x, y, w, h } = figure.area;
        let area = Area {
            x: middle + (x - middle) * scale,
            y: floor + (y - floor) * scale + shift,
            w: w * scale,
            h: h * scale,
        };
        Figure { area, ..*figure }
    };
    unit.iter().map(scaled).collect()
}

/// How bad the slivers are that figures leave in regions; 0 where there is none.
fn slivers(figures: &[Figure], borders: &[f32]) -> f32 {
    figures
        .iter()
        .map(|figure| {
            let Area { y, w, h, .. } = figure.area;
            let template = Template::of(figure.look);
            let crossed = borders.iter().filter(|border| (y - TOUCH..y + h + TOUCH).contains(*border));
            let edges: Vec<f32> =
                [f32::NEG_INFINITY].into_iter().chain(crossed.copied()).chain([f32::INFINITY]).collect();
            edges
                .windows(2)
                .filter(|_| edges.len() > 2)
                .map(|edges| {
                    let share = template.share((edges[0] - y) / h, (edges[1] - y) / h);
                    let area = share * template.fullness() * w * h;
                    let worth = (share / SLIVER).min(area / CRUMB).min(1.0);
                    1.0 - worth
                })
                .sum::<f32>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use twig_model::Geometry;

    use super::*;
    use crate::{grammar, layout::arrange};

    #[test]
    fn hardly_a_figure_reaches_just_a_sliver_into_a_region() {
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let (mut figures, mut bad) = (0, 0);
        for prompt in
            ["a dog and a cat", "six birds", "a lamp on the top of a table", "four cows, two pigs and a tent"]
        {
            let scene = grammar::read(prompt).unwrap();
            for seed in 0..50 {
                for figure in arrange(&scene, &schedule, seed).figures {
                    figures += 1;
                    bad += usize::from(slivers(&[figure], &[1.0 / 3.0, 2.0 / 3.0]) > 0.5);
                }
            }
        }
        assert!(bad * 50 <= figures, "{bad} of {figures} figures");
    }
}
