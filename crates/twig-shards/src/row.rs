use arrow::{
    array::{ArrayRef, RecordBatch, new_null_array},
    datatypes::SchemaRef,
};

use crate::{Malformed, record::Record, versions};

/// The key of the Hugging Face features in the schema's metadata.
pub(crate) const FEATURES_KEY: &str = "huggingface";

/// A row of a table: a value and the record of columns that it is stored as.
///
/// For simple tables both are the same type; a trajectory is taken apart into scalar columns, a list of steps
/// and a list of pictures.
pub trait Row: Sized + Send + 'static {
    /// The columns.
    type Record: Record + Send + 'static;

    /// Name of the table, for example `trajectories`; release folders are called the same.
    const TABLE: &'static str;

    /// The row as columns.
    fn into_record(self) -> Self::Record;

    /// The row that the columns stand for, or what is wrong with them.
    fn from_record(record: Self::Record) -> Result<Self, Malformed>;

    /// The Arrow schema: all fields nullable, with the Hugging Face features in its metadata.
    ///
    /// There (so in the file's `ARROW:schema`) and not only in the footer, else pyarrow drops them and
    /// pictures come back as structs.
    fn schema() -> SchemaRef {
        versions::schema_of::<Self>(versions::SCHEMA_VERSION)
    }

    /// Rows as a batch of [`Row::schema`].
    fn to_batch(rows: Vec<Self>) -> RecordBatch {
        let records: Vec<Self::Record> = rows.into_iter().map(Self::into_record).collect();
        records_to_batch::<Self>(Self::schema(), &records)
    }

    /// The rows of a batch. Columns are found by name and type; others than the record's are ignored, and those
    /// that a later version has added are null.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, Malformed> {
        let arrays: Vec<ArrayRef> = Self::Record::columns()
            .iter()
            .map(|column| match batch.column_by_name(column.name) {
                Some(array) if array.data_type() == &column.data_type => Ok(array.clone()),
                Some(array) => Err(Malformed::new(
                    column.name,
                    format!("holds {} where {} is wanted", array.data_type(), column.data_type),
                )),
                None if versions::since(Self::TABLE, column.name) > 1 => {
                    Ok(new_null_array(&column.data_type, batch.num_rows()))
                }
                None => Err(Malformed::new(column.name, "missing")),
            })
            .collect::<Result<_, _>>()?;
        // Rows themselves are never null, only their fields.
        let records = Self::Record::from_arrays(&arrays, &|_| false)?;
        records.into_iter().flatten().map(Self::from_record).collect()
    }
}

/// A row that is its own record.
pub trait PlainRow: Record + Send + 'static {
    /// Name of the table.
    const TABLE: &'static str;
}

impl<R: PlainRow> Row for R {
    type Record = Self;
    const TABLE: &'static str = <R as PlainRow>::TABLE;

    fn into_record(self) -> Self {
        self
    }

    fn from_record(record: Self) -> Result<Self, Malformed> {
        Ok(record)
    }
}

/// A batch from rows that are records already; `schema` is [`Row::schema`], which takes time to make.
pub(crate) fn records_to_batch<T: Row>(schema: SchemaRef, records: &[T::Record]) -> RecordBatch {
    let rows: Vec<Option<&T::Record>> = records.iter().map(Some).collect();
    RecordBatch::try_new(schema, T::Record::to_arrays(&rows))
        .expect("`Record` makes one array a column, each of the column's type and the same length")
}
