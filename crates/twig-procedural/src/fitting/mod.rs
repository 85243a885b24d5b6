//! Lays templates over blobs: where and how large must these looks be to give that blob?

use std::sync::Arc;

use crate::{
    color::Lab,
    percept::{Blob, SIDE, View},
    scene::Look,
    template::{CELLS, Template},
};

/// A look laid over the view: its bounding box in pixels of the view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pose {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// Height; the width follows from the look.
    pub(crate) h: f32,
}

/// Looks laid over a blob, front to back.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    pub(crate) parts: Vec<(Arc<Template>, Pose)>,
    /// How well, 1 at best: intersection over union less a little for colours that differ.
    pub(crate) score: f32,
}

/// A pixel of the view, whether the blob covers it, and its colour.
struct Sample {
    x: f32,
    y: f32,
    covered: bool,
    at: usize,
}

/// How two figures share a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// One stands in front of the other.
    InFront,
    /// One stands on the other.
    OnTop,
}

/// How many starts are followed up at least, for one look and for two.
const STARTS: [usize; 2] = [3, 9];

/// A start that is so much worse than the best one is not followed up: climbing gains less than this.
const HOPELESS: f32 = 0.12;

/// Templates to lay over a blob together, and the poses to begin with.
type Attempt = (Vec<Arc<Template>>, Vec<Vec<Pose>>);

impl Fit {
    /// The best fit of one look, in any of its guises, to a blob.
    pub(crate) fn single(view: &View, blob: &Blob, look: Look) -> Self {
        let inside = Inside::of(view, blob);
        let attempt = |guise: Look| -> Attempt {
            let template = Template::of(guise);
            let starts = starts(view, blob, &template).into_iter().map(|pose| vec![pose]).collect();
            (vec![template], starts)
        };
        let attempts = look.guises().into_iter().map(attempt).collect();
        let value = |templates: &[Arc<Template>], poses: &[Pose]| inside.score(view, &templates[0], poses[0]);
        Self::best(Self::climb(attempts, value, value))
    }

    /// The best fit of a look in front of another, or on it, to a blob of both.
    pub(crate) fn pair(view: &View, blob: &Blob, front: Look, back: Look, company: Company) -> Self {
        let [rough, few, many] = [ROUGH, COARSE, FINE].map(|across| samples(view, blob, step(blob, across)));
        let glance = |templates: &[Arc<Template>], poses: &[Pose]| score(view, &rough, templates, poses);
        let first_look = |templates: &[Arc<Template>], poses: &[Pose]| score(view, &few, templates, poses);
        let value = |templates: &[Arc<Template>], poses: &[Pose]| score(view, &many, templates, poses);
        let behind: Vec<_> = back.guises().into_iter().map(Template::of).collect();
        let mut attempts: Vec<Attempt> = Vec::new();
        for front in front.guises().into_iter().map(Template::of) {
            for back in &behind {
                let starts = match company {
                    Company::InFront => pair_starts(view, blob, &front, back),
                    Company::OnTop => stacked_starts(view, blob, &front, back),
                };
                attempts.push((vec![Arc::clone(&front), Arc::clone(back)], starts));
            }
        }
        let tops = Self::climb(promising(attempts, glance), glance, first_look);
        Self::best(tops.into_iter().take(FINALISTS).map(|(_, templates, poses)| {
            let start = value(&templates, &poses);
            let (score, poses) = improved(start, poses, |poses| value(&templates, poses));
            (score, templates, poses)
        }))
    }

    /// The fit bettered for what of the blob lies within some rows.
    pub(crate) fn refined(&self, view: &View, blob: &Blob, rows: (usize, usize)) -> Self {
        const STEP: f32 = 3.0;
        // Every other pixel of a small blob; more tell nothing new of a large one.
        const CLOSELY: usize = 64;
        let within: Vec<Sample> = samples(view, blob, step(blob, CLOSELY).max(2))
            .into_iter()
            .filter(|sample| (rows.0..rows.1).contains(&(sample.y as usize)))
            .collect();
        let (templates, poses): (Vec<_>, Vec<_>) = self.parts.iter().cloned().unzip();
        let value = |poses: &[Pose]| score(view, &within, &templates, poses);
        let (score, poses) = improved_from(STEP, value(&poses), poses, value);
        Self { parts: templates.iter().cloned().zip(poses).collect(), score }
    }

    /// How well the fit explains a blob, with colours counting as they do where two figures share it.
    pub(crate) fn score_in_company(&self, view: &View, blob: &Blob) -> f32 {
        let (templates, poses): (Vec<_>, Vec<_>) = self.parts.iter().cloned().unzip();
        score(view, &samples(view, blob, step(blob, FINE)), &templates, &poses)
    }

    /// How many pixels of the blob a part takes, and how many of those have its colours.
    pub(crate) fn presence(&self, view: &View, blob: &Blob, part: usize) -> (usize, usize) {
        const ALIKE: f32 = 12.0;
        let template = &self.parts[part].0;
        let (mut all, mut alike) = (0, 0);
        for y in blob.top..blob.bottom {
            for x in blob.left..blob.right {
                let owner = self.owner(x as f32 + 0.5, y as f32 + 0.5).filter(|(owner, _)| *owner == part);
                let Some((_, cell)) = owner.filter(|_| view.is_inside(blob, x as i32, y as i32)) else {
                    continue;
                };
                all += 1;
                let is_alike = |color: Lab| color.distance_squared(view.color(x, y)) < ALIKE * ALIKE;
                alike += usize::from(template.colors[cell].is_none_or(is_alike));
            }
        }
        (all, alike)
    }

    /// Betters the most promising starts step by step, those of each attempt among them; the best first. `glance`
    /// tells which those are, `value` how good they get.
    fn climb(
        attempts: Vec<Attempt>,
        glance: impl Fn(&[Arc<Template>], &[Pose]) -> f32,
        value: impl Fn(&[Arc<Template>], &[Pose]) -> f32 + Copy,
    ) -> Vec<(f32, Vec<Arc<Template>>, Vec<Pose>)> {
        let together = attempts.first().map_or(1, |(templates, _)| templates.len());
        let from_each = STARTS[together - 1].div_ceil(attempts.len().max(1)).max(2);
        let ranked = |(templates, starts): Attempt| {
            let mut ranked: Vec<(f32, Vec<Pose>)> =
                starts.into_iter().map(|poses| (glance(&templates, &poses), poses)).collect();
            ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
            ranked.truncate(from_each);
            (templates, ranked)
        };
        let attempts: Vec<_> = attempts.into_iter().map(ranked).collect();
        let highest = attempts.iter().filter_map(|(_, ranked)| ranked.first()).map(|(start, _)| *start);
        let floor = highest.fold(0.0, f32::max) - HOPELESS;
        let mut tops = Vec::new();
        for (templates, ranked) in attempts {
            for (_, poses) in ranked.into_iter().filter(|(start, _)| *start >= floor) {
                let start = value(&templates, &poses);
                let (score, poses) = improved(start, poses, |poses| value(&templates, poses));
                tops.push((score, templates.clone(), poses));
            }
        }
        tops.sort_by(|one, other| other.0.total_cmp(&one.0));
        tops
    }

    /// The best of several; nothing laid where there is none.
    fn best(fits: impl IntoIterator<Item = (f32, Vec<Arc<Template>>, Vec<Pose>)>) -> Self {
        let best = fits.into_iter().max_by(|one, other| one.0.total_cmp(&other.0));
        best.map_or(Self { parts: Vec::new(), score: 0.0 }, |(score, templates, poses)| Self {
            parts: templates.into_iter().zip(poses).collect(),
            score,
        })
    }

    /// The part of the fit that a pixel of the view belongs to: its position in front-to-back order and the
    /// cell of its template.
    pub(crate) fn owner(&self, x: f32, y: f32) -> Option<(usize, usize)> {
        self.parts.iter().enumerate().find_map(|(part, (template, pose))| {
            Laid::new(template, *pose).cell(x, y).map(|cell| (part, cell))
        })
    }
}

/// Of many attempts the three that begin best, judged by a part of their starts.
fn promising(attempts: Vec<Attempt>, value: impl Fn(&[Arc<Template>], &[Pose]) -> f32) -> Vec<Attempt> {
    const FEW: usize = 3;
    const EVERY: usize = 3;
    if attempts.len() <= FEW {
        return attempts;
    }
    let first_look = |(templates, starts): &Attempt| {
        starts.iter().step_by(EVERY).map(|poses| value(templates, poses)).fold(0.0, f32::max)
    };
    let mut ranked: Vec<(f32, Attempt)> =
        attempts.into_iter().map(|attempt| (first_look(&attempt), attempt)).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked.into_iter().take(FEW).map(|(_, attempt)| attempt).collect()
}

/// A template in its place: its grid over the pixels of the view.
struct Laid<'a> {
    template: &'a Template,
    left: f32,
    top: f32,
    /// Cells of the grid to a pixel, across and down: fitting asks for millions of cells, and would divide each time.
    across: f32,
    down: f32,
}

impl<'a> Laid<'a> {
    fn new(template: &'a Template, pose: Pose) -> Self {
        let down = CELLS as f32 / pose.h;
        Self { template, left: pose.x, top: pose.y, across: down / template.aspect, down }
    }

    /// The cell under a pixel, if the look covers it.
    #[inline]
    fn cell(&self, x: f32, y: f32) -> Option<usize> {
        const SIDE: f32 = CELLS as f32;
        let (u, v) = ((x - self.left) * self.across, (y - self.top) * self.down);
        if !(0.0..SIDE).contains(&u) || !(0.0..SIDE).contains(&v) {
            return None;
        }
        let (column, row) = (u as u32 as usize, v as u32 as usize);
        self.template.mask[row][column].then(|| row * CELLS + column)
    }
}

/// Hill climbing over all poses with shrinking steps.
fn improved(best: f32, poses: Vec<Pose>, value: impl Fn(&[Pose]) -> f32) -> (f32, Vec<Pose>) {
    let step = poses.iter().map(|pose| pose.h).fold(8.0, f32::max) * 0.12;
    improved_from(step, best, poses, value)
}

fn improved_from(
    mut step: f32,
    mut best: f32,
    mut poses: Vec<Pose>,
    value: impl Fn(&[Pose]) -> f32,
) -> (f32, Vec<Pose>) {
    while step > 0.6 {
        let mut moved = false;
        for part in 0..poses.len() {
            for (dx, dy, dh) in
                [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 1.0), (-0.5, -0.5, 1.0)]
            {
                for sign in [step, -step] {
                    let mut trial = poses.clone();
                    let pose = &mut trial[part];
                    *pose = Pose {
                        x: pose.x + dx * sign,
                        y: pose.y + dy * sign,
                        h: (pose.h + dh * sign).max(4.0),
                    };
                    let reached = value(&trial);
                    if reached > best + 1e-4 {
                        (best, poses, moved) = (reached, trial, true);
                    }
                }
            }
        }
        if !moved {
            step *= 0.5;
        }
    }
    (best, poses)
}

/// A grid of pixels within a blob, less its outline: what one template must cover, no more and no less.
struct Inside {
    /// Pixels on the grid, by position and place in [`View::colors`].
    samples: Vec<(f32, f32, usize)>,
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
    fn of(view: &View, blob: &Blob) -> Self {
        const ACROSS: usize = 26;
        let step = (blob.right - blob.left).max(blob.bottom - blob.top).div_ceil(ACROSS).max(1);
        let (mut samples, mut area) = (Vec::new(), 0);
        for y in blob.top..blob.bottom {
            for x in blob.left..blob.right {
                if view.is_inside(blob, x as i32, y as i32) {
                    area += 1;
                    if y % step == 0 && x % step == 0 {
                        samples.push((x as f32 + 0.5, y as f32 + 0.5, y * SIDE + x));
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
    fn score(&self, view: &View, template: &Template, pose: Pose) -> f32 {
        let (mut both, mut distance) = (0, 0.0);
        let laid = Laid::new(template, pose);
        for (x, y, at) in &self.samples {
            if let Some(cell) = laid.cell(*x, *y) {
                both += 1;
                if let Some(expected) = template.colors[cell] {
                    distance += expected.distance_squared(view.colors[*at]).min(FAR * FAR).sqrt();
                }
            }
        }
        if both == 0 {
            return 0.0;
        }
        let shown = template.share(0.0, (self.floor - pose.y) / pose.h)
            * template.fullness()
            * pose.h
            * pose.h
            * template.aspect;
        let overlap = both as f32 * self.weight;
        overlap / (self.area + shown - overlap).max(overlap) - self.color_weight * distance / both as f32
    }
}

/// A mean colour distance of [`FAR`] costs as much as a seventh of the silhouette.
const COLOR_WEIGHT: f32 = 0.007;
/// Of a figure that goes on below the painted rows colours tell how large it is: the tip of any triangle looks like
/// that of any other.
const CUT_COLOR_WEIGHT: f32 = 0.012;
/// Of two figures in one silhouette, colours tell which is where: they count for more.
const PAIR_COLOR_WEIGHT: f32 = 0.02;
/// Colours further apart than this are as different as can be.
const FAR: f32 = 20.0;

/// Samples across a blob of two figures: while starts, of which there are hundreds, are compared, while they are
/// bettered, and in the end.
const ROUGH: usize = 12;
const COARSE: usize = 24;
const FINE: usize = 36;
/// Fits of two looks of which a closer look chooses.
const FINALISTS: usize = 3;

/// From sample to sample, so that so many of them lie across a blob.
fn step(blob: &Blob, across: usize) -> usize {
    ((blob.right - blob.left).max(blob.bottom - blob.top) * 4 / 3 + 4).div_ceil(across).max(1)
}

/// A grid of pixels over the blob and some way round it.
fn samples(view: &View, blob: &Blob, step: usize) -> Vec<Sample> {
    let (w, h) = (blob.right - blob.left, blob.bottom - blob.top);
    let (rim_x, rim_y) = (w / 6 + 2, h / 6 + 2);
    let (left, top) = (blob.left.saturating_sub(rim_x), blob.top.saturating_sub(rim_y));
    let (right, bottom) = ((blob.right + rim_x).min(SIDE), (blob.bottom + rim_y).min(view.rows));
    let mut samples = Vec::new();
    for y in (top + step / 2..bottom).step_by(step) {
        for x in (left + step / 2..right).step_by(step) {
            let covered = view.covers(blob, x as i32, y as i32);
            samples.push(Sample { x: x as f32 + 0.5, y: y as f32 + 0.5, covered, at: y * SIDE + x });
        }
    }
    samples
}

/// Intersection over union of looks and blob over the samples, less a little for colours that differ.
fn score(view: &View, samples: &[Sample], templates: &[Arc<Template>], poses: &[Pose]) -> f32 {
    let (mut both, mut either, mut distance) = (0, 0, 0.0);
    let laid: Vec<Laid> =
        templates.iter().zip(poses).map(|(template, pose)| Laid::new(template, *pose)).collect();
    for sample in samples {
        let owner =
            laid.iter().find_map(|laid| laid.cell(sample.x, sample.y).map(|cell| (laid.template, cell)));
        match (owner, sample.covered) {
            (Some((template, cell)), true) => {
                both += 1;
                either += 1;
                if let Some(expected) = template.colors[cell] {
                    distance += expected.distance_squared(view.colors[sample.at]).min(FAR * FAR).sqrt();
                }
            }
            (Some(_), false) | (None, true) => either += 1,
            (None, false) => {}
        }
    }
    if both == 0 {
        return 0.0;
    }
    both as f32 / either as f32 - PAIR_COLOR_WEIGHT * distance / both as f32
}

/// Poses to begin with: the box of the blob matched by height or by width, for a figure that goes on below the
/// painted rows at the sizes at which what shows of it is as wide as the blob.
fn starts(view: &View, blob: &Blob, template: &Template) -> Vec<Pose> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let by_width = w / template.aspect;
    let mut poses = Vec::new();
    for height in [h, by_width] {
        let width = height * template.aspect;
        for x in [left, right - width, (left + right - width) / 2.0] {
            for y in [top, bottom - height] {
                poses.push(Pose { x, y, h: height });
            }
        }
    }
    if blob.bottom >= view.rows {
        let mut height = h;
        while height < 14.0 * h && height < SIDE as f32 {
            if let Some((from, to)) = template.extent_above(h / height) {
                let width = height * template.aspect;
                if ((to - from) * width / w - 1.0).abs() < 0.12 {
                    poses.push(Pose { x: left - from * width, y: top, h: height });
                }
            }
            height *= 1.06;
        }
    }
    poses
}

/// Poses of two figures to begin with: the one behind hangs from the upper edge of the blob, the one in front
/// stands at a lower corner, or comes up from below the painted rows at one side.
fn pair_starts(view: &View, blob: &Blob, front: &Template, back: &Template) -> Vec<Vec<Pose>> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let cut = blob.bottom >= view.rows;
    let mut behind: Vec<Pose> = Vec::new();
    for width_share in [0.5, 0.6, 0.72, 0.85, 1.0] {
        let height = width_share * w / back.aspect;
        if cut || height < 1.05 * h {
            behind.extend([left, right - height * back.aspect].map(|x| Pose { x, y: top, h: height }));
        }
    }
    let mut before: Vec<Pose> = Vec::new();
    for width_share in [0.2, 0.3, 0.42, 0.55, 0.7, 0.85] {
        let height = width_share * w / front.aspect;
        let room = (w - height * front.aspect).max(0.0);
        for x in [0.0, 0.2, 0.8, 1.0].map(|share| left + share * room) {
            if cut {
                before.extend([0.25, 0.6, 0.95].map(|shown| Pose {
                    x,
                    y: bottom - shown * height,
                    h: height,
                }));
            } else {
                before.push(Pose { x, y: bottom - height, h: height });
            }
        }
    }
    behind.iter().flat_map(|back| before.iter().map(move |front| vec![*front, *back])).collect()
}

/// Poses of a figure on another to begin with: one above the other, their middles in line. Of what goes on below the
/// painted rows the height is unknown.
fn stacked_starts(view: &View, blob: &Blob, upper: &Template, lower: &Template) -> Vec<Vec<Pose>> {
    let (left, top) = (blob.left as f32 + 1.0, blob.top as f32 + 1.0);
    let (right, bottom) = (blob.right as f32 - 1.0, blob.bottom as f32 - 1.0);
    let (w, h) = ((right - left).max(2.0), (bottom - top).max(2.0));
    let middle = f32::midpoint(left, right);
    let pose = |template: &Template, y: f32, h: f32| Pose { x: middle - h * template.aspect / 2.0, y, h };
    let mut poses = Vec::new();
    for share in [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] {
        let above = share * h;
        let rest = h - above;
        let mut heights = vec![rest, w / lower.aspect];
        if blob.bottom >= view.rows {
            heights.extend([0.7, 1.0, 1.4].map(|factor| factor * above));
        }
        let heights = heights.into_iter().filter(|height| *height >= 0.9 * rest);
        poses.extend(heights.map(|height| vec![pose(upper, top, above), pose(lower, top + above, height)]));
    }
    poses
}
