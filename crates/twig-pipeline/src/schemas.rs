//! The JSON Schemas that stand in `schemas/`, generated from the code.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::{Value, json};
use twig_model::{AnswerSchema, Criterion};

use crate::{EventLine, settings};

/// File name and content of every schema.
pub fn all() -> Vec<(&'static str, Value)> {
    vec![
        ("pipeline.schema.json", settings::pipeline_schema()),
        ("event.schema.json", schemars::schema_for!(EventLine).to_value()),
        ("manifest.schema.json", schemars::schema_for!(twig_shards::Manifest).to_value()),
        ("thought.schema.json", object("A thought", &[("thought", text())])),
        ("thoughts.schema.json", object("The thoughts of all regions, in order", &[("thoughts", texts())])),
        (
            "critique.schema.json",
            object(
                "A critique of one region",
                &[("scores", scores()), ("comment", text()), ("revised_thought", text())],
            ),
        ),
        (
            "judgement.schema.json",
            object("A judgement of a picture or region", &[("scores", scores()), ("comment", text())]),
        ),
        ("schedule.schema.json", object("The regions of a picture, in order", &[("regions", boxes())])),
        ("questions.schema.json", object("Questions about a picture", &[("questions", texts())])),
        (
            "inspection.schema.json",
            object(
                "Answers to questions about a picture, in order",
                &[("answers", json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 1 }))],
            ),
        ),
        (
            "probability.schema.json",
            object(
                "How likely a picture shows the prompt",
                &[("probability", json!({ "type": "number", "minimum": 0, "maximum": 1 }))],
            ),
        ),
        (
            "comparison.schema.json",
            object(
                "Which of two pictures is better",
                &[
                    ("better", json!({ "type": "string", "enum": ["first", "second", "neither"] })),
                    ("comment", text()),
                ],
            ),
        ),
    ]
}

/// The schema of teachers' structured answers of that name.
pub(crate) fn answer(name: &str) -> Option<AnswerSchema> {
    /// Written once: a schema goes with every question.
    static ANSWERS: LazyLock<BTreeMap<&'static str, String>> =
        LazyLock::new(|| answers().into_iter().map(|(name, schema)| (name, schema.to_string())).collect());
    let (name, json) = ANSWERS.get_key_value(name)?;
    Some(AnswerSchema { name, json })
}

/// The schemas of teachers' structured answers, by name.
fn answers() -> BTreeMap<&'static str, Value> {
    let of_programs = ["pipeline", "event", "manifest"];
    all()
        .into_iter()
        .filter_map(|(file, mut schema)| {
            let name = file.strip_suffix(".schema.json").filter(|name| !of_programs.contains(name))?;
            // Servers that compile schemas to grammars do not all know the keyword.
            schema.as_object_mut()?.remove("$schema");
            Some((name, schema))
        })
        .collect()
}

/// An object with exactly these fields, in the form that structured outputs ask for.
fn object(title: &str, fields: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": false,
    })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn texts() -> Value {
    json!({ "type": "array", "items": text(), "minItems": 1 })
}

fn boxes() -> Value {
    let cells = |least: u32| json!({ "type": "integer", "minimum": least });
    let mut item = object(
        "",
        &[
            ("name", text()),
            ("row", cells(0)),
            ("column", cells(0)),
            ("rows", cells(1)),
            ("columns", cells(1)),
        ],
    );
    for outer in ["$schema", "title"] {
        item.as_object_mut().and_then(|item| item.remove(outer));
    }
    json!({ "type": "array", "items": item, "minItems": 1 })
}

fn scores() -> Value {
    let points = json!({ "type": "integer", "minimum": 0, "maximum": 20 });
    let names = Criterion::ALL.map(Criterion::as_str);
    let properties: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), points.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": names, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use twig_model::Geometry;

    use super::*;
    use crate::{answers, inquiries};

    /// A value of this schema, the same for the same schema.
    fn example(schema: &Value) -> Value {
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        match schema["type"].as_str().unwrap() {
            "object" => {
                let fields = schema["properties"].as_object().unwrap();
                fields.iter().map(|(name, schema)| (name.clone(), example(schema))).collect()
            }
            "array" => json!([example(&schema["items"])]),
            "string" => json!("words"),
            "boolean" => json!(true),
            "number" => json!(0.5),
            "integer" => schema["maximum"].as_u64().map_or(json!(24), |most| json!(most)),
            other => panic!("no example of {other}"),
        }
    }

    /// Whether the reader of answers of that name takes this one.
    fn is_read(name: &str, answer: &Value) -> bool {
        let answer = answer.to_string();
        match name {
            "thought" => answers::thought(&answer).is_ok(),
            "thoughts" => answers::thoughts(&answer, 1).is_ok(),
            "critique" => answers::critique(&answer).is_ok(),
            "judgement" => answers::judgement(&answer).is_ok(),
            "schedule" => inquiries::schedule(&answer, Geometry::JANUS, 1).is_ok(),
            "questions" => inquiries::questions(&answer).is_ok(),
            "inspection" => inquiries::inspection(&answer, 1).is_ok(),
            "probability" => inquiries::probability(&answer).is_ok(),
            "comparison" => inquiries::comparison(&answer).is_ok(),
            other => panic!("nobody reads {other}"),
        }
    }

    /// Every object in a value, by the path to it.
    fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.push(path.to_owned());
                fields.iter().for_each(|(name, value)| objects(value, &format!("{path}/{name}"), found));
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| objects(value, &format!("{path}/{index}"), found));
            }
            _ => {}
        }
    }

    #[test]
    fn readers_take_what_the_schemas_promise_and_nothing_that_lacks_a_field_or_has_one_more() {
        let schemas = answers();
        assert_eq!(schemas.len(), 9);
        for (name, schema) in &schemas {
            let mut sound = example(schema);
            if *name == "schedule" {
                (sound["regions"][0]["row"], sound["regions"][0]["column"]) = (json!(0), json!(0));
            }
            assert!(is_read(name, &sound), "{name}: {sound}");
            let mut paths = Vec::new();
            objects(&sound, "", &mut paths);
            for path in paths {
                let fields = sound.pointer(&path).unwrap().as_object().unwrap();
                for field in fields.keys() {
                    let mut lacking = sound.clone();
                    lacking.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(field);
                    assert!(!is_read(name, &lacking), "{name} without {path}/{field}");
                }
                let mut more = sound.clone();
                more.pointer_mut(&path).unwrap()["more"] = json!(1);
                assert!(!is_read(name, &more), "{name} with one more field in {path:?}");
            }
        }
    }
}
