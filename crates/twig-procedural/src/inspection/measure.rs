//! Measures figures that have been found: place, form, colour, completeness.

use super::{OTHER_FORM, Problem, RegionView, Seen};
use crate::{
    color::Lab,
    fitting::Fit,
    percept::{SIDE, View},
    reading::Expected,
    scene::{Look, Shape},
    solid::differ,
    sprite::median,
    thinker::Portion,
};

/// A figure further from its place than this is in the wrong place.
const FAR_OFF: f32 = 0.16;
/// A colour further from the right one than this is another colour.
const OTHER_COLOR: f32 = 9.5;
/// A figure of which fewer pixels than this have the colours of its template is another thing; where two figures
/// share a silhouette, colours alone show which of them is not whole.
const OTHER_COLORS: [f32; 2] = [0.62, 0.8];
/// A figure that its template fits less well than this, wherever it is seen, is not of its form.
const POOR_FIT: f32 = 0.64;
/// A figure that overlaps its template more than this is certainly of its form.
const SURE_FORM: f32 = 0.96;

impl RegionView<'_> {
    /// Measures a figure that has been found.
    pub(super) fn check(&mut self, figure: &Expected, seen: &Seen) {
        let inspection = &mut self.inspection;
        if seen.swapped {
            inspection.problems.push(Problem::WrongPlace { figure: figure.clone() });
            return;
        }
        if let Some(side) = figure.side {
            let off = (side - seen.center()).abs();
            inspection.worst_place = inspection.worst_place.max(off);
            if off > FAR_OFF {
                inspection.problems.push(Problem::WrongPlace { figure: figure.clone() });
            }
        }
        if !is_portion(seen, figure.portion, self.rows) {
            inspection.problems.push(Problem::WrongPlace { figure: figure.clone() });
        }
        let form = |seen: &Seen| {
            (overlap(self.view, seen, self.rows), fidelity(self.view, seen, self.rows).unwrap_or(1.0))
        };
        let least = OTHER_COLORS[seen.fit.parts.len() - 1];
        let (mut overlap, mut fidelity) = form(seen);
        if seen.fit.parts.len() > 1 && (overlap < OTHER_FORM || fidelity < least) {
            // Two poses found together are not exact; a closer look decides.
            let fit = seen.fit.refined(self.view, &seen.blob, self.rows);
            (overlap, fidelity) = form(&Seen { fit, ..seen.clone() });
        }
        inspection.worst_overlap = inspection.worst_overlap.min(overlap);
        let color = color_distance(self.view, seen, figure.look, self.rows);
        let poor_fit = seen.fit.parts.len() == 1 && seen.fit.score < POOR_FIT;
        let right_color = color.is_none_or(|(distance, _)| distance < OTHER_COLOR);
        let other_shape = overlap < SURE_FORM
            && seen.fit.parts.len() == 1
            && is_like_another_shape(self.view, seen, figure.look);
        if has_cut_edge(self.view, seen, self.rows) {
            inspection.problems.push(Problem::CutOff { figure: figure.clone() });
        } else if other_shape || overlap < OTHER_FORM || poor_fit || right_color && fidelity < least {
            inspection.problems.push(Problem::Misshapen { figure: figure.clone() });
        }
        if let Some((distance, measured)) = color {
            inspection.worst_color = inspection.worst_color.max(distance);
            if distance > OTHER_COLOR {
                inspection.problems.push(Problem::WrongColor {
                    figure: figure.clone(),
                    seen: measured,
                    distance,
                });
            }
        }
    }
}

/// Whether the stretch of a figure that stands in the rows is the one that it should be, as far as can be said:
/// what goes on below the last painted row is nobody's knowledge.
fn is_portion(seen: &Seen, portion: Portion, (top, bottom): (usize, usize)) -> bool {
    const CLEARLY: f32 = 0.2;
    const HARDLY: f32 = 0.04;
    let (template, pose) = &seen.fit.parts[seen.part];
    let height = |row: usize| (row as f32 - pose.y) / pose.h;
    let above = template.share(0.0, height(top));
    let below = template.share(height(bottom), 1.0);
    match portion {
        Portion::Whole => above < CLEARLY && below < CLEARLY,
        Portion::Upper => above < CLEARLY && (below > HARDLY || above < HARDLY),
        Portion::Middle => true,
        Portion::Lower => above > HARDLY && below < CLEARLY,
    }
}

/// Intersection over union of a blob and all that was laid over it, within the rows; 1 where there is too little
/// of both to say. What disagrees within a pixel of the silhouette is left out: outlines are that thick.
fn overlap(view: &View, seen: &Seen, (top, bottom): (usize, usize)) -> f32 {
    const TOO_LITTLE: usize = 150;
    const NEAR: [(i32, i32); 4] = [(-1, 0), (1, 0), (0, -1), (0, 1)];
    let pose = seen.pose();
    let width = pose.h * seen.fit.parts[seen.part].0.aspect;
    let left = (pose.x.max(0.0) as usize).min(seen.blob.left);
    let right = ((pose.x + width).max(0.0) as usize + 1).max(seen.blob.right).min(SIDE);
    let covered = |x: i32, y: i32| view.is_inside(&seen.blob, x, y);
    let owner = |x: i32, y: i32| seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5);
    let laid = |x: i32, y: i32| owner(x, y).is_some();
    // Whether a hole of a figure, or what looks like one, is closed depends on what is painted below.
    let is_hole = |x: i32, y: i32| {
        let color = owner(x, y).and_then(|(part, cell)| seen.fit.parts[part].0.colors[cell]);
        color.is_none_or(|color| !view.would_stand_out(color, y as usize))
    };
    let (mut both, mut either) = (0, 0);
    for y in top as i32..bottom as i32 {
        for x in left as i32..right as i32 {
            match (covered(x, y), laid(x, y)) {
                (true, true) => {
                    both += 1;
                    either += 1;
                }
                (true, false) => either += usize::from(!NEAR.iter().any(|(dx, dy)| laid(x + dx, y + dy))),
                (false, true) => {
                    let is_near = NEAR.iter().any(|(dx, dy)| covered(x + dx, y + dy));
                    either += usize::from(!is_near && !is_hole(x, y));
                }
                (false, false) => {}
            }
        }
    }
    if either < TOO_LITTLE { 1.0 } else { both as f32 / either as f32 }
}

/// How far the colour of a figure within the rows is from the one it should have, and the colour measured.
///
/// Where a colour or material is named, all of the body has it, and medians are compared. Natural colours vary
/// over the figure and are compared cell by cell.
fn color_distance(view: &View, seen: &Seen, look: Look, (top, bottom): (usize, usize)) -> Option<(f32, Lab)> {
    // Of a figure that another hides, little may be seen, and that at its edges.
    let enough = if seen.fit.parts.len() > 1 { 60 } else { 20 };
    let template = &seen.fit.parts[seen.part].0;
    let (mut wanted, mut measured) = (Vec::new(), Vec::new());
    let is_inner = |x: i32, y: i32| {
        [(0, 0), (-2, 0), (2, 0), (0, -2), (0, 2)]
            .iter()
            .all(|(dx, dy)| view.covers(&seen.blob, x + dx, y + dy))
    };
    for y in top.max(seen.blob.top)..bottom.min(seen.blob.bottom) {
        for x in seen.blob.left..seen.blob.right {
            let Some((part, cell)) = seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5) else { continue };
            if part != seen.part || !template.body[cell] || !is_inner(x as i32, y as i32) {
                continue;
            }
            if let Some(color) = template.colors[cell] {
                wanted.push(color);
                measured.push(view.color(x, y));
            }
        }
    }
    if wanted.len() < enough {
        return None;
    }
    let differences = wanted.iter().zip(&measured).map(|(wanted, measured)| Lab {
        l: measured.l - wanted.l,
        a: measured.a - wanted.a,
        b: measured.b - wanted.b,
    });
    let by_cell = median(&differences.collect::<Vec<_>>()).distance(Lab::default());
    let is_named = look.color.is_some() || look.texture.is_some();
    let seen_color = median(&measured);
    let distance =
        if is_named { by_cell.min(median(&wanted).distance(seen_color)) } else { by_cell * UNNAMED };
    Some((distance, seen_color))
}

/// Whether a figure that should have a certain shape looks more like one of another shape.
fn is_like_another_shape(view: &View, seen: &Seen, look: Look) -> bool {
    // What is not all there to be seen is not easily told from another shape.
    let clearly = if seen.blob.bottom >= view.rows { 0.06 } else { 0.03 };
    let Some(wanted) = look.shape else { return false };
    Shape::ALL.into_iter().filter(|shape| differ(*shape, wanted)).any(|shape| {
        Fit::single(view, &seen.blob, Look { shape: Some(shape), ..look }).score > seen.fit.score + clearly
    })
}

/// The share of a figure within the rows that has the colours of its template, give or take a cell. Where two
/// figures share a silhouette, what should be there and is not counts too: no edge of the blob shows that it is cut off.
fn fidelity(view: &View, seen: &Seen, (top, bottom): (usize, usize)) -> Option<f32> {
    const ENOUGH: usize = 60;
    const ALIKE: f32 = 12.0;
    const AROUND: [(i32, i32); 5] = [(0, 0), (2, 0), (-2, 0), (0, 2), (0, -2)];
    let (template, pose) = &seen.fit.parts[seen.part];
    let own_cell =
        |x: f32, y: f32| seen.fit.owner(x, y).filter(|(part, _)| *part == seen.part).map(|(_, cell)| cell);
    let in_company = seen.fit.parts.len() > 1;
    let left = (pose.x.max(0.0) as usize).min(seen.blob.left);
    let right = seen.blob.right.max((pose.x + pose.h * template.aspect).max(0.0) as usize).min(SIDE);
    let floor = seen.blob.bottom.max((pose.y + pose.h).max(0.0) as usize);
    let (mut all, mut alike) = (0, 0);
    for y in top.max(seen.blob.top)..bottom.min(floor) {
        for x in left..right {
            let (u, v) = (x as f32 + 0.5, y as f32 + 0.5);
            let Some(cell) = own_cell(u, v) else { continue };
            if !view.covers(&seen.blob, x as i32, y as i32) {
                let near = |(dx, dy): &(i32, i32)| view.covers(&seen.blob, x as i32 + dx, y as i32 + dy);
                let is_gone = template.colors[cell].is_some_and(|color| view.would_stand_out(color, y));
                all += usize::from(in_company && is_gone && !AROUND.iter().any(near));
                continue;
            }
            all += 1;
            let color = view.color(x, y);
            let near = |dx: f32, dy: f32| {
                own_cell(u + dx, v + dy)
                    .and_then(|cell| template.colors[cell])
                    .is_none_or(|expected| expected.distance_squared(color) < ALIKE * ALIKE)
            };
            alike += usize::from(
                [(0.0, 0.0), (1.5, 0.0), (-1.5, 0.0), (0.0, 1.5), (0.0, -1.5)]
                    .into_iter()
                    .any(|(dx, dy)| near(dx, dy)),
            );
        }
    }
    (all >= ENOUGH).then(|| alike as f32 / all as f32)
}

/// Natural colours may stray further: nobody named them.
const UNNAMED: f32 = 0.4;

/// Whether a figure ends at a side in an upright line without the dark rim that figures have.
fn has_cut_edge(view: &View, seen: &Seen, (top, bottom): (usize, usize)) -> bool {
    const RUN: usize = 7;
    let blob = &seen.blob;
    // Two figures in one blob may end anywhere in it; there, feet and trousers are narrow, and often dark.
    let in_company = seen.fit.parts.len() > 1;
    // A rim on a figure as dark as this cannot be made out.
    let too_dark = if in_company { 45.0 } else { 33.0 };
    let covered = |x: usize, y: usize| view.covers(blob, x as i32, y as i32);
    let is_of_other = |x: usize, y: usize| {
        seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5).is_some_and(|(part, _)| part != seen.part)
    };
    let in_rows = top.max(blob.top)..bottom.min(blob.bottom);
    [true, false].into_iter().any(|at_right| {
        let inward = |x: usize, steps: usize| {
            if at_right { x.saturating_sub(steps) } else { (x + steps).min(SIDE - 1) }
        };
        let has_rim = |x: usize, y: usize| {
            let light = |steps: usize| view.color(inward(x, steps), y).l;
            let darkest = light(0).min(light(1)).min(light(2));
            let lightest = (3..8).map(light).fold(0.0, f32::max);
            darkest < too_dark || darkest < lightest.min(view.behind[y].l) - 5.0
        };
        // In each column, rows in which the figure ends there, and those of them without a rim.
        let mut ends = [(0, 0); SIDE + 1];
        let columns = match (in_company, at_right) {
            (true, _) => blob.left..blob.right,
            (false, true) => blob.right.saturating_sub(2)..blob.right,
            (false, false) => blob.left..(blob.left + 2).min(blob.right),
        };
        for y in in_rows.clone() {
            for x in columns.clone() {
                let ends_here =
                    if at_right { x + 1 >= SIDE || !covered(x + 1, y) } else { x == 0 || !covered(x - 1, y) };
                if ends_here && covered(x, y) && !is_of_other(x, y) {
                    ends[x].0 += 1;
                    ends[x].1 += usize::from(!has_rim(x, y));
                }
            }
        }
        ends.windows(2).any(|two| {
            let (all, bare) = (two[0].0 + two[1].0, two[0].1 + two[1].1);
            bare >= RUN && bare as f32 > 0.6 * all as f32
        })
    })
}
