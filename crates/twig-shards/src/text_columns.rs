use std::{fs::File, path::Path};

use arrow::{
    array::{Array, AsArray},
    compute::cast,
    datatypes::DataType,
};
use parquet::arrow::{ProjectionMask, arrow_reader::ParquetRecordBatchReaderBuilder};

use crate::ShardError;

/// The texts of some columns of somebody else's Parquet file, row by row, in the order of `columns`.
///
/// Of the columns only the first must be there; a column of another type than text is taken as it prints.
/// Holds one batch of 1,024 rows.
pub fn read_text_columns(
    path: &Path,
    columns: &[&str],
) -> Result<impl Iterator<Item = Result<Vec<Option<String>>, ShardError>> + use<>, ShardError> {
    let file = File::open(path).map_err(ShardError::io("open", path))?;
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
    let schema = builder.schema().clone();
    let found: Vec<Option<usize>> = columns.iter().map(|name| schema.index_of(name).ok()).collect();
    if let (Some(None), Some(first)) = (found.first(), columns.first()) {
        let what = format!("it has no column `{first}`");
        return Err(ShardError::Schema { path: path.to_owned(), table: "prompts", what });
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), found.iter().flatten().copied());
    let reader = builder.with_projection(mask).build().map_err(ShardError::parquet("read", path))?;
    let names: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let path = path.to_owned();
    Ok(reader.flat_map(move |batch| {
        let rows = batch.and_then(|batch| {
            let texts = names.iter().map(|name| match batch.column_by_name(name) {
                Some(column) => cast(column, &DataType::Utf8).map(Some),
                None => Ok(None),
            });
            let texts = texts.collect::<Result<Vec<_>, _>>()?;
            let value = |column: &Option<arrow::array::ArrayRef>, row: usize| {
                let column = column.as_ref()?.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row).to_owned())
            };
            Ok((0..batch.num_rows())
                .map(|row| texts.iter().map(|column| value(column, row)).collect())
                .collect::<Vec<Vec<_>>>())
        });
        match rows {
            Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(error) => vec![Err(ShardError::parquet("read", &path)(error.into()))],
        }
    }))
}
