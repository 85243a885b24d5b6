//! Winograd's algorithm for convolutions of 3 × 3 with stride 1.
//!
//! A tile of 4 × 4 pixels of output depends on 6 × 6 of input. Both sides are transformed such that the
//! convolution becomes one multiplication for each of the 36 places in place of nine for each of the 16 pixels: a
//! quarter of the multiplications (with tiles of 2 × 2, where 4 × 4 places do, four ninths). The places are
//! independent products of matrices, tiles × input channels times input × output channels.
//!
//! The transforms are those of the polynomials' values at 0, ±1, ±2 and infinity (A. Lavin and S. Gray, Fast
//! Algorithms for Convolutional Neural Networks, 2015); for tiles of 2 × 2 at 0, ±1 and infinity.

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::{
    buffer::{Buffer, Pool},
    conv::Input,
    machine::{Machine, Work},
    map::Engine,
    product::{Finish, Packed, Rows, multiply},
};

/// Tiles that are transformed and multiplied at once: their transforms fit the second-level cache, and a panel of
/// weights is used often enough while it is in the first.
const BLOCK_TILES: usize = 48;

/// Tiles where these are small and the weights many: reading the weights is what takes time then.
const BLOCK_SMALL_TILES: usize = 72;

/// Channels that are transformed side by side.
const LANES: usize = 16;

/// One number for each of some channels.
type Lanes = [f32; LANES];

/// The weights of a convolution, transformed: a matrix for each place.
#[derive(Debug)]
pub(super) struct Transformed {
    channels: usize,
    cols: usize,
    /// Side of a tile of output, 2 or 4; the window of input that it sees is 2 larger.
    tile: usize,
    places: Vec<Packed>,
}

/// Memory for one band.
#[derive(Debug)]
pub(super) struct Scratch {
    window: Buffer,
    inputs: Buffer,
    products: Buffer,
}

impl Transformed {
    /// From weights in PyTorch's order: output channel, input channel, row, column.
    pub(super) fn new(engine: &Engine, weight: &[f32], channels: usize, cols: usize, tile: usize) -> Self {
        let window = tile + 2;
        let transform = match tile {
            2 => &WEIGHTS_2[..],
            _ => &WEIGHTS_4[..],
        };
        // In double precision: it is done once, and every bit of rounding saved here is one less in the ids.
        let at = |place: usize, row: usize, col: usize| -> f32 {
            let kernel = &weight[(col * channels + row) * 9..][..9];
            let (down, across) = (transform[place / window], transform[place % window]);
            let mut sum = 0.0;
            for (y, down) in down.iter().enumerate() {
                for (x, across) in across.iter().enumerate() {
                    sum += down * across * f64::from(kernel[y * 3 + x]);
                }
            }
            sum as f32
        };
        let places = (0..window * window).into_par_iter();
        let places = places.map(|place| Packed::new(engine, channels, cols, |row, col| at(place, row, col)));
        Self { channels, cols, tile, places: places.collect() }
    }

    /// Tiles in a block: as many as are wanted, but no more than lie side by side if these are more.
    fn block_tiles(&self, width: usize) -> (usize, usize) {
        let wanted = if self.tile == 2 { BLOCK_SMALL_TILES } else { BLOCK_TILES };
        let across = width.div_ceil(self.tile).min(wanted);
        ((wanted / across).max(1), across)
    }

    /// Rows of output in a band.
    pub(super) fn band_rows(&self, width: usize) -> usize {
        self.block_tiles(width).0 * self.tile
    }

    /// Numbers from one place to the next. Not a power of two, so that places do not compete for the same lines
    /// of the cache.
    fn place_len(tiles: usize, channels: usize) -> usize {
        tiles * channels + LANES
    }

    pub(super) fn scratch(&self, pool: &Pool, width: usize) -> Scratch {
        let (down, across) = self.block_tiles(width);
        let window = (down * self.tile + 2) * (across * self.tile + 2);
        Scratch {
            window: pool.take(window * self.channels),
            inputs: pool.take(self.places.len() * Self::place_len(down * across, self.channels)),
            products: pool.take(self.places.len() * Self::place_len(down * across, self.cols)),
        }
    }
}

/// Some rows of output.
pub(super) struct WinogradBand<'a> {
    pub(super) transformed: &'a Transformed,
    pub(super) input: Input<'a>,
    pub(super) first_row: usize,
    pub(super) width: usize,
    pub(super) scratch: &'a mut Scratch,
    pub(super) out: &'a mut [f32],
    pub(super) finish: Finish<'a>,
}

impl Work for WinogradBand<'_> {
    #[inline(always)]
    fn run<M: Machine>(mut self) {
        let tile = self.transformed.tile;
        let rows = self.out.len() / (self.width * self.transformed.cols);
        let down = rows.div_ceil(tile);
        let (_, across) = self.transformed.block_tiles(self.width);
        for left in (0..self.width).step_by(across * tile) {
            let across = across.min((self.width - left).div_ceil(tile));
            let block = TileBlock { left, down, across, rows };
            match tile {
                2 => self.block::<M, 4, 2>(block),
                _ => self.block::<M, 6, 4>(block),
            }
        }
    }
}

/// The tiles of a band that are done at once.
#[derive(Clone, Copy)]
struct TileBlock {
    /// First column of output.
    left: usize,
    /// Rows of tiles.
    down: usize,
    /// Tiles side by side.
    across: usize,
    /// Rows of output in the band, no more than the tiles have.
    rows: usize,
}

impl WinogradBand<'_> {
    #[inline(always)]
    fn block<M: Machine, const WINDOW: usize, const TILE: usize>(&mut self, block: TileBlock) {
        let Transformed { channels, cols, places, .. } = self.transformed;
        let (channels, cols, tiles) = (*channels, *cols, block.down * block.across);
        let size = (block.down * TILE + 2, block.across * TILE + 2);
        let corner = (self.first_row as isize - 1, block.left as isize - 1);
        self.input.fill::<M>(corner, size, &mut self.scratch.window);
        let input_len = Transformed::place_len(tiles, channels);
        let product_len = Transformed::place_len(tiles, cols);
        let Scratch { window, inputs, products } = &mut *self.scratch;
        for at in 0..tiles {
            let corner = (at / block.across * size.1 + at % block.across) * TILE * channels;
            let to = &mut inputs[at * channels..];
            transform_input::<WINDOW>(&window[corner..], size.1 * channels, channels, to, input_len);
        }
        for (place, packed) in places.iter().enumerate() {
            let numbers = &inputs[place * input_len..][..tiles * channels];
            let rows = Rows { numbers, count: tiles, stride: channels, run: channels, taps: &[0] };
            let out = &mut products[place * product_len..][..tiles * cols];
            multiply::<M>(rows, packed, out, cols, Finish::Store);
        }
        for at in 0..tiles {
            let (top, left) = (at / block.across * TILE, block.left + at % block.across * TILE);
            let inside = (TILE.min(block.rows - top), TILE.min(self.width - left));
            let out = &mut self.out[(top * self.width + left) * cols..];
            let products = &products[at * cols..];
            let finish = self.finish;
            transform_output::<WINDOW, TILE>(
                products,
                product_len,
                out,
                self.width * cols,
                cols,
                inside,
                finish,
            );
        }
    }
}

/// Transforms the window of one tile: `line` numbers from row to row of the window, `place_len` from place to
/// place of the result.
#[inline(always)]
fn transform_input<const WINDOW: usize>(
    window: &[f32],
    line: usize,
    channels: usize,
    out: &mut [f32],
    place_len: usize,
) {
    for first in (0..channels).step_by(LANES) {
        let mut down = [[[0.0; LANES]; WINDOW]; WINDOW];
        for x in 0..WINDOW {
            let mut column = [[0.0; LANES]; WINDOW];
            for (y, lanes) in column.iter_mut().enumerate() {
                *lanes = lanes_of(&window[y * line + x * channels + first..]);
            }
            let column = values(column);
            for y in 0..WINDOW {
                down[y][x] = column[y];
            }
        }
        for (y, row) in down.into_iter().enumerate() {
            for (x, lanes) in values(row).into_iter().enumerate() {
                out[(y * WINDOW + x) * place_len + first..][..LANES].copy_from_slice(&lanes);
            }
        }
    }
}

/// Transforms the products of one tile back and puts them where they belong.
#[inline(always)]
fn transform_output<const WINDOW: usize, const TILE: usize>(
    products: &[f32],
    place_len: usize,
    out: &mut [f32],
    line: usize,
    cols: usize,
    inside: (usize, usize),
    finish: Finish<'_>,
) {
    for first in (0..cols).step_by(LANES) {
        let mut down = [[[0.0; LANES]; WINDOW]; TILE];
        for x in 0..WINDOW {
            let mut column = [[0.0; LANES]; WINDOW];
            for (y, lanes) in column.iter_mut().enumerate() {
                *lanes = lanes_of(&products[(y * WINDOW + x) * place_len + first..]);
            }
            let column: [Lanes; TILE] = sums(column);
            for y in 0..TILE {
                down[y][x] = column[y];
            }
        }
        for (y, row) in down.into_iter().enumerate().take(inside.0) {
            let row: [Lanes; TILE] = sums(row);
            for (x, lanes) in row.into_iter().enumerate().take(inside.1) {
                let out = &mut out[y * line + x * cols + first..][..LANES];
                match finish {
                    Finish::Store => out.copy_from_slice(&lanes),
                    Finish::Bias(bias) => {
                        let bias = lanes_of(&bias[first..]);
                        for lane in 0..LANES {
                            out[lane] = lanes[lane] + bias[lane];
                        }
                    }
                    Finish::BiasOnto(bias) => {
                        let bias = lanes_of(&bias[first..]);
                        for lane in 0..LANES {
                            out[lane] += lanes[lane] + bias[lane];
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn lanes_of(numbers: &[f32]) -> Lanes {
    numbers.first_chunk().copied().unwrap_or([0.0; LANES])
}

/// `WINDOW` values of polynomials: the transform of the input along one direction.
#[inline(always)]
fn values<const WINDOW: usize>(x: [Lanes; WINDOW]) -> [Lanes; WINDOW] {
    let mut out = [[0.0; LANES]; WINDOW];
    for lane in 0..LANES {
        if WINDOW == 4 {
            out[0][lane] = x[0][lane] - x[2][lane];
            out[1][lane] = x[1][lane] + x[2][lane];
            out[2][lane] = x[2][lane] - x[1][lane];
            out[3][lane] = x[1][lane] - x[3][lane];
        } else {
            let (near, far) = (x[4][lane] - 4.0 * x[2][lane], x[3][lane] - 4.0 * x[1][lane]);
            let (even, odd) = (x[4][lane] - x[2][lane], 2.0 * (x[3][lane] - x[1][lane]));
            out[0][lane] = 4.0 * x[0][lane] - 5.0 * x[2][lane] + x[4][lane];
            out[1][lane] = near + far;
            out[2][lane] = near - far;
            out[3][lane] = even + odd;
            out[4][lane] = even - odd;
            out[5][lane] = 4.0 * x[1][lane] - 5.0 * x[3][lane] + x[5][lane];
        }
    }
    out
}

/// The transform of the output along one direction.
#[inline(always)]
fn sums<const WINDOW: usize, const TILE: usize>(x: [Lanes; WINDOW]) -> [Lanes; TILE] {
    let mut out = [[0.0; LANES]; TILE];
    for lane in 0..LANES {
        if WINDOW == 4 {
            out[0][lane] = x[0][lane] + x[1][lane] + x[2][lane];
            out[1][lane] = x[1][lane] - x[2][lane] - x[3][lane];
        } else {
            let (even, odd) = (x[1][lane] + x[2][lane], x[1][lane] - x[2][lane]);
            let (even_2, odd_2) = (x[3][lane] + x[4][lane], x[3][lane] - x[4][lane]);
            out[0][lane] = x[0][lane] + even + even_2;
            out[1][lane] = odd + 2.0 * odd_2;
            out[2][lane] = even + 4.0 * even_2;
            out[3][lane] = odd + 8.0 * odd_2 + x[5][lane];
        }
    }
    out
}

/// The transform of the weights, F(2 × 2).
const WEIGHTS_2: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];

/// The transform of the weights, F(4 × 4).
const WEIGHTS_4: [[f64; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];
