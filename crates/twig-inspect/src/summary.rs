use std::path::Path;

use serde::Serialize;
use twig_shards::Manifest;

use crate::InspectError;

/// What a release consists of, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows by table and split, from the manifest.
    pub rows: Vec<SplitRows>,
}

/// Rows of one split of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitRows {
    /// Name of the table.
    pub config: String,
    /// Name of the split.
    pub split: String,
    /// Rows.
    pub rows: u64,
}

/// Reads the small columns of a release.
pub fn summary(release: &Path) -> Result<Summary, InspectError> {
    let manifest = Manifest::load(release)?;
    let splits = manifest.configs.iter().flat_map(|config| {
        let name = &config.name;
        config.splits.iter().map(move |split| SplitRows {
            config: name.clone(),
            split: split.name.clone(),
            rows: split.rows(),
        })
    });
    Ok(Summary { rows: splits.collect() })
}

/// The summary as text for a terminal.
pub fn render(summary: &Summary) -> String {
    let line = |split: &SplitRows| format!("{:<14} {:<11} {:>9}\n", split.config, split.split, split.rows);
    summary.rows.iter().map(line).collect()
}
