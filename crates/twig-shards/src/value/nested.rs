//! Values that are made of others: optional values, lists and pictures. Structs are in `crate::record`.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryBuilder, ListArray, StringArray, StructArray},
    buffer::{NullBuffer, OffsetBuffer},
    datatypes::{DataType, Field, FieldRef, Fields},
};
use serde_json::json;
use twig_model::Picture;

use super::{Value, scalar::LENGTH_BYTES};
use crate::{Column, Malformed};

impl<T: Value> Value for Option<T> {
    fn data_type() -> DataType {
        T::data_type()
    }

    fn feature() -> serde_json::Value {
        T::feature()
    }

    fn fields() -> Vec<Column> {
        T::fields()
    }

    fn to_array(values: &[Option<&Self>]) -> ArrayRef {
        T::to_array(&values.iter().map(|value| value.and_then(Option::as_ref)).collect::<Vec<_>>())
    }

    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
        Ok(T::from_array(array)?.into_iter().map(Some).collect())
    }

    fn num_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::num_bytes)
    }
}

/// The field of the elements of a list, under the name that the Parquet format asks for.
fn element_field<T: Value>() -> FieldRef {
    Arc::new(Field::new("element", T::data_type(), true))
}

impl<T: Value> Value for Vec<T> {
    fn data_type() -> DataType {
        DataType::List(element_field::<T>())
    }

    fn feature() -> serde_json::Value {
        json!([T::feature()])
    }

    fn fields() -> Vec<Column> {
        T::fields()
    }

    fn to_array(values: &[Option<&Self>]) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(values.iter().map(|list| list.map_or(0, Vec::len)));
        let nulls = values.iter().map(Option::is_some).collect::<NullBuffer>();
        let elements: Vec<Option<&T>> =
            values.iter().flatten().flat_map(|list| list.iter().map(Some)).collect();
        Arc::new(ListArray::new(element_field::<T>(), offsets, T::to_array(&elements), Some(nulls)))
    }

    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
        let lists = array.as_list::<i32>();
        let offsets = lists.value_offsets();
        let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
        let mut elements = T::from_array(&lists.values().slice(first, last - first))?.into_iter();
        (0..lists.len())
            .map(|row| {
                let num_elements = (offsets[row + 1] - offsets[row]) as usize;
                // Taken in any case: the format lets a null list have elements too.
                let taken: Vec<Option<T>> = elements.by_ref().take(num_elements).collect();
                if lists.is_null(row) {
                    return Ok(None);
                }
                let complete: Option<Self> = taken.into_iter().collect();
                complete.map(Some).ok_or_else(|| Malformed::new("", "null in a list"))
            })
            .collect()
    }

    fn num_bytes(&self) -> usize {
        LENGTH_BYTES + self.iter().map(T::num_bytes).sum::<usize>()
    }
}

/// Bytes that are stored as they are, for readers that want a picture without the struct around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob(Picture);

impl Blob {
    /// The bytes of a picture.
    pub fn of(picture: &Picture) -> Self {
        Self(picture.clone())
    }
}

impl Value for Blob {
    fn data_type() -> DataType {
        DataType::Binary
    }

    fn feature() -> serde_json::Value {
        json!({ "dtype": "binary", "_type": "Value" })
    }

    fn to_array(values: &[Option<&Self>]) -> ArrayRef {
        let num_bytes = values.iter().flatten().map(|blob| blob.0.bytes().len()).sum();
        let mut bytes = BinaryBuilder::with_capacity(values.len(), num_bytes);
        bytes.extend(values.iter().map(|blob| blob.map(|blob| blob.0.bytes())));
        Arc::new(bytes.finish())
    }

    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
        let bytes = array.as_binary::<i32>().iter();
        Ok(bytes.map(|bytes| bytes.map(|bytes| Self(Picture::new(bytes)))).collect())
    }

    fn num_bytes(&self) -> usize {
        LENGTH_BYTES + self.0.bytes().len()
    }
}

/// Fields of the struct that `datasets` knows as an image.
fn image_fields() -> Fields {
    Fields::from(vec![Field::new("bytes", DataType::Binary, true), Field::new("path", DataType::Utf8, true)])
}

impl Value for Picture {
    fn data_type() -> DataType {
        DataType::Struct(image_fields())
    }

    fn feature() -> serde_json::Value {
        json!({ "_type": "Image" })
    }

    fn to_array(values: &[Option<&Self>]) -> ArrayRef {
        // Of the right size from the start: growing would copy pictures again and again.
        let num_bytes = values.iter().flatten().map(|picture| picture.bytes().len()).sum();
        let mut bytes = BinaryBuilder::with_capacity(values.len(), num_bytes);
        bytes.extend(values.iter().map(|picture| picture.map(Picture::bytes)));
        let paths = StringArray::new_null(values.len());
        // "No picture" is a null struct: `datasets` fails to decode a struct of nulls.
        let nulls = values.iter().map(Option::is_some).collect::<NullBuffer>();
        Arc::new(StructArray::new(
            image_fields(),
            vec![Arc::new(bytes.finish()), Arc::new(paths)],
            Some(nulls),
        ))
    }

    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
        let images = array.as_struct();
        let bytes = images.column(0).as_binary::<i32>();
        (0..images.len())
            .map(|row| match (images.is_valid(row), bytes.is_valid(row)) {
                (true, true) => Ok(Some(Self::new(bytes.value(row)))),
                (true, false) => Err(Malformed::new("", "a picture without bytes")),
                (false, _) => Ok(None),
            })
            .collect()
    }

    fn num_bytes(&self) -> usize {
        LENGTH_BYTES + self.bytes().len()
    }
}
