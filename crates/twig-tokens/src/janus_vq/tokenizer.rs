use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, OnceLock},
};

use rayon::{
    ThreadPool, ThreadPoolBuilder,
    iter::{IntoParallelRefIterator, ParallelIterator},
};
use twig_imaging::{Rgb, RgbImage};
use twig_model::{Geometry, Grid};

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    codebook::Codebook,
    conv::Algorithm,
    graph::Graph,
    machine::Instructions,
    map::{Engine, Map},
    network::{Builder, Decoder, Encoder},
    shape::{Shape, TensorSpec},
};
use crate::{ImageTokenizer, TokenizeError};

/// Version of the arithmetic. Raised when a change can give other ids for the same weights.
const ARITHMETIC: &str = "twig janus vq, version 1";

/// How [`JanusVq`] goes about its work. On the processor nothing of it changes the ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JanusVqSettings {
    /// Threads that it works on; by default one for each core.
    pub threads: Option<usize>,
    /// Pictures under way at once in [`encode_all`](ImageTokenizer::encode_all); by default as many as there are
    /// threads, and at most 4. Each takes about 250 MB.
    pub batch: Option<usize>,
    /// The instructions to use, which the processor must have.
    pub instructions: Instructions,
    /// What it runs on.
    pub device: JanusDevice,
}

/// What [`JanusVq`] runs on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JanusDevice {
    /// The processor.
    #[default]
    Cpu,
    /// The first CUDA device, with the cargo feature `cuda`. Has never been run; ids may differ from those of the
    /// processor where two codes are about as near, so they count as another tokenizer's.
    Cuda,
}

impl Default for JanusVqSettings {
    fn default() -> Self {
        Self { threads: None, batch: None, instructions: Instructions::best(), device: JanusDevice::Cpu }
    }
}

/// Most pictures under way at once by default: more do not go faster, and take their memory.
const MAX_BATCH: usize = 4;

/// Janus-Pro's image tokenizer: 384 × 384 pixels to 24 × 24 ids of 16,384, and back.
///
/// The ids do not depend on threads, on batches, or on the instructions of the processor, as long as it has fused
/// multiply-add (x86-64 since 2013, every 64-bit ARM).
pub struct JanusVq {
    name: String,
    fingerprint: String,
    shape: Shape,
    engine: Engine,
    pub(super) threads: ThreadPool,
    batch: usize,
    algorithm: Algorithm,
    pub(super) checkpoint: Checkpoint,
    tensors: HashMap<String, TensorSpec>,
    codebook: Codebook,
    encoder: OnceLock<Result<Encoder, Arc<CheckpointError>>>,
    decoder: OnceLock<Result<Decoder, Arc<CheckpointError>>>,
    placeholder: OnceLock<Rgb<u8>>,
    /// In the place of encoder, decoder and lookup, on a CUDA device.
    graph: Option<Graph>,
}

impl JanusVq {
    /// Opens a checkpoint of Janus-Pro, or of its image tokenizer alone: a folder or a file, as safetensors or in
    /// PyTorch's format, in one piece or in shards, under the original names or Hugging Face's. `name` is what the
    /// tokenizer is called in tables.
    ///
    /// Every tensor is checked and read once, for the fingerprint; encoder and decoder are put together when they
    /// are first used (about a second each).
    pub fn open(name: &str, checkpoint: &Path, settings: JanusVqSettings) -> Result<Self, CheckpointError> {
        Self::with_shape(name, checkpoint, settings, Shape::JANUS, Algorithm::Winograd)
    }

    pub(super) fn with_shape(
        name: &str,
        checkpoint: &Path,
        settings: JanusVqSettings,
        shape: Shape,
        algorithm: Algorithm,
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::open(checkpoint)?;
        let tensors = shape.tensors();
        checkpoint.check(&tensors)?;
        let threads = ThreadPoolBuilder::new()
            .num_threads(settings.threads.unwrap_or(0))
            .thread_name(|index| format!("janus-vq-{index}"))
            .build()
            .map_err(|error| CheckpointError::Threads { what: error.to_string() })?;
        let batch = settings.batch.unwrap_or_else(|| threads.current_num_threads().min(MAX_BATCH)).max(1);
        let engine = Engine::new(settings.instructions);
        let mut fingerprint = fingerprint(&checkpoint, &tensors)?;
        let graph = match settings.device {
            JanusDevice::Cpu => None,
            JanusDevice::Cuda => {
                fingerprint = blake3::hash(format!("cuda {fingerprint}").as_bytes()).to_hex().to_string();
                Some(Graph::on_cuda(&checkpoint, &tensors, shape)?)
            }
        };
        let tensors: HashMap<_, _> =
            tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let codes = checkpoint.read(&tensors["quantize.embedding.weight"])?;
        let codebook = Codebook::new(&engine, codes, shape.code_len);
        Ok(Self {
            name: name.to_owned(),
            fingerprint,
            shape,
            engine,
            threads,
            batch,
            algorithm,
            checkpoint,
            tensors,
            codebook,
            encoder: OnceLock::new(),
            decoder: OnceLock::new(),
            placeholder: OnceLock::new(),
            graph,
        })
    }

    fn builder(&self) -> Builder<'_> {
        Builder {
            checkpoint: &self.checkpoint,
            tensors: &self.tensors,
            engine: &self.engine,
            shape: self.shape,
            algorithm: self.algorithm,
        }
    }

    /// Puts the encoder together, so that the first picture does not wait for it.
    pub fn load_encoder(&self) -> Result<(), TokenizeError> {
        self.encoder().map(|_| ())
    }

    /// Puts the decoder together, so that the first ids do not wait for it.
    pub fn load_decoder(&self) -> Result<(), TokenizeError> {
        self.decoder().map(|_| ())
    }

    /// Not to be called on the tokenizer's own threads, which it waits for.
    pub(super) fn encoder(&self) -> Result<&Encoder, TokenizeError> {
        let encoder = self.encoder.get_or_init(|| self.built(|builder| builder.encoder()));
        encoder.as_ref().map_err(|error| TokenizeError::Weights { what: error.to_string() })
    }

    /// Not to be called on the tokenizer's own threads, which it waits for.
    fn decoder(&self) -> Result<&Decoder, TokenizeError> {
        let decoder = self.decoder.get_or_init(|| self.built(|builder| builder.decoder()));
        decoder.as_ref().map_err(|error| TokenizeError::Weights { what: error.to_string() })
    }

    /// Builds on the tokenizer's threads. The thread that asks must do nothing else meanwhile, or it might take up
    /// other work that waits for this; so it waits for a thread that is no worker.
    fn built<T: Send>(
        &self,
        build: impl Fn(&Builder<'_>) -> Result<T, CheckpointError> + Sync,
    ) -> Result<T, Arc<CheckpointError>> {
        let built = std::thread::scope(|scope| {
            scope.spawn(|| self.threads.install(|| build(&self.builder()))).join()
        });
        match built {
            Ok(built) => built.map_err(Arc::new),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn check_size(&self, picture: &RgbImage) -> Result<(), TokenizeError> {
        let (width, height) = picture.dimensions();
        let wanted = self.geometry().image_size;
        match (width, height) == (wanted, wanted) {
            true => Ok(()),
            false => Err(TokenizeError::PictureSize { width, height, wanted }),
        }
    }

    fn check_ids(&self, ids: &[u32]) -> Result<(), TokenizeError> {
        let wanted = self.geometry().grid.num_tokens() as usize;
        if ids.len() != wanted {
            return Err(TokenizeError::NumIds { given: ids.len(), wanted });
        }
        let codebook_size = self.codebook_size();
        match ids.iter().enumerate().find(|(_, id)| **id >= codebook_size) {
            Some((position, &id)) => Err(TokenizeError::UnknownId { id, position, codebook_size }),
            None => Ok(()),
        }
    }

    fn encode_on(&self, graph: &Graph, picture: &RgbImage) -> Result<Vec<u32>, TokenizeError> {
        self.check_size(picture)?;
        graph.encode(picture.as_raw(), picture.width() as usize).map_err(on_device)
    }

    fn decode_on(&self, graph: &Graph, ids: &[u32]) -> Result<RgbImage, TokenizeError> {
        self.check_ids(ids)?;
        Ok(self.picture(graph.decode(ids).map_err(on_device)?))
    }

    fn picture(&self, samples: Vec<u8>) -> RgbImage {
        let size = self.geometry().image_size;
        RgbImage::from_raw(size, size, samples).unwrap_or_else(|| RgbImage::new(size, size))
    }

    /// The vectors that are looked up, one after the other, not yet of unit length.
    pub(super) fn vectors(&self, encoder: &Encoder, picture: &RgbImage) -> Result<Map, TokenizeError> {
        self.check_size(picture)?;
        let (width, height) = picture.dimensions();
        let mut map = self.engine.map(height as usize, width as usize, 3);
        for (number, sample) in map.numbers.iter_mut().zip(picture.as_raw()) {
            *number = f32::from(*sample) / 127.5 - 1.0;
        }
        Ok(encoder.forward(&self.engine, &map))
    }

    fn encode_here(&self, encoder: &Encoder, picture: &RgbImage) -> Result<Vec<u32>, TokenizeError> {
        Ok(self.codebook.ids(&self.engine, self.vectors(encoder, picture)?))
    }

    fn decode_here(&self, decoder: &Decoder, ids: &[u32]) -> Result<RgbImage, TokenizeError> {
        self.check_ids(ids)?;
        let codes = self.codebook.codes_of(&self.engine, ids, self.shape.grid);
        let map = decoder.forward(&self.engine, &codes);
        Ok(self.picture(map.numbers.iter().copied().map(sample).collect()))
    }
}

/// A sample of a picture from what the decoder says. Cut off, not rounded, as in the authors' code.
pub(super) fn sample(number: f32) -> u8 {
    (number.midpoint(1.0) * 255.0).clamp(0.0, 255.0) as u8
}

fn on_device(error: candle_core::Error) -> TokenizeError {
    TokenizeError::Device { what: error.to_string() }
}

/// Hash of all weights as numbers in single precision: the same whatever the files and names they came in.
fn fingerprint(checkpoint: &Checkpoint, tensors: &[TensorSpec]) -> Result<String, CheckpointError> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(ARITHMETIC.as_bytes());
    for tensor in tensors {
        hasher.update(tensor.name.as_bytes());
        let bytes: Vec<u8> = checkpoint.read(tensor)?.into_iter().flat_map(f32::to_le_bytes).collect();
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

impl ImageTokenizer for JanusVq {
    fn name(&self) -> &str {
        &self.name
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn geometry(&self) -> Geometry {
        let side = self.shape.grid as u32;
        Geometry { grid: Grid { rows: side, cols: side }, image_size: side * 16 }
    }

    fn codebook_size(&self) -> u32 {
        self.codebook.num_codes() as u32
    }

    /// The mean colour of a picture whose ids are all 0. Decoded when first asked for.
    fn placeholder(&self) -> Result<Rgb<u8>, TokenizeError> {
        if let Some(color) = self.placeholder.get() {
            return Ok(*color);
        }
        let picture = self.decode(&vec![0; self.geometry().grid.num_tokens() as usize])?;
        let count = u64::from(picture.width()) * u64::from(picture.height());
        let mean = |channel: usize| {
            let sum: u64 = picture.pixels().map(|pixel| u64::from(pixel.0[channel])).sum();
            ((sum + count / 2) / count) as u8
        };
        Ok(*self.placeholder.get_or_init(|| Rgb([mean(0), mean(1), mean(2)])))
    }

    fn encode(&self, picture: &RgbImage) -> Result<Vec<u32>, TokenizeError> {
        if let Some(graph) = &self.graph {
            return self.encode_on(graph, picture);
        }
        let encoder = self.encoder()?;
        self.threads.install(|| self.encode_here(encoder, picture))
    }

    fn encode_all(&self, pictures: &[RgbImage]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        if let Some(graph) = &self.graph {
            return pictures.iter().map(|picture| self.encode_on(graph, picture)).collect();
        }
        let encoder = match self.encoder() {
            Ok(encoder) => encoder,
            Err(error) => return pictures.iter().map(|_| Err(error.clone())).collect(),
        };
        let batch = |batch: &[RgbImage]| -> Vec<_> {
            batch.par_iter().map(|picture| self.encode_here(encoder, picture)).collect()
        };
        self.threads.install(|| pictures.chunks(self.batch).flat_map(batch).collect())
    }

    fn decode(&self, ids: &[u32]) -> Result<RgbImage, TokenizeError> {
        if let Some(graph) = &self.graph {
            return self.decode_on(graph, ids);
        }
        let decoder = self.decoder()?;
        self.threads.install(|| self.decode_here(decoder, ids))
    }
}
