//! Compares what a thought says with what is seen in its region.

mod find;
mod measure;

use twig_model::Schedule;

use crate::{
    color::Lab,
    fitting::{Company, Fit, Pose},
    grammar,
    percept::{Blob, SIDE, View},
    reading::{Expected, read_thought},
    scene::{Look, RelationKind},
    sprite::median,
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

impl Problem {
    /// Whether it is about the form, colour or place of a figure that reaches down from the region above.
    fn is_of_lower_part(&self) -> bool {
        match self {
            Self::Missing { figure, .. }
            | Self::WrongColor { figure, .. }
            | Self::WrongPlace { figure }
            | Self::Misshapen { figure } => matches!(figure.portion, Portion::Middle | Portion::Lower),
            Self::Extra { .. } | Self::CutOff { .. } | Self::Faded => false,
        }
    }
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
/// A blob that reaches into a region from a neighbouring one may be this large there, with its outline: 0.43 %.
const REACHING_IN: usize = SIDE * SIDE / 230;
/// A figure that overlaps its template less than this is not of its form.
const OTHER_FORM: f32 = 0.75;

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
    // Of a finished picture the thoughts that follow are known too.
    let elsewhere = thoughts.iter().enumerate().filter(|(region, _)| *region != k);
    let elsewhere: Vec<Expected> = elsewhere.flat_map(|(_, thought)| read_thought(thought)).collect();
    let mut region =
        RegionView { view, rows, inspection: Inspection { worst_overlap: 1.0, ..Inspection::default() } };
    if region.is_faded(thoughts.get(k).map_or("", String::as_str)) {
        // What else may be wrong cannot be told from what fading did.
        region.inspection.problems.push(Problem::Faded);
        return region.inspection;
    }
    region.compare(&expected, &elsewhere, &pairs(prompt));
    let mut inspection = region.inspection;
    let is_faded = |above: usize| {
        let (top, bottom) = band(&schedule.regions()[above], schedule);
        let rows = ((top * SIDE as f32) as usize, ((bottom * SIDE as f32) as usize).min(view.rows));
        let thought = thoughts.get(above).map_or("", String::as_str);
        RegionView { view, rows, inspection: Inspection::default() }.is_faded(thought)
    };
    if !inspection.problems.is_empty() && (0..k).any(is_faded) {
        // Of a figure whose upper part is faded nobody knows where it goes on, and how.
        inspection.problems.retain(|problem| !problem.is_of_lower_part());
    }
    inspection
}

/// Two looks of which the prompt puts the first in front of the second, or on it.
struct Pair {
    front: Look,
    back: Look,
    company: Company,
}

fn pairs(prompt: &str) -> Vec<Pair> {
    let Ok(scene) = grammar::read(prompt) else { return Vec::new() };
    let pair = |front: usize, back: usize, company| {
        Some(Pair { front: scene.groups[front].look, back: scene.groups[back].look, company })
    };
    scene
        .relations
        .iter()
        .filter_map(|relation| match relation.kind {
            RelationKind::InFrontOf => pair(relation.subject, relation.object, Company::InFront),
            RelationKind::Behind => pair(relation.object, relation.subject, Company::InFront),
            RelationKind::On if scene.touches(relation) => {
                pair(relation.subject, relation.object, Company::OnTop)
            }
            RelationKind::On
            | RelationKind::LeftOf
            | RelationKind::RightOf
            | RelationKind::Above
            | RelationKind::Below
            | RelationKind::Beside => None,
        })
        .collect()
}

/// Whether a blob lies within figures that have been found: a cloud in a painting of which the sky does not stand
/// out from the sky behind it.
fn is_within(view: &View, blob: &Blob, found: &[Option<Seen>]) -> bool {
    const MOST: f32 = 0.6;
    let (mut all, mut covered) = (0, 0);
    for y in blob.top..blob.bottom {
        for x in (blob.left..blob.right).filter(|x| view.covers(blob, *x as i32, y as i32)) {
            all += 1;
            let is_of = |seen: &Seen| seen.fit.owner(x as f32 + 0.5, y as f32 + 0.5).is_some();
            covered += usize::from(found.iter().flatten().any(is_of));
        }
    }
    covered as f32 > MOST * all as f32
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

    fn compare(&mut self, expected: &[Expected], elsewhere: &[Expected], pairs: &[Pair]) {
        let view = self.view;
        let (top, bottom) = self.rows;
        let blobs: Vec<&Blob> =
            view.blobs.iter().filter(|blob| blob.area_within(top, bottom) >= 24).collect();
        let mut found: Vec<Option<Seen>> = expected.iter().map(|_| None).collect();
        let mut explained = vec![false; blobs.len()];
        for pair in pairs {
            let named = |look: Look| expected.iter().chain(elsewhere).any(|figure| figure.look == look);
            if named(pair.front) && named(pair.back) {
                self.find_pair(pair, expected, &blobs, &mut found, &mut explained);
            }
        }
        self.find_singles(expected, &blobs, &mut found, &mut explained);
        for (figure, seen) in expected.iter().zip(&found) {
            if let Some(seen) = seen {
                self.check(figure, seen);
            } else {
                let of_kind =
                    |(other, seen): &(&Expected, &Option<Seen>)| other.look == figure.look && seen.is_some();
                let found = expected.iter().zip(&found).filter(of_kind).count() as u32;
                self.inspection.problems.push(Problem::Missing { figure: figure.clone(), found });
            }
        }
        for (blob, explained) in blobs.iter().zip(explained) {
            if !explained && self.is_extra(blob) && !is_within(view, blob, &found) {
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
        let reaches_in = blob.top < top || blob.bottom >= bottom && bottom < SIDE;
        blob.area_within(top, bottom) >= if reaches_in { REACHING_IN } else { WORTH_A_WORD }
    }
}
