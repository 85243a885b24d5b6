//! The same network in candle's operations: the way onto a CUDA device (cargo feature `cuda`), and on a processor a
//! slow second opinion for tests.
//!
//! Sums run in another order than in our own convolutions, so an id may differ where two codes are about as near.
//! On a CUDA device this has never run: it is compiled and tested on the processor alone.

use std::collections::HashMap;

use candle_core::{D, Device, Result, Tensor};

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    shape::{Shape, TensorSpec},
};

/// Groups of channels that are normalised together, and what keeps their spread from 0.
const GROUPS: usize = 32;
const EPSILON: f64 = 1e-6;

/// All weights on one device. Maps are `[1, channels, height, width]`.
pub(super) struct Graph {
    device: Device,
    shape: Shape,
    tensors: HashMap<String, Tensor>,
    /// Codes of unit length, one a row.
    codes: Tensor,
}

impl Graph {
    /// The first CUDA device, where this program was built for one.
    pub(super) fn on_cuda(
        checkpoint: &Checkpoint,
        tensors: &[TensorSpec],
        shape: Shape,
    ) -> std::result::Result<Self, CheckpointError> {
        let device =
            Device::new_cuda(0).map_err(|error| CheckpointError::Device { what: error.to_string() })?;
        Self::new(checkpoint, tensors, shape, device)
    }

    pub(super) fn new(
        checkpoint: &Checkpoint,
        tensors: &[TensorSpec],
        shape: Shape,
        device: Device,
    ) -> std::result::Result<Self, CheckpointError> {
        let failed = |error: candle_core::Error| CheckpointError::Device { what: error.to_string() };
        let mut loaded = HashMap::new();
        for tensor in tensors {
            let numbers = checkpoint.read(tensor)?;
            let weights = Tensor::from_vec(numbers, tensor.shape.as_slice(), &device).map_err(failed)?;
            loaded.insert(tensor.name.clone(), weights);
        }
        let codes = loaded.remove("quantize.embedding.weight").expect("`Shape` lists the codebook");
        let codes = to_unit_length(&codes).map_err(failed)?;
        Ok(Self { device, shape, tensors: loaded, codes })
    }

    /// The ids of a picture: its samples as they lie in memory, pixel by pixel.
    pub(super) fn encode(&self, samples: &[u8], side: usize) -> Result<Vec<u32>> {
        let pixels: Vec<f32> = samples.iter().map(|sample| f32::from(*sample) / 127.5 - 1.0).collect();
        let picture = Tensor::from_vec(pixels, (1, side, side, 3), &self.device)?.permute((0, 3, 1, 2))?;
        let vectors = self.encoder(&picture.contiguous()?)?;
        let num_tokens = self.shape.grid * self.shape.grid;
        let vectors =
            vectors.permute((0, 2, 3, 1))?.contiguous()?.reshape((num_tokens, self.shape.code_len))?;
        let products = to_unit_length(&vectors)?.matmul(&self.codes.t()?)?;
        products.argmax(D::Minus1)?.to_vec1()
    }

    /// The samples of the picture that ids stand for. Every id must be in the codebook.
    pub(super) fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let grid = self.shape.grid;
        let ids = Tensor::new(ids, &self.device)?;
        let codes = self.codes.index_select(&ids, 0)?.reshape((1, grid, grid, self.shape.code_len))?;
        let picture = self.decoder(&codes.permute((0, 3, 1, 2))?.contiguous()?)?;
        let numbers: Vec<f32> = picture.permute((0, 2, 3, 1))?.contiguous()?.flatten_all()?.to_vec1()?;
        Ok(numbers.into_iter().map(super::tokenizer::sample).collect())
    }

    fn encoder(&self, picture: &Tensor) -> Result<Tensor> {
        let mut map = self.conv("encoder.conv_in", picture, 1)?;
        for level in 0..Shape::LEVELS {
            map = self.level(&format!("encoder.down.{level}"), self.shape.blocks, map)?;
            if level + 1 < Shape::LEVELS {
                let padded = map.pad_with_zeros(2, 0, 1)?.pad_with_zeros(3, 0, 1)?;
                map = self.conv_with(&format!("encoder.down.{level}.downsample.conv"), &padded, 0, 2)?;
            }
        }
        let map = self.middle("encoder", map)?;
        let latent = self.conv("encoder.conv_out", &self.norm("encoder.norm_out", &map)?.silu()?, 1)?;
        self.conv("quant_conv", &latent, 0)
    }

    fn decoder(&self, codes: &Tensor) -> Result<Tensor> {
        let map = self.conv("decoder.conv_in", &self.conv("post_quant_conv", codes, 0)?, 1)?;
        let mut map = self.middle("decoder", map)?;
        for step in 0..Shape::LEVELS {
            map = self.level(&format!("decoder.up.{step}"), self.shape.blocks + 1, map)?;
            if step + 1 < Shape::LEVELS {
                let (_, _, height, width) = map.dims4()?;
                let doubled = map.upsample_nearest2d(height * 2, width * 2)?;
                map = self.conv(&format!("decoder.up.{step}.upsample.conv"), &doubled, 1)?;
            }
        }
        self.conv("decoder.conv_out", &self.norm("decoder.norm_out", &map)?.silu()?, 1)
    }

    fn level(&self, name: &str, num_blocks: usize, mut map: Tensor) -> Result<Tensor> {
        for block in 0..num_blocks {
            map = self.block(&format!("{name}.block.{block}"), &map)?;
            let attention = format!("{name}.attn.{block}");
            if self.tensors.contains_key(&format!("{attention}.norm.weight")) {
                map = self.attention(&attention, &map)?;
            }
        }
        Ok(map)
    }

    fn middle(&self, name: &str, map: Tensor) -> Result<Tensor> {
        let map = self.block(&format!("{name}.mid.block_1"), &map)?;
        let map = self.attention(&format!("{name}.mid.attn_1"), &map)?;
        self.block(&format!("{name}.mid.block_2"), &map)
    }

    fn block(&self, name: &str, map: &Tensor) -> Result<Tensor> {
        let inner = self.norm(&format!("{name}.norm1"), map)?.silu()?;
        let inner = self.conv(&format!("{name}.conv1"), &inner, 1)?;
        let inner = self.norm(&format!("{name}.norm2"), &inner)?.silu()?;
        let inner = self.conv(&format!("{name}.conv2"), &inner, 1)?;
        let shortcut = format!("{name}.nin_shortcut");
        match self.tensors.contains_key(&format!("{shortcut}.weight")) {
            true => self.conv(&shortcut, map, 0)? + inner,
            false => map + inner,
        }
    }

    /// Every pixel attends to every other, with one head.
    fn attention(&self, name: &str, map: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = map.dims4()?;
        let normed = self.norm(&format!("{name}.norm"), map)?;
        let part = |part: &str| -> Result<Tensor> {
            self.conv(&format!("{name}.{part}"), &normed, 0)?.reshape((channels, height * width))
        };
        let (query, key, value) = (part("q")?, part("k")?, part("v")?);
        let scores = (query.t()?.contiguous()?.matmul(&key)? * (channels as f64).powf(-0.5))?;
        let weights = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?;
        let attended = value.matmul(&weights.t()?.contiguous()?)?.reshape((1, channels, height, width))?;
        map + self.conv(&format!("{name}.proj_out"), &attended, 0)?
    }

    /// A convolution that keeps the size.
    fn conv(&self, name: &str, map: &Tensor, padding: usize) -> Result<Tensor> {
        self.conv_with(name, map, padding, 1)
    }

    fn conv_with(&self, name: &str, map: &Tensor, padding: usize, stride: usize) -> Result<Tensor> {
        let (weight, bias) = self.both(name);
        let out = map.conv2d(weight, padding, stride, 1, 1)?;
        out.broadcast_add(&bias.reshape((1, bias.elem_count(), 1, 1))?)
    }

    fn norm(&self, name: &str, map: &Tensor) -> Result<Tensor> {
        let (_, channels, height, width) = map.dims4()?;
        let groups = map.reshape((1, GROUPS, channels / GROUPS * height * width))?;
        let centred = groups.broadcast_sub(&groups.mean_keepdim(D::Minus1)?)?;
        let spread = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        let normed = centred.broadcast_div(&spread)?.reshape((1, channels, height, width))?;
        let (weight, bias) = self.both(name);
        let column = |tensor: &Tensor| tensor.reshape((1, channels, 1, 1));
        normed.broadcast_mul(&column(weight)?)?.broadcast_add(&column(bias)?)
    }

    fn both(&self, name: &str) -> (&Tensor, &Tensor) {
        (&self.tensors[&format!("{name}.weight")], &self.tensors[&format!("{name}.bias")])
    }
}

fn to_unit_length(rows: &Tensor) -> Result<Tensor> {
    rows.broadcast_div(&rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)
}
