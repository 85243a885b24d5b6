//! The release's own tables without the Hugging Face features.
//!
//! For readers that would rather have bytes than decoded pictures: ms-swift's streaming fails on a list of
//! pictures that `datasets` knows as such. Column chunks are copied as they are.

use std::path::Path;

use twig_shards::copy_without_features;

use crate::{
    ExportError,
    folder::Written,
    format::{Format, Source},
};

/// All tables, byte for byte but for their footers.
pub(crate) struct Plain;

impl Format for Plain {
    const NAME: &'static str = "plain";
    const TABLE: Option<&'static str> = None;

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let name = format!("{}/{}", source.table, source.file_name("parquet"));
        let (digest, summary) = copy_without_features(&source.path, &folder.join(&name))?;
        let mut written = Written::default();
        written.add(name, source.split, summary.rows, digest);
        Ok(written)
    }
}
