//! Finds the expected figures among what stands out from the background.

use super::{Pair, RegionView, Seen};
use crate::{
    fitting::Fit,
    percept::{Blob, SIDE, View},
    reading::Expected,
    scene::Look,
    template::Template,
    thinker::Portion,
};

impl RegionView<'_> {
    /// Looks for a figure in front of another, or on it, in one blob.
    pub(super) fn find_pair(
        &mut self,
        pair: &Pair,
        expected: &[Expected],
        blobs: &[&Blob],
        found: &mut [Option<Seen>],
        explained: &mut [bool],
    ) {
        // A pair must explain more than one figure alone.
        const GAIN: f32 = 0.015;
        // And the wrong order clearly more than the right one.
        const DOUBT: f32 = 0.05;
        let (front, back, company) = (pair.front, pair.back, pair.company);
        let free = (0..blobs.len()).filter(|at| !explained[*at]);
        let Some(at) = free.max_by_key(|at| blobs[*at].area) else { return };
        let blob = blobs[at];
        let view = self.view;
        if self.stand_apart(front, back, blobs, explained) {
            return;
        }
        let alone = [front, back]
            .map(|look| Fit::single(view, blob, look).score_in_company(view, blob))
            .into_iter()
            .fold(0.0, f32::max);
        let right = Fit::pair(view, blob, front, back, company);
        let wrong = if front == back { None } else { Some(Fit::pair(view, blob, back, front, company)) };
        let swapped = wrong.as_ref().is_some_and(|wrong| wrong.score > right.score + DOUBT);
        let fit = wrong.filter(|_| swapped).unwrap_or(right);
        if fit.score < alone + GAIN || !(0..2).all(|part| is_there(view, blob, &fit, part)) {
            return;
        }
        explained[at] = true;
        let mut taken = [false; 2];
        for (index, figure) in expected.iter().enumerate() {
            let seen = |part| Seen { blob: blob.clone(), fit: fit.clone(), part, swapped };
            // Of two figures of one look, each is the one that is nearer to its place.
            let off = |part: usize| figure.side.map_or(0.0, |side| (side - seen(part).center()).abs());
            let suits = |part: &usize| figure.look == if (*part == 0) == swapped { back } else { front };
            let part = (0..2)
                .filter(|part| !taken[*part] && suits(part))
                .min_by(|one, other| off(*one).total_cmp(&off(*other)));
            if let Some(part) = part.filter(|_| found[index].is_none()) {
                taken[part] = true;
                found[index] = Some(seen(part));
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
    pub(super) fn find_singles(
        &mut self,
        expected: &[Expected],
        blobs: &[&Blob],
        found: &mut [Option<Seen>],
        explained: &mut [bool],
    ) {
        const AT_LEAST: f32 = 0.3;
        // Of a figure in pieces, explaining one more is worth a little more than a closer fit.
        const PER_PATCH: f32 = 0.04;
        let mut offers = Vec::new();
        let mut looks: Vec<(Look, bool)> = Vec::new();
        for figure in expected {
            if !looks.iter().any(|(look, _)| *look == figure.look) {
                let in_pieces = |guise: Look| !Template::of(guise).is_connected;
                looks.push((figure.look, figure.look.guises().into_iter().any(in_pieces)));
            }
        }
        for (patches, blob) in candidates(blobs, explained) {
            // What is one figure further down comes together below the last painted row.
            let meets = patches.iter().all(|at| blobs[*at].bottom >= self.view.rows);
            let suits = |(_, in_pieces): &&(Look, bool)| patches.len() == 1 || meets || *in_pieces;
            for (look, in_pieces) in looks.iter().filter(suits) {
                let fit = Fit::single(self.view, &blob, *look);
                if fit.parts.is_empty() {
                    continue;
                }
                let seen = Seen { blob: blob.clone(), fit, part: 0, swapped: false };
                for (index, figure) in expected.iter().enumerate() {
                    if figure.look == *look && found[index].is_none() && seen.fit.score > AT_LEAST {
                        let bonus = if *in_pieces { PER_PATCH * (patches.len() - 1) as f32 } else { 0.0 };
                        let worth = self.suitability(figure, &seen) + bonus;
                        offers.push((worth, index, patches.clone(), seen.clone()));
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
}

/// Whether a part of a fit is really to be seen: enough of it, and most of that in its colours.
fn is_there(view: &View, blob: &Blob, fit: &Fit, part: usize) -> bool {
    const ENOUGH: usize = 60;
    const MOST: f32 = 0.45;
    let (all, alike) = fit.presence(view, blob, part);
    alike >= ENOUGH && alike as f32 > MOST * all as f32
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
