//! What has changed between the versions of the tables' schemas, so that releases of every version are read.
//!
//! A later version adds tables and columns and takes nothing away. In a file of an earlier version such a column
//! reads as null, which is why its field is an `Option`. `golden/` holds a release of every version.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{Field, Fields, Schema, SchemaRef};
use serde_json::json;

use crate::{Column, Record, Row, row::FEATURES_KEY};

/// Version of the tables' schemas; raised whenever a column changes, and kept in the manifest and in every file's
/// footer.
///
/// 2 brought the tables `dpo`, `critique_dpo` and `grpo` and two columns of `janus`; 3 one of `judgements`.
pub const SCHEMA_VERSION: u32 = 3;

/// Columns that were not there from the beginning: table, column, the version that brought it.
const ADDED: [(&str, &str, u32); 3] =
    [("janus", "layout", 2), ("janus", "prompt_dropped", 2), ("judgements", "about", 3)];

/// The version that brought a column.
pub(crate) fn since(table: &str, column: &str) -> u32 {
    let added = ADDED.iter().find(|(of_table, name, _)| (*of_table, *name) == (table, column));
    added.map_or(1, |(.., version)| *version)
}

/// The columns that a table of our own had in a version.
pub(crate) fn columns_of<T: Row>(version: u32) -> Vec<Column> {
    let columns = T::Record::columns().into_iter();
    columns.filter(|column| since(T::TABLE, column.name) <= version).collect()
}

/// The schema that files of a version have.
pub(crate) fn schema_of<T: Row>(version: u32) -> SchemaRef {
    let columns = columns_of::<T>(version);
    let features: serde_json::Value =
        columns.iter().map(|column| (column.name.to_owned(), column.feature.clone())).collect();
    let features = json!({ "info": { "features": features } }).to_string();
    let fields: Fields =
        columns.into_iter().map(|column| Field::new(column.name, column.data_type, true)).collect();
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([(FEATURES_KEY.to_owned(), features)])))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::PathBuf};

    use super::*;
    use crate::{
        Derivation, JanusRecord, Keep, Manifest, StepRow, TableReader, TrajectoryRecord, derive,
        fixtures::write_release, verify,
    };

    fn golden(version: u32) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(format!("v{version}"))
    }

    fn rows<T: Row>(release: &std::path::Path, manifest: &Manifest) -> Vec<T> {
        let splits = manifest.config(T::TABLE).into_iter().flat_map(|config| &config.splits);
        let shards = splits.flat_map(|split| &split.shards);
        shards.flat_map(|shard| TableReader::read_all(&release.join(&shard.path)).unwrap()).collect()
    }

    /// A release of the version that this program writes, made anew with `TWIG_GOLDEN=1`.
    #[test]
    fn the_golden_release_of_this_version_is_as_written_now() {
        let golden = golden(SCHEMA_VERSION);
        if std::env::var_os("TWIG_GOLDEN").is_some() {
            write_release(&golden);
        }
        let folder = tempfile::tempdir().unwrap();
        let written = write_release(folder.path());
        let kept = Manifest::load(&golden).unwrap();
        assert!(
            rows::<TrajectoryRecord>(&golden, &kept) == rows::<TrajectoryRecord>(folder.path(), &written)
        );
        assert_eq!(rows::<JanusRecord>(&golden, &kept), rows::<JanusRecord>(folder.path(), &written));
        assert_eq!(rows::<StepRow>(&golden, &kept), rows::<StepRow>(folder.path(), &written));
    }

    #[test]
    fn releases_of_every_version_are_read_and_made_into_new_ones() {
        for version in 1..=SCHEMA_VERSION {
            let golden = golden(version);
            assert_eq!(verify(&golden).problems, [], "version {version}");
            let manifest = Manifest::load(&golden).unwrap();
            assert_eq!(manifest.schema_version, version);
            let janus = rows::<JanusRecord>(&golden, &manifest);
            assert!(!janus.is_empty() && janus.iter().all(|row| row.layout.is_some() == (version > 1)));
            let tables: BTreeSet<&str> = manifest.configs.iter().map(|config| config.name.as_str()).collect();
            assert_eq!(tables.contains("grpo"), version > 1);

            let out = tempfile::tempdir().unwrap();
            let sources = [golden.clone()];
            let derivation = Derivation {
                action: "sample",
                description: "a half".to_owned(),
                name: None,
                sources: &sources,
                keep: Keep::Share { share: 0.5, seed: 1 },
                shard_bytes: 1 << 30,
            };
            let half = out.path().join("half");
            derive(&derivation, &half).unwrap();
            assert_eq!(verify(&half).problems, [], "version {version}");
            assert_eq!(Manifest::load(&half).unwrap().schema_version, version);
        }
    }
}
