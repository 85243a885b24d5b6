//! Values that are stored as one number, one boolean or one text.
//!
//! Names from closed lists are stored as text and checked when they are read.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray},
    datatypes::{ArrowPrimitiveType, DataType, Float64Type, Int32Type, Int64Type},
};
use serde_json::json;
use twig_model::{
    Advantage, AnswerKey, JudgeCriterion, Mode, PairKind, PromptId, RejectReason, Role, SampleLayout, Score,
    TaskKind,
};

use super::Value;
use crate::Malformed;

/// Stores a type as a number: how to get the number, and how to check it on the way back.
macro_rules! number_value {
    ($type:ty, $arrow:ty, $dtype:literal, $store:expr, $load:expr) => {
        impl Value for $type {
            fn data_type() -> DataType {
                <$arrow>::DATA_TYPE
            }
            fn feature() -> serde_json::Value {
                scalar_feature($dtype)
            }
            fn to_array(values: &[Option<&Self>]) -> ArrayRef {
                let store: fn(&Self) -> <$arrow as ArrowPrimitiveType>::Native = $store;
                Arc::new(values.iter().map(|value| value.map(store)).collect::<PrimitiveArray<$arrow>>())
            }
            fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
                let numbers = array.as_primitive::<$arrow>();
                numbers.iter().map(|number| number.map(|n| checked(n, $load)).transpose()).collect()
            }
            fn num_bytes(&self) -> usize {
                size_of::<<$arrow as ArrowPrimitiveType>::Native>()
            }
        }
    };
}

/// Stores a type as text: how to see it as text, and how to check it on the way back.
macro_rules! text_value {
    ($type:ty, $store:expr, $load:expr) => {
        impl Value for $type {
            fn data_type() -> DataType {
                DataType::Utf8
            }
            fn feature() -> serde_json::Value {
                scalar_feature("string")
            }
            fn to_array(values: &[Option<&Self>]) -> ArrayRef {
                let store: fn(&Self) -> &str = $store;
                Arc::new(values.iter().map(|value| value.map(store)).collect::<StringArray>())
            }
            fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
                let texts = array.as_string::<i32>();
                texts.iter().map(|text| text.map(|t| checked(t, $load)).transpose()).collect()
            }
            fn num_bytes(&self) -> usize {
                let store: fn(&Self) -> &str = $store;
                store(self).len() + LENGTH_BYTES
            }
        }
    };
}

/// Bytes that the length of a text or a list is counted with.
pub(super) const LENGTH_BYTES: usize = 4;

number_value!(i32, Int32Type, "int32", |n| *n, Ok::<_, String>);
number_value!(i64, Int64Type, "int64", |n| *n, Ok::<_, String>);
// Indices, counts and token ids: far below 2³¹, and a negative number is refused when it is read.
number_value!(u32, Int32Type, "int32", |n| *n as i32, u32::try_from);
number_value!(u64, Int64Type, "int64", |n| *n as i64, u64::try_from);
number_value!(Score, Int32Type, "int32", |score| score.get(), |n| Self::new(i64::from(n)));
// A column that nobody filters by, see `super`.
number_value!(Advantage, Float64Type, "float64", |advantage| advantage.get(), |n| {
    Self::new(n).ok_or_else(|| format!("{n} is not finite"))
});

text_value!(String, String::as_str, |text| Ok::<_, String>(text.to_owned()));
text_value!(PromptId, PromptId::as_str, Self::new);
text_value!(AnswerKey, |key| &key.0, |text| Ok::<_, String>(Self(text.to_owned())));
text_value!(Mode, |mode| mode.as_str(), |name| Self::from_name(name).ok_or_else(|| unknown(name)));
text_value!(TaskKind, |task| task.as_str(), |name| Self::from_name(name).ok_or_else(|| unknown(name)));
text_value!(SampleLayout, |layout| layout.as_str(), |name| {
    Self::from_name(name).ok_or_else(|| unknown(name))
});
text_value!(PairKind, |kind| kind.as_str(), |name| Self::from_name(name).ok_or_else(|| unknown(name)));
text_value!(RejectReason, |reason| reason.as_str(), |name| Self::from_name(name)
    .ok_or_else(|| unknown(name)));
text_value!(JudgeCriterion, |criterion| criterion.as_str(), |name| {
    Self::from_name(name).ok_or_else(|| unknown(name))
});
text_value!(Role, |role| role.as_str(), |name| {
    Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| unknown(name))
});

impl Value for bool {
    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn feature() -> serde_json::Value {
        scalar_feature("bool")
    }

    fn to_array(values: &[Option<&Self>]) -> ArrayRef {
        Arc::new(values.iter().map(|value| value.copied()).collect::<BooleanArray>())
    }

    fn from_array(array: &ArrayRef) -> Result<Vec<Option<Self>>, Malformed> {
        Ok(array.as_boolean().iter().collect())
    }

    fn num_bytes(&self) -> usize {
        1
    }
}

/// The feature of a column of scalars.
fn scalar_feature(dtype: &str) -> serde_json::Value {
    json!({ "dtype": dtype, "_type": "Value" })
}

fn checked<S, T, E: ToString>(stored: S, load: impl Fn(S) -> Result<T, E>) -> Result<T, Malformed> {
    load(stored).map_err(|error| Malformed::new("", error.to_string()))
}

fn unknown(name: &str) -> String {
    format!("`{name}` is not a name that this column can have")
}
