//! How a Rust type is stored in a column: its Arrow type, its Hugging Face feature, and both directions.
//!
//! Only types that every consumer reads alike: booleans, 32- and 64-bit integers, `Utf8`, `Binary` inside the
//! image struct, `List` and `Struct`; nullable at every depth, since `datasets` drops image features from
//! tables that are not. No dictionaries, no maps, no fixed-size lists; floats only inside lists, since readers
//! ignore the statistics of float columns and so cannot skip by them.

mod nested;
mod scalar;

use arrow::{array::ArrayRef, datatypes::DataType};

pub use nested::Blob;

use crate::{Column, Malformed};

/// A type that can be stored in a column.
pub trait Value: Sized {
    /// The Arrow type of the column.
    fn data_type() -> DataType;

    /// The Hugging Face feature of the column. Lists are JSON arrays, the one spelling that all versions of
    /// `datasets` read.
    fn feature() -> serde_json::Value;

    /// The fields of a struct, or of a list of structs.
    fn fields() -> Vec<Column> {
        Vec::new()
    }

    /// The values as an array of [`Value::data_type`].
    fn to_array(values: &[Option<&Self>]) -> ArrayRef;

    /// The values of an array of [`Value::data_type`]; `None` where it is null.
    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed>;

    /// Bytes of the value before encoding. A function of the value alone, since it decides where row groups
    /// end.
    fn num_bytes(&self) -> usize;
}
