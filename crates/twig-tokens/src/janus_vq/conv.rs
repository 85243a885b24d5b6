//! Convolutions of 3 × 3 and of 1 × 1.

use rayon::{
    iter::{IndexedParallelIterator, ParallelIterator},
    slice::{ParallelSlice, ParallelSliceMut},
};

use super::{
    machine::{Machine, Work},
    map::{Affine, Engine, Map, normalise_silu},
    product::{Finish, Packed, Rows, multiply},
    winograd::{Transformed, WinogradBand},
};

/// Rows of output that are made at once where nothing else asks for another number.
const BAND_ROWS: usize = 4;

/// What a convolution reads: a map, normalised and passed through SiLU or as it is, at its size or with every
/// pixel doubled both ways. Done on the way in, a few rows at a time, so that neither is ever written to memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) map: &'a Map,
    pub(super) norm: Option<&'a Affine>,
    pub(super) is_doubled: bool,
}

impl<'a> Input<'a> {
    pub(super) fn plain(map: &'a Map) -> Self {
        Self { map, norm: None, is_doubled: false }
    }

    fn size(&self) -> (usize, usize) {
        let factor = if self.is_doubled { 2 } else { 1 };
        (self.map.height * factor, self.map.width * factor)
    }

    /// Fills a window of `height` × `width` pixels whose upper left corner lies at `(top, left)`, which may be
    /// outside of the map, where there are zeros.
    #[inline(always)]
    pub(super) fn fill<M: Machine>(
        &self,
        (top, left): (isize, isize),
        (height, width): (usize, usize),
        window: &mut [f32],
    ) {
        let channels = self.map.channels;
        let (full_height, full_width) = self.size();
        let halved = usize::from(self.is_doubled);
        for (row, line) in window.chunks_exact_mut(width * channels).take(height).enumerate() {
            let y = top + row as isize;
            if y < 0 || y >= full_height as isize {
                line.fill(0.0);
                continue;
            }
            let source = &self.map.numbers[(y as usize >> halved) * self.map.width * channels..];
            for (col, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let x = left + col as isize;
                if x < 0 || x >= full_width as isize {
                    pixel.fill(0.0);
                    continue;
                }
                let source = &source[(x as usize >> halved) * channels..][..channels];
                match self.norm {
                    Some(affine) => normalise_silu::<M>(source, affine, pixel),
                    None => pixel.copy_from_slice(source),
                }
            }
        }
    }
}

/// How a convolution of 3 × 3 is done.
#[derive(Debug)]
enum Method {
    /// As it is written down, nine products a pixel.
    Direct(Packed),
    /// Winograd's algorithm, F(2 × 2) or F(4 × 4).
    Winograd(Transformed),
}

/// Which way of doing a convolution is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Nine products a pixel: what the other is compared with.
    #[cfg(test)]
    Direct,
    /// Winograd's, where it fits, with tiles of the size that keeps the ids right.
    Winograd,
}

/// Input channels from which on tiles are 2 × 2: with so many terms in a sum, the rounding of larger tiles begins
/// to show in the ids.
const SMALL_TILES_FROM: usize = 512;

/// A convolution of 3 × 3 pixels.
#[derive(Debug)]
pub(super) struct Conv3 {
    cols: usize,
    /// 1 with zeros all around, or 2 with zeros to the right and below.
    stride: usize,
    bias: Vec<f32>,
    method: Method,
}

impl Conv3 {
    /// From weights in PyTorch's order: output channel, input channel, row, column.
    pub(super) fn new(
        engine: &Engine,
        weight: &[f32],
        bias: Vec<f32>,
        stride: usize,
        algorithm: Algorithm,
    ) -> Self {
        let cols = bias.len();
        let channels = weight.len() / (cols * 9);
        let fits = stride == 1 && channels.is_multiple_of(16) && cols.is_multiple_of(16);
        let method = if algorithm == Algorithm::Winograd && fits {
            let tile = if channels >= SMALL_TILES_FROM { 2 } else { 4 };
            Method::Winograd(Transformed::new(engine, weight, channels, cols, tile))
        } else {
            Method::Direct(Packed::new(engine, 9 * channels, cols, |row, col| {
                weight[(col * channels + row % channels) * 9 + row / channels]
            }))
        };
        Self { cols, stride, bias, method }
    }

    /// The convolution of a map.
    pub(super) fn forward(&self, engine: &Engine, input: Input<'_>) -> Map {
        let (height, width) = input.size();
        let mut out = engine.map(height / self.stride, width / self.stride, self.cols);
        self.into(engine, input, &mut out, Finish::Bias(&self.bias));
        out
    }

    /// The convolution of a map, added to what is in `out`.
    pub(super) fn add_to(&self, engine: &Engine, input: Input<'_>, out: &mut Map) {
        self.into(engine, input, out, Finish::BiasOnto(&self.bias));
    }

    fn into(&self, engine: &Engine, input: Input<'_>, out: &mut Map, finish: Finish<'_>) {
        let (width, cols) = (out.width, out.channels);
        let band_rows = match &self.method {
            Method::Direct(_) => BAND_ROWS,
            Method::Winograd(transformed) => transformed.band_rows(width),
        };
        out.numbers.par_chunks_mut(band_rows * width * cols).enumerate().for_each(|(band, out)| {
            let first_row = band * band_rows;
            match &self.method {
                Method::Direct(packed) => {
                    let rows = out.len() / (width * cols);
                    let size = ((rows - 1) * self.stride + 3, (width - 1) * self.stride + 3);
                    let window = &mut engine.pool.take(size.0 * size.1 * input.map.channels);
                    let stride = self.stride;
                    let band =
                        DirectBand { packed, stride, input, first_row, size, window, width, out, finish };
                    engine.instructions.run(band);
                }
                Method::Winograd(transformed) => {
                    let mut scratch = transformed.scratch(&engine.pool, width);
                    let scratch = &mut scratch;
                    let band = WinogradBand { transformed, input, first_row, width, scratch, out, finish };
                    engine.instructions.run(band);
                }
            }
        });
    }
}

/// Some rows of output, directly.
struct DirectBand<'a> {
    packed: &'a Packed,
    stride: usize,
    input: Input<'a>,
    first_row: usize,
    /// Height and width of the window of input that the rows see.
    size: (usize, usize),
    window: &'a mut [f32],
    width: usize,
    out: &'a mut [f32],
    finish: Finish<'a>,
}

impl Work for DirectBand<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        let padding = isize::from(self.stride == 1);
        let top = (self.first_row * self.stride) as isize - padding;
        self.input.fill::<M>((top, -padding), self.size, self.window);
        let (channels, cols) = (self.input.map.channels, self.packed.cols());
        let line = self.size.1 * channels;
        let taps: [usize; 9] = std::array::from_fn(|tap| tap / 3 * line + tap % 3 * channels);
        for (row, out) in self.out.chunks_exact_mut(self.width * cols).enumerate() {
            let rows = Rows {
                numbers: &self.window[row * self.stride * line..],
                count: self.width,
                stride: self.stride * channels,
                run: channels,
                taps: &taps,
            };
            multiply::<M>(rows, self.packed, out, cols, self.finish);
        }
    }
}

/// A convolution of 1 × 1 pixels: a product of matrices.
#[derive(Debug)]
pub(super) struct Conv1 {
    bias: Vec<f32>,
    packed: Packed,
}

impl Conv1 {
    /// From weights in PyTorch's order: output channel, input channel.
    pub(super) fn new(engine: &Engine, weight: &[f32], bias: Vec<f32>) -> Self {
        let (cols, depth) = (bias.len(), weight.len() / bias.len());
        let packed = Packed::new(engine, depth, cols, |row, col| weight[col * depth + row]);
        Self { bias, packed }
    }

    /// The convolution of a map.
    pub(super) fn forward(&self, engine: &Engine, map: &Map) -> Map {
        let mut out = engine.map(map.height, map.width, self.packed.cols());
        product(engine, map, &self.packed, &mut out, Finish::Bias(&self.bias));
        out
    }

    /// The convolution of a map, added to what is in `out`.
    pub(super) fn add_to(&self, engine: &Engine, map: &Map, out: &mut Map) {
        product(engine, map, &self.packed, out, Finish::BiasOnto(&self.bias));
    }
}

/// Pixels that are multiplied at once: a multiple of the six rows of a block.
const PRODUCT_PIXELS: usize = 96;

/// Every pixel's channels times a matrix.
pub(super) fn product(engine: &Engine, map: &Map, packed: &Packed, out: &mut Map, finish: Finish<'_>) {
    let (depth, cols) = (packed.depth(), packed.cols());
    let pixels = map.numbers.par_chunks(PRODUCT_PIXELS * depth);
    let outs = out.numbers.par_chunks_mut(PRODUCT_PIXELS * cols);
    outs.zip(pixels).for_each(|(out, pixels)| {
        engine.instructions.run(Product { pixels, packed, out, finish });
    });
}

struct Product<'a> {
    pixels: &'a [f32],
    packed: &'a Packed,
    out: &'a mut [f32],
    finish: Finish<'a>,
}

impl Work for Product<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        let depth = self.packed.depth();
        let count = self.pixels.len() / depth;
        let rows = Rows { numbers: self.pixels, count, stride: depth, run: depth, taps: &[0] };
        multiply::<M>(rows, self.packed, self.out, self.packed.cols(), self.finish);
    }
}
