//! A small network of the real form against transformers' implementation: `golden-*` are made by
//! `tests/python/janus_vq_golden.py`. The real size is compared by `cargo xtask test --all`.

use std::{collections::HashMap, fs, path::Path, sync::LazyLock};

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use safetensors::{Dtype, tensor::TensorView};
use tempfile::TempDir;
use twig_imaging::{Rgb, RgbImage};

use super::{
    CheckpointError, Instructions, JanusDevice, JanusVq, JanusVqSettings,
    checkpoint::Checkpoint,
    conv::Algorithm,
    graph::Graph,
    map::NUM_GROUPS,
    shape::{Naming, PLACES, Shape, TensorSpec},
};
use crate::{ImageTokenizer, TokenizeError};

const SMALL: Shape = Shape {
    base_channels: 32,
    multipliers: [1, 1, 2, 2, 4],
    blocks: 2,
    latent_channels: 32,
    code_len: 8,
    num_codes: 512,
    grid: 4,
};

const NUM_PICTURES: usize = 4;

/// Numbers from −0.5 to 0.5: the finalizer of MurmurHash3 on the position.
fn uniform(tensor: usize, at: usize) -> f64 {
    let mut h = (at as u32).wrapping_mul(2_654_435_761).wrapping_add((tensor as u32).wrapping_mul(40_503));
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^= h >> 16;
    f64::from(h >> 8) / f64::from(1 << 24) - 0.5
}

/// The weights of the golden files.
static WEIGHTS: LazyLock<HashMap<String, Vec<f32>>> = LazyLock::new(|| {
    let mut tensors = SMALL.tensors();
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    tensors.iter().enumerate().map(|(index, tensor)| (tensor.name.clone(), weights(index, tensor))).collect()
});

fn weights(index: usize, TensorSpec { name, shape }: &TensorSpec) -> Vec<f32> {
    let numbers = (0..shape.iter().product()).map(|at| uniform(index, at));
    if shape.len() == 4 {
        let scale = (12.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
        numbers.map(|number| (number * scale) as f32).collect()
    } else if name == "quantize.embedding.weight" {
        let numbers: Vec<f64> = numbers.collect();
        let unit = |row: &[f64]| -> Vec<f32> {
            let length = row.iter().map(|number| number * number).sum::<f64>().sqrt();
            row.iter().map(|number| (number / length) as f32).collect()
        };
        numbers.chunks(SMALL.code_len).flat_map(unit).collect()
    } else if name.contains("norm") && name.ends_with("weight") {
        numbers.map(|number| (1.0 + 0.7 * number) as f32).collect()
    } else {
        numbers.map(|number| (0.35 * number) as f32).collect()
    }
}

fn picture(index: u32) -> RgbImage {
    let side = 16 * SMALL.grid as u32;
    RgbImage::from_fn(side, side, |x, y| {
        let sample = |c: u32| (x * (index + 1) + y * 2 * c + ((x / 8) ^ (y / 8)) * 13 * (c + index)) as u8;
        Rgb([sample(0), sample(1), sample(2)])
    })
}

fn pictures() -> Vec<RgbImage> {
    (0..NUM_PICTURES as u32).map(picture).collect()
}

/// Writes tensors as safetensors, in single precision or in bfloat16.
fn write(path: &Path, tensors: &[(String, Vec<usize>, Vec<f32>)], dtype: Dtype) {
    let bytes = |number: &f32| match dtype {
        Dtype::BF16 => number.to_le_bytes()[2..].to_vec(),
        _ => number.to_le_bytes().to_vec(),
    };
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, numbers)| numbers.iter().flat_map(bytes).collect()).collect();
    let views = tensors.iter().zip(&data);
    let views =
        views.map(|((name, shape, _), data)| (name, TensorView::new(dtype, shape.clone(), data).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn tensors(naming: Naming, prefix: &str) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let named = |TensorSpec { name, shape }: TensorSpec| {
        let numbers = WEIGHTS[&name].clone();
        (format!("{prefix}{}", naming.name(&name)), shape, numbers)
    };
    SMALL.tensors().into_iter().map(named).collect()
}

/// A folder with the checkpoint of the golden files.
static CHECKPOINT: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().unwrap();
    write(&folder.path().join("model.safetensors"), &tensors(Naming::HuggingFace, ""), Dtype::F32);
    folder
});

fn open(path: &Path) -> Result<JanusVq, CheckpointError> {
    JanusVq::with_shape("small", path, JanusVqSettings::default(), SMALL, Algorithm::Winograd)
}

fn open_with(settings: JanusVqSettings, algorithm: Algorithm) -> JanusVq {
    JanusVq::with_shape("small", CHECKPOINT.path(), settings, SMALL, algorithm).unwrap()
}

fn golden_ids() -> Vec<Vec<u32>> {
    serde_json::from_str(include_str!("golden-ids.json")).unwrap()
}

fn ids(tokenizer: &JanusVq) -> Vec<Vec<u32>> {
    tokenizer.encode_all(&pictures()).into_iter().map(Result::unwrap).collect()
}

#[test]
fn ids_and_pixels_are_those_of_transformers_with_all_instructions_and_algorithms() {
    for instructions in Instructions::ALL.into_iter().filter(|instructions| instructions.are_there()) {
        for algorithm in [Algorithm::Winograd, Algorithm::Direct] {
            let settings = JanusVqSettings { instructions, ..JanusVqSettings::default() };
            let tokenizer = open_with(settings, algorithm);
            assert_eq!(ids(&tokenizer), golden_ids(), "{instructions:?}, {algorithm:?}");
            let decoded = tokenizer.decode(&golden_ids()[0]).unwrap();
            let golden = include_bytes!("golden-pixels.bin");
            let most = decoded.as_raw().iter().zip(golden).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(most <= Some(1), "{instructions:?}, {algorithm:?}: {most:?} levels away");
        }
    }
}

#[test]
fn fusing_processors_compute_the_same_bits_on_any_number_of_threads() {
    let fusing = [Instructions::Avx512, Instructions::Avx2].into_iter().filter(|i| i.are_there());
    let settings = fusing.flat_map(|instructions| {
        [1, 3].map(|threads| JanusVqSettings {
            threads: Some(threads),
            batch: Some(threads),
            instructions,
            ..JanusVqSettings::default()
        })
    });
    let mut vectors: Vec<Vec<u32>> = settings
        .map(|settings| {
            let tokenizer = open_with(settings, Algorithm::Winograd);
            let encoder = tokenizer.encoder().unwrap();
            let map = tokenizer.threads.install(|| tokenizer.vectors(encoder, &picture(1))).unwrap();
            map.numbers.iter().map(|number| number.to_bits()).collect()
        })
        .collect();
    vectors.dedup();
    assert!(vectors.len() <= 1);
}

#[test]
fn every_naming_prefix_and_number_of_shards_is_the_same_tokenizer() {
    let wanted = open(CHECKPOINT.path()).unwrap().fingerprint().to_owned();
    for (naming, prefix) in PLACES {
        let folder = TempDir::new().unwrap();
        write(&folder.path().join("model.safetensors"), &tensors(naming, prefix), Dtype::F32);
        assert_eq!(open(folder.path()).unwrap().fingerprint(), wanted, "{naming:?} `{prefix}`");
    }
    let folder = TempDir::new().unwrap();
    let tensors = tensors(Naming::Original, "gen_vision_model.");
    let mut map = serde_json::Map::new();
    for (shard, tensors) in tensors.chunks(120).enumerate() {
        let name = format!("model-{shard}.safetensors");
        write(&folder.path().join(&name), tensors, Dtype::F32);
        map.extend(tensors.iter().map(|(tensor, _, _)| (tensor.clone(), name.clone().into())));
    }
    // A shard without tensors of the tokenizer is not even opened.
    map.insert("language_model.lm_head.weight".to_owned(), "absent.safetensors".into());
    let index = serde_json::json!({ "weight_map": map });
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    assert_eq!(open(folder.path()).unwrap().fingerprint(), wanted);
}

#[test]
fn half_precision_weights_are_those_numbers() {
    let folder = TempDir::new().unwrap();
    let rounded: Vec<_> = tensors(Naming::HuggingFace, "")
        .into_iter()
        .map(|(name, shape, numbers)| {
            let cut = |number: f32| f32::from_bits(number.to_bits() & 0xffff_0000);
            (name, shape, numbers.into_iter().map(cut).collect())
        })
        .collect();
    let (whole, half) = (folder.path().join("f32.safetensors"), folder.path().join("bf16.safetensors"));
    write(&whole, &rounded, Dtype::F32);
    write(&half, &rounded, Dtype::BF16);
    assert_eq!(open(&whole).unwrap().fingerprint(), open(&half).unwrap().fingerprint());
}

/// What is said of the small checkpoint after a change.
fn refusal(change: impl FnOnce(&mut Vec<(String, Vec<usize>, Vec<f32>)>)) -> String {
    let folder = TempDir::new().unwrap();
    let mut tensors = tensors(Naming::Original, "gen_vision_model.");
    change(&mut tensors);
    let path = folder.path().join("model.safetensors");
    write(&path, &tensors, Dtype::F32);
    let error = open(folder.path()).err().unwrap().to_string();
    error.replace(&path.display().to_string(), "FILE").replace(&folder.path().display().to_string(), "FOLDER")
}

#[test]
fn a_wrong_or_incomplete_checkpoint_is_refused_with_the_tensors_name() {
    let missing = refusal(|tensors| tensors.retain(|(name, _, _)| !name.ends_with("res.1.norm2.bias")));
    assert_eq!(
        missing,
        "the tensor `gen_vision_model.encoder.conv_blocks.0.res.1.norm2.bias` is missing in FOLDER; shape [32] is \
         wanted"
    );
    let shape = refusal(|tensors| {
        let conv = tensors.iter_mut().find(|(name, _, _)| name.ends_with("decoder.conv_out.weight")).unwrap();
        conv.1 = vec![32, 3, 3, 3];
    });
    assert_eq!(
        shape,
        "the tensor `gen_vision_model.decoder.conv_out.weight` has shape [32, 3, 3, 3], [3, 32, 3, 3] is wanted \
         (FILE)"
    );
    let number = refusal(|tensors| tensors[3].2[5] = f32::NAN);
    let name = "gen_vision_model.encoder.conv_blocks.0.res.0.norm1.bias";
    assert_eq!(number, format!("the tensor `{name}` holds NaN at position 5 (FILE)"));
    let other = refusal(|tensors| tensors.retain(|(name, _, _)| !name.contains("quantize")));
    assert!(other.starts_with("FOLDER holds no Janus image tokenizer"), "{other}");
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let folder = TempDir::new().unwrap();
    let refused = || open(folder.path()).err().unwrap();
    assert!(matches!(refused(), CheckpointError::NoWeights { .. }));
    let file = folder.path().join("model.safetensors");
    fs::write(&file, b"not at all").unwrap();
    assert!(matches!(refused(), CheckpointError::Malformed { .. }));
    fs::remove_file(&file).unwrap();
    fs::write(folder.path().join("pytorch_model.bin"), b"not at all").unwrap();
    assert!(matches!(refused(), CheckpointError::Malformed { .. }));
    let index = folder.path().join("model.safetensors.index.json");
    fs::write(&index, r#"{"weight_map": {"vqmodel.a": "../elsewhere.safetensors"}}"#).unwrap();
    assert!(refused().to_string().contains("`../elsewhere.safetensors` is no name of a file beside it"));
}

#[test]
fn pickled_tensors_are_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("pytorch_model.bin");
    fs::write(&path, include_bytes!("golden-pickle.bin")).unwrap();
    // Not a tokenizer, which is said after the names were read.
    assert!(matches!(Checkpoint::open(folder.path()).err().unwrap(), CheckpointError::NoTokenizer { .. }));
    let file = super::checkpoint::WeightFile::open(&path).unwrap();
    assert_eq!(file.shape("gen_vision_model.a"), Some(vec![1, 2]));
    assert_eq!(file.read("gen_vision_model.a").unwrap(), [1.5, -2.0]);
    assert!(file.read("b").unwrap_err().contains("floating point is wanted"));
}

#[test]
fn the_real_network_has_the_tensors_of_the_published_checkpoints() {
    let mut lines: Vec<String> = Shape::JANUS
        .tensors()
        .iter()
        .map(|TensorSpec { name, shape }| {
            let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
            format!("{name} {} {}\n", Naming::Original.name(name), shape.join("x"))
        })
        .collect();
    lines.sort();
    assert_eq!(lines.len(), 343);
    // Names and shapes of transformers' port and of the authors' code, as their programs print them.
    let listed = blake3::hash(lines.concat().as_bytes()).to_hex();
    assert_eq!(&listed[..16], "6aaa978e2e31c356", "{}", lines.concat());
}

/// Changes every number of a tensor, each differently, so that no normalisation takes it back.
pub(super) fn disturb(numbers: &mut [f32]) {
    let count = numbers.len();
    let size = (numbers.iter().map(|number| number * number).sum::<f32>() / count as f32).sqrt();
    for (at, number) in numbers.iter_mut().enumerate() {
        *number += 3.0 * size * uniform(1_000, at) as f32;
    }
}

#[test]
fn every_tensor_matters() {
    // A constant added to all scores of a query changes nothing after the softmax, and one added to a channel that
    // is a group by itself, as in the first levels of the small network, nothing after the normalisation.
    let is_cancelled = |TensorSpec { name, shape }: &TensorSpec| {
        name.ends_with(".k.bias") || name.ends_with(".conv1.bias") && shape == &[NUM_GROUPS]
    };
    let matters = |name: &str| {
        let mut tokenizer = open(CHECKPOINT.path()).unwrap();
        tokenizer.checkpoint.disturbed = Some(name.to_owned());
        if name.starts_with("decoder.") || name.starts_with("post_quant_conv.") {
            let decoded = tokenizer.decode(&golden_ids()[0]).unwrap();
            decoded.as_raw()[..] != include_bytes!("golden-pixels.bin")[..]
        } else {
            ids(&tokenizer) != golden_ids()
        }
    };
    let (cancelled, others): (Vec<_>, Vec<_>) = SMALL.tensors().into_iter().partition(is_cancelled);
    assert_eq!((cancelled.len(), others.len()), (17, 326));
    // The codebook is read when the checkpoint is opened; the golden ids show that it matters.
    let names =
        others.par_iter().map(|tensor| &tensor.name).filter(|name| *name != "quantize.embedding.weight");
    let idle: Vec<_> = names.filter(|name| !matters(name)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}

#[test]
fn what_does_not_fit_the_grid_or_the_codebook_is_refused() {
    let tokenizer = open(CHECKPOINT.path()).unwrap();
    let size = TokenizeError::PictureSize { width: 64, height: 32, wanted: 64 };
    assert_eq!(tokenizer.encode(&RgbImage::new(64, 32)), Err(size));
    assert_eq!(tokenizer.decode(&[0; 15]), Err(TokenizeError::NumIds { given: 15, wanted: 16 }));
    let mut ids = [0; 16];
    ids[9] = 512;
    let unknown = TokenizeError::UnknownId { id: 512, position: 9, codebook_size: 512 };
    assert_eq!(tokenizer.decode(&ids), Err(unknown));
    assert_eq!(tokenizer.placeholder().unwrap(), tokenizer.placeholder().unwrap());
}

/// Of each picture at most so many ids may differ, where two codes are about as near.
const TIES: usize = 1;

#[test]
fn candle_gives_the_same_ids_and_pixels() {
    let checkpoint = Checkpoint::open(CHECKPOINT.path()).unwrap();
    let graph = Graph::new(&checkpoint, &SMALL.tensors(), SMALL, candle_core::Device::Cpu).unwrap();
    let own = open(CHECKPOINT.path()).unwrap();
    for picture in pictures() {
        let ids = own.encode(&picture).unwrap();
        let others = graph.encode(picture.as_raw(), picture.width() as usize).unwrap();
        assert!(ids.iter().zip(&others).filter(|(a, b)| a != b).count() <= TIES, "{ids:?} {others:?}");
        let (pixels, others) = (own.decode(&ids).unwrap(), graph.decode(&ids).unwrap());
        assert!(pixels.as_raw().iter().zip(&others).all(|(a, b)| a.abs_diff(*b) <= 1));
    }
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_cuda_device_wants_a_program_built_for_it() {
    let settings = JanusVqSettings { device: JanusDevice::Cuda, ..JanusVqSettings::default() };
    let opened = JanusVq::with_shape("small", CHECKPOINT.path(), settings, SMALL, Algorithm::Winograd);
    let error = opened.err().unwrap().to_string();
    assert!(error.contains("--features cuda"), "{error}");
}
