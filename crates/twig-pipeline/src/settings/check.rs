//! Checks a document against the JSON Schema of the pipeline file and reports every problem at once, each
//! with its line and what would be accepted. Understands the part of JSON Schema that `schemars` writes for
//! our settings, and nothing else.

use serde_json::{Map, Value};

use super::{
    Problem,
    node::{Node, NodeKind, Place},
};

/// Every way in which `node` misses `schema`.
pub(super) fn check(node: &Node, schema: &Value) -> Vec<Problem> {
    let mut checker = Checker { root: schema, problems: Vec::new() };
    checker.value(node, schema, "");
    checker.problems
}

struct Checker<'a> {
    root: &'a Value,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn problem(&mut self, place: &Place, path: &str, message: String) {
        self.problems.push(Problem { place: place.clone(), path: path.to_owned(), message });
    }

    /// Follows a reference into the schema's definitions.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| self.root.pointer(&reference[1..])) {
            Some(definition) => self.resolve(definition),
            None => schema,
        }
    }

    fn value(&mut self, node: &Node, schema: &'a Value, path: &str) {
        let schema = self.resolve(schema);
        if let Some(variants) = schema["anyOf"].as_array() {
            return self.optional(node, variants, path);
        }
        if let Some(variants) = schema["oneOf"].as_array() {
            return self.tagged(node, schema, variants, path);
        }
        if let Some(names) = schema["enum"].as_array() {
            return self.enumerated(node, names, path);
        }
        match (&node.kind, expected_type(schema, node)) {
            (NodeKind::Map(fields), Some("object")) => self.object(node, fields, schema, path),
            (NodeKind::List(items), Some("array")) => {
                let least = schema["minItems"].as_u64().unwrap_or(0);
                if (items.len() as u64) < least {
                    self.problem(&node.place, path, format!("at least {least} entries are wanted"));
                }
                for (index, item) in items.iter().enumerate() {
                    self.value(item, &schema["items"], &joined(path, &index.to_string()));
                }
            }
            (NodeKind::Scalar(Value::Number(number)), Some("number" | "integer")) => {
                self.range(node, number.as_f64().unwrap_or(f64::NAN), schema, path);
            }
            (NodeKind::Scalar(Value::String(text)), Some("string")) => {
                if text.is_empty() && schema["minLength"].as_u64().unwrap_or(0) > 0 {
                    self.problem(&node.place, path, "it must not be empty".to_owned());
                }
            }
            (NodeKind::Scalar(Value::Bool(_)), Some("boolean"))
            | (NodeKind::Scalar(Value::Null), Some("null")) => {}
            _ => {
                let message = format!("{} is wanted, found {}", wanted(schema), node.described());
                self.problem(&node.place, path, message);
            }
        }
    }

    /// A value or nothing.
    fn optional(&mut self, node: &Node, variants: &'a [Value], path: &str) {
        let is_null = matches!(node.kind, NodeKind::Scalar(Value::Null));
        let other = variants.iter().find(|variant| variant["type"] != "null");
        if let (false, Some(variant)) = (is_null, other) {
            self.value(node, variant, path);
        }
    }

    fn enumerated(&mut self, node: &Node, names: &[Value], path: &str) {
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        let found = match &node.kind {
            NodeKind::Scalar(Value::String(text)) => text.as_str(),
            NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Map(_) => "",
        };
        if !names.contains(&found) {
            let message = format!("one of {} is wanted, found {}", listed(&names), node.described());
            self.problem(&node.place, path, message);
        }
    }

    /// Variants told apart by a constant field, or variants that are constants themselves.
    fn tagged(&mut self, node: &Node, schema: &'a Value, variants: &'a [Value], path: &str) {
        let constants: Vec<Value> =
            variants.iter().map(|variant| variant["const"].clone()).filter(|c| !c.is_null()).collect();
        if constants.len() == variants.len() {
            return self.enumerated(node, &constants, path);
        }
        let Some((tag, _)) = variants.iter().find_map(tag_of) else {
            return self.problem(&node.place, path, format!("{} is wanted", wanted(schema)));
        };
        let names: Vec<&str> = variants.iter().filter_map(|v| tag_of(v).map(|(_, name)| name)).collect();
        let NodeKind::Map(fields) = &node.kind else {
            let message = format!("a group of fields with `{tag}` is wanted, found {}", node.described());
            return self.problem(&node.place, path, message);
        };
        let Some((_, _, chosen)) = fields.iter().find(|(name, _, _)| name == tag) else {
            let message = format!("`{tag}` is missing: one of {}", listed(&names));
            return self.problem(&node.place, path, message);
        };
        let chosen_name = chosen.to_json();
        match variants.iter().find(|v| tag_of(v).is_some_and(|(_, name)| chosen_name == *name)) {
            Some(variant) => self.object(node, fields, variant, path),
            None => self.enumerated(
                chosen,
                &names.iter().map(|name| Value::from(*name)).collect::<Vec<_>>(),
                &joined(path, tag),
            ),
        }
    }

    fn object(&mut self, node: &Node, fields: &[(String, Place, Node)], schema: &'a Value, path: &str) {
        let known = schema["properties"].as_object();
        for (position, (name, place, value)) in fields.iter().enumerate() {
            let field_path = joined(path, name);
            if fields[..position].iter().any(|(earlier, _, _)| earlier == name) {
                self.problem(place, &field_path, "this field is given twice".to_owned());
            }
            match (known.and_then(|known| known.get(name)), &schema["additionalProperties"]) {
                (Some(field_schema), _) => self.value(value, field_schema, &field_path),
                (None, Value::Object(_)) => {
                    self.value(value, &schema["additionalProperties"], &field_path);
                }
                // Whatever the server knows, for example.
                (None, Value::Bool(true)) => {}
                (None, _) => {
                    let names: Vec<&str> =
                        known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                    let message = match nearest(name, &names) {
                        Some(near) => format!("unknown field; did you mean `{near}`?"),
                        None => format!("unknown field; known here are {}", listed(&names)),
                    };
                    self.problem(place, &field_path, message);
                }
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.iter().any(|(name, _, _)| name == required) {
                self.problem(&node.place, &joined(path, required), "this field is missing".to_owned());
            }
        }
    }

    fn range(&mut self, node: &Node, value: f64, schema: &Value, path: &str) {
        let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
        let most = schema["maximum"].as_f64().unwrap_or(f64::MAX);
        if !(least..=most).contains(&value) {
            let message = format!("{} is wanted, found {}", wanted(schema), node.described());
            self.problem(&node.place, path, message);
        }
    }
}

/// The type that a schema asks for; where it allows several, the one that the node has.
fn expected_type<'a>(schema: &'a Value, node: &Node) -> Option<&'a str> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = |name: &str| match &node.kind {
        NodeKind::Map(_) => name == "object",
        NodeKind::List(_) => name == "array",
        NodeKind::Scalar(Value::Null) => name == "null",
        NodeKind::Scalar(Value::Bool(_)) => name == "boolean",
        NodeKind::Scalar(Value::Number(number)) => {
            name == "number" || name == "integer" && (number.is_i64() || number.is_u64())
        }
        NodeKind::Scalar(_) => name == "string",
    };
    types.into_iter().find(|name| fits(name))
}

/// The field and value by which a variant is recognised.
fn tag_of(variant: &Value) -> Option<(&str, &str)> {
    let properties = variant["properties"].as_object()?;
    properties.iter().find_map(|(name, schema)| Some((name.as_str(), schema["const"].as_str()?)))
}

fn wanted(schema: &Value) -> String {
    let types = match &schema["type"] {
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    };
    let noun = match types {
        Some("object") => "a group of fields",
        Some("array") => "a list",
        Some("string") => "a text",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        _ => "another value",
    };
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(least), Some(most)) => format!("{noun} from {least} to {most}"),
        (Some(least), None) => format!("{noun} of at least {least}"),
        (None, Some(most)) => format!("{noun} of at most {most}"),
        (None, None) => noun.to_owned(),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name that differs in the fewest letters, if it is close enough to be a slip.
pub(super) fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|candidate| (edit_distance(name, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}
