//! Merges neighbouring parts, the pair that loses least first, until so many are left.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::features::Feature;

/// Something that can be merged: a patch of pixels or of cells.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    /// Pixels or cells.
    pub(super) size: f32,
    /// Sums of the features over its pixels, divided by pixels per unit of size.
    pub(super) sum: Feature,
}

impl Part {
    /// The error that describing both by one mean adds to describing each by its own.
    fn error_with(&self, other: &Self) -> f32 {
        let distance: f32 = (0..self.sum.len())
            .map(|at| (self.sum[at] / self.size - other.sum[at] / other.size).powi(2))
            .sum();
        self.size * other.size / (self.size + other.size) * distance
    }

    fn joined(&self, other: &Self) -> Self {
        Self { size: self.size + other.size, sum: std::array::from_fn(|at| self.sum[at] + other.sum[at]) }
    }
}

/// Two parts that touch, and the length of the border between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Border {
    pub(super) between: (u32, u32),
    pub(super) length: f32,
}

/// The borders of a labelled board, each pair of labels once. Borders along rows and columns count 1 a step.
pub(super) fn borders(labels: &[u32], width: usize) -> Vec<Border> {
    let mut steps: Vec<(u32, u32)> = Vec::new();
    let mut add = |a: u32, b: u32| {
        if a != b {
            steps.push((a.min(b), a.max(b)));
        }
    };
    for row in labels.chunks_exact(width) {
        row.windows(2).for_each(|pair| add(pair[0], pair[1]));
    }
    for (above, below) in labels.iter().zip(&labels[width.min(labels.len())..]) {
        add(*above, *below);
    }
    steps.sort_unstable();
    steps
        .chunk_by(|one, other| one == other)
        .map(|run| Border { between: run[0], length: run.len() as f32 })
        .collect()
}

/// For each part the merged one that it ends in, from 0 in the order of first parts. `least` is the size below
/// which parts are merged the sooner the smaller they are.
pub(super) fn merge(parts: Vec<Part>, borders: &[Border], num_left: usize, least: f32) -> Vec<u32> {
    let mut merging = Merging::new(parts, borders, least);
    let mut left = merging.parts.len();
    while left > num_left.max(1) && merging.merge_next() {
        left -= 1;
    }
    merging.numbered()
}

/// An offer to merge two parts, as long as neither has changed since. Ordered by cost, then by the parts, so
/// that ties are broken the same way everywhere.
type Offer = Reverse<(u32, u32, u32, u32, u32)>;

struct Merging {
    parts: Vec<Part>,
    /// The part that each was merged into; itself while it stands.
    into: Vec<u32>,
    /// How often a part has grown.
    version: Vec<u32>,
    /// Neighbours of parts that stand, sorted, with the length of the border.
    near: Vec<Vec<(u32, f32)>>,
    offers: BinaryHeap<Offer>,
    least: f32,
}

impl Merging {
    fn new(parts: Vec<Part>, borders: &[Border], least: f32) -> Self {
        let count = parts.len();
        let mut near = vec![Vec::new(); count];
        for Border { between: (a, b), length } in borders {
            near[*a as usize].push((*b, *length));
            near[*b as usize].push((*a, *length));
        }
        for near in &mut near {
            near.sort_unstable_by_key(|(other, _)| *other);
        }
        let mut merging = Self {
            parts,
            into: (0..count as u32).collect(),
            version: vec![0; count],
            near,
            offers: BinaryHeap::with_capacity(2 * borders.len()),
            least,
        };
        for Border { between: (a, b), length } in borders {
            merging.offer(*a, *b, *length);
        }
        merging
    }

    fn offer(&mut self, a: u32, b: u32, length: f32) {
        let (one, other) = (&self.parts[a as usize], &self.parts[b as usize]);
        let small = (one.size.min(other.size) / self.least).min(1.0);
        let cost = one.error_with(other) / length * small * small;
        // Bits of floats that are not negative are in the order of the floats.
        let (version_a, version_b) = (self.version[a as usize], self.version[b as usize]);
        self.offers.push(Reverse((cost.to_bits(), a, b, version_a, version_b)));
    }

    /// Takes the cheapest offer that still holds; `false` if there is none.
    fn merge_next(&mut self) -> bool {
        while let Some(Reverse((_, a, b, version_a, version_b))) = self.offers.pop() {
            let stands =
                |at: u32, version| self.into[at as usize] == at && self.version[at as usize] == version;
            if stands(a, version_a) && stands(b, version_b) {
                self.join(a, b);
                return true;
            }
        }
        false
    }

    fn join(&mut self, a: u32, b: u32) {
        self.parts[a as usize] = self.parts[a as usize].joined(&self.parts[b as usize]);
        self.into[b as usize] = a;
        self.version[a as usize] += 1;
        let theirs = std::mem::take(&mut self.near[b as usize]);
        for (other, length) in theirs {
            let near = &mut self.near[other as usize];
            near.retain(|(name, _)| *name != b);
            if other != a {
                lengthen(near, a, length);
                lengthen(&mut self.near[a as usize], other, length);
            }
        }
        for (other, length) in self.near[a as usize].clone() {
            self.offer(a.min(other), a.max(other), length);
        }
    }

    fn numbered(&self) -> Vec<u32> {
        let mut numbers = vec![u32::MAX; self.parts.len()];
        let mut count = 0;
        (0..self.parts.len())
            .map(|part| {
                let mut root = part;
                while self.into[root] as usize != root {
                    root = self.into[root] as usize;
                }
                if numbers[root] == u32::MAX {
                    numbers[root] = count;
                    count += 1;
                }
                numbers[root]
            })
            .collect()
    }
}

/// Adds to the length of the border with `other`.
fn lengthen(near: &mut Vec<(u32, f32)>, other: u32, length: f32) {
    match near.binary_search_by_key(&other, |(name, _)| *name) {
        Ok(at) => near[at].1 += length,
        Err(at) => near.insert(at, (other, length)),
    }
}
