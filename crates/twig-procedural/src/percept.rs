//! What is seen in a canvas before anything is known of it: the colour behind each row, and blobs that stand out.

use std::{cell::RefCell, collections::HashMap};

use twig_imaging::{Rgb, RgbImage};

use crate::{color::Lab, fitting::Fit, scene::Look, sprite::median};

/// Side of the square that canvases are looked at in.
pub(crate) const SIDE: usize = 192;

/// Columns at the left and right edge that show the background alone.
const MARGIN: usize = 10;

/// A pixel this far from its row's background belongs to a figure: in lightness, which the detail of backgrounds
/// changes, and in hue and chroma, which it does not.
const STANDS_OUT: (f32, f32) = (6.0, 3.6);

/// Blobs of fewer pixels are specks.
const SPECK: usize = 30;

/// A canvas as it is seen, down to the last row that has been painted.
pub(crate) struct View {
    /// Number of rows that have been painted.
    pub(crate) rows: usize,
    /// The colour of each pixel, row by row.
    pub(crate) colors: Vec<Lab>,
    /// The colour behind each row.
    pub(crate) behind: Vec<Lab>,
    /// The blob that each pixel belongs to, counted from 1; 0 for the background.
    labels: Vec<u16>,
    /// What stands out, holes filled.
    pub(crate) blobs: Vec<Blob>,
    /// The best fits of one look to one blob, by the blob's marks: the same are asked for again and again.
    fits: RefCell<HashMap<(Vec<u16>, Look), Fit>>,
}

/// Connected pixels that stand out from the background, or several such patches taken together: a figure that is
/// painted down to its middle may show as the tips of its wings.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    /// Its marks in [`View::label`].
    labels: Vec<u16>,
    /// Bounding box: left, top, and one past right and bottom.
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) right: usize,
    pub(crate) bottom: usize,
    /// Number of pixels.
    pub(crate) area: usize,
    /// Pixels in each row.
    per_row: Vec<u16>,
}

impl Blob {
    /// Whether a mark of [`View::label`] is of this blob.
    pub(crate) fn has(&self, label: u16) -> bool {
        self.labels.contains(&label)
    }

    /// Whether the boxes of two blobs come closer than a number of pixels.
    pub(crate) fn is_near(&self, other: &Self, gap: usize) -> bool {
        self.left < other.right + gap
            && other.left < self.right + gap
            && self.top < other.bottom + gap
            && other.top < self.bottom + gap
    }

    /// Two blobs as one.
    #[must_use]
    pub(crate) fn joined(&self, other: &Self) -> Self {
        Self {
            labels: self.labels.iter().chain(&other.labels).copied().collect(),
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            area: self.area + other.area,
            per_row: self.per_row.iter().zip(&other.per_row).map(|(one, other)| one + other).collect(),
        }
    }

    /// Pixels in the rows from `top` to `bottom`.
    pub(crate) fn area_within(&self, top: usize, bottom: usize) -> usize {
        self.per_row[top.min(self.per_row.len())..bottom.min(self.per_row.len())]
            .iter()
            .map(|count| *count as usize)
            .sum()
    }
}

impl View {
    /// Looks at the upper part of a canvas, `painted` of its height (0 to 1).
    pub(crate) fn of(canvas: &RgbImage, painted: f32) -> Self {
        let rows = ((painted * SIDE as f32) as usize).clamp(1, SIDE);
        let colors = shrunk(canvas, rows);
        let behind: Vec<Lab> = colors
            .chunks_exact(SIDE)
            .map(|row| median(&[&row[..MARGIN], &row[SIDE - MARGIN..]].concat()))
            .collect();
        let figure: Vec<bool> =
            colors.iter().enumerate().map(|(at, color)| stands_out(*color, behind[at / SIDE])).collect();
        let (labels, blobs) = blobs(&filled(&figure, rows), rows);
        Self { rows, colors, behind, labels, blobs, fits: RefCell::default() }
    }

    /// The best fit of a look to a blob, made by `fit` the first time.
    pub(crate) fn fit(&self, blob: &Blob, look: Look, fit: impl FnOnce() -> Fit) -> Fit {
        let key = (blob.labels.clone(), look);
        if let Some(known) = self.fits.borrow().get(&key) {
            return known.clone();
        }
        let made = fit();
        self.fits.borrow_mut().insert(key, made.clone());
        made
    }

    /// Whether a blob covers a pixel.
    pub(crate) fn covers(&self, blob: &Blob, x: i32, y: i32) -> bool {
        let label = self.label(x, y);
        label != 0 && blob.has(label)
    }

    /// Whether a pixel is within a blob and not of its outline, which is one pixel thick in the view. Nobody knows
    /// what comes below the painted rows; it counts as the blob's.
    pub(crate) fn is_inside(&self, blob: &Blob, x: i32, y: i32) -> bool {
        [(0, 0), (-1, 0), (1, 0), (0, -1)].iter().all(|(dx, dy)| self.covers(blob, x + dx, y + dy))
            && (y + 1 >= self.rows as i32 || self.covers(blob, x, y + 1))
    }

    /// The mark of the blob at a pixel, 0 where there is none or nothing has been painted.
    fn label(&self, x: i32, y: i32) -> u16 {
        let inside = (0..SIDE as i32).contains(&x) && (0..self.rows as i32).contains(&y);
        if inside { self.labels[y as usize * SIDE + x as usize] } else { 0 }
    }

    /// Whether a colour would be told from the background of a row.
    pub(crate) fn would_stand_out(&self, color: Lab, y: usize) -> bool {
        stands_out(color, self.behind[y])
    }

    /// The colour of a pixel that has been painted.
    pub(crate) fn color(&self, x: usize, y: usize) -> Lab {
        self.colors[y * SIDE + x]
    }
}

fn stands_out(color: Lab, behind: Lab) -> bool {
    let light = (color.l - behind.l) / STANDS_OUT.0;
    let (a, b) = ((color.a - behind.a) / STANDS_OUT.1, (color.b - behind.b) / STANDS_OUT.1);
    light * light + a * a + b * b > 1.0
}

/// The mean colour of each of [`SIDE`] × `rows` boxes.
fn shrunk(canvas: &RgbImage, rows: usize) -> Vec<Lab> {
    let (width, height) = (canvas.width() as usize, canvas.height() as usize);
    let edge = |at: usize, length: usize| at * length / SIDE;
    let mut colors = Vec::with_capacity(SIDE * rows);
    // Backdrops and drawings are of few colours: most pixels have that of the one before.
    let mut last = ([0; 3], Lab::of([0; 3]));
    for row in 0..rows {
        let (top, bottom) = (edge(row, height), edge(row + 1, height).max(edge(row, height) + 1));
        for column in 0..SIDE {
            let (left, right) = (edge(column, width), edge(column + 1, width).max(edge(column, width) + 1));
            let mut sum = [0u32; 3];
            for y in top..bottom {
                for x in left..right {
                    let Rgb(pixel) = canvas.get_pixel(x as u32, y as u32);
                    sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
                }
            }
            let count = ((bottom - top) * (right - left)) as u32;
            let mean = sum.map(|sum| ((sum + count / 2) / count) as u8);
            if mean != last.0 {
                last = (mean, Lab::of(mean));
            }
            colors.push(last.1);
        }
    }
    colors
}

/// The mask with everything filled that the rim of the view cannot reach through the background.
fn filled(figure: &[bool], rows: usize) -> Vec<bool> {
    let mut inside = vec![true; figure.len()];
    let mut open = Vec::with_capacity(figure.len());
    let mut reach = |at: usize, open: &mut Vec<usize>| {
        if !figure[at] && inside[at] {
            inside[at] = false;
            open.push(at);
        }
    };
    let rim = (0..SIDE)
        .flat_map(|x| [x, (rows - 1) * SIDE + x])
        .chain((0..rows).flat_map(|y| [y * SIDE, y * SIDE + SIDE - 1]));
    rim.for_each(|at| reach(at, &mut open));
    while let Some(at) = open.pop() {
        let column = at % SIDE;
        if column > 0 {
            reach(at - 1, &mut open);
        }
        if column + 1 < SIDE {
            reach(at + 1, &mut open);
        }
        if at >= SIDE {
            reach(at - SIDE, &mut open);
        }
        if at + SIDE < figure.len() {
            reach(at + SIDE, &mut open);
        }
    }
    inside
}

/// Marks connected pixels; those of specks are unmarked.
fn blobs(mask: &[bool], rows: usize) -> (Vec<u16>, Vec<Blob>) {
    let mut labels = vec![0; mask.len()];
    let mut blobs = Vec::new();
    let mut members = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || labels[start] != 0 {
            continue;
        }
        let label = (blobs.len() + 1) as u16;
        members.clear();
        members.push(start);
        labels[start] = label;
        let mut next = 0;
        while let Some(at) = members.get(next).copied() {
            next += 1;
            let (x, y) = (at % SIDE, at / SIDE);
            for ny in y.saturating_sub(1)..=(y + 1).min(rows - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(SIDE - 1) {
                    let near = ny * SIDE + nx;
                    if mask[near] && labels[near] == 0 {
                        labels[near] = label;
                        members.push(near);
                    }
                }
            }
        }
        if members.len() < SPECK {
            // Marked as seen, and as part of no blob once all are found.
            for at in &members {
                labels[*at] = u16::MAX;
            }
        } else {
            blobs.push(blob(label, &members, rows));
        }
    }
    labels.iter_mut().filter(|label| **label == u16::MAX).for_each(|label| *label = 0);
    (labels, blobs)
}

fn blob(label: u16, members: &[usize], rows: usize) -> Blob {
    let mut blob = Blob {
        labels: vec![label],
        left: SIDE,
        top: rows,
        right: 0,
        bottom: 0,
        area: members.len(),
        per_row: vec![0; rows],
    };
    for at in members {
        let (x, y) = (at % SIDE, at / SIDE);
        (blob.left, blob.right) = (blob.left.min(x), blob.right.max(x + 1));
        (blob.top, blob.bottom) = (blob.top.min(y), blob.bottom.max(y + 1));
        blob.per_row[y] += 1;
    }
    blob
}
