//! A dataset's tables as lazy frames.

use std::{collections::BTreeMap, fs, path::PathBuf};

use polars::prelude::{
    Column, DataFrame, IntoLazy, LazyFrame, NamedFrom, PlRefPath, PlSmallStr, PolarsResult, ScanArgsParquet,
    Series, col, lit,
};
use serde_json::{Map, Value};

use crate::{Dataset, InspectError, dataset::TableFile};

/// Every table by its name.
pub(super) fn all_of(dataset: &Dataset) -> Result<BTreeMap<String, LazyFrame>, InspectError> {
    let mut tables = BTreeMap::new();
    for (name, files) in dataset.tables() {
        if files.is_empty() {
            continue;
        }
        let frame = scan_splits(&files).map_err(|source| InspectError::Query {
            release: dataset.folder().to_owned(),
            table: name.clone(),
            source,
        })?;
        tables.insert(name, frame);
    }
    for (name, files) in [("events", dataset.event_files()), ("marks", vec![dataset.marks_file()])] {
        if let Some(frame) = json_lines(&files) {
            tables.insert(name.to_owned(), frame.lazy());
        }
    }
    Ok(tables)
}

/// The rows of all splits one below the other, with the split's name as last column.
///
/// One scan and not a union of one a split: `count(*)` over a union is an error in this build of Polars.
fn scan_splits(files: &[TableFile]) -> PolarsResult<LazyFrame> {
    let paths: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
    if files.iter().all(|file| file.split.is_empty()) {
        return scan(&paths);
    }
    // Shards are called `{split}-00000-of-00001.parquet`, which the manifest is checked for.
    let of_path = lit(r"([a-z0-9_]+)-[0-9]+-of-[0-9]+\.parquet$");
    let frame = scan_with_paths(&paths, Some("split".into()))?;
    Ok(frame.with_column(col("split").str().extract(of_path, 1)))
}

/// The rows of these files. Names are names, not patterns, and what is read is read once.
pub(crate) fn scan(paths: &[PathBuf]) -> PolarsResult<LazyFrame> {
    scan_with_paths(paths, None)
}

fn scan_with_paths(paths: &[PathBuf], include_file_paths: Option<PlSmallStr>) -> PolarsResult<LazyFrame> {
    let paths = paths.iter().map(|path| PlRefPath::try_from_path(path)).collect::<PolarsResult<Vec<_>>>()?;
    let arguments =
        ScanArgsParquet { glob: false, cache: false, include_file_paths, ..ScanArgsParquet::default() };
    LazyFrame::scan_parquet_files(paths.into_iter().collect(), arguments)
}

/// Objects of JSON-lines files as a table: one column for each key that occurs, objects and lists as JSON text.
/// Lines that are torn or no objects are passed over, as whoever wrote them may have been killed.
fn json_lines(files: &[PathBuf]) -> Option<DataFrame> {
    let texts: Vec<String> = files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    let rows: Vec<Map<String, Value>> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut names: Vec<&String> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let columns: Vec<Column> = names.iter().map(|name| column(name, &rows).into()).collect();
    if rows.is_empty() { None } else { DataFrame::new(rows.len(), columns).ok() }
}

/// Whole numbers where all are, else numbers where all are, else texts.
fn column(name: &str, rows: &[Map<String, Value>]) -> Series {
    let values: Vec<Option<&Value>> =
        rows.iter().map(|row| row.get(name).filter(|value| !value.is_null())).collect();
    let all = |test: fn(&Value) -> bool| values.iter().flatten().all(|value| test(value));
    if all(Value::is_i64) {
        Series::new(name.into(), values.iter().map(|value| value.and_then(Value::as_i64)).collect::<Vec<_>>())
    } else if all(Value::is_number) {
        Series::new(name.into(), values.iter().map(|value| value.and_then(Value::as_f64)).collect::<Vec<_>>())
    } else if all(Value::is_boolean) {
        Series::new(
            name.into(),
            values.iter().map(|value| value.and_then(Value::as_bool)).collect::<Vec<_>>(),
        )
    } else {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        Series::new(name.into(), values.iter().map(|value| value.map(text)).collect::<Vec<_>>())
    }
}
