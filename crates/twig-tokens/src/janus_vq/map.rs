//! Feature maps and their group normalisation.

use rayon::{
    iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator},
    slice::ParallelSlice,
};

use super::{
    buffer::{Buffer, Pool},
    machine::{Instructions, Machine, Work},
};

/// Groups of a normalisation.
pub(super) const NUM_GROUPS: usize = 32;

/// Added to a variance, so that flat groups are not divided by zero.
const EPSILON: f64 = 1e-6;

/// What all layers of one tokenizer share.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) instructions: Instructions,
    pub(super) pool: Pool,
}

impl Engine {
    pub(super) fn new(instructions: Instructions) -> Self {
        Self { instructions, pool: Pool::default() }
    }

    /// A map with whatever was in its memory.
    pub(super) fn map(&self, height: usize, width: usize, channels: usize) -> Map {
        Map { height, width, channels, numbers: self.pool.take(height * width * channels) }
    }
}

/// A picture of features: row by row, pixel by pixel, the channels of a pixel side by side.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) numbers: Buffer,
}

impl Map {
    pub(super) fn num_pixels(&self) -> usize {
        self.height * self.width
    }
}

/// The parameters of a group normalisation.
#[derive(Debug)]
pub(super) struct GroupNorm {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A normalisation of one particular map: `x · scale + shift`, channel by channel.
#[derive(Debug)]
pub(super) struct Affine {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

impl GroupNorm {
    /// Measures a map. Sums are taken in double precision, row by row, so that nothing depends on threads.
    pub(super) fn measure(&self, engine: &Engine, map: &Map) -> Affine {
        let channels = map.channels;
        let mut rows = vec![0.0_f64; map.height * 2 * channels];
        let mut of_rows: Vec<_> =
            rows.chunks_exact_mut(2 * channels).zip(map.numbers.chunks_exact(map.width * channels)).collect();
        of_rows.par_iter_mut().for_each(|(sums, pixels)| {
            engine.instructions.run(RowSums { pixels, sums });
        });
        let mut totals = vec![0.0_f64; 2 * channels];
        for sums in rows.chunks_exact(2 * channels) {
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        self.affine(&totals, map.num_pixels())
    }

    /// The normalisation from the sums of each channel and, after them, the sums of squares.
    fn affine(&self, totals: &[f64], num_pixels: usize) -> Affine {
        let channels = self.weight.len();
        let per_group = channels / NUM_GROUPS;
        let count = (num_pixels * per_group) as f64;
        let (sums, squares) = totals.split_at(channels);
        let mut affine = Affine { scale: Vec::with_capacity(channels), shift: Vec::with_capacity(channels) };
        for channel in 0..channels {
            let group = channel / per_group * per_group..(channel / per_group + 1) * per_group;
            let mean = sums[group.clone()].iter().sum::<f64>() / count;
            let variance = (squares[group].iter().sum::<f64>() / count - mean * mean).max(0.0);
            let scale = f64::from(self.weight[channel]) / (variance + EPSILON).sqrt();
            affine.scale.push(scale as f32);
            affine.shift.push((f64::from(self.bias[channel]) - mean * scale) as f32);
        }
        affine
    }

    /// The map, normalised.
    pub(super) fn apply(&self, engine: &Engine, map: &Map) -> Map {
        let affine = self.measure(engine, map);
        let mut out = engine.map(map.height, map.width, map.channels);
        let rows = map.numbers.par_chunks(map.width * map.channels);
        let mut out_rows: Vec<_> = out.numbers.chunks_exact_mut(map.width * map.channels).collect();
        out_rows.par_iter_mut().zip(rows).for_each(|(out, pixels)| {
            engine.instructions.run(Normalise { pixels, affine: &affine, out });
        });
        out
    }
}

struct RowSums<'a> {
    pixels: &'a [f32],
    sums: &'a mut [f64],
}

impl Work for RowSums<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        let (sums, squares) = self.sums.split_at_mut(self.sums.len() / 2);
        let channels = sums.len();
        for pixel in self.pixels.chunks_exact(channels) {
            for ((number, sum), square) in pixel.iter().zip(&mut *sums).zip(&mut *squares) {
                let number = f64::from(*number);
                *sum += number;
                *square += number * number;
            }
        }
    }
}

struct Normalise<'a> {
    pixels: &'a [f32],
    affine: &'a Affine,
    out: &'a mut [f32],
}

impl Work for Normalise<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        let channels = self.affine.scale.len();
        for (pixel, out) in self.pixels.chunks_exact(channels).zip(self.out.chunks_exact_mut(channels)) {
            normalise::<M>(pixel, self.affine, out);
        }
    }
}

/// Normalises the channels of a pixel.
#[inline(always)]
fn normalise<M: Machine>(pixel: &[f32], affine: &Affine, out: &mut [f32]) {
    for (((out, number), scale), shift) in out.iter_mut().zip(pixel).zip(&affine.scale).zip(&affine.shift) {
        *out = M::multiply_add(*number, *scale, *shift);
    }
}

/// Normalises the channels of a pixel and passes them through SiLU, `x · sigmoid(x)`.
#[inline(always)]
pub(super) fn normalise_silu<M: Machine>(pixel: &[f32], affine: &Affine, out: &mut [f32]) {
    for (((out, number), scale), shift) in out.iter_mut().zip(pixel).zip(&affine.scale).zip(&affine.shift) {
        let x = M::multiply_add(*number, *scale, *shift);
        *out = x / (1.0 + exp::<M>(-x));
    }
}

/// e^x to within two units in the last place, without branches, so that the compiler vectorises it: powers of two
/// from the exponent, the rest from the Taylor series of degree 7 over ±½ ln 2.
#[inline(always)]
pub(super) fn exp<M: Machine>(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let rounded = M::multiply_add(x, std::f32::consts::LOG2_E, ROUND);
    let power = rounded - ROUND;
    let rest = M::multiply_add(power, -LN_2_LOW, M::multiply_add(power, -LN_2_HIGH, x));
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = M::multiply_add(sum, rest, coefficient);
    }
    sum * f32::from_bits(rounded.to_bits().wrapping_add(127) << 23)
}
