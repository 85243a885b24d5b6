use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The rows and columns of image tokens; Janus-Pro has 24 × 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    /// Rows of tokens, top to bottom.
    pub rows: u32,
    /// Tokens in a row, left to right.
    pub cols: u32,
}

impl Grid {
    /// Number of tokens; ids run in raster order, `index = cols · row + column`.
    pub fn num_tokens(self) -> u32 {
        self.rows * self.cols
    }
}

/// A token grid laid over a square picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// The token grid.
    pub grid: Grid,
    /// Side of the picture in pixels, a multiple of the grid's rows and of its columns.
    pub image_size: u32,
}

impl Geometry {
    /// Janus-Pro: 384 × 384 pixels, 24 × 24 tokens, 16 × 16 pixels a token.
    pub const JANUS: Self = Self { grid: Grid { rows: 24, cols: 24 }, image_size: 384 };

    /// Height of a token in pixels.
    pub fn cell_height(self) -> u32 {
        self.image_size / self.grid.rows
    }

    /// Width of a token in pixels.
    pub fn cell_width(self) -> u32 {
        self.image_size / self.grid.cols
    }
}

/// A half-open run of token indices in raster order, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenSpan {
    /// First token index.
    pub start: u32,
    /// One past the last token index.
    pub end: u32,
}

impl TokenSpan {
    /// The span as a range that indexes a slice of ids.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Number of tokens in the span.
    pub fn num_tokens(self) -> u32 {
        self.end - self.start
    }
}

/// A visual region V_k: a set of token-grid cells in raster order, kept as runs of token indices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Position in the schedule, from 0.
    pub index: usize,
    /// What the region is called in prompts and tables, for example `central content`.
    pub name: String,
    /// Sorted, disjoint, non-adjacent, non-empty runs. Only [`crate::Schedule`] makes regions, and
    /// checks this.
    pub(crate) spans: Vec<TokenSpan>,
}

impl Region {
    /// The region of these cells, which may come in any order.
    pub(crate) fn of_cells(index: usize, name: String, mut cells: Vec<u32>) -> Self {
        cells.sort_unstable();
        let mut spans: Vec<TokenSpan> = Vec::new();
        for cell in cells {
            match spans.last_mut() {
                Some(span) if span.end == cell => span.end += 1,
                _ => spans.push(TokenSpan { start: cell, end: cell + 1 }),
            }
        }
        Self { index, name, spans }
    }

    /// The runs of token indices, sorted and disjoint.
    pub fn spans(&self) -> &[TokenSpan] {
        &self.spans
    }

    /// The region as one raster run, if it is one: only then can a generator continue a sequence with it.
    pub fn raster_span(&self) -> Option<TokenSpan> {
        match self.spans.as_slice() {
            [span] => Some(*span),
            _ => None,
        }
    }

    /// Token indices in raster order.
    pub fn cells(&self) -> impl Iterator<Item = u32> + '_ {
        self.spans.iter().flat_map(|span| span.start..span.end)
    }

    /// Number of tokens.
    pub fn num_tokens(&self) -> u32 {
        self.spans.iter().map(|span| span.num_tokens()).sum()
    }

    /// First and one-past-last grid row that the region touches.
    pub fn rows(&self, grid: Grid) -> Range<u32> {
        let first = self.spans.first().map_or(0, |span| span.start / grid.cols);
        let last = self.spans.last().map_or(0, |span| (span.end - 1) / grid.cols + 1);
        first..last
    }

    /// First and one-past-last grid column that the region touches.
    pub fn columns(&self, grid: Grid) -> Range<u32> {
        let within_row = |span: &TokenSpan| {
            let (row, last) = (span.start / grid.cols, (span.end - 1) / grid.cols);
            if row == last {
                (span.start % grid.cols, (span.end - 1) % grid.cols + 1)
            } else {
                (0, grid.cols)
            }
        };
        let ends = self.spans.iter().map(within_row);
        let (first, last) =
            ends.fold((grid.cols, 0), |(first, last), (from, to)| (first.min(from), last.max(to)));
        first.min(last)..last
    }

    /// Whether the region is a rectangle of cells.
    pub fn is_rectangle(&self, grid: Grid) -> bool {
        let (rows, columns) = (self.rows(grid), self.columns(grid));
        self.num_tokens() == (rows.end - rows.start) * (columns.end - columns.start)
    }

    /// Whether the region is a band: whole rows of the grid.
    pub fn is_band(&self, grid: Grid) -> bool {
        self.is_rectangle(grid) && self.columns(grid) == (0..grid.cols)
    }

    /// Which cells of the grid the region owns, in raster order.
    pub fn mask(&self, grid: Grid) -> Vec<bool> {
        let mut mask = vec![false; grid.num_tokens() as usize];
        self.cells().for_each(|cell| mask[cell as usize] = true);
        mask
    }

    /// Where the region lies, in words: `from 33% to 67% of the height`, with the width where it is no band,
    /// and as the frame of an irregular part where it is no rectangle.
    pub fn place(&self, grid: Grid) -> String {
        let percent = |at: u32, of: u32| (200 * at + of) / (2 * of);
        let (rows, columns) = (self.rows(grid), self.columns(grid));
        let height = format!(
            "from {}% to {}% of the height",
            percent(rows.start, grid.rows),
            percent(rows.end, grid.rows)
        );
        if self.is_band(grid) {
            return height;
        }
        let (left, right) = (percent(columns.start, grid.cols), percent(columns.end, grid.cols));
        let frame = format!("{height} and from {left}% to {right}% of the width");
        if self.is_rectangle(grid) { frame } else { format!("an irregular part of what lies {frame}") }
    }
}
