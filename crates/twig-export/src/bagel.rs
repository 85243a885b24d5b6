//! BAGEL's Parquet files, and the side files that tell its reader how many row groups they have.
//!
//! ```text
//! t2i/train/…parquet        image: bytes; captions: JSON, `prompt` and `thoughts`
//! editing/train/…parquet    image_list: the canvases in order; instruction_list: what was done between two
//! parquet_info/t2i_train.json, parquet_info/editing_train.json
//! ```
//!
//! A trajectory is a chain of edits: from one canvas to the next by a thought, or by the revised thought where a
//! region was redone. BAGEL looks its files up in the side files by the path it opens, so these hold the path of
//! the export; after moving it, export again.

use std::{
    collections::BTreeMap,
    path::{Path, absolute},
};

use serde_json::json;
use twig_model::Trajectory;
use twig_shards::{
    BagelPicture, BagelSequence, Blob, Part, PartWriter, PlainRow, Purpose, ReleaseTrajectory, TableReader,
    atomic,
};

use crate::{
    ExportError,
    folder::{ExportedFile, Written, json as json_text},
    format::{Format, Source},
};

/// Text to image, and editing step by step.
pub(crate) struct Bagel;

impl Format for Bagel {
    const NAME: &'static str = "bagel";
    const TABLE: Option<&'static str> = Some("trajectories");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut pictures = ParquetFile::create(folder, "t2i", source)?;
        let mut sequences = ParquetFile::create(folder, "editing", source)?;
        for release in TableReader::<ReleaseTrajectory>::open(&source.path)? {
            let trajectory = release?.trajectory;
            pictures.push(picture(&trajectory))?;
            sequences.push(sequence(&trajectory))?;
        }
        let mut written = pictures.finish(source.split)?;
        written.files.extend(sequences.finish(source.split)?.files);
        Ok(written)
    }

    fn finish(
        &self,
        files: &[ExportedFile],
        folder: &Path,
        out: &Path,
    ) -> Result<Vec<ExportedFile>, ExportError> {
        write_parquet_info(files, folder, out)
    }
}

fn picture(trajectory: &Trajectory) -> BagelPicture {
    let captions = json!({ "prompt": trajectory.prompt.text, "thoughts": thoughts(trajectory) });
    BagelPicture { image: Blob::of(&trajectory.final_image), captions: captions.to_string() }
}

/// The thoughts that the finished picture shows, joined as generators of this scheme are given them.
fn thoughts(trajectory: &Trajectory) -> String {
    let kept: Vec<&str> = trajectory.steps.iter().map(|step| step.last_attempt().thought.as_str()).collect();
    kept.join(" ")
}

fn sequence(trajectory: &Trajectory) -> BagelSequence {
    let attempts = || trajectory.attempts().map(|(_, _, attempt)| attempt);
    BagelSequence {
        image_list: attempts().map(|attempt| Blob::of(&attempt.canvas)).collect(),
        instruction_list: attempts().skip(1).map(|attempt| vec![attempt.thought.clone()]).collect(),
    }
}

/// A Parquet file of an export.
pub(crate) struct ParquetFile<T: PlainRow> {
    table: PartWriter<T>,
    name: String,
}

impl<T: PlainRow> ParquetFile<T> {
    /// Begins the file that a shard becomes, in the folder `{kind}/{split}`.
    pub(crate) fn create(folder: &Path, kind: &str, source: &Source) -> Result<Self, ExportError> {
        let name = format!("{kind}/{}/{}", source.split, source.file_name("parquet"));
        Ok(Self { table: PartWriter::create_for(&folder.join(&name), Purpose::Release)?, name })
    }

    pub(crate) fn push(&mut self, row: T) -> Result<(), ExportError> {
        Ok(self.table.push(row)?)
    }

    pub(crate) fn finish(self, split: &str) -> Result<Written, ExportError> {
        let Part { digest, summary } = self.table.commit()?;
        let mut written = Written::default();
        written.add(self.name, split, summary.rows, digest);
        for file in &mut written.files {
            file.row_groups = Some(summary.row_groups);
        }
        Ok(written)
    }
}

/// Writes `parquet_info/{kind}_{split}.json`: row groups by path, for each folder of files.
pub(crate) fn write_parquet_info(
    files: &[ExportedFile],
    folder: &Path,
    out: &Path,
) -> Result<Vec<ExportedFile>, ExportError> {
    let out = absolute(out).map_err(ExportError::io("find", out))?;
    let mut infos: BTreeMap<String, BTreeMap<String, serde_json::Value>> = BTreeMap::new();
    for file in files {
        let Some((kind, _)) = file.path.rsplit_once('/') else { continue };
        let path = out.join(&file.path).to_string_lossy().into_owned();
        let info = json!({ "num_row_groups": file.row_groups, "num_rows": file.rows });
        infos.entry(kind.replace('/', "_")).or_default().insert(path, info);
    }
    let written = infos.into_iter().map(|(kind, info)| {
        let path = format!("parquet_info/{kind}.json");
        let digest = atomic::write(&folder.join(&path), &json_text(&info))?;
        let (bytes, sha256) = (digest.bytes, digest.sha256);
        Ok(ExportedFile { path, split: None, rows: 0, row_groups: None, bytes, sha256 })
    });
    written.collect()
}
