//! Joins pixels into patches of one colour: a minimum spanning forest.

use super::features::Features;

/// Steps in which a difference of colour is sorted, a unit of L*a*b* having sixteen.
const STEPS_PER_UNIT: f32 = 16.0;
const STEPS: usize = 2048;

/// How much larger a difference than those within a patch may be, for a patch of one pixel.
const TOLERANCE: f32 = 12.0;

/// Smaller patches are joined to the neighbour that they differ least from, in pixels.
const LEAST: u32 = 24;

/// A patch for each pixel, counted from 0 in the order of first pixels.
pub(super) struct Patches {
    pub(super) of_pixels: Vec<u32>,
    pub(super) count: usize,
}

/// Pixels in the order of their differences are joined where the difference is no larger than what either side
/// has within itself, and some more for small ones.
pub(super) fn patches(features: &Features) -> Patches {
    let edges = sorted_edges(features);
    let mut forest = Forest::new(features.of_pixels.len());
    for edge in &edges {
        let (a, b) = (forest.root(edge.from), forest.root(edge.to(features.width)));
        let (one, other) = (&forest.trees[a as usize], &forest.trees[b as usize]);
        if a != b && edge.weight <= one.threshold.min(other.threshold) {
            forest.join(a, b, edge.weight);
        }
    }
    for edge in &edges {
        let (a, b) = (forest.root(edge.from), forest.root(edge.to(features.width)));
        let smaller = forest.trees[a as usize].size.min(forest.trees[b as usize].size);
        if a != b && smaller < LEAST {
            forest.join(a, b, edge.weight);
        }
    }
    forest.numbered()
}

/// Two neighbouring pixels.
#[derive(Clone, Copy, Default)]
struct Edge {
    weight: f32,
    from: u32,
    /// Whether the other pixel is the lower and not the right neighbour.
    is_down: bool,
}

impl Edge {
    fn to(self, width: usize) -> u32 {
        self.from + if self.is_down { width as u32 } else { 1 }
    }
}

/// All pairs of neighbours by their difference, in linear time.
fn sorted_edges(features: &Features) -> Vec<Edge> {
    let Features { width, height, smooth, .. } = features;
    let difference = |a: usize, b: usize| {
        let (a, b) = (smooth[a], smooth[b]);
        ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
    };
    let mut edges = Vec::with_capacity(2 * smooth.len());
    let mut starts = vec![0u32; STEPS + 1];
    let step = |weight: f32| ((weight * STEPS_PER_UNIT) as usize).min(STEPS - 1);
    for y in 0..*height {
        for x in 0..*width {
            let here = y * width + x;
            let mut add = |other: usize, is_down: bool| {
                let weight = difference(here, other);
                starts[step(weight) + 1] += 1;
                edges.push(Edge { weight, from: here as u32, is_down });
            };
            if x + 1 < *width {
                add(here + 1, false);
            }
            if y + 1 < *height {
                add(here + width, true);
            }
        }
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut sorted = vec![Edge::default(); edges.len()];
    for edge in edges {
        let slot = &mut starts[step(edge.weight)];
        sorted[*slot as usize] = edge;
        *slot += 1;
    }
    sorted
}

#[derive(Clone, Copy)]
struct Tree {
    parent: u32,
    size: u32,
    /// The largest difference that may still be crossed from here.
    threshold: f32,
}

struct Forest {
    trees: Vec<Tree>,
}

impl Forest {
    fn new(count: usize) -> Self {
        let tree = |at| Tree { parent: at, size: 1, threshold: TOLERANCE };
        Self { trees: (0..count as u32).map(tree).collect() }
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.trees[at as usize].parent != at {
            let parent = self.trees[at as usize].parent;
            let above = self.trees[parent as usize].parent;
            self.trees[at as usize].parent = above;
            at = above;
        }
        at
    }

    fn join(&mut self, a: u32, b: u32, weight: f32) {
        let is_larger = self.trees[a as usize].size >= self.trees[b as usize].size;
        let (large, small) = if is_larger { (a, b) } else { (b, a) };
        let size = self.trees[large as usize].size + self.trees[small as usize].size;
        self.trees[small as usize].parent = large;
        let root = &mut self.trees[large as usize];
        *root = Tree { size, threshold: weight + TOLERANCE / size as f32, ..*root };
    }

    fn numbered(mut self) -> Patches {
        let mut numbers = vec![u32::MAX; self.trees.len()];
        let mut count = 0;
        let of_pixels = (0..self.trees.len() as u32)
            .map(|at| {
                let number = &mut numbers[self.root(at) as usize];
                if *number == u32::MAX {
                    *number = count;
                    count += 1;
                }
                *number
            })
            .collect();
        Patches { of_pixels, count: count as usize }
    }
}
