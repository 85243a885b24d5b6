//! Lays templates over blobs: where and how large must these looks be to give that blob?

mod overlap;
mod starts;

use std::sync::Arc;

use self::{
    overlap::{Around, Inside, Laid},
    starts::{pair_starts, single_starts, stacked_starts},
};
use crate::{
    color::Lab,
    percept::{Blob, View},
    scene::Look,
    template::Template,
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

/// Samples across a blob of two figures: while starts, of which there are hundreds, are compared, while they are
/// bettered, and in the end.
const ROUGH: usize = 12;
const COARSE: usize = 24;
const FINE: usize = 36;
/// Fits of two looks of which a closer look chooses.
const FINALISTS: usize = 3;
/// A floor below every score.
const ANY: f32 = f32::NEG_INFINITY;

/// Templates laid over a blob together, front to back.
type Templates = [Arc<Template>];
/// Such templates, and the poses to begin with.
type Attempt = (Vec<Arc<Template>>, Vec<Vec<Pose>>);

impl Fit {
    /// The best fit of one look, in any of its guises, to a blob.
    pub(crate) fn single(view: &View, blob: &Blob, look: Look) -> Self {
        view.fit(blob, look, || Self::single_anew(view, blob, look))
    }

    fn single_anew(view: &View, blob: &Blob, look: Look) -> Self {
        let inside = Inside::new(view, blob);
        let attempt = |guise: Look| -> Attempt {
            let template = Template::of(guise);
            let starts = single_starts(view, blob, &template).into_iter().map(|pose| vec![pose]).collect();
            (vec![template], starts)
        };
        let attempts = look.guises().into_iter().map(attempt).collect();
        let value =
            |templates: &Templates, poses: &[Pose], floor| inside.score(&templates[0], poses[0], floor);
        Self::best(Self::climb(attempts, value, value))
    }

    /// The best fit of a look in front of another, or on it, to a blob of both.
    pub(crate) fn pair(view: &View, blob: &Blob, front: Look, back: Look, company: Company) -> Self {
        let [rough, few, many] = [ROUGH, COARSE, FINE].map(|across| Around::new(view, blob, across));
        let glance = |templates: &Templates, poses: &[Pose], floor| rough.score(templates, poses, floor);
        let first_look = |templates: &Templates, poses: &[Pose], floor| few.score(templates, poses, floor);
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
            let (score, poses) = improved(poses, |poses, floor| many.score(&templates, poses, floor));
            (score, templates, poses)
        }))
    }

    /// The fit bettered for what of the blob lies within some rows.
    pub(crate) fn refined(&self, view: &View, blob: &Blob, rows: (usize, usize)) -> Self {
        const STEP: f32 = 3.0;
        const ACROSS: usize = 64;
        let within = Around::closely(view, blob, ACROSS, rows);
        let (templates, poses): (Vec<_>, Vec<_>) = self.parts.iter().cloned().unzip();
        let (score, poses) =
            improved_from(STEP, poses, |poses, floor| within.score(&templates, poses, floor));
        Self { parts: templates.into_iter().zip(poses).collect(), score }
    }

    /// How well the fit explains a blob, with colours counting as they do where two figures share it.
    pub(crate) fn score_in_company(&self, view: &View, blob: &Blob) -> f32 {
        let (templates, poses): (Vec<_>, Vec<_>) = self.parts.iter().cloned().unzip();
        Around::new(view, blob, FINE).score(&templates, &poses, ANY)
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
        glance: impl Fn(&Templates, &[Pose], f32) -> f32,
        value: impl Fn(&Templates, &[Pose], f32) -> f32,
    ) -> Vec<(f32, Vec<Arc<Template>>, Vec<Pose>)> {
        let together = attempts.first().map_or(1, |(templates, _)| templates.len());
        let from_each = STARTS[together - 1].div_ceil(attempts.len().max(1)).max(2);
        let mut highest = 0.0;
        let mut all = Vec::new();
        for (templates, starts) in attempts {
            let mut ranked: Vec<(f32, Vec<Pose>)> = Vec::with_capacity(starts.len());
            for poses in starts {
                let start = glance(&templates, &poses, highest - HOPELESS);
                highest = start.max(highest);
                ranked.push((start, poses));
            }
            ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
            ranked.truncate(from_each);
            all.push((templates, ranked));
        }
        let mut tops = Vec::new();
        for (templates, ranked) in all {
            for (_, poses) in ranked.into_iter().filter(|(start, _)| *start >= highest - HOPELESS) {
                let (score, poses) = improved(poses, |poses, floor| value(&templates, poses, floor));
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
fn promising(attempts: Vec<Attempt>, value: impl Fn(&Templates, &[Pose], f32) -> f32) -> Vec<Attempt> {
    const FEW: usize = 3;
    const EVERY: usize = 3;
    if attempts.len() <= FEW {
        return attempts;
    }
    let first_look = |(templates, starts): &Attempt| {
        starts.iter().step_by(EVERY).fold(0.0, |best: f32, poses| value(templates, poses, best).max(best))
    };
    let mut ranked: Vec<(f32, Attempt)> =
        attempts.into_iter().map(|attempt| (first_look(&attempt), attempt)).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
    ranked.into_iter().take(FEW).map(|(_, attempt)| attempt).collect()
}

/// Hill climbing over all poses with shrinking steps; `value` may give up below the floor that it is given.
fn improved(poses: Vec<Pose>, value: impl Fn(&[Pose], f32) -> f32) -> (f32, Vec<Pose>) {
    let step = poses.iter().map(|pose| pose.h).fold(8.0, f32::max) * 0.12;
    improved_from(step, poses, value)
}

fn improved_from(
    mut step: f32,
    mut poses: Vec<Pose>,
    value: impl Fn(&[Pose], f32) -> f32,
) -> (f32, Vec<Pose>) {
    const MOVES: [(f32, f32, f32); 5] =
        [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 1.0), (-0.5, -0.5, 1.0)];
    const GAIN: f32 = 1e-4;
    let mut best = value(&poses, ANY);
    while step > 0.6 {
        // Round and round, until each move has been in vain since the last one that was not.
        let (mut next, mut in_vain) = (0, 0);
        while in_vain < MOVES.len() * poses.len() {
            let (part, (dx, dy, dh)) = (next / MOVES.len(), MOVES[next % MOVES.len()]);
            let before = poses[part];
            let helps = |poses: &mut [Pose], sign: f32| {
                poses[part] = Pose {
                    x: before.x + dx * sign,
                    y: before.y + dy * sign,
                    h: (before.h + dh * sign).max(4.0),
                };
                value(poses, best + GAIN)
            };
            let forth = helps(&mut poses, step);
            let reached = if forth > best + GAIN { forth } else { helps(&mut poses, -step) };
            if reached > best + GAIN {
                (best, in_vain) = (reached, 0);
            } else {
                poses[part] = before;
                in_vain += 1;
            }
            next = (next + 1) % (MOVES.len() * poses.len());
        }
        step *= 0.5;
    }
    (best, poses)
}
