//! How columns are encoded: one set of Parquet writer properties for every file of the program.

use arrow::datatypes::{DataType, Field, Schema};
use parquet::{
    basic::{Compression, ZstdLevel},
    file::{
        metadata::KeyValue,
        properties::{CdcOptions, EnabledStatistics, WriterProperties, WriterVersion},
    },
    schema::types::ColumnPath,
};

use crate::{row::FEATURES_KEY, versions::SCHEMA_VERSION};

/// What a file is for. It decides about row group sizes and encodings, not about columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A part of a stage in a job's folder. Many are written at once, so their row groups are small; each is read a few
    /// times and by this program, so that writing and reading it fast counts.
    StagePart,
    /// A shard of a release: chunked by content, so that a changed dataset uploads little again; with all that readers
    /// skip by.
    Release,
}

/// Where a row group ends: before the row that would exceed either bound. The size of a row is that of its
/// values before encoding, so the ends depend on the rows alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroupLimits {
    /// Rows in a group.
    pub max_rows: usize,
    /// Bytes of the values of a group, before encoding; one larger row makes a group of its own.
    pub max_bytes: usize,
}

/// Rows with pictures: a page of the Hub's viewer is 100 rows, which must stay below 300 MB.
const MAX_IMAGE_ROWS: usize = 100;
/// Rows without pictures: a few MB encoded, the granularity at which readers skip.
const MAX_PLAIN_ROWS: usize = 10_000;
/// What Polars fetches to read one row with its pictures, and what a writer holds in memory.
const MAX_RELEASE_BYTES: usize = 64 << 20;
/// As many parts as partitions are open at once, so a writer must hold less.
const MAX_STAGE_BYTES: usize = 16 << 20;

impl RowGroupLimits {
    /// The bounds for a table and purpose.
    pub fn new(schema: &Schema, purpose: Purpose) -> Self {
        Self {
            max_rows: if has_pictures(schema) { MAX_IMAGE_ROWS } else { MAX_PLAIN_ROWS },
            max_bytes: match purpose {
                Purpose::StagePart => MAX_STAGE_BYTES,
                Purpose::Release => MAX_RELEASE_BYTES,
            },
        }
    }
}

/// The footer's key of the version of the schema.
pub(crate) const VERSION_KEY: &str = "twig.schema_version";
/// Constant, so that a new build of the program writes the same bytes. The form is the one that readers parse
/// to decide whether they trust statistics.
pub(crate) const CREATED_BY: &str = "twig version 1.0.0 (build parquet-rs)";
/// Bytes of encoded values after which a page ends: the unit in which readers fetch with an offset index.
pub(crate) const DATA_PAGE_BYTES: usize = 1 << 20;
/// Level 3 is zstd's own default.
const ZSTD_LEVEL: i32 = 3;
/// Chunk sizes and normalisation level that Hugging Face writes; the keys by which its tools see that a file
/// is chunked by content.
const CDC_FOOTER: [(&str, &str); 2] = [
    ("content_defined_chunking", r#"{"min_chunk_size": 262144, "max_chunk_size": 1048576, "norm_level": 0}"#),
    ("use_content_defined_chunking", "true"),
];

/// Properties for a table.
///
/// Pictures are compressed already and their first bytes say nothing: no compression, no dictionary, no
/// statistics, and no chunking by content (see `splice`). Everything else has a dictionary; in a release zstd and
/// statistics for each page, and `id` a Bloom filter. In parts it has Snappy and statistics for each row group: zstd's
/// contexts, made anew for every column of every part, cost more than what they compress.
pub fn writer_properties(table: &str, schema: &Schema, purpose: Purpose) -> WriterProperties {
    properties_of_version(table, schema, purpose, SCHEMA_VERSION)
}

/// The same for rows whose columns are those of an earlier version.
pub(crate) fn properties_of_version(
    table: &str,
    schema: &Schema,
    purpose: Purpose,
    version: u32,
) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_dictionary_enabled(true)
        .set_write_page_header_statistics(false)
        .set_data_page_size_limit(DATA_PAGE_BYTES)
        // Row groups end where the writer says, see `RowGroupLimits`.
        .set_max_row_group_row_count(None)
        .set_max_row_group_bytes(None)
        .set_key_value_metadata(Some(footer(table, schema, purpose, version)));
    for path in picture_paths(schema) {
        builder = builder
            .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_statistics_enabled(path, EnabledStatistics::None);
    }
    match purpose {
        Purpose::StagePart => builder
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build(),
        Purpose::Release => {
            let id = ColumnPath::from("id");
            let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("3 is a level of zstd");
            builder
                .set_compression(Compression::ZSTD(level))
                .set_statistics_enabled(EnabledStatistics::Page)
                .set_column_bloom_filter_enabled(id.clone(), true)
                .set_column_bloom_filter_max_ndv(id, RowGroupLimits::new(schema, purpose).max_rows as u64)
                .set_content_defined_chunking(Some(CdcOptions::default()))
                .build()
        }
    }
}

/// Key-value pairs of the footer. The features stand here as well as in `ARROW:schema`, as in files that
/// `datasets` writes itself.
fn footer(table: &str, schema: &Schema, purpose: Purpose, version: u32) -> Vec<KeyValue> {
    let mut pairs = vec![
        KeyValue::new(VERSION_KEY.to_owned(), version.to_string()),
        KeyValue::new("twig.table".to_owned(), table.to_owned()),
    ];
    if let Some(features) = schema.metadata().get(FEATURES_KEY) {
        pairs.push(KeyValue::new(FEATURES_KEY.to_owned(), features.clone()));
    }
    match purpose {
        Purpose::StagePart => {}
        Purpose::Release => {
            pairs.extend(CDC_FOOTER.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned())));
        }
    }
    pairs
}

/// Leaves that hold picture bytes: the only binary ones.
fn picture_paths(schema: &Schema) -> Vec<ColumnPath> {
    let mut paths = Vec::new();
    for field in schema.fields() {
        collect_binary(field, &mut vec![field.name().clone()], &mut paths);
    }
    paths
}

fn collect_binary(field: &Field, path: &mut Vec<String>, found: &mut Vec<ColumnPath>) {
    match field.data_type() {
        DataType::Binary => found.push(ColumnPath::new(path.clone())),
        DataType::List(element) => {
            path.extend(["list".to_owned(), element.name().clone()]);
            collect_binary(element, path, found);
            path.truncate(path.len() - 2);
        }
        DataType::Struct(fields) => {
            for field in fields {
                path.push(field.name().clone());
                collect_binary(field, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Whether a column holds pictures.
pub(crate) fn holds_pictures(field: &Field) -> bool {
    let mut found = Vec::new();
    collect_binary(field, &mut Vec::new(), &mut found);
    !found.is_empty()
}

/// Whether a table holds pictures; readers then take fewer rows at a time.
pub(crate) fn has_pictures(schema: &Schema) -> bool {
    !picture_paths(schema).is_empty()
}
