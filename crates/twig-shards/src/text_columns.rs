use std::{
    fs::File,
    path::{Path, PathBuf},
};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::DataType,
    error::ArrowError,
};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::ShardError;

/// One row of [`read_text_columns`]: a text a column, `None` where it is null or the column is missing.
pub type TextRow = Vec<Option<String>>;

/// The texts of some columns of somebody else's Parquet file, row by row, in the order of `columns`.
///
/// Of the columns only the first must be there. Numbers and other simple types are taken as they print.
///
/// # Memory
/// One batch of 1,024 rows of these columns.
pub fn read_text_columns(
    path: &Path,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<TextRow, ShardError>> + use<>, ShardError> {
    let file = File::open(path).map_err(ShardError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
    let found: Vec<Option<usize>> = columns.iter().map(|name| builder.schema().index_of(name).ok()).collect();
    if let (Some(None), Some(first)) = (found.first(), columns.first()) {
        let what = format!("column `{first}` is missing");
        return Err(ShardError::Schema { path: path.to_owned(), table: "prompts", what });
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), found.into_iter().flatten());
    let batches = builder.with_projection(mask).build().map_err(ShardError::parquet("read", path))?;
    let names: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let path: PathBuf = path.to_owned();
    Ok(batches.flat_map(move |batch| match batch.and_then(|batch| text_rows(&batch, &names)) {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(ShardError::parquet("read", &path)(error.into()))],
    }))
}

fn text_rows(batch: &RecordBatch, names: &[String]) -> Result<Vec<TextRow>, ArrowError> {
    let mut rows = vec![TextRow::with_capacity(names.len()); batch.num_rows()];
    for name in names {
        let texts = batch.column_by_name(name).map(|column| cast(column, &DataType::Utf8)).transpose()?;
        let texts = texts.as_ref().map(AsArray::as_string::<i32>);
        for (index, row) in rows.iter_mut().enumerate() {
            let text = texts.filter(|texts| texts.is_valid(index)).map(|texts| texts.value(index).to_owned());
            row.push(text);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartWriter, StepRow, fixtures};

    #[test]
    fn columns_come_as_text_in_the_order_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        let step = StepRow::all_of(&fixtures::release_trajectory(0)).remove(0);
        part.push(StepRow { token_start: None, ..step }).unwrap();
        part.commit().unwrap();
        let read = |columns: &[&str]| {
            read_text_columns(&path, columns).map(|rows| rows.map(Result::unwrap).collect())
        };
        let text = |text: &str| Some(text.to_owned());
        let rows: Vec<TextRow> = read(&["region", "nowhere", "token_start", "score"]).unwrap();
        assert_eq!(rows, [vec![text("upper background"), None, None, text("96")]]);
        let error = read(&["nowhere"]).unwrap_err().to_string();
        assert!(
            error.ends_with("steps.parquet does not hold the table `prompts`: column `nowhere` is missing")
        );
    }
}
