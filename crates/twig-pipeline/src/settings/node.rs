//! A YAML document as a tree that knows on which line each value stands.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A line of the pipeline file, from 1.
    Line(u64),
    /// A `--set` argument, as typed.
    Argument(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Argument(argument) => write!(f, "--set {argument}"),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: NodeKind,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    /// Null, a truth value, a number or text.
    Scalar(Value),
    List(Vec<Node>),
    /// Fields in the order of the file; the place of a field is that of its name.
    Map(Vec<(String, Place, Node)>),
}

impl Node {
    /// Parses a document. Aliases and nesting are bounded by the parser's own budget, so a "YAML bomb" is an
    /// error like any other.
    pub(super) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let spanned: Spanned<Untyped> = serde_saphyr::from_str(text)?;
        Ok(Self::from_spanned(spanned))
    }

    fn from_spanned(spanned: Spanned<Untyped>) -> Self {
        let place = Place::Line(spanned.referenced.line());
        let kind = match spanned.value {
            Untyped::Scalar(value) => NodeKind::Scalar(value),
            Untyped::List(items) => NodeKind::List(items.into_iter().map(Self::from_spanned).collect()),
            Untyped::Map(fields) => NodeKind::Map(
                fields
                    .into_iter()
                    .map(|(name, value)| {
                        let line = Place::Line(name.referenced.line());
                        (name.value, line, Self::from_spanned(value))
                    })
                    .collect(),
            ),
        };
        Self { place, kind }
    }

    /// Puts `value` at a dotted path, making the maps on the way there.
    pub(super) fn set(&mut self, path: &str, value: Node) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let place = value.place.clone();
        if !matches!(self.kind, NodeKind::Map(_)) {
            self.kind = NodeKind::Map(Vec::new());
        }
        let NodeKind::Map(fields) = &mut self.kind else { return };
        let position = fields.iter().position(|(field, _, _)| field == name).unwrap_or_else(|| {
            let empty = Node { place: place.clone(), kind: NodeKind::Map(Vec::new()) };
            fields.push((name.to_owned(), place.clone(), empty));
            fields.len() - 1
        });
        let (_, field_place, field) = &mut fields[position];
        if let Some(rest) = rest {
            field.set(rest, value);
        } else {
            *field_place = place;
            *field = value;
        }
    }

    /// The same values without their places.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(value) => value.clone(),
            NodeKind::List(items) => items.iter().map(Self::to_json).collect(),
            NodeKind::Map(fields) => {
                fields.iter().map(|(name, _, value)| (name.clone(), value.to_json())).collect()
            }
        }
    }

    /// The place of what stands at a dotted path, or of the nearest thing above it.
    pub(super) fn place_of(&self, path: &str) -> &Place {
        let mut node = self;
        let mut place = &self.place;
        for name in path.split('.') {
            let child = match &node.kind {
                NodeKind::Map(fields) => {
                    fields.iter().find(|(field, _, _)| field == name).map(|(_, at, node)| (at, node))
                }
                NodeKind::List(items) => {
                    name.parse::<usize>().ok().and_then(|i| items.get(i)).map(|node| (&node.place, node))
                }
                NodeKind::Scalar(_) => None,
            };
            let Some((at, child)) = child else { break };
            place = at;
            node = child;
        }
        place
    }

    /// What the value is, for messages: `a list`, `the number 7`, `the text "x"`.
    pub(super) fn described(&self) -> String {
        match &self.kind {
            NodeKind::Scalar(Value::Null) => "nothing".to_owned(),
            NodeKind::Scalar(Value::Bool(value)) => value.to_string(),
            NodeKind::Scalar(Value::Number(number)) => format!("the number {number}"),
            NodeKind::Scalar(value) => format!("the text {value}"),
            NodeKind::List(_) => "a list".to_owned(),
            NodeKind::Map(_) => "a group of fields".to_owned(),
        }
    }
}

/// What the parser gives, before places are attached.
enum Untyped {
    Scalar(Value),
    List(Vec<Spanned<Untyped>>),
    Map(Vec<(Spanned<String>, Spanned<Untyped>)>),
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UntypedVisitor)
    }
}

struct UntypedVisitor;

impl<'de> Visitor<'de> for UntypedVisitor {
    type Value = Untyped;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Untyped, E> {
        Ok(Untyped::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Untyped, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Untyped, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Untyped::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Untyped, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Untyped::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let node = Node::parse("a: 1\nb:\n  - x\n  - c: {d: true}\ne: ~\n").unwrap();
        assert_eq!(node.to_json(), serde_json::json!({"a": 1, "b": ["x", {"c": {"d": true}}], "e": null}));
        assert_eq!(*node.place_of("b.1.c.d"), Place::Line(4));
        assert_eq!(*node.place_of("b.0"), Place::Line(3));
        assert_eq!(*node.place_of("e.nowhere"), Place::Line(5));
    }

    #[test]
    fn setting_a_path_replaces_or_makes_it() {
        let mut node = Node::parse("a:\n  b: 1\n").unwrap();
        for (path, value) in [("a.b", "2"), ("a.c.d", "[3]")] {
            node.set(path, Node::parse(value).unwrap());
        }
        assert_eq!(node.to_json(), serde_json::json!({"a": {"b": 2, "c": {"d": [3]}}}));
    }

    #[test]
    fn a_yaml_bomb_is_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (outer, inner) in ('b'..='i').zip('a'..) {
            let aliases = vec![format!("*{inner}"); 10].join(",");
            bomb.push_str(&format!("{outer}: &{outer} [{aliases}]\n"));
        }
        assert!(Node::parse(&bomb).is_err());
    }
}
