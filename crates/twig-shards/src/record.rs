//! Records: structs whose fields are columns. The declaration of a record *is* its schema; the documentation
//! of its fields is what the dataset card prints about the columns.

use arrow::{array::ArrayRef, datatypes::DataType};

use crate::Malformed;

/// A column of a table, or a field of a struct in one.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Name in the file.
    pub name: &'static str,
    /// What it holds, one sentence or two.
    pub doc: &'static str,
    /// Arrow type.
    pub data_type: DataType,
    /// Hugging Face feature.
    pub feature: serde_json::Value,
    /// The fields of a struct, or of a list of structs; empty otherwise.
    pub fields: Vec<Column>,
}

/// A struct whose fields are columns; implemented by the macro `record!`.
pub trait Record: Sized {
    /// The columns in order.
    fn columns() -> Vec<Column>;

    /// One array a column; a row that is `None` is null in all of them.
    fn to_arrays(rows: &[Option<&Self>]) -> Vec<ArrayRef>;

    /// The rows of one array a column, given in the order of [`Record::columns`]; `None` where `is_null` says
    /// that the row itself is null.
    fn from_arrays(
        arrays: &[ArrayRef],
        is_null: &dyn Fn(usize) -> bool,
    ) -> Result<Vec<Option<Self>>, Malformed>;

    /// Bytes of the row before encoding, see [`crate::Value::num_bytes`].
    fn row_bytes(&self) -> usize;
}

/// Declares a record, or makes one of a struct of another crate (`impl`, naming all its fields).
///
/// A field is stored under its own name, or under another one given by `as "name"`. A field that is no
/// `Option` must not be null.
macro_rules! record {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident $(as $column:literal)? : $type:ty, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        $visibility struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }
        $crate::record::record! {
            impl $name { $( $(#[doc = $doc])+ $field $(as $column)? : $type, )+ }
        }
    };
    (
        impl $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident $(as $column:literal)? : $type:ty, )+
        }
    ) => {
        impl $crate::record::Record for $name {
            fn columns() -> Vec<$crate::record::Column> {
                use $crate::value::Value;
                vec![$( $crate::record::Column {
                    name: $crate::record::column_name!($field $(as $column)?),
                    doc: concat!($($doc),+),
                    data_type: <$type>::data_type(),
                    feature: <$type>::feature(),
                    fields: <$type>::fields(),
                } ),+]
            }

            fn to_arrays(rows: &[Option<&Self>]) -> Vec<arrow::array::ArrayRef> {
                use $crate::value::Value;
                vec![$({
                    let values: Vec<Option<&$type>> = rows.iter().map(|row| row.map(|row| &row.$field)).collect();
                    <$type>::to_array(&values)
                }),+]
            }

            fn from_arrays(
                arrays: &[arrow::array::ArrayRef],
                is_null: &dyn Fn(usize) -> bool,
            ) -> Result<Vec<Option<Self>>, $crate::Malformed> {
                let num_rows = arrays.first().map_or(0, |array| array.len());
                let mut arrays = arrays.iter();
                $(
                    let name = $crate::record::column_name!($field $(as $column)?);
                    let mut $field = $crate::record::read_column::<$type>(arrays.next(), name)?;
                )+
                (0..num_rows).map(|row| {
                    $( let $field = $field.next().flatten(); )+
                    if is_null(row) {
                        return Ok(None);
                    }
                    Ok(Some(Self { $(
                        $field: $field.ok_or_else(|| {
                            $crate::Malformed::new($crate::record::column_name!($field $(as $column)?), "null")
                        })?,
                    )+ }))
                }).collect()
            }

            fn row_bytes(&self) -> usize {
                use $crate::value::Value;
                let Self { $($field),+ } = self;
                0 $( + $field.num_bytes() )+
            }
        }

        impl $crate::value::Value for $name {
            fn data_type() -> arrow::datatypes::DataType {
                arrow::datatypes::DataType::Struct($crate::record::fields::<Self>())
            }
            fn feature() -> serde_json::Value {
                $crate::record::features::<Self>()
            }
            fn fields() -> Vec<$crate::record::Column> {
                <Self as $crate::record::Record>::columns()
            }
            fn to_array(values: &[Option<&Self>]) -> arrow::array::ArrayRef {
                $crate::record::to_struct_array(values)
            }
            fn from_array(
                array: &arrow::array::ArrayRef,
            ) -> Result<Vec<Option<Self>>, $crate::Malformed> {
                $crate::record::from_struct_array(array)
            }
            fn num_bytes(&self) -> usize {
                $crate::record::Record::row_bytes(self)
            }
        }
    };
}

/// The name under which a field is stored.
macro_rules! column_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident as $column:literal) => {
        $column
    };
}

pub(crate) use column_name;
pub(crate) use record;

mod arrays {
    //! What the macro's code calls.

    use std::sync::Arc;

    use arrow::{
        array::{Array, ArrayRef, AsArray, StructArray},
        buffer::NullBuffer,
        datatypes::{Field, Fields},
    };

    use super::Record;
    use crate::{Malformed, value::Value};

    /// The Arrow fields of a record, all nullable.
    pub(crate) fn fields<R: Record>() -> Fields {
        R::columns().into_iter().map(|column| Field::new(column.name, column.data_type, true)).collect()
    }

    /// The Hugging Face features of a record, as an object in the order of the columns.
    pub(crate) fn features<R: Record>() -> serde_json::Value {
        R::columns().into_iter().map(|column| (column.name.to_owned(), column.feature)).collect()
    }

    /// The values of one column, which the caller has found to be there.
    pub(crate) fn read_column<T: Value>(
        array: Option<&ArrayRef>,
        name: &str,
    ) -> Result<impl Iterator<Item = Option<T>> + use<T>, Malformed> {
        let array = array.ok_or_else(|| Malformed::new(name, "missing"))?;
        T::from_array(array).map(Vec::into_iter).map_err(|error| error.within(name))
    }

    pub(crate) fn to_struct_array<R: Record>(values: &[Option<&R>]) -> ArrayRef {
        let nulls = values.iter().map(Option::is_some).collect::<NullBuffer>();
        Arc::new(StructArray::new(fields::<R>(), R::to_arrays(values), Some(nulls)))
    }

    pub(crate) fn from_struct_array<R: Record>(array: &ArrayRef) -> Result<Vec<Option<R>>, Malformed> {
        let structs = array.as_struct();
        R::from_arrays(structs.columns(), &|row| structs.is_null(row))
    }
}

pub(crate) use arrays::{features, fields, from_struct_array, read_column, to_struct_array};

#[cfg(test)]
mod tests {
    use arrow::array::{Array, ArrayRef};
    use proptest::prelude::*;

    use super::*;
    use crate::{Row, row::PlainRow, value::Value};

    record! {
        /// Every kind of nesting.
        struct Nested {
            /// May be missing.
            number: Option<u32>,
            /// Under another name.
            texts as "type": Vec<Option<String>>,
            /// A list that may be missing.
            inner: Option<Vec<Inner>>,
            /// A list of lists.
            ids: Vec<Vec<u32>>,
        }
    }

    record! {
        /// Inside a list.
        struct Inner {
            /// A flag.
            flag: bool,
            /// May be missing.
            big: Option<i64>,
        }
    }

    impl PlainRow for Nested {
        const TABLE: &'static str = "nested";
    }

    prop_compose! {
        fn inner()(flag: bool, big in proptest::option::of(any::<i64>())) -> Inner {
            Inner { flag, big }
        }
    }

    prop_compose! {
        fn nested()(
            number in proptest::option::of(0u32..1 << 31),
            texts in proptest::collection::vec(proptest::option::of(".{0,3}"), 0..4),
            inner in proptest::option::of(proptest::collection::vec(inner(), 0..4)),
            ids in proptest::collection::vec(proptest::collection::vec(0u32..1 << 31, 0..4), 0..3),
        ) -> Nested {
            Nested { number, texts, inner, ids }
        }
    }

    proptest! {
        #[test]
        fn records_come_back_whole_and_cut(rows in proptest::collection::vec(proptest::option::of(nested()), 1..12)) {
            let array: ArrayRef = Nested::to_array(&rows.iter().map(Option::as_ref).collect::<Vec<_>>());
            prop_assert_eq!(&Nested::from_array(&array).unwrap(), &rows);
            let cut = rows.len() / 2;
            prop_assert_eq!(&Nested::from_array(&array.slice(cut, rows.len() - cut)).unwrap(), &rows[cut..]);
            prop_assert_eq!(array.data_type(), &Nested::data_type());
        }
    }

    #[test]
    fn a_column_is_what_its_field_says() {
        let columns = Nested::columns();
        let names: Vec<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names, ["number", "type", "inner", "ids"]);
        assert_eq!(columns[1].doc, " Under another name.");
        assert_eq!(
            columns[2].feature.to_string(),
            r#"[{"flag":{"dtype":"bool","_type":"Value"},"big":{"dtype":"int64","_type":"Value"}}]"#
        );
    }

    #[test]
    fn null_where_a_value_must_be_names_the_column() {
        let batch =
            Nested::to_batch(vec![Nested { number: None, texts: vec![None], inner: None, ids: vec![] }]);
        record! {
            /// The same column, but every text must be there.
            struct Strict {
                /// Texts.
                texts as "type": Vec<String>,
            }
        }
        impl PlainRow for Strict {
            const TABLE: &'static str = "nested";
        }
        let error = Strict::from_batch(&batch).unwrap_err();
        assert_eq!(error.to_string(), "column `type`: null in a list");
    }
}
