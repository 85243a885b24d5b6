//! What a format is, and how a release is put into one.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use twig_shards::{Manifest, Shard};

use crate::{
    ExportError,
    bagel::Bagel,
    codes::Codes,
    folder::{ExportSummary, ExportedFile, GrowingFolder, Written, manifest_sha256},
    irg::Irg,
    jsonl::Jsonl,
    llama_factory::LlamaFactory,
    mds::Mds,
    plain::Plain,
    webdataset::WebDataset,
};

/// A format that releases can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum ExportFormat {
    /// JSON lines, one object a trajectory, and PNG files.
    Jsonl,
    /// Tar files of WebDataset and Energon, one sample an attempt at a region.
    #[cfg_attr(feature = "clap", value(name = WebDataset::NAME))]
    WebDataset,
    /// MosaicML's MDS shards of the samples for Janus training loops.
    Mds,
    /// Chat samples as LLaMA-Factory's `sharegpt` files with `dataset_info.json`.
    LlamaFactory,
    /// BAGEL's Parquet files with `parquet_info.json`.
    Bagel,
    /// Parquet files with one JSON conversation a row, its parts with need_loss, need_vae and need_vit.
    Irg,
    /// One NumPy file of image token ids a picture, and JSON lines that name them.
    Codes,
    /// Our own Parquet files without the Hugging Face features: pictures stay structs of bytes.
    Plain,
}

impl ExportFormat {
    /// The name on the command line and in the export's manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => Jsonl::NAME,
            Self::WebDataset => WebDataset::NAME,
            Self::Mds => Mds::NAME,
            Self::LlamaFactory => LlamaFactory::NAME,
            Self::Bagel => Bagel::NAME,
            Self::Irg => Irg::NAME,
            Self::Codes => Codes::NAME,
            Self::Plain => Plain::NAME,
        }
    }
}

/// Writes a release in another format into the folder `out`, which must not be there. Where an earlier attempt at
/// the same export was interrupted, its finished shards are not written again.
///
/// # Memory
/// A batch of 16 rows with pictures a thread; for MDS a shard of 64 MiB a thread.
pub fn export(release: &Path, out: &Path, format: ExportFormat) -> Result<ExportSummary, ExportError> {
    match format {
        ExportFormat::Jsonl => run(&Jsonl, release, out),
        ExportFormat::WebDataset => run(&WebDataset, release, out),
        ExportFormat::Mds => run(&Mds, release, out),
        ExportFormat::LlamaFactory => run(&LlamaFactory, release, out),
        ExportFormat::Bagel => run(&Bagel, release, out),
        ExportFormat::Irg => run(&Irg, release, out),
        ExportFormat::Codes => run(&Codes, release, out),
        ExportFormat::Plain => run(&Plain, release, out),
    }
}

/// How a release becomes another format, a shard at a time.
pub(crate) trait Format: Sync {
    /// The name on the command line.
    const NAME: &'static str;
    /// The table that it is made of; `None` for all of them.
    const TABLE: Option<&'static str>;

    /// Writes what one shard holds; several are written side by side.
    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError>;

    /// Writes what describes all files together, once they are there. `out` is where they will lie.
    fn finish(
        &self,
        _files: &[ExportedFile],
        _folder: &Path,
        _out: &Path,
    ) -> Result<Vec<ExportedFile>, ExportError> {
        Ok(Vec::new())
    }
}

/// A shard of a release.
pub(crate) struct Source<'a> {
    pub(crate) path: PathBuf,
    pub(crate) table: &'a str,
    pub(crate) split: &'a str,
    /// Position among the shards of the split, and their number.
    pub(crate) index: usize,
    pub(crate) count: usize,
    shard: &'a Shard,
}

impl Source<'_> {
    /// The name of the shard's file with another ending: `train-00000-of-00002.tar`.
    pub(crate) fn file_name(&self, ending: &str) -> String {
        format!("{}-{:05}-of-{:05}.{ending}", self.split, self.index, self.count)
    }
}

fn run<F: Format>(format: &F, release: &Path, out: &Path) -> Result<ExportSummary, ExportError> {
    let manifest = Manifest::load(release)?;
    let sources = sources::<F>(release, &manifest)?;
    let folder = GrowingFolder::open(out, F::NAME, &manifest_sha256(release)?)?;
    let written: Vec<Written> =
        sources.par_iter().map(|source| write_once(format, source, &folder)).collect::<Result<_, _>>()?;
    let pictures = written.iter().map(|written| written.pictures).sum();
    let mut files: Vec<ExportedFile> = written.into_iter().flat_map(|written| written.files).collect();
    files.extend(format.finish(&files, folder.path(), folder.out())?);
    let Manifest { program, settings_hash, .. } = manifest;
    let summary = ExportSummary { format: F::NAME.to_owned(), program, settings_hash, files, pictures };
    folder.commit(&summary)?;
    Ok(summary)
}

fn write_once<F: Format>(
    format: &F,
    source: &Source,
    folder: &GrowingFolder,
) -> Result<Written, ExportError> {
    if let Some(written) = folder.done(source.shard)? {
        return Ok(written);
    }
    let written = format.write_shard(source, folder.path())?;
    folder.set_done(source.shard, &written)?;
    Ok(written)
}

fn sources<'a, F: Format>(release: &Path, manifest: &'a Manifest) -> Result<Vec<Source<'a>>, ExportError> {
    let wanted = |name: &str| F::TABLE.is_none_or(|table| table == name);
    let configs = manifest.configs.iter().filter(|config| wanted(&config.name));
    let sources: Vec<Source> = configs
        .flat_map(|config| config.splits.iter().map(move |split| (config, split)))
        .flat_map(|(config, split)| {
            split.shards.iter().enumerate().map(move |(index, shard)| Source {
                path: release.join(&shard.path),
                table: &config.name,
                split: &split.name,
                index,
                count: split.shards.len(),
                shard,
            })
        })
        .collect();
    if sources.is_empty() {
        return Err(ExportError::Lacks { format: F::NAME, what: F::TABLE.unwrap_or("shards") });
    }
    Ok(sources)
}

#[cfg(all(test, feature = "clap"))]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn the_command_line_names_formats_as_manifests_do() {
        for format in ExportFormat::value_variants() {
            let value = format.to_possible_value().unwrap();
            assert_eq!(value.get_name(), format.name());
        }
    }
}
