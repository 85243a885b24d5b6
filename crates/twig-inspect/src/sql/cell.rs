//! A value of an answer as JSON and as text.

use base64::{Engine, engine::general_purpose::STANDARD};
use polars::prelude::{AnyValue, Series};
use serde_json::{Map, Value};

/// The value as JSON: bytes in base64, dates and times as texts.
pub(super) fn to_json(value: &AnyValue) -> Value {
    match value {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(truth) => Value::Bool(*truth),
        AnyValue::String(text) => Value::String((*text).to_owned()),
        AnyValue::StringOwned(text) => Value::String(text.to_string()),
        AnyValue::Binary(bytes) => Value::String(STANDARD.encode(bytes)),
        AnyValue::BinaryOwned(bytes) => Value::String(STANDARD.encode(bytes)),
        AnyValue::List(items) | AnyValue::Array(items, _) => list(items),
        AnyValue::Struct(..) => to_json(&value.clone().into_static()),
        AnyValue::StructOwned(owned) => {
            let (values, fields) = owned.as_ref();
            let pairs = fields.iter().zip(values);
            Value::Object(
                pairs.map(|(field, value)| (field.name().to_string(), to_json(value))).collect::<Map<_, _>>(),
            )
        }
        value if value.is_integer() => {
            value.extract::<i64>().map_or_else(|| Value::String(value.to_string()), Value::from)
        }
        value if value.is_float() => value.extract::<f64>().map_or(Value::Null, Value::from),
        value => Value::String(value.to_string()),
    }
}

fn list(items: &Series) -> Value {
    Value::Array(items.iter().map(|item| to_json(&item)).collect())
}

/// The value for a file of plain texts: nothing for null, JSON for lists and structs.
pub(super) fn to_field(value: &AnyValue) -> String {
    match to_json(value) {
        Value::Null => String::new(),
        Value::String(text) => text,
        value => value.to_string(),
    }
}

/// The value for a terminal: on one line, bytes by their number, floats with four digits at most.
pub(super) fn to_shown(value: &AnyValue) -> String {
    match value {
        AnyValue::Binary(bytes) => format!("{} bytes", bytes.len()),
        AnyValue::BinaryOwned(bytes) => format!("{} bytes", bytes.len()),
        AnyValue::List(items) if items.len() > 8 => {
            let first: Vec<String> = items.iter().take(4).map(|item| to_shown(&item)).collect();
            format!("[{}, … {} in all]", first.join(", "), items.len())
        }
        AnyValue::List(items) => {
            let all: Vec<String> = items.iter().map(|item| to_shown(&item)).collect();
            format!("[{}]", all.join(", "))
        }
        AnyValue::Struct(..) => to_shown(&value.clone().into_static()),
        AnyValue::StructOwned(owned) => {
            let (values, fields) = owned.as_ref();
            let pairs = fields.iter().zip(values);
            let shown: Vec<String> =
                pairs.map(|(field, value)| format!("{}: {}", field.name(), to_shown(value))).collect();
            format!("{{{}}}", shown.join(", "))
        }
        value if value.is_float() => value.extract::<f64>().map_or_else(String::new, rounded),
        // Control characters could drive the terminal.
        value => to_field(value).chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    }
}

fn rounded(number: f64) -> String {
    let text = format!("{number:.4}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}
