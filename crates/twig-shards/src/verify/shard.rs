use std::{fs::File, path::Path};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use twig_model::Judgement;

use super::{
    Problems, chain,
    relations::RowKeys,
    rows::{CheckedRow, Rules},
};
use crate::{
    CritiqueDpoRecord, DpoRecord, GrpoRecord, JanusRecord, SftRecord, Shard, ShardError, StepRow,
    TableReader, TokensRow, TrajectoryRecord, atomic, properties::VERSION_KEY, reader::guarded,
    row::FEATURES_KEY, versions::schema_of,
};

/// What reading one shard has shown.
pub(super) struct ShardFindings {
    pub(super) config: String,
    pub(super) split: String,
    pub(super) path: String,
    /// Hash of the file as it is, if it could be read.
    pub(super) sha256: Option<String>,
    pub(super) rows: u64,
    /// Ids of each row.
    pub(super) keys: Vec<RowKeys>,
    pub(super) problems: Problems,
}

/// Checks one shard: bytes, footer, then row by row. A file with the wrong bytes is not read further.
pub(super) fn check(
    release: &Path,
    config: &str,
    split: &str,
    shard: &Shard,
    rules: &Rules,
) -> ShardFindings {
    let mut findings = ShardFindings {
        config: config.to_owned(),
        split: split.to_owned(),
        path: shard.path.clone(),
        sha256: None,
        rows: 0,
        keys: Vec::new(),
        problems: Problems::default(),
    };
    let path = release.join(&shard.path);
    match atomic::digest(&path) {
        Err(error) => findings.add(chain(&error)),
        Ok(found) => {
            let is_same = found.bytes == shard.bytes && found.sha256 == shard.sha256;
            findings.sha256 = Some(found.sha256);
            if is_same {
                findings.check_table(&path, shard, rules);
            } else {
                findings.add("its size or SHA-256 is not the one in the manifest");
            }
        }
    }
    findings
}

impl ShardFindings {
    fn add(&mut self, what: impl Into<String>) {
        self.problems.add(&self.path, None, what);
    }

    fn check_table(&mut self, path: &Path, shard: &Shard, rules: &Rules) {
        let checked = match self.config.as_str() {
            "trajectories" => self.check_rows::<TrajectoryRecord>(path, shard, rules),
            "steps" => self.check_rows::<StepRow>(path, shard, rules),
            "judgements" => self.check_rows::<Judgement>(path, shard, rules),
            "tokens" => self.check_rows::<TokensRow>(path, shard, rules),
            "sft" => self.check_rows::<SftRecord>(path, shard, rules),
            "janus" => self.check_rows::<JanusRecord>(path, shard, rules),
            "dpo" => self.check_rows::<DpoRecord>(path, shard, rules),
            "critique_dpo" => self.check_rows::<CritiqueDpoRecord>(path, shard, rules),
            "grpo" => self.check_rows::<GrpoRecord>(path, shard, rules),
            unknown => {
                self.add(format!("`{unknown}` is not a table that this program knows"));
                Ok(())
            }
        };
        if let Err(error) = checked {
            self.add(chain(&error));
        }
    }

    fn check_rows<T: CheckedRow>(
        &mut self,
        path: &Path,
        shard: &Shard,
        rules: &Rules,
    ) -> Result<(), ShardError> {
        self.check_footer::<T>(path, shard, rules.schema_version)?;
        let mut problems = Vec::new();
        for row in TableReader::<T>::open(path)? {
            let row = row?;
            row.check(rules, &mut problems);
            for what in problems.drain(..) {
                self.problems.add(&self.path, Some(self.rows), what);
            }
            self.keys.push(row.keys());
            self.rows += 1;
        }
        if self.rows != shard.rows {
            self.add(format!("it holds {} rows, the manifest says {}", self.rows, shard.rows));
        }
        Ok(())
    }

    /// Schema and row groups are those that releases of this version have.
    fn check_footer<T: CheckedRow>(
        &mut self,
        path: &Path,
        shard: &Shard,
        version: u32,
    ) -> Result<(), ShardError> {
        let builder = guarded(path, || {
            let file = File::open(path).map_err(ShardError::io("open", path))?;
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))
        })?;
        let (found, wanted) = (builder.schema(), schema_of::<T>(version));
        if found.fields() != wanted.fields() {
            self.add(format!("its columns are not those of schema version {version}"));
        }
        if found.metadata().get(FEATURES_KEY) != wanted.metadata().get(FEATURES_KEY) {
            self.add(format!("its `huggingface` features are not those of schema version {version}"));
        }
        let pairs = builder.metadata().file_metadata().key_value_metadata().into_iter().flatten();
        let declared = pairs.into_iter().find(|pair| pair.key == VERSION_KEY);
        let declared = declared.and_then(|pair| pair.value.as_deref());
        if declared != Some(version.to_string().as_str()) {
            let declared = declared.unwrap_or("none");
            self.add(format!("its footer names schema version {declared}, the manifest {version}"));
        }
        let groups = builder.metadata().row_groups();
        if groups.len() as u64 != shard.row_groups {
            self.add(format!("it holds {} row groups, the manifest says {}", groups.len(), shard.row_groups));
        }
        if groups.iter().any(|group| group.num_rows() == 0) {
            self.add("a row group has no rows, which `datasets` cannot read");
        }
        Ok(())
    }
}
