//! Compares what a thought says with what is seen in its region.

use twig_model::Schedule;

use crate::{
    color::Lab,
    fitting::{Fit, Pose},
    grammar,
    percept::{Blob, SIDE, View},
    reading::{Expected, read_thought},
    scene::{Look, RelationKind, Shape},
    solid::differ,
    sprite::median,
    template::Template,
    thinker::{Portion, band},
};

/// Something that is not as the thought says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// An expected figure is not there; `found` and `of` count its kind in the region.
    Missing { figure: Expected, found: u32 },
    /// Something is there that the thought does not name; where, from left to right.
    Extra { x: f32, like: Option<Expected> },
    /// A figure of another colour.
    WrongColor { figure: Expected, seen: Lab, distance: f32 },
    /// A figure in another place.
    WrongPlace { figure: Expected },
    /// A figure that is not of the form that it should have.
    Misshapen { figure: Expected },
    /// A figure that breaks off.
    CutOff { figure: Expected },
    /// The region has no contrast.
    Faded,
}

/// What came out of looking at a region.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    pub(crate) problems: Vec<Problem>,
    /// The worst intersection over union of a figure with its template within the region.
    pub(crate) worst_overlap: f32,
    /// The largest distance between a named and a measured colour.
    pub(crate) worst_color: f32,
    /// The largest distance between a named and a measured place.
    pub(crate) worst_place: f32,
}

/// Blobs with fewer pixels in a region are left alone: 0.33 % of the picture.
const WORTH_A_WORD: usize = SIDE * SIDE / 300;
/// A blob that only peeps over the lower border of the region may be this large: 0.7 %.
const PEEPING: usize = SIDE * SIDE / 143;
/// A figure further from its place than this is in the wrong place.
const FAR_OFF: f32 = 0.16;
/// A colour further from the right one than this is another colour.
const OTHER_COLOR: f32 = 9.5;
/// A figure that overlaps its template less than this is not of its form.
const OTHER_FORM: f32 = 0.74;
/// A figure of which fewer pixels than this have the colours of its template is another thing.
const OTHER_COLORS: f32 = 0.62;
/// A figure that overlaps its template more than this is certainly of its form.
const SURE_FORM: f32 = 0.96;

/// A figure that has been found.
#[derive(Clone)]
struct Seen {
    blob: Blob,
    fit: Fit,
    /// Which part of the fit it is.
    part: usize,
    /// Whether what should stand in front stands behind.
    swapped: bool,
}

impl Seen {
    fn pose(&self) -> Pose {
        self.fit.parts[self.part].1
    }

    /// The middle from left to right, 0 to 1.
    fn center(&self) -> f32 {
        let (template, pose) = &self.fit.parts[self.part];
        (pose.x + pose.h * template.aspect / 2.0) / SIDE as f32
    }
}

/// Looks at region `k` of what has been painted so far.
pub(crate) fn inspect(
    view: &View,
    prompt: &str,
    thoughts: &[String],
    schedule: &Schedule,
    k: usize,
) -> Inspection {
    let (top, bottom) = band(&schedule.regions()[k], schedule);
    let rows = ((top * SIDE as f32) as usize, ((bottom * SIDE as f32) as usize).min(view.rows));
    let expected = read_thought(thoughts.get(k).map_or("", String::as_str));
    let above: Vec<Expected> = thoughts.iter().take(k).flat_map(|thought| read_thought(thought)).collect();
    let mut region =
        RegionView { view, rows, inspection: Inspection { worst_overlap: 1.0, ..Inspection::default() } };
    if region.is_faded(thoughts.get(k).map_or("", String::as_str)) {
        region.inspection.problems.push(Problem::Faded);
    }
    region.compare(&expected, &above, &depth_pairs(prompt));
    region.inspection
}

/// The pairs of looks of which the prompt puts the first in front of the second.
fn depth_pairs(prompt: &str) -> Vec<(Look, Look)> {
    let Ok(scene) = grammar::read(prompt) else { return Vec::new() };
    let look = |group: usize| scene.groups[group].look;
    scene
        .relations
        .iter()
        .filter_map(|relation| match relation.kind {
            RelationKind::InFrontOf => Some((look(relation.subject), look(relation.object))),
            RelationKind::Behind => Some((look(relation.object), look(relation.subject))),
            RelationKind::LeftOf
            | RelationKind::RightOf
            | RelationKind::Above
            | RelationKind::Below
            | RelationKind::Beside => None,
        })
        .collect()
}

struct RegionView<'a> {
    view: &'a View,
    rows: (usize, usize),
    inspection: Inspection,
}

impl RegionView<'_> {
    /// Whether neither background nor figures have the contrast that a picture has: backgrounds are coloured
    /// unless the text says otherwise, and every figure has a dark rim.
    fn is_faded(&self, thought: &str) -> bool {
        const COLORLESS: f32 = 3.1;
        const PALE: f32 = 62.0;
        let (top, bottom) = self.rows;
        let says_so =
            ["white", "gray", "black"].iter().any(|color| thought.contains(&format!("a light {color}")));
        let grey = median(&self.view.behind[top..bottom]).chroma() < COLORLESS;
        if grey && !says_so {
            return true;
        }
        let in_figures: usize = self.view.blobs.iter().map(|blob| blob.area_within(top, bottom)).sum();
        let is_pale = |color: &&Lab| color.l > PALE;
        grey && in_figures > 200
            && self.view.colors[top * SIDE..bottom * SIDE].iter().all(|color| is_pale(&color))
    }

    fn compare(&mut self, expected: &[Expected], above: &[Expected], pairs: &[(Look, Look)]) {
        let view = self.view;
        let (top, bottom) = self.rows;
        let blobs: Vec<&Blob> =
            view.blobs.iter().filter(|blob| blob.area_within(top, bottom) >= 24).collect();
        let mut found: Vec<Option<Seen>> = expected.iter().map(|_| None).collect();
        let mut explained = vec![false; blobs.len()];
        for (front, back) in pairs {
            let named = |look: &Look| expected.iter().chain(above).any(|figure| figure.look == *look);
            if named(front) && named(back) {
                self.find_pair((*front, *back), expected, &blobs, &mut found, &mut explained);
            }
        }
        self.find_singles(expected, &blobs, &mut found, &mut explained);
        for (figure, seen) in expected.iter().zip(&found) {
            if let Some(seen) = seen {
                self.check(figure, seen);
            } else {
                {
                    let of_kind = |(other, seen): (&Expected, &Option<Seen>)| {
                        other.look == figure.look && seen.is_some()
                    };
                    let found =
                        expected.iter().zip(&found).filter(|pair| of_kind((pair.0, pair.1))).count() as u32;
                    self.inspection.problems.push(Problem::Missing { figure: figure.clone(), found });
                }
            }
        }
        for (blob, explained) in blobs.iter().zip(explained) {
            if !explained && self.is_extra(blob) {
                let like = expected
                    .iter()
                    .find(|figure| Fit::single(view, blob, figure.look).score > OTHER_FORM)
                    .cloned();
                let x = (blob.left + blob.right) as f32 / 2.0 / SIDE as f32;
                self.inspection.problems.push(Problem::Extra { x, like });
            }
        }
    }

    /// Whether a blob that no expected figure explains is one too many, and not the rim of a figure that the
    /// neighbouring region speaks of.
    fn is_extra(&self, blob: &Blob) -> bool {
        let (top, bottom) = self.rows;
        let within = blob.area_within(top, bottom);
        let from_above = blob.top < top && (within as f32) < 0.2 * blob.area as f32;
        let peeps = blob.bottom >= bottom && bottom < SIDE && within < PEEPING && blob.top >= top;
        within >= WORTH_A_WORD && !from_above && !peeps
    }

    /// Looks for a figure in front of another in one blob.
    fn find_pair(
        &mut self,
        (front, back): (Look, Look),
        expected: &[Expected],
        blobs: &[&Blob],
        found: &mut [Option<Seen>],
        explained: &mut [bool],
    ) {
        // A pair must explain more than one figure alone.
        const GAIN: f32 = 0.01;
        // And the wrong order clearly more than the right one.
        const DOUBT: f32 = 0.05;
        let free = (0..blobs.len()).filter(|at| !explained[*at]);
        let Some(at) = free.max_by_key(|at| blobs[*at].area) else { return };
        let blob = blobs[at];
        let view = self.view;
        if self.stand_apart(front, back, blobs, explained) {
            return;
        }
        let alone = Fit::single(view, blob, front).score.max(Fit::single(view, blob, back).score);
        let right = Fit::pair(view, blob, front, back);
        let wrong = if front == back { None } else { Some(Fit::pair(view, blob, back, front)) };
        let swapped = wrong.as_ref().is_some_and(|wrong| wrong.score > right.score + DOUBT);
        let fit = wrong.filter(|_| swapped).unwrap_or(right);
        if fit.score < alone + GAIN {
            return;
        }
        explained[at] = true;
        for (index, figure) in expected.iter().enumerate() {
            let is_front = figure.look == front
                && !(front == back
                    && found.iter().any(|seen| seen.as_ref().is_some_and(|seen| seen.part == 0)));
            if found[index].is_none() && (is_front || figure.look == back) {
                let part = usize::from(is_front == swapped);
                found[index] = Some(Seen { blob: blob.clone(), fit: fit.clone(), part, swapped });
            }
        }
    }

    /// Whether two looks are seen in two blobs, each by itself.
    fn stand_apart(&self, one: Look, other: Look, blobs: &[&Blob], explained: &[bool]) -> bool {
        const CLEARLY: f32 = 0.8;
        let seen = |look: Look, but: Option<usize>| {
            (0..blobs.len()).find(|at| {
                !explained[*at]
                    && Some(*at) != but
                    && Fit::single(self.view, blobs[*at], look).score > CLEARLY
            })
        };
        seen(one, None).is_some_and(|at| seen(other, Some(at)).is_some())
    }

    /// Gives each expected figure the blob, or the blobs, that suit it best, best suited first.
    fn find_singles(
        &mut self,
        expected: &[Expected],
        blobs: &[&Blob],
        found: &mut [Option<Seen>],
        explained: &mut [bool],
    ) {
        const AT_LEAST: f32 = 0.3;
        // Explaining one more patch is worth a little more than a closer fit.
        const PER_PATCH: f32 = 0.04;
        let mut offers = Vec::new();
        let mut looks: Vec<Look> = expected.iter().map(|figure| figure.look).collect();
        looks.dedup();
        for (patches, blob) in candidates(blobs, explained) {
            // What is one figure further down comes together below the last painted row.
            let meets = patches.iter().all(|at| blobs[*at].bottom >= self.view.rows);
            let suits = |look: &&Look| patches.len() == 1 || meets || !Template::of(**look).is_connected;
            for look in looks.iter().filter(suits) {
                let fit = Fit::single(self.view, &blob, *look);
                if fit.parts.is_empty() {
                    continue;
                }
                let seen = Seen { blob: blob.clone(), fit, part: 0, swapped: false };
                for (index, figure) in expected.iter().enumerate() {
                    if figure.look == *look && found[index].is_none() && seen.fit.score > AT_LEAST {
                        {
                            let worth =
                                self.suitability(figure, &seen) + PER_PATCH * (patches.len() - 1) as f32;
                            offers.push((worth, index, patches.clone(), seen.clone()));
                        }
                    }
                }
            }
        }
        offers.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (_, index, patches, seen) in offers {
            if found[index].is_none() && !patches.iter().any(|at| explained[*at]) {
                for at in patches {
                    explained[at] = true;
                }
                found[index] = Some(seen);
            }
        }
    }

    /// How well a blob suits a figure: by its form, by its place, and by the borders of the region that it crosses.
    fn suitability(&self, figure: &Expected, seen: &Seen) -> f32 {
        const PLACE_UNKNOWN: f32 = 0.12;
        const OTHER_PORTION: f32 = 0.15;
        let (top, bottom) = self.rows;
        let off = figure.side.map_or(PLACE_UNKNOWN, |side| (side - seen.center()).abs().min(0.5));
        let crosses_top = seen.blob.top + 2 < top;
        let crosses_bottom = seen.blob.bottom >= bottom && bottom < SIDE;
        let portion = match (crosses_top, crosses_bottom) {
            (false, false) => Portion::Whole,
            (false, true) => Portion::Upper,
            (true, true) => Portion::Middle,
            (true, false) => Portion::Lower,
        };
        seen.fit.score - off - if portion == figure.portion { 0.0 } else { OTHER_PORTION }
    }

    /// Measures a figure that has been found.
    fn check(&mut self, figure: &Expected, seen: &Seen) {
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
        let overlap = overlap(self.view, seen, self.rows);
        inspection.worst_overlap = inspection.worst_overlap.min(overlap);
        let fidelity = fidelity(self.view, seen, self.rows).unwrap_or(1.0);
        let color = color_distance(self.view, seen, figure.look, self.rows);
        let right_color = color.is_none_or(|(distance, _)| distance < OTHER_COLOR);
        let other_shape = overlap < SURE_FORM
            && seen.fit.parts.len() == 1
            && is_like_another_shape(self.view, seen, figure.look);
        if has_cut_edge(self.view, &seen.blob, self.rows) {
            inspection.problems.push(Problem::CutOff { figure: figure.clone() });
        } else if other_shape || overlap < OTHER_FORM || right_color && fidelity < OTHER_COLORS {
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

/// Blobs that may be a figure: each by itself, and up to four neighbours together.
fn candidates(blobs: &[&Blob], explained: &[bool]) -> Vec<(Vec<usize>, Blob)> {
    const FAR: usize = 70;
    let mut free: Vec<usize> = (0..blobs.len()).filter(|at| !explained[*at]).collect();
    free.sort_by_key(|at| blobs[*at].left);
    let mut candidates = Vec::new();
    for (position, first) in free.iter().enumerate() {
        let mut together = (vec![*first], blobs[*first].clone());
        candidates.push(together.clone());
        for next in free[position + 1..].iter().take(3) {
            let (one, other) = (&together.1, blobs[*next]);
            let overlaps = one.top < other.bottom && other.top < one.bottom;
            if !overlaps || other.left > one.right + FAR {
                continue;
            }
            together.0.push(*next);
            together.1 = together.1.joined(other);
            candidates.push(together.clone());
        }
    }
    candidates.extend(clusters(blobs, &free).into_iter().filter(|(patches, _)| patches.len() > 4));
    candidates
}

/// Blobs with all that is close to them: a sun and its rays.
fn clusters(blobs: &[&Blob], free: &[usize]) -> Vec<(Vec<usize>, Blob)> {
    const CLOSE: usize = 7;
    let mut left: Vec<usize> = free.to_vec();
    let mut clusters = Vec::new();
    while let Some(first) = left.pop() {
        let mut cluster = (vec![first], blobs[first].clone());
        while let Some(position) = left.iter().position(|at| cluster.1.is_near(blobs[*at], CLOSE)) {
            let next = left.swap_remove(position);
            cluster.0.push(next);
            cluster.1 = cluster.1.joined(blobs[next]);
        }
        clusters.push(cluster);
    }
    clusters
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
    let covered = |x: i32, y: i32| view.covers(&seen.blob, x, y);
    let laid = |x: i32, y: i32| seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5).is_some();
    let (mut both, mut either) = (0, 0);
    for y in top as i32..bottom as i32 {
        for x in left as i32..right as i32 {
            match (covered(x, y), laid(x, y)) {
                (true, true) => {
                    both += 1;
                    either += 1;
                }
                (true, false) => either += usize::from(!NEAR.iter().any(|(dx, dy)| laid(x + dx, y + dy))),
                (false, true) => either += usize::from(!NEAR.iter().any(|(dx, dy)| covered(x + dx, y + dy))),
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
    const ENOUGH: usize = 20;
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
    if wanted.len() < ENOUGH {
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
    const CLEARLY: f32 = 0.03;
    let Some(wanted) = look.shape else { return false };
    Shape::ALL.into_iter().filter(|shape| differ(*shape, wanted)).any(|shape| {
        Fit::single(view, &seen.blob, Look { shape: Some(shape), ..look }).score > seen.fit.score + CLEARLY
    })
}

/// The share of a figure within the rows whose colours are those of its template, give or take a cell.
fn fidelity(view: &View, seen: &Seen, (top, bottom): (usize, usize)) -> Option<f32> {
    const ENOUGH: usize = 60;
    const ALIKE: f32 = 12.0;
    let template = &seen.fit.parts[seen.part].0;
    let (mut all, mut alike) = (0, 0);
    for y in top.max(seen.blob.top)..bottom.min(seen.blob.bottom) {
        for x in seen.blob.left..seen.blob.right {
            if !view.covers(&seen.blob, x as i32, y as i32) {
                continue;
            }
            let Some((part, _)) = seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5) else { continue };
            if part != seen.part {
                continue;
            }
            all += 1;
            let color = view.color(x, y);
            let near = |dx: f32, dy: f32| {
                let cell = seen
                    .fit
                    .owner(x as f32 + 0.5 + dx, y as f32 + 0.5 + dy)
                    .filter(|(part, _)| *part == seen.part);
                cell.and_then(|(_, cell)| template.colors[cell])
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

/// Whether a blob ends at a side in an upright line without the dark rim that figures have.
fn has_cut_edge(view: &View, blob: &Blob, (top, bottom): (usize, usize)) -> bool {
    const RUN: usize = 7;
    // A rim on a figure as dark as this cannot be made out.
    const TOO_DARK: f32 = 33.0;
    let rows = top.max(blob.top)..bottom.min(blob.bottom);
    let covered = |x: usize, y: usize| view.covers(blob, x as i32, y as i32);
    [true, false].into_iter().any(|at_right| {
        let edge = if at_right { blob.right - 1 } else { blob.left };
        let inward =
            |steps: usize| if at_right { edge.saturating_sub(steps) } else { (edge + steps).min(SIDE - 1) };
        let has_rim = |y: usize| {
            let light = |steps: usize| view.color(inward(steps), y).l;
            let darkest = light(0).min(light(1)).min(light(2));
            let lightest = (3..8).map(light).fold(0.0, f32::max);
            darkest < TOO_DARK || darkest < lightest.min(view.behind[y].l) - 5.0
        };
        let at_edge: Vec<usize> =
            rows.clone().filter(|y| covered(edge, *y) || covered(inward(1), *y)).collect();
        let bare = at_edge.iter().filter(|y| !has_rim(**y)).count();
        at_edge.len() >= RUN && bare as f32 > 0.6 * at_edge.len() as f32
    })
}
