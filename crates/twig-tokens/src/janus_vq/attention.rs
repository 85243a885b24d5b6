//! Attention of every pixel of a small map to every other, with one head.

use rayon::{iter::ParallelIterator, slice::ParallelSliceMut};

use super::{
    conv::{Conv1, product},
    machine::{Machine, Work},
    map::{Engine, GroupNorm, Map, exp},
    product::{Finish, Packed},
};

/// The attention of a map to itself, added to the map.
#[derive(Debug)]
pub(super) struct Attention {
    pub(super) norm: GroupNorm,
    pub(super) query: Conv1,
    pub(super) key: Conv1,
    pub(super) value: Conv1,
    pub(super) out: Conv1,
}

impl Attention {
    pub(super) fn forward(&self, engine: &Engine, mut map: Map) -> Map {
        let (pixels, channels) = (map.num_pixels(), map.channels);
        let normed = self.norm.apply(engine, &map);
        let query = self.query.forward(engine, &normed);
        let key = self.key.forward(engine, &normed);
        let value = self.value.forward(engine, &normed);
        drop(normed);

        let keys = Packed::new(engine, channels, pixels, |row, col| key.numbers[col * channels + row]);
        let mut weights = engine.map(map.height, map.width, pixels);
        product(engine, &query, &keys, &mut weights, Finish::Store);
        let scale = (channels as f32).powf(-0.5);
        weights.numbers.par_chunks_mut(pixels).for_each(|row| {
            engine.instructions.run(Softmax { row, scale });
        });

        let values = Packed::new(engine, pixels, channels, |row, col| value.numbers[row * channels + col]);
        let mut attended = query;
        product(engine, &weights, &values, &mut attended, Finish::Store);
        self.out.add_to(engine, &attended, &mut map);
        map
    }
}

struct Softmax<'a> {
    row: &'a mut [f32],
    scale: f32,
}

impl Work for Softmax<'_> {
    #[inline(always)]
    fn run<M: Machine>(self) {
        let Self { row, scale } = self;
        let most = row.iter().fold(f32::NEG_INFINITY, |most, number| most.max(*number));
        for number in row.iter_mut() {
            *number = exp::<M>((*number - most) * scale);
        }
        let sum: f64 = row.iter().map(|number| f64::from(*number)).sum();
        let factor = (1.0 / sum) as f32;
        for number in row {
            *number *= factor;
        }
    }
}
