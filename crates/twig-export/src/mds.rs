//! MosaicML's MDS: the samples for Janus training loops, each readable by its number without the others.
//!
//! ```text
//! train/index.json
//! train/shard.00000.00000.mds     numbers of the release's shard and of the file made of it
//! ```
//!
//! A file is: number of samples; where each begins and the last ends; the configuration as JSON; the samples. All
//! numbers are 32-bit and little-endian. A sample is the sizes of its columns without a fixed size, then their
//! values, in the alphabetical order of names. Source: `streaming/base/format/mds` of mosaicml-streaming 0.13.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use twig_shards::{
    JanusRecord, TableReader,
    atomic::{self, AtomicFile},
};

use crate::{
    ExportError,
    folder::{ExportedFile, Written},
    format::{Format, Source},
    pictures::png,
};

/// The samples of the table `janus` in MDS.
pub(crate) struct Mds;

/// Bytes after which a file ends: the default of MosaicML's own writer.
const SIZE_LIMIT: usize = 1 << 26;

/// Names, encodings and fixed sizes of the columns, in alphabetical order as the format wants.
const COLUMNS: [(&str, &str, Option<usize>); 15] = [
    ("accepted", "uint8", Some(1)),
    ("attempt", "int32", Some(4)),
    ("category", "str", None),
    ("id", "str", None),
    ("images", "list[png]", None),
    ("in_default_mix", "uint8", Some(1)),
    ("input_ids", "ndarray:int32", None),
    ("labels", "ndarray:int32", None),
    ("prompt", "str", None),
    ("prompt_len", "int32", Some(4)),
    ("region_index", "int32", Some(4)),
    ("reward", "int32", Some(4)),
    ("task", "str", None),
    ("vq_ids", "ndarray:int32", None),
    ("vq_labels", "ndarray:int32", None),
];

impl Format for Mds {
    const NAME: &'static str = "mds";
    const TABLE: Option<&'static str> = Some("janus");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut files = MdsFiles::new(source, folder);
        for row in TableReader::<JanusRecord>::open(&source.path)? {
            files.push(encode(&row?)?)?;
        }
        files.finish()
    }

    /// An index a split.
    fn finish(
        &self,
        files: &[ExportedFile],
        folder: &Path,
        _: &Path,
    ) -> Result<Vec<ExportedFile>, ExportError> {
        let mut splits: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for file in files {
            let split = file.split.as_deref().unwrap_or_default();
            splits.entry(split).or_default().push(describe(file));
        }
        let indexes = splits.into_iter().map(|(split, shards)| {
            let path = format!("{split}/index.json");
            let index = json!({ "version": 2, "shards": shards });
            let digest = atomic::write(&folder.join(&path), index.to_string().as_bytes())?;
            let (bytes, sha256) = (digest.bytes, digest.sha256);
            Ok(ExportedFile { path, split: None, rows: 0, row_groups: None, bytes, sha256 })
        });
        indexes.collect()
    }
}

/// The configuration of a file.
fn config() -> Value {
    let column = |get: fn(&(&str, &str, Option<usize>)) -> Value| COLUMNS.iter().map(get).collect::<Value>();
    json!({
        "version": 2,
        "format": "mds",
        "compression": null,
        "hashes": [],
        "size_limit": SIZE_LIMIT,
        "column_names": column(|(name, ..)| json!(name)),
        "column_encodings": column(|(_, encoding, _)| json!(encoding)),
        "column_sizes": column(|(.., size)| json!(size)),
    })
}

/// A file as the index lists it.
fn describe(file: &ExportedFile) -> Value {
    let mut shard = config();
    let name = file.path.rsplit('/').next().unwrap_or_default();
    shard["samples"] = json!(file.rows);
    shard["raw_data"] = json!({ "basename": name, "bytes": file.bytes, "hashes": {} });
    shard["zip_data"] = Value::Null;
    shard
}

/// The files that one shard of the release becomes.
struct MdsFiles<'a> {
    split: &'a str,
    index: usize,
    folder: PathBuf,
    /// Samples that are not written yet: their number and sizes stand before them in the file.
    samples: Vec<Vec<u8>>,
    bytes: usize,
    count: usize,
    written: Written,
}

impl<'a> MdsFiles<'a> {
    fn new(source: &Source<'a>, folder: &Path) -> Self {
        Self {
            split: source.split,
            index: source.index,
            folder: folder.to_owned(),
            samples: Vec::new(),
            bytes: 0,
            count: 0,
            written: Written::default(),
        }
    }

    fn push(&mut self, sample: Vec<u8>) -> Result<(), ExportError> {
        // Each costs an offset too.
        let bytes = sample.len() + 4;
        if self.bytes + bytes > SIZE_LIMIT {
            self.flush()?;
        }
        self.bytes += bytes;
        self.samples.push(sample);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        if self.samples.is_empty() {
            return Ok(());
        }
        let name = format!("{}/shard.{:05}.{:05}.mds", self.split, self.index, self.count);
        let path = self.folder.join(&name);
        let mut file = AtomicFile::create(&path)?;
        let config = config().to_string();
        let samples = std::mem::take(&mut self.samples);
        let mut offset = (4 + 4 * (samples.len() + 1) + config.len()) as u32;
        let mut head = (samples.len() as u32).to_le_bytes().to_vec();
        head.extend(offset.to_le_bytes());
        for sample in &samples {
            offset += sample.len() as u32;
            head.extend(offset.to_le_bytes());
        }
        head.extend(config.as_bytes());
        file.write_all(&head)
            .and_then(|()| samples.iter().try_for_each(|sample| file.write_all(sample)))
            .map_err(ExportError::io("write", &path))?;
        self.written.add(name, self.split, samples.len() as u64, file.commit()?);
        self.bytes = 0;
        self.count += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Written, ExportError> {
        self.flush()?;
        Ok(self.written)
    }
}

/// A sample: sizes of the columns without a fixed one, then all values.
fn encode(row: &JanusRecord) -> Result<Vec<u8>, ExportError> {
    let text = |text: &str| text.as_bytes().to_vec();
    let number = |number: u32| (number as i32).to_le_bytes().to_vec();
    let values: [Vec<u8>; COLUMNS.len()] = [
        vec![u8::from(row.accepted)],
        number(row.attempt),
        text(&row.category),
        text(&row.id),
        pictures(row)?,
        vec![u8::from(row.in_default_mix)],
        array(&row.input_ids),
        array(&row.labels),
        text(&row.prompt),
        number(row.prompt_len),
        number(row.region_index),
        row.reward.get().to_le_bytes().to_vec(),
        text(row.task.as_str()),
        array(&row.vq_ids),
        array(&row.vq_labels),
    ];
    let mut sample = Vec::with_capacity(values.iter().map(|value| value.len() + 4).sum());
    for (value, (.., size)) in values.iter().zip(COLUMNS) {
        if size.is_none() {
            sample.extend((value.len() as u32).to_le_bytes());
        }
    }
    sample.extend(values.concat());
    Ok(sample)
}

/// `list[png]`: a word for later use, the number of pictures, their sizes, the pictures.
fn pictures(row: &JanusRecord) -> Result<Vec<u8>, ExportError> {
    let mut value = [0u32.to_le_bytes(), (row.images.len() as u32).to_le_bytes()].concat();
    for picture in &row.images {
        value.extend((picture.bytes().len() as u32).to_le_bytes());
    }
    for picture in &row.images {
        value.extend(png(&row.trajectory_id, picture)?);
    }
    Ok(value)
}

/// `ndarray:int32` with one dimension: a byte for dimensions and the width of their lengths, the length, the
/// values. Here the length has 32 bits.
fn array(values: &[i32]) -> Vec<u8> {
    const ONE_DIMENSION_U32: u8 = (1 << 2) | 2;
    let mut value = vec![ONE_DIMENSION_U32];
    value.extend((values.len() as u32).to_le_bytes());
    value.extend(values.iter().flat_map(|number| number.to_le_bytes()));
    value
}
