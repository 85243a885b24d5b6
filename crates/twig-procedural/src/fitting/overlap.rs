//! How much of a blob templates in their places explain: intersection over union, less a little for colours that
//! differ.
//!
//! Fitting asks this millions of times, mostly of places that turn out worse than one that is known. Every score takes
//! the `floor` that it must reach to matter, and is given up, with something below that floor, as soon as it cannot.

use std::sync::Arc;

use super::Pose;
use crate::{
    color::Lab,
    percept::{Blob, SIDE, View},
    template::{CELLS, Template},
};

/// A mean colour distance of [`FAR`] costs as much as a seventh of the silhouette.
const COLOR_WEIGHT: f32 = 0.007;
/// Of a figure that goes on below the painted rows colours tell how large it is: the tip of any triangle looks like
/// that of any other.
const CUT_COLOR_WEIGHT: f32 = 0.012;
/// Of two figures in one silhouette, colours tell which is where: they count for more.
const PAIR_COLOR_WEIGHT: f32 = 0.02;
/// Colours further apart than this are as different as can be.
const FAR: f32 = 20.0;
/// Samples between two looks at whether the floor can still be reached.
const BLOCK: usize = 48;

/// A template in its place: its grid over the pixels of the view.
pub(super) struct Laid<'a> {
    template: &'a Template,
    left: f32,
    top: f32,
    /// Cells of the grid to a pixel, across and down: fitting asks for millions of cells, and would divide each time.
    across: f32,
    down: f32,
}

impl<'a> Laid<'a> {
    pub(super) fn new(template: &'a Template, pose: Pose) -> Self {
        let down = CELLS as f32 / pose.h;
        Self { template, left: pose.x, top: pose.y, across: down / template.aspect, down }
    }

    /// The cell under a pixel, if the look covers it.
    #[inline]
    pub(super) fn cell(&self, x: f32, y: f32) -> Option<usize> {
        const SIDE: f32 = CELLS as f32;
        let (u, v) = ((x - self.left) * self.across, (y - self.top) * self.down);
        if !(0.0..SIDE).contains(&u) || !(0.0..SIDE).contains(&v) {
            return None;
        }
        let (column, row) = (u as u32 as usize, v as u32 as usize);
        self.template.mask[row][column].then(|| row * CELLS + column)
    }

    /// How far the colour that is to be expected in a cell is from that of a pixel.
    #[inline]
    fn distance(&self, cell: usize, color: Lab) -> f32 {
        self.template.colors[cell]
            .map_or(0.0, |expected| expected.distance_squared(color).min(FAR * FAR).sqrt())
    }
}

/// A pixel of the view, whether the blob covers it, and its colour.
struct Sample {
    x: f32,
    y: f32,
    covered: bool,
    color: Lab,
}

/// A grid of pixels over a blob and some way round it: what several templates must cover together, and what not.
pub(super) struct Around(Vec<Sample>);

impl Around {
    /// So many samples across the blob.
    pub(super) fn new(view: &View, blob: &Blob, across: usize) -> Self {
        Self::every(view, blob, Self::step(blob, across))
    }

    /// Of some rows, as closely as is worth it: every other pixel of a small blob, and so many samples across.
    pub(super) fn closely(view: &View, blob: &Blob, across: usize, rows: (usize, usize)) -> Self {
        let mut around = Self::every(view, blob, Self::step(blob, across).max(2));
        around.0.retain(|sample| (rows.0..rows.1).contains(&(sample.y as usize)));
        around
    }

    fn step(blob: &Blob, across: usize) -> usize {
        ((blob.right - blob.left).max(blob.bottom - blob.top) * 4 / 3 + 4).div_ceil(across).max(1)
    }

    fn every(view: &View, blob: &Blob, step: usize) -> Self {
        let (w, h) = (blob.right - blob.left, blob.bottom - blob.top);
        let (rim_x, rim_y) = (w / 6 + 2, h / 6 + 2);
        let (left, top) = (blob.left.saturating_sub(rim_x), blob.top.saturating_sub(rim_y));
        let (right, bottom) = ((blob.right + rim_x).min(SIDE), (blob.bottom + rim_y).min(view.rows));
        let mut samples = Vec::new();
        for y in (top + step / 2..bottom).step_by(step) {
            for x in (left + step / 2..right).step_by(step) {
                let covered = view.covers(blob, x as i32, y as i32);
                samples.push(Sample {
                    x: x as f32 + 0.5,
                    y: y as f32 + 0.5,
                    covered,
                    color: view.color(x, y),
                });
            }
        }
        Self(samples)
    }

    /// Intersection over union of looks, front to back, and the blob, less a little for colours that differ.
    pub(super) fn score(&self, templates: &[Arc<Template>], poses: &[Pose], floor: f32) -> f32 {
        let laid: Vec<Laid> =
            templates.iter().zip(poses).map(|(template, pose)| Laid::new(template, *pose)).collect();
        let mut covered_left = self.0.iter().filter(|sample| sample.covered).count();
        let (mut both, mut either, mut distance) = (0, 0, 0.0);
        for block in self.0.chunks(BLOCK) {
            for sample in block {
                let owner =
                    laid.iter().find_map(|laid| laid.cell(sample.x, sample.y).map(|cell| (laid, cell)));
                covered_left -= usize::from(sample.covered);
                either += usize::from(sample.covered || owner.is_some());
                if let Some((laid, cell)) = owner.filter(|_| sample.covered) {
                    both += 1;
                    distance += laid.distance(cell, sample.color);
                }
            }
            // At best all that is still to come is explained, in its very colours.
            let (both, either) = (both + covered_left, either + covered_left);
            let at_best =
                both as f32 / either.max(1) as f32 - PAIR_COLOR_WEIGHT * distance / both.max(1) as f32;
            if at_best < floor {
                return at_best;
            }
        }
        if both == 0 {
            return 0.0;
        }
        both as f32 / either as f32 - PAIR_COLOR_WEIGHT * distance / both as f32
    }
}

/// A grid of pixels within a blob, less its outline: what one template must cover, no more and no less.
pub(super) struct Inside {
    samples: Vec<(f32, f32, Lab)>,
    /// Pixels of the view that a sample stands for.
    weight: f32,
    /// Pixels within the blob.
    area: f32,
    /// The first row that has not been painted.
    floor: f32,
    /// What a mean colour distance of 1 costs.
    color_weight: f32,
}

impl Inside {
    pub(super) fn new(view: &View, blob: &Blob) -> Self {
        const ACROSS: usize = 26;
        let step = (blob.right - blob.left).max(blob.bottom - blob.top).div_ceil(ACROSS).max(1);
        let (mut samples, mut area) = (Vec::new(), 0);
        for y in blob.top..blob.bottom {
            for x in blob.left..blob.right {
                if view.is_inside(blob, x as i32, y as i32) {
                    area += 1;
                    if y % step == 0 && x % step == 0 {
                        samples.push((x as f32 + 0.5, y as f32 + 0.5, view.color(x, y)));
                    }
                }
            }
        }
        let weight = area as f32 / samples.len().max(1) as f32;
        let is_cut = blob.bottom >= view.rows;
        let color_weight = if is_cut { CUT_COLOR_WEIGHT } else { COLOR_WEIGHT };
        Self { samples, weight, area: area as f32, floor: view.rows as f32, color_weight }
    }

    /// Intersection over union of a look and the blob, less a little for colours that differ. What of the look
    /// would stand below the painted rows is in neither.
    pub(super) fn score(&self, template: &Template, pose: Pose, floor: f32) -> f32 {
        let laid = Laid::new(template, pose);
        let shown = template.share(0.0, (self.floor - pose.y) / pose.h)
            * template.fullness()
            * pose.h
            * pose.h
            * template.aspect;
        let value = |both: usize, distance: f32| {
            let overlap = both as f32 * self.weight;
            overlap / (self.area + shown - overlap).max(overlap) - self.color_weight * distance / both as f32
        };
        let (mut both, mut left, mut distance) = (0, self.samples.len(), 0.0);
        for block in self.samples.chunks(BLOCK) {
            for (x, y, color) in block {
                if let Some(cell) = laid.cell(*x, *y) {
                    both += 1;
                    distance += laid.distance(cell, *color);
                }
            }
            left -= block.len();
            // At best all samples still to come are covered, in their very colours.
            let at_best = value((both + left).max(1), distance);
            if at_best < floor {
                return at_best;
            }
        }
        if both == 0 { 0.0 } else { value(both, distance) }
    }
}
