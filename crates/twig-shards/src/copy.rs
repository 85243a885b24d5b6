use std::{fs::File, path::Path};

use arrow::datatypes::Schema;
use parquet::{arrow::parquet_to_arrow_schema, errors::ParquetError};

use crate::{
    ShardError, TableSummary,
    atomic::{AtomicFile, FileDigest},
    row::FEATURES_KEY,
    splice::EncodedColumns,
};

/// Copies a shard without the Hugging Face features, so that `datasets` hands out pictures as structs of bytes.
/// Column chunks are copied as they are.
///
/// # Memory
/// 1 MiB.
pub fn copy_without_features(shard: &Path, path: &Path) -> Result<(FileDigest, TableSummary), ShardError> {
    let file = File::open(shard).map_err(ShardError::io("open", shard))?;
    let source = EncodedColumns::open(file).map_err(ShardError::parquet("read", shard))?;
    let copied = AtomicFile::create(path)?;
    let copied = without_features(&source, copied).map_err(ShardError::parquet("write", path))?;
    let groups = source.metadata.row_groups();
    let summary = TableSummary {
        rows: groups.iter().map(|group| group.num_rows() as u64).sum(),
        row_groups: groups.len() as u64,
        data_bytes: groups.iter().map(|group| group.total_byte_size() as u64).sum(),
    };
    Ok((copied.commit()?, summary))
}

fn without_features(source: &EncodedColumns<File>, sink: AtomicFile) -> Result<AtomicFile, ParquetError> {
    let file = source.metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let plain = Schema::new(schema.fields().clone());
    source.splice_as(sink, 0..source.metadata.num_row_groups(), plain, |key| key != FEATURES_KEY)
}
