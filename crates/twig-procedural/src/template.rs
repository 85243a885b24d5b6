//! What a look is known to look like: silhouette and colours on a grid of fixed size.
//!
//! Both sides use this: the thinker to know how much of a figure stands in a region, the critic as its
//! knowledge of what a duck looks like.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::{color::Lab, layout, scene::Look, sprite::Nature, surface};

/// Cells of a template in each direction; they stretch with the figure.
pub(crate) const CELLS: usize = 72;

/// A look on a grid of [`CELLS`] × [`CELLS`] over its bounding box.
#[derive(Debug)]
pub(crate) struct Template {
    /// Width by height of the figure.
    pub(crate) aspect: f32,
    /// Which cells the figure covers, holes filled.
    pub(crate) mask: [[bool; CELLS]; CELLS],
    /// The colour of a cell that the figure itself covers.
    pub(crate) colors: Vec<Option<Lab>>,
    /// Cells of the body, which takes the named colour.
    pub(crate) body: Vec<bool>,
    /// Number of covered cells.
    pub(crate) covered: usize,
    /// Whether the figure is of one piece.
    pub(crate) is_connected: bool,
    /// Covered cells in the rows above each row.
    above: [usize; CELLS + 1],
}

impl Template {
    /// The template of a look, made once and kept while there is room.
    pub(crate) fn of(look: Look) -> Arc<Self> {
        // 400 templates of 100 kB each.
        const ROOM: usize = 400;
        static TEMPLATES: OnceLock<Mutex<HashMap<Look, Arc<Template>>>> = OnceLock::new();
        let known = || TEMPLATES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = known().get(&look) {
            return Arc::clone(template);
        }
        let template = Arc::new(Self::make(look));
        let mut cache = known();
        if cache.len() >= ROOM {
            cache.clear();
        }
        cache.insert(look, Arc::clone(&template));
        template
    }

    fn make(look: Look) -> Self {
        let side = CELLS as u32;
        let sprite = surface::paint(look, side, side);
        let nature = Nature::of(look.object);
        let recolored = surface::target(look).is_some() || look.pattern.is_some();
        let natural = if recolored && look.shape.is_none() {
            Some(surface::paint(Look { color: None, texture: None, pattern: None, ..look }, side, side))
        } else {
            None
        };
        let mut own = [[false; CELLS]; CELLS];
        let mut colors = vec![None; CELLS * CELLS];
        let mut body = vec![false; CELLS * CELLS];
        for row in 0..CELLS {
            for column in 0..CELLS {
                let at = (column as i32, row as i32);
                let [r, g, b, alpha] = sprite.get(at.0, at.1);
                own[row][column] = alpha > 127;
                if own[row][column] {
                    let lab = Lab::of([r, g, b]);
                    let [r, g, b, _] = natural.as_ref().unwrap_or(&sprite).get(at.0, at.1);
                    colors[row * CELLS + column] = Some(lab);
                    body[row * CELLS + column] =
                        look.shape.is_some() || nature.body.contains(Lab::of([r, g, b]));
                }
            }
        }
        let mask = filled(&own);
        let mut above = [0; CELLS + 1];
        for row in 0..CELLS {
            above[row + 1] = above[row] + mask[row].iter().filter(|covered| **covered).count();
        }
        Self {
            aspect: layout::aspect(look),
            mask,
            colors,
            body,
            covered: above[CELLS],
            is_connected: is_connected(&mask),
            above,
        }
    }

    /// The share of the figure between two heights, 0 at its upper edge and 1 at its lower edge.
    pub(crate) fn share(&self, from: f32, to: f32) -> f32 {
        let row = |height: f32| (height.clamp(0.0, 1.0) * CELLS as f32).round() as usize;
        (self.above[row(to)] - self.above[row(from)]) as f32 / self.covered as f32
    }

    /// The share of the bounding box that the figure covers.
    pub(crate) fn fullness(&self) -> f32 {
        self.covered as f32 / (CELLS * CELLS) as f32
    }

    /// From where to where the rows above a height reach, 0 to 1; `None` where they are empty.
    pub(crate) fn extent_above(&self, height: f32) -> Option<(f32, f32)> {
        Self::extent(&self.mask[..(height.clamp(0.0, 1.0) * CELLS as f32).ceil() as usize])
    }

    /// From where to where the rows below a height reach, 0 to 1; `None` where they are empty.
    pub(crate) fn extent_below(&self, height: f32) -> Option<(f32, f32)> {
        Self::extent(&self.mask[(height.clamp(0.0, 1.0) * CELLS as f32) as usize..])
    }

    fn extent(rows: &[[bool; CELLS]]) -> Option<(f32, f32)> {
        let columns = |row: &[bool; CELLS]| {
            Some((row.iter().position(|covered| *covered)?, row.iter().rposition(|covered| *covered)?))
        };
        let (from, to) = rows
            .iter()
            .filter_map(columns)
            .reduce(|(from, to), (first, last)| (from.min(first), to.max(last)))?;
        Some((from as f32 / CELLS as f32, (to + 1) as f32 / CELLS as f32))
    }

    /// Whether the figure covers a point of its bounding box, 0 to 1 in each direction.
    pub(crate) fn covers(&self, x: f32, y: f32) -> bool {
        let (column, row) = (x * CELLS as f32, y * CELLS as f32);
        column >= 0.0
            && row >= 0.0
            && column < CELLS as f32
            && row < CELLS as f32
            && self.mask[row as usize][column as usize]
    }
}

/// The mask closed and filled: gaps that outlines bridge are bridged, and what they enclose is covered.
fn filled(own: &[[bool; CELLS]; CELLS]) -> [[bool; CELLS]; CELLS] {
    // One more cell on each side, from which everything outside can be reached.
    const WIDE: usize = CELLS + 4;
    let at = |row: usize, column: usize| {
        (2..CELLS + 2).contains(&row) && (2..CELLS + 2).contains(&column) && own[row - 2][column - 2]
    };
    let near = |row: usize, column: usize| {
        [(0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)].map(|(dy, dx): (i32, i32)| {
            (
                (row as i32 + dy).clamp(0, WIDE as i32 - 1) as usize,
                (column as i32 + dx).clamp(0, WIDE as i32 - 1) as usize,
            )
        })
    };
    let thick: Vec<bool> = (0..WIDE * WIDE)
        .map(|cell| near(cell / WIDE, cell % WIDE).into_iter().any(|(row, column)| at(row, column)))
        .collect();
    let mut outside = vec![false; WIDE * WIDE];
    let mut open = vec![0];
    while let Some(cell) = open.pop() {
        if thick[cell] || std::mem::replace(&mut outside[cell], true) {
            continue;
        }
        open.extend(near(cell / WIDE, cell % WIDE).map(|(row, column)| row * WIDE + column));
    }
    let mut mask = *own;
    for (row, cells) in mask.iter_mut().enumerate() {
        for (column, cell) in cells.iter_mut().enumerate() {
            *cell |= near(row + 2, column + 2).into_iter().all(|(row, column)| !outside[row * WIDE + column]);
        }
    }
    mask
}

/// Whether all covered cells can be reached from each other.
fn is_connected(mask: &[[bool; CELLS]; CELLS]) -> bool {
    let mut left = *mask;
    let first = (0..CELLS * CELLS).find(|at| mask[at / CELLS][at % CELLS]);
    let mut open: Vec<usize> = first.into_iter().collect();
    while let Some(at) = open.pop() {
        let (row, column) = (at / CELLS, at % CELLS);
        if !std::mem::take(&mut left[row][column]) {
            continue;
        }
        for near_row in row.saturating_sub(1)..=(row + 1).min(CELLS - 1) {
            open.extend(
                (column.saturating_sub(1)..=(column + 1).min(CELLS - 1)).map(|near| near_row * CELLS + near),
            );
        }
    }
    !left.iter().flatten().any(|cell| *cell)
}
