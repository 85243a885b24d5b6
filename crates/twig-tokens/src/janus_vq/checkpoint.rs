//! Weights of a checkpoint: a folder or a file, safetensors or PyTorch's own format, in one piece or in shards.
//!
//! Only what is asked for is read: safetensors are mapped into memory, from pickled files single tensors are
//! taken (with candle, which interprets the pickle and runs nothing that is in it).

#![allow(unsafe_code, reason = "mapping a file; see `mapped`")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::{Path, PathBuf},
};

use candle_core::{DType, pickle::PthTensors};
use memmap2::Mmap;
use safetensors::{
    Dtype, SafeTensors,
    tensor::{Metadata, TensorInfo},
};

use super::shape::{Naming, PLACES, TensorSpec};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in the folder looks like weights.
    #[error(
        "{} holds no weights: model.safetensors, model.safetensors.index.json, pytorch_model.bin or \
         pytorch_model.bin.index.json is wanted", path.display()
    )]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not what its name says.
    #[error("{}: {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// No tensor of an image tokenizer under any of the known names.
    #[error(
        "{} holds no Janus image tokenizer: `quantize.embedding.weight` is missing under every known prefix ({})",
        path.display(),
        known_prefixes()
    )]
    NoTokenizer {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A tensor is missing.
    #[error("the tensor `{name}` is missing in {}; shape {expected:?} is wanted", path.display())]
    MissingTensor {
        /// Name as it should stand in the checkpoint.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
        /// The checkpoint.
        path: PathBuf,
    },
    /// A tensor has another shape.
    #[error("the tensor `{name}` has shape {found:?}, {expected:?} is wanted ({})", path.display())]
    TensorShape {
        /// Name in the checkpoint.
        name: String,
        /// Shape it should have.
        expected: Vec<usize>,
        /// Shape it has.
        found: Vec<usize>,
        /// Its file.
        path: PathBuf,
    },
    /// The threads that are to work on it cannot be had.
    #[error("cannot start the threads of the image tokenizer: {what}")]
    Threads {
        /// What went wrong.
        what: String,
    },
    /// The device that is to work on it cannot be had.
    #[error(
        "the image tokenizer cannot run on this device (a CUDA device wants a program built with `--features cuda`): {what}"
    )]
    Device {
        /// What went wrong.
        what: String,
    },
    /// A tensor holds no floating-point numbers, or some that are no numbers.
    #[error("the tensor `{name}` {what} ({})", path.display())]
    TensorNumbers {
        /// Name in the checkpoint.
        name: String,
        /// What is wrong.
        what: String,
        /// Its file.
        path: PathBuf,
    },
}

fn known_prefixes() -> String {
    let prefixes: BTreeSet<&str> = PLACES.iter().map(|(_, prefix)| *prefix).collect();
    prefixes.into_iter().map(|prefix| format!("`{prefix}`")).collect::<Vec<_>>().join(", ")
}

/// The tensors of an image tokenizer in a checkpoint.
pub(super) struct Checkpoint {
    path: PathBuf,
    naming: Naming,
    prefix: &'static str,
    files: Vec<WeightFile>,
    /// File of each tensor of the tokenizer, by its name in the checkpoint.
    file_of: BTreeMap<String, usize>,
    /// A tensor whose numbers are changed on reading, to see that it matters.
    #[cfg(test)]
    pub(super) disturbed: Option<String>,
}

impl Checkpoint {
    /// Opens a checkpoint and finds out how it calls its tensors.
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let (mut files, mut file_of) = (Vec::new(), BTreeMap::new());
        for path in weight_files(path)? {
            let file = WeightFile::open(&path)?;
            file_of.extend(file.names().into_iter().map(|name| (name, files.len())));
            files.push(file);
        }
        // The two namings share this tensor; one that only the encoder of each has tells them apart.
        let is_at = |&(naming, prefix): &(Naming, &str)| {
            let has = |name: &str| file_of.contains_key(&format!("{prefix}{}", naming.name(name)));
            has("quantize.embedding.weight") && has("encoder.down.0.block.0.norm1.weight")
        };
        let has_codebook = |&(_, prefix): &(Naming, &str)| {
            file_of.contains_key(&format!("{prefix}quantize.embedding.weight"))
        };
        let place = PLACES
            .iter()
            .find(|place| is_at(place))
            .or_else(|| PLACES.iter().find(|place| has_codebook(place)));
        let Some(&(naming, prefix)) = place else {
            return Err(CheckpointError::NoTokenizer { path: path.to_owned() });
        };
        Ok(Self {
            path: path.to_owned(),
            naming,
            prefix,
            files,
            file_of,
            #[cfg(test)]
            disturbed: None,
        })
    }

    /// Whether every tensor is there in its shape.
    pub(super) fn check(&self, tensors: &[TensorSpec]) -> Result<(), CheckpointError> {
        tensors.iter().try_for_each(|tensor| self.find(tensor).map(|_| ()))
    }

    /// The numbers of a tensor in row-major order.
    pub(super) fn read(&self, tensor: &TensorSpec) -> Result<Vec<f32>, CheckpointError> {
        let (name, file) = self.find(tensor)?;
        let wrong = |what: String| CheckpointError::TensorNumbers {
            name: name.clone(),
            what,
            path: file.path.clone(),
        };
        #[cfg_attr(not(test), allow(unused_mut, reason = "only tests disturb"))]
        let mut numbers = file.read(&name).map_err(wrong)?;
        #[cfg(test)]
        if self.disturbed.as_ref() == Some(&tensor.name) {
            super::tests::disturb(&mut numbers);
        }
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(at) => Err(wrong(format!("holds {} at position {at}", numbers[at]))),
            None => Ok(numbers),
        }
    }

    fn find(&self, tensor: &TensorSpec) -> Result<(String, &WeightFile), CheckpointError> {
        let name = format!("{}{}", self.prefix, self.naming.name(&tensor.name));
        let expected = tensor.shape.clone();
        let Some(&file) = self.file_of.get(&name) else {
            return Err(CheckpointError::MissingTensor { name, expected, path: self.path.clone() });
        };
        let file = &self.files[file];
        match file.shape(&name) {
            Some(found) if found == expected => Ok((name, file)),
            found => {
                let (found, path) = (found.unwrap_or_default(), file.path.clone());
                Err(CheckpointError::TensorShape { name, expected, found, path })
            }
        }
    }
}

/// The files with the weights of a checkpoint.
fn weight_files(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let metadata = path.metadata().map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
    if !metadata.is_dir() {
        return if path.extension().is_some_and(|extension| extension == "json") {
            sharded(path)
        } else {
            Ok(vec![path.to_owned()])
        };
    }
    for stem in ["model.safetensors", "pytorch_model.bin", "pytorch_model.pt", "model.pt"] {
        let (whole, index) = (path.join(stem), path.join(format!("{stem}.index.json")));
        if index.exists() {
            return sharded(&index);
        }
        if whole.exists() {
            return Ok(vec![whole]);
        }
    }
    Err(CheckpointError::NoWeights { path: path.to_owned() })
}

/// The files that an index names.
fn sharded(index: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let text =
        std::fs::read(index).map_err(|source| CheckpointError::Io { path: index.to_owned(), source })?;
    let malformed = |what: String| CheckpointError::Malformed { path: index.to_owned(), what };
    let json: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
    let map =
        json["weight_map"].as_object().ok_or_else(|| malformed("no `weight_map` is in it".to_owned()))?;
    let of_tokenizer =
        |name: &str| PLACES.iter().any(|(_, prefix)| !prefix.is_empty() && name.starts_with(prefix));
    let is_whole_model = map.keys().any(|name| of_tokenizer(name));
    let wanted = map.iter().filter(|(name, _)| !is_whole_model || of_tokenizer(name));
    let mut files = BTreeSet::new();
    for (_, file) in wanted {
        let file = file.as_str().unwrap_or_default();
        if file.is_empty() || Path::new(file).components().count() != 1 || file.starts_with("..") {
            return Err(malformed(format!("`{file}` is no name of a file beside it")));
        }
        files.insert(index.with_file_name(file));
    }
    Ok(files.into_iter().collect())
}

/// A file with weights.
pub(super) struct WeightFile {
    path: PathBuf,
    content: Content,
}

enum Content {
    Safe(SafeFile),
    Pickle(PthTensors),
}

impl WeightFile {
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let malformed = |what: String| CheckpointError::Malformed { path: path.to_owned(), what };
        let content = if path.extension().is_some_and(|extension| extension == "safetensors") {
            Content::Safe(SafeFile::open(path)?)
        } else {
            // candle names neither file nor cause where the file is not there.
            File::open(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
            Content::Pickle(PthTensors::new(path, None).map_err(|error| malformed(error.to_string()))?)
        };
        Ok(Self { path: path.to_owned(), content })
    }

    fn names(&self) -> Vec<String> {
        match &self.content {
            Content::Safe(file) => file.metadata.offset_keys(),
            Content::Pickle(tensors) => tensors.tensor_infos().keys().cloned().collect(),
        }
    }

    pub(super) fn shape(&self, name: &str) -> Option<Vec<usize>> {
        match &self.content {
            Content::Safe(file) => file.metadata.info(name).map(|info| info.shape.clone()),
            Content::Pickle(tensors) => {
                tensors.tensor_infos().get(name).map(|info| info.layout.shape().dims().to_vec())
            }
        }
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<f32>, String> {
        match &self.content {
            Content::Safe(file) => file.read(name),
            Content::Pickle(tensors) => {
                let tensor = tensors.get(name).map_err(|error| error.to_string())?;
                let tensor = tensor.ok_or_else(|| "is missing".to_owned())?;
                if !tensor.dtype().is_float() {
                    return Err(format!(
                        "holds numbers of type {:?}, floating point is wanted",
                        tensor.dtype()
                    ));
                }
                let numbers = tensor.to_dtype(DType::F32).and_then(|tensor| tensor.flatten_all()?.to_vec1());
                numbers.map_err(|error| error.to_string())
            }
        }
    }
}

/// A file of safetensors.
struct SafeFile {
    path: PathBuf,
    metadata: Metadata,
    /// Where the numbers begin.
    start: usize,
}

impl SafeFile {
    fn open(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = mapped(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
        let header = SafeTensors::read_metadata(&bytes);
        let (header_len, metadata) = header
            .map_err(|error| CheckpointError::Malformed { path: path.to_owned(), what: error.to_string() })?;
        // The length of the header stands in 8 bytes before it.
        Ok(Self { path: path.to_owned(), metadata, start: header_len + 8 })
    }

    /// Mapped only as long as the tensor is read: pages of a map count as memory of the process until it ends.
    fn read(&self, name: &str) -> Result<Vec<f32>, String> {
        let info: &TensorInfo = self.metadata.info(name).ok_or_else(|| "is missing".to_owned())?;
        let file = mapped(&self.path).map_err(|error| format!("cannot be read: {error}"))?;
        let (from, to) = info.data_offsets;
        let bytes = file.get(self.start + from..self.start + to);
        let bytes = bytes.ok_or_else(|| "lies beyond the end of the file".to_owned())?;
        match info.dtype {
            Dtype::F32 => Ok(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()),
            Dtype::BF16 => Ok(bytes.as_chunks().0.iter().map(|bytes| from_bf16(*bytes)).collect()),
            Dtype::F16 => Ok(bytes.as_chunks().0.iter().map(|bytes| from_f16(*bytes)).collect()),
            Dtype::F64 => {
                Ok(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect())
            }
            other => Err(format!("holds numbers of type {other:?}, F32, F16 or BF16 is wanted")),
        }
    }
}

fn mapped(path: &Path) -> std::io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the bytes are only ever read, as bytes, and checked for what they claim. Whoever changes a checkpoint
    // while it is being loaded gets other weights or a bus error, as with every program that maps its weights.
    unsafe { Mmap::map(&file) }
}

/// The upper half of a number in single precision.
fn from_bf16(bytes: [u8; 2]) -> f32 {
    f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)
}

/// A number in half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
fn from_f16(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, rest) = (bits >> 15 << 31, bits & 0x7fff);
    let magnitude = match rest >> 10 {
        // Below the smallest normal number there are multiples of 2^-24.
        0 => rest as f32 * 2.0_f32.powi(-24),
        0x1f => f32::from_bits(0x7f80_0000 | (rest & 0x3ff) << 13),
        _ => f32::from_bits((rest << 13) + (112 << 23)),
    };
    f32::from_bits(sign | magnitude.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_right() {
        let of = |bits: u16| from_f16(bits.to_le_bytes());
        assert_eq!([of(0x3c00), of(0xc000), of(0x7bff)], [1.0, -2.0, 65504.0]);
        assert_eq!(
            [of(0x0001), of(0x03ff), of(0x0400)],
            [2.0_f32.powi(-24), 1023.0 * 2.0_f32.powi(-24), 2.0_f32.powi(-14)]
        );
        assert!(of(0x7c00).is_infinite() && of(0x7e00).is_nan());
        assert_eq!(of(0x8000).to_bits(), (-0.0_f32).to_bits());
        assert_eq!(from_bf16(0xbfc0_u16.to_le_bytes()), -1.5);
    }
}
