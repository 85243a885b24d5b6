//! The JSON Schemas that stand in `schemas/`, generated from the code.

use serde_json::{Value, json};
use twig_model::Criterion;
use twig_teacher::AnswerSchemas;

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
                &[("better", json!({ "enum": ["first", "second", "neither"] })), ("comment", text())],
            ),
        ),
    ]
}

/// The schemas of teachers' structured answers, by the names that questions give.
pub(crate) fn answers() -> AnswerSchemas {
    let all = all();
    ["thought", "thoughts", "critique", "judgement"]
        .into_iter()
        .filter_map(|name| {
            let (_, schema) = all.iter().find(|(file, _)| file.strip_suffix(".schema.json") == Some(name))?;
            let mut schema = schema.clone();
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
