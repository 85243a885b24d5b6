use std::{fs::File, path::Path};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    compute::cast,
    datatypes::DataType,
    error::ArrowError,
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReaderBuilder, RowSelection, RowSelector},
};

use crate::ShardError;

/// Rows that are held at once: pictures are large.
const BATCH: usize = 16;

/// A picture of somebody else's Parquet file, with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureRow {
    /// The encoded picture; `None` where it is null.
    pub picture: Option<Vec<u8>>,
    /// The texts of the other columns, in the order asked for; `None` where null or where there is no such column.
    pub texts: Vec<Option<String>>,
}

/// The pictures in a column of somebody else's Parquet file, row by row, each with the texts of other columns.
///
/// Pictures are bytes, or a struct with a field `bytes`, as Hugging Face writes them.
///
/// # Memory
/// 16 rows.
pub fn read_pictures(
    path: &Path,
    picture: &str,
    texts: &[&str],
) -> Result<impl Iterator<Item = Result<PictureRow, ShardError>> + use<>, ShardError> {
    let batches = batches(path, picture, texts, None)?;
    let (path, picture) = (path.to_owned(), picture.to_owned());
    let texts: Vec<String> = texts.iter().map(|&name| name.to_owned()).collect();
    Ok(batches.flat_map(move |batch| match batch.and_then(|batch| rows(&batch, &picture, &texts)) {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(ShardError::parquet("read", &path)(error.into()))],
    }))
}

/// The picture of one row, counted from 0; `None` where it is null or there is no such row. Reads the pages that
/// hold it, or its row group where the file has no page index.
pub fn read_picture(path: &Path, picture: &str, row: usize) -> Result<Option<Vec<u8>>, ShardError> {
    let batch = batches(path, picture, &[], Some(row))?.next().transpose();
    let failed = |error: ArrowError| ShardError::parquet("read", path)(error.into());
    let Some(batch) = batch.map_err(failed)? else { return Ok(None) };
    let rows = rows(&batch, picture, &[]).map_err(failed)?;
    Ok(rows.into_iter().next().and_then(|row| row.picture))
}

fn batches(
    path: &Path,
    picture: &str,
    texts: &[&str],
    row: Option<usize>,
) -> Result<impl Iterator<Item = Result<RecordBatch, ArrowError>> + use<>, ShardError> {
    let file = File::open(path).map_err(ShardError::io("open", path))?;
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(ShardError::parquet("read", path))?;
    let schema = builder.schema();
    let Ok(column) = schema.index_of(picture) else {
        let what = format!("column `{picture}` is missing");
        return Err(ShardError::Schema { path: path.to_owned(), table: "pictures", what });
    };
    let others = texts.iter().filter_map(|name| schema.index_of(name).ok());
    let columns: Vec<usize> = std::iter::once(column).chain(others).collect();
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    if let Some(row) = row {
        let num_rows = builder.metadata().file_metadata().num_rows() as usize;
        builder = if row < num_rows {
            let selectors = vec![RowSelector::skip(row), RowSelector::select(1)];
            builder.with_row_selection(RowSelection::from(selectors))
        } else {
            builder.with_row_groups(Vec::new())
        };
    }
    builder.with_projection(mask).with_batch_size(BATCH).build().map_err(ShardError::parquet("read", path))
}

fn rows(batch: &RecordBatch, picture: &str, texts: &[String]) -> Result<Vec<PictureRow>, ArrowError> {
    let pictures = batch.column_by_name(picture).map(bytes_of).transpose()?;
    let pictures = pictures.as_ref().map(AsArray::as_binary::<i64>);
    let texts = texts
        .iter()
        .map(|name| batch.column_by_name(name).map(|column| cast(column, &DataType::Utf8)).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let text = |column: &Option<ArrayRef>, row: usize| {
        let column = column.as_ref()?.as_string::<i32>();
        column.is_valid(row).then(|| column.value(row).to_owned())
    };
    let row = |row: usize| PictureRow {
        picture: pictures.filter(|column| column.is_valid(row)).map(|column| column.value(row).to_vec()),
        texts: texts.iter().map(|column| text(column, row)).collect(),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The bytes of a column of pictures.
fn bytes_of(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Struct(_) => {
            let bytes = column.as_struct().column_by_name("bytes").cloned();
            let bytes = bytes.ok_or_else(|| {
                ArrowError::SchemaError("a column of pictures has a field `bytes`".to_owned())
            })?;
            cast(&bytes, &DataType::LargeBinary)
        }
        _ => cast(column, &DataType::LargeBinary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartWriter, fixtures};

    #[test]
    fn pictures_come_in_order_and_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trajectories.parquet");
        let mut part = PartWriter::create(&path).unwrap();
        let releases: Vec<_> = (0..3).map(fixtures::release_trajectory).collect();
        for release in &releases {
            part.push(release.clone()).unwrap();
        }
        part.commit().unwrap();
        let found: Vec<PictureRow> = read_pictures(&path, "final_image", &["prompt", "nowhere"])
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for (row, (found, release)) in found.iter().zip(&releases).enumerate() {
            let wanted = release.trajectory.final_image.bytes();
            assert_eq!(found.picture.as_deref(), Some(wanted));
            assert_eq!(found.texts, [Some(release.trajectory.prompt.text.clone()), None]);
            assert_eq!(read_picture(&path, "final_image", row).unwrap().as_deref(), Some(wanted));
        }
        assert_eq!((found.len(), read_picture(&path, "final_image", 3).unwrap()), (3, None));
        let error = read_pictures(&path, "nowhere", &[]).err().unwrap().to_string();
        assert!(error.ends_with("column `nowhere` is missing"), "{error}");
    }
}
