//! Products of matrices: the inner loop of everything.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::{buffer::Buffer, machine::Machine, map::Engine};

/// Rows of the block of a product that is held in registers. With two vectors of columns these are enough sums under
/// way to hide the latency of a fused multiply-add, and few enough that the compiler keeps them in registers (of twelve
/// rows it spills some).
const ROWS: usize = 6;

/// A matrix on the right of products, `depth` rows of `cols` numbers, packed in panels of as many columns as a block
/// has, so that the inner loop reads it front to back. The last panel is filled up with zeros.
#[derive(Debug)]
pub(super) struct Packed {
    depth: usize,
    cols: usize,
    panels: Buffer,
}

impl Packed {
    /// Packs the matrix whose entry at a row and a column is told by `entry`.
    pub(super) fn new(
        engine: &Engine,
        depth: usize,
        cols: usize,
        entry: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Self {
        let width = engine.instructions.block_cols();
        let mut panels = engine.pool.take(cols.div_ceil(width) * depth * width);
        panels.par_chunks_mut(depth * width).enumerate().for_each(|(panel, numbers)| {
            for (row, numbers) in numbers.chunks_exact_mut(width).enumerate() {
                for (lane, number) in numbers.iter_mut().enumerate() {
                    let col = panel * width + lane;
                    *number = if col < cols { entry(row, col) } else { 0.0 };
                }
            }
        });
        Self { depth, cols, panels }
    }

    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }
}

/// A matrix on the left of products, read where it lies. Row `r` consists of the runs of `run` numbers that
/// begin at `r · stride + taps[0]`, `r · stride + taps[1]` and so on: one tap for a plain matrix, nine for the
/// neighbourhoods of a 3 × 3 convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) numbers: &'a [f32],
    pub(super) count: usize,
    pub(super) stride: usize,
    pub(super) run: usize,
    pub(super) taps: &'a [usize],
}

/// What becomes of a product.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finish<'a> {
    /// It replaces what was there.
    Store,
    /// The bias of its column is added.
    Bias(&'a [f32]),
    /// The bias of its column and what was there are added.
    BiasOnto(&'a [f32]),
}

/// `out = rows · packed`. Rows of `out` begin `out_stride` numbers apart.
#[inline(always)]
pub(super) fn multiply<M: Machine>(
    rows: Rows<'_>,
    packed: &Packed,
    out: &mut [f32],
    out_stride: usize,
    finish: Finish<'_>,
) {
    match M::COLS {
        32 => multiply_blocks::<M, 32>(rows, packed, out, out_stride, finish),
        _ => multiply_blocks::<M, 8>(rows, packed, out, out_stride, finish),
    }
}

#[inline(always)]
fn multiply_blocks<M: Machine, const COLS: usize>(
    rows: Rows<'_>,
    packed: &Packed,
    out: &mut [f32],
    out_stride: usize,
    finish: Finish<'_>,
) {
    assert_eq!(rows.run * rows.taps.len(), packed.depth, "a row on the left is a column on the right long");
    for (panel, numbers) in packed.panels.chunks_exact(packed.depth * COLS).enumerate() {
        let first_col = panel * COLS;
        let width = COLS.min(packed.cols - first_col);
        for first in (0..rows.count).step_by(ROWS) {
            let sums = block::<M, COLS>(rows, first, numbers);
            for (row, sums) in sums.iter().enumerate().take(rows.count - first) {
                let out = &mut out[(first + row) * out_stride + first_col..];
                match out.first_chunk_mut::<COLS>() {
                    Some(out) if width == COLS => finish.put(first_col, sums, out),
                    _ => {
                        let mut whole = [0.0; COLS];
                        whole[..width].copy_from_slice(&out[..width]);
                        finish.put(first_col, sums, &mut whole);
                        out[..width].copy_from_slice(&whole[..width]);
                    }
                }
            }
        }
    }
}

/// The sums of some rows with a panel, in registers until they are complete. Where fewer rows are left, the last one
/// stands in for the others.
#[inline(always)]
fn block<M: Machine, const COLS: usize>(rows: Rows<'_>, first: usize, panel: &[f32]) -> [[f32; COLS]; ROWS] {
    let Rows { numbers, count, stride, run, taps } = rows;
    let mut sums = [[0.0; COLS]; ROWS];
    for (tap, panel) in taps.iter().zip(panel.chunks_exact(run * COLS)) {
        let row = |row: usize| &numbers[(first + row).min(count - 1) * stride + tap..][..run];
        let (panel, _) = panel.as_chunks::<COLS>();
        let left = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3)).zip(row(4)).zip(row(5));
        // Zipped, not indexed: nothing is checked inside of the loop, and the sums stay in registers.
        for (factors, (((((a, b), c), d), e), f)) in panel.iter().zip(left) {
            let left = [*a, *b, *c, *d, *e, *f];
            for row in 0..ROWS {
                for lane in 0..COLS {
                    sums[row][lane] = M::multiply_add(left[row], factors[lane], sums[row][lane]);
                }
            }
        }
    }
    sums
}

impl Finish<'_> {
    /// Puts complete sums where they belong.
    #[inline(always)]
    fn put<const COLS: usize>(self, first_col: usize, sums: &[f32; COLS], out: &mut [f32; COLS]) {
        match self {
            Self::Store => *out = *sums,
            Self::Bias(bias) => {
                for ((out, sum), bias) in out.iter_mut().zip(sums).zip(&bias[first_col..]) {
                    *out = sum + bias;
                }
            }
            Self::BiasOnto(bias) => {
                for ((out, sum), bias) in out.iter_mut().zip(sums).zip(&bias[first_col..]) {
                    *out += sum + bias;
                }
            }
        }
    }
}
