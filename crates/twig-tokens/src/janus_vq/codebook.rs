//! The codebook: codes of unit length, found by their direction.

use rayon::{
    iter::{IndexedParallelIterator, ParallelIterator},
    slice::{ParallelSlice, ParallelSliceMut},
};

use super::{
    machine::{Machine, Work},
    map::{Engine, Map},
    product::{Finish, Packed, Rows, multiply},
};

/// Pixels that are looked up at once; their products with all codes take 800 KB.
const PIXELS: usize = 12;

/// Below this a vector has no direction; PyTorch's `normalize` divides by it then.
const SHORTEST: f32 = 1e-12;

/// Vectors of unit length.
#[derive(Debug)]
pub(super) struct Codebook {
    code_len: usize,
    codes: Vec<f32>,
    packed: Packed,
}

impl Codebook {
    /// From the rows of a checkpoint, of whatever length.
    pub(super) fn new(engine: &Engine, mut codes: Vec<f32>, code_len: usize) -> Self {
        codes.chunks_exact_mut(code_len).for_each(to_unit_length);
        let num_codes = codes.len() / code_len;
        let packed = Packed::new(engine, code_len, num_codes, |row, col| codes[col * code_len + row]);
        Self { code_len, codes, packed }
    }

    pub(super) fn num_codes(&self) -> usize {
        self.packed.cols()
    }

    /// Of every pixel the id of the code that points most nearly its way, the first where several do. Between unit
    /// vectors that is the nearest.
    pub(super) fn ids(&self, engine: &Engine, mut map: Map) -> Vec<u32> {
        map.numbers.par_chunks_exact_mut(self.code_len).for_each(to_unit_length);
        let mut ids = vec![0; map.num_pixels()];
        let pixels = map.numbers.par_chunks(PIXELS * self.code_len);
        ids.par_chunks_mut(PIXELS).zip(pixels).for_each(|(ids, pixels)| {
            let products = &mut engine.pool.take(ids.len() * self.num_codes());
            engine.instructions.run(Lookup { pixels, codebook: self, products, ids });
        });
        ids
    }

    /// The codes of ids, which must be in the codebook, side by side.
    pub(super) fn codes_of(&self, engine: &Engine, ids: &[u32], grid: usize) -> Map {
        let mut map = engine.map(grid, grid, self.code_len);
        for (out, &id) in map.numbers.chunks_exact_mut(self.code_len).zip(ids) {
            out.copy_from_slice(&self.codes[id as usize * self.code_len..][..self.code_len]);
        }
        map
    }
}

fn to_unit_length(vector: &mut [f32]) {
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt().max(SHORTEST);
    for number in vector {
        *number /= length;
    }
}

struct Lookup<'a> {
    pixels: &'a [f32],
    codebook: &'a Codebook,
    products: &'a mut [f32],
    ids: &'a mut [u32],
}

impl Work for Lookup<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        /// Products that are compared side by side.
        const LANES: usize = 16;
        let Codebook { code_len, packed, .. } = self.codebook;
        let num_codes = packed.cols();
        let rows = Rows {
            numbers: self.pixels,
            count: self.ids.len(),
            stride: *code_len,
            run: *code_len,
            taps: &[0],
        };
        multiply::<M>(rows, packed, self.products, num_codes, Finish::Store);
        for (id, products) in self.ids.iter_mut().zip(self.products.chunks_exact(num_codes)) {
            let (chunks, rest) = products.as_chunks::<LANES>();
            let mut most = [f32::NEG_INFINITY; LANES];
            for chunk in chunks {
                for lane in 0..LANES {
                    most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
                }
            }
            let most = most.iter().chain(rest).fold(f32::NEG_INFINITY, |most, number| most.max(*number));
            *id = products.iter().position(|product| *product == most).unwrap_or(0) as u32;
        }
    }
}
