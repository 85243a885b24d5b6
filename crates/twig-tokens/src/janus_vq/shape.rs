//! The form of the network: its sizes, and the tensors that a checkpoint of it has.

/// Sizes of a tokenizer of the VQ-16 family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Channels of the first level; those of the others are multiples.
    pub(super) base_channels: usize,
    /// Channels of each level, from the picture's size downwards, in multiples of the first. Each level but the
    /// last halves the size.
    pub(super) multipliers: [usize; 5],
    /// Residual blocks of a level of the encoder; the decoder has one more.
    pub(super) blocks: usize,
    /// Channels between encoder and codebook.
    pub(super) latent_channels: usize,
    /// Numbers of a code.
    pub(super) code_len: usize,
    /// Codes.
    pub(super) num_codes: usize,
    /// Rows and columns of tokens.
    pub(super) grid: usize,
}

/// A tensor of a checkpoint: its name as Hugging Face's port has it, without prefix, and its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorSpec {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
}

impl Shape {
    /// Janus-Pro, 1B and 7B.
    pub(super) const JANUS: Self = Self {
        base_channels: 128,
        multipliers: [1, 1, 2, 2, 4],
        blocks: 2,
        latent_channels: 256,
        code_len: 8,
        num_codes: 16_384,
        grid: 24,
    };

    /// Levels.
    pub(super) const LEVELS: usize = 5;

    /// Channels of a level.
    pub(super) fn channels(&self, level: usize) -> usize {
        self.base_channels * self.multipliers[level]
    }

    /// Channels of the smallest map.
    pub(super) fn lowest_channels(&self) -> usize {
        self.channels(Self::LEVELS - 1)
    }

    /// Every tensor, in the order in which the network uses them.
    pub(super) fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Tensors(Vec::new());
        let (lowest, latent) = (self.lowest_channels(), self.latent_channels);
        let mut channels = self.base_channels;
        tensors.conv("encoder.conv_in", 3, channels, 3);
        for level in 0..Self::LEVELS {
            for block in 0..self.blocks {
                let at = format!("encoder.down.{level}");
                tensors.block(&format!("{at}.block.{block}"), channels, self.channels(level));
                channels = self.channels(level);
                if level + 1 == Self::LEVELS {
                    tensors.attention(&format!("{at}.attn.{block}"), channels);
                }
            }
            if level + 1 < Self::LEVELS {
                tensors.conv(&format!("encoder.down.{level}.downsample.conv"), channels, channels, 3);
            }
        }
        tensors.middle("encoder", lowest);
        tensors.norm("encoder.norm_out", lowest);
        tensors.conv("encoder.conv_out", lowest, latent, 3);
        tensors.conv("quant_conv", latent, self.code_len, 1);
        tensors.push("quantize.embedding.weight", &[self.num_codes, self.code_len]);
        tensors.conv("post_quant_conv", self.code_len, latent, 1);
        tensors.conv("decoder.conv_in", latent, lowest, 3);
        tensors.middle("decoder", lowest);
        let mut channels = lowest;
        for (step, level) in (0..Self::LEVELS).rev().enumerate() {
            for block in 0..=self.blocks {
                let at = format!("decoder.up.{step}");
                tensors.block(&format!("{at}.block.{block}"), channels, self.channels(level));
                channels = self.channels(level);
                if step == 0 {
                    tensors.attention(&format!("{at}.attn.{block}"), channels);
                }
            }
            if level > 0 {
                tensors.conv(&format!("decoder.up.{step}.upsample.conv"), channels, channels, 3);
            }
        }
        tensors.norm("decoder.norm_out", channels);
        tensors.conv("decoder.conv_out", channels, 3, 3);
        tensors.0
    }
}

struct Tensors(Vec<TensorSpec>);

impl Tensors {
    fn push(&mut self, name: &str, shape: &[usize]) {
        self.0.push(TensorSpec { name: name.to_owned(), shape: shape.to_vec() });
    }

    fn conv(&mut self, name: &str, from: usize, to: usize, side: usize) {
        self.push(&format!("{name}.weight"), &[to, from, side, side]);
        self.push(&format!("{name}.bias"), &[to]);
    }

    fn norm(&mut self, name: &str, channels: usize) {
        self.push(&format!("{name}.weight"), &[channels]);
        self.push(&format!("{name}.bias"), &[channels]);
    }

    fn block(&mut self, name: &str, from: usize, to: usize) {
        self.norm(&format!("{name}.norm1"), from);
        self.conv(&format!("{name}.conv1"), from, to, 3);
        self.norm(&format!("{name}.norm2"), to);
        self.conv(&format!("{name}.conv2"), to, to, 3);
        if from != to {
            self.conv(&format!("{name}.nin_shortcut"), from, to, 1);
        }
    }

    fn attention(&mut self, name: &str, channels: usize) {
        self.norm(&format!("{name}.norm"), channels);
        for part in ["q", "k", "v", "proj_out"] {
            self.conv(&format!("{name}.{part}"), channels, channels, 1);
        }
    }

    fn middle(&mut self, name: &str, channels: usize) {
        self.block(&format!("{name}.mid.block_1"), channels, channels);
        self.attention(&format!("{name}.mid.attn_1"), channels);
        self.block(&format!("{name}.mid.block_2"), channels, channels);
    }
}

/// How a checkpoint calls its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// Hugging Face's port.
    HuggingFace,
    /// The authors' code.
    Original,
}

/// Every naming with the prefixes under which the tokenizer stands in a checkpoint, or with none where it stands
/// by itself.
pub(super) const PLACES: [(Naming, &str); 6] = [
    (Naming::Original, "gen_vision_model."),
    (Naming::HuggingFace, "model.vqmodel."),
    (Naming::HuggingFace, "vqmodel."),
    (Naming::Original, "model.gen_vision_model."),
    (Naming::HuggingFace, ""),
    (Naming::Original, ""),
];

impl Naming {
    /// A tensor's name, from Hugging Face's.
    pub(super) fn name(self, name: &str) -> String {
        if self == Self::HuggingFace {
            return name.to_owned();
        }
        name.replace(".down.", ".conv_blocks.")
            .replace(".up.", ".conv_blocks.")
            .replace(".block.", ".res.")
            .replace(".mid.block_1.", ".mid.0.")
            .replace(".mid.attn_1.", ".mid.1.")
            .replace(".mid.block_2.", ".mid.2.")
    }
}
