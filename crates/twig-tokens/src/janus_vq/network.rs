//! Encoder and decoder, layer by layer.

use std::collections::HashMap;

use super::{
    attention::Attention,
    checkpoint::{Checkpoint, CheckpointError},
    conv::{Algorithm, Conv1, Conv3, Input},
    map::{Engine, GroupNorm, Map},
    shape::{Shape, TensorSpec},
};

/// Makes layers from the tensors of a checkpoint.
pub(super) struct Builder<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) tensors: &'a HashMap<String, TensorSpec>,
    pub(super) engine: &'a Engine,
    pub(super) shape: Shape,
    pub(super) algorithm: Algorithm,
}

impl Builder<'_> {
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f32>, CheckpointError> {
        let tensor = self.tensors.get(name).expect("layers are made of the tensors that `Shape` lists");
        self.checkpoint.read(tensor)
    }

    fn both(&self, name: &str) -> Result<(Vec<f32>, Vec<f32>), CheckpointError> {
        Ok((self.numbers(&format!("{name}.weight"))?, self.numbers(&format!("{name}.bias"))?))
    }

    fn conv3(&self, name: &str, stride: usize) -> Result<Conv3, CheckpointError> {
        let (weight, bias) = self.both(name)?;
        Ok(Conv3::new(self.engine, &weight, bias, stride, self.algorithm))
    }

    fn conv1(&self, name: &str) -> Result<Conv1, CheckpointError> {
        let (weight, bias) = self.both(name)?;
        Ok(Conv1::new(self.engine, &weight, bias))
    }

    fn norm(&self, name: &str) -> Result<GroupNorm, CheckpointError> {
        let (weight, bias) = self.both(name)?;
        Ok(GroupNorm { weight, bias })
    }

    fn block(&self, name: &str) -> Result<Block, CheckpointError> {
        let shortcut = format!("{name}.nin_shortcut");
        let has_shortcut = self.tensors.contains_key(&format!("{shortcut}.weight"));
        Ok(Block {
            norm1: self.norm(&format!("{name}.norm1"))?,
            conv1: self.conv3(&format!("{name}.conv1"), 1)?,
            norm2: self.norm(&format!("{name}.norm2"))?,
            conv2: self.conv3(&format!("{name}.conv2"), 1)?,
            shortcut: if has_shortcut { Some(self.conv1(&shortcut)?) } else { None },
        })
    }

    fn attention(&self, name: &str) -> Result<Attention, CheckpointError> {
        Ok(Attention {
            norm: self.norm(&format!("{name}.norm"))?,
            query: self.conv1(&format!("{name}.q"))?,
            key: self.conv1(&format!("{name}.k"))?,
            value: self.conv1(&format!("{name}.v"))?,
            out: self.conv1(&format!("{name}.proj_out"))?,
        })
    }

    /// The layers of a level: blocks, each with an attention where the level has them.
    fn level(&self, name: &str, num_blocks: usize) -> Result<Vec<Layer>, CheckpointError> {
        let mut layers = Vec::new();
        for block in 0..num_blocks {
            layers.push(Layer::Block(self.block(&format!("{name}.block.{block}"))?));
            let attention = format!("{name}.attn.{block}");
            if self.tensors.contains_key(&format!("{attention}.norm.weight")) {
                layers.push(Layer::Attention(self.attention(&attention)?));
            }
        }
        Ok(layers)
    }

    fn middle(&self, name: &str) -> Result<Vec<Layer>, CheckpointError> {
        Ok(vec![
            Layer::Block(self.block(&format!("{name}.mid.block_1"))?),
            Layer::Attention(self.attention(&format!("{name}.mid.attn_1"))?),
            Layer::Block(self.block(&format!("{name}.mid.block_2"))?),
        ])
    }

    pub(super) fn encoder(&self) -> Result<Encoder, CheckpointError> {
        let mut layers = Vec::new();
        for level in 0..Shape::LEVELS {
            layers.extend(self.level(&format!("encoder.down.{level}"), self.shape.blocks)?);
            if level + 1 < Shape::LEVELS {
                layers.push(Layer::Halve(self.conv3(&format!("encoder.down.{level}.downsample.conv"), 2)?));
            }
        }
        layers.extend(self.middle("encoder")?);
        Ok(Encoder {
            conv_in: self.conv3("encoder.conv_in", 1)?,
            layers,
            norm_out: self.norm("encoder.norm_out")?,
            conv_out: self.conv3("encoder.conv_out", 1)?,
            quant_conv: self.conv1("quant_conv")?,
        })
    }

    pub(super) fn decoder(&self) -> Result<Decoder, CheckpointError> {
        let mut layers = self.middle("decoder")?;
        for step in 0..Shape::LEVELS {
            layers.extend(self.level(&format!("decoder.up.{step}"), self.shape.blocks + 1)?);
            if step + 1 < Shape::LEVELS {
                layers.push(Layer::Double(self.conv3(&format!("decoder.up.{step}.upsample.conv"), 1)?));
            }
        }
        Ok(Decoder {
            post_quant_conv: self.conv1("post_quant_conv")?,
            conv_in: self.conv3("decoder.conv_in", 1)?,
            layers,
            norm_out: self.norm("decoder.norm_out")?,
            conv_out: self.conv3("decoder.conv_out", 1)?,
        })
    }
}

/// From a picture, −1 to 1, to the vectors that are looked up.
#[derive(Debug)]
pub(super) struct Encoder {
    conv_in: Conv3,
    layers: Vec<Layer>,
    norm_out: GroupNorm,
    conv_out: Conv3,
    quant_conv: Conv1,
}

impl Encoder {
    pub(super) fn forward(&self, engine: &Engine, picture: &Map) -> Map {
        let map = self.conv_in.forward(engine, Input::plain(picture));
        let map = self.layers.iter().fold(map, |map, layer| layer.forward(engine, map));
        let latent = normed_conv(engine, &self.norm_out, &self.conv_out, &map);
        self.quant_conv.forward(engine, &latent)
    }
}

/// From codes to a picture, −1 to 1 or a little beyond.
#[derive(Debug)]
pub(super) struct Decoder {
    post_quant_conv: Conv1,
    conv_in: Conv3,
    layers: Vec<Layer>,
    norm_out: GroupNorm,
    conv_out: Conv3,
}

impl Decoder {
    pub(super) fn forward(&self, engine: &Engine, codes: &Map) -> Map {
        let latent = self.post_quant_conv.forward(engine, codes);
        let map = self.conv_in.forward(engine, Input::plain(&latent));
        let map = self.layers.iter().fold(map, |map, layer| layer.forward(engine, map));
        normed_conv(engine, &self.norm_out, &self.conv_out, &map)
    }
}

#[derive(Debug)]
enum Layer {
    Block(Block),
    Attention(Attention),
    /// Halves the size.
    Halve(Conv3),
    /// Doubles the size.
    Double(Conv3),
}

impl Layer {
    fn forward(&self, engine: &Engine, map: Map) -> Map {
        match self {
            Self::Block(block) => block.forward(engine, map),
            Self::Attention(attention) => attention.forward(engine, map),
            Self::Halve(conv) => conv.forward(engine, Input::plain(&map)),
            Self::Double(conv) => conv.forward(engine, Input { is_doubled: true, ..Input::plain(&map) }),
        }
    }
}

/// A residual block: two convolutions, added to what came in.
#[derive(Debug)]
struct Block {
    norm1: GroupNorm,
    conv1: Conv3,
    norm2: GroupNorm,
    conv2: Conv3,
    /// Where the number of channels changes.
    shortcut: Option<Conv1>,
}

impl Block {
    fn forward(&self, engine: &Engine, map: Map) -> Map {
        let inner = normed_conv(engine, &self.norm1, &self.conv1, &map);
        let mut out = match &self.shortcut {
            Some(shortcut) => shortcut.forward(engine, &map),
            None => map,
        };
        let affine = self.norm2.measure(engine, &inner);
        let input = Input { norm: Some(&affine), ..Input::plain(&inner) };
        self.conv2.add_to(engine, input, &mut out);
        out
    }
}

/// Normalisation, SiLU and convolution.
fn normed_conv(engine: &Engine, norm: &GroupNorm, conv: &Conv3, map: &Map) -> Map {
    let affine = norm.measure(engine, map);
    conv.forward(engine, Input { norm: Some(&affine), ..Input::plain(map) })
}
