use std::{collections::BTreeMap, fmt};

use polars::error::PolarsError;
use sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Location, Token, Tokenizer},
};

use super::SqlColumn;

/// What is wrong with a query: in words, where in its text, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SqlMistake {
    /// What is wrong.
    pub message: String,
    /// The line of the query that it is about, where it is known.
    pub line: Option<String>,
    /// The first character in that line and how many they are, both counted in characters.
    pub marked: (usize, usize),
    /// The name that comes closest, or names that can be used.
    pub help: Option<String>,
}

/// Functions that queries use most; Polars knows more.
pub(super) const FUNCTIONS: [&str; 36] = [
    "abs",
    "avg",
    "ceil",
    "coalesce",
    "concat",
    "corr",
    "count",
    "date_part",
    "ends_with",
    "first",
    "floor",
    "greatest",
    "last",
    "least",
    "left",
    "length",
    "like",
    "ln",
    "lower",
    "max",
    "median",
    "min",
    "quantile_cont",
    "regexp_like",
    "replace",
    "right",
    "round",
    "row_number",
    "starts_with",
    "stddev",
    "strpos",
    "substr",
    "sum",
    "upper",
    "variance",
    "array_length",
];

impl SqlMistake {
    pub(super) fn new(query: &str, error: &PolarsError, tables: &BTreeMap<String, Vec<SqlColumn>>) -> Self {
        let text = error.to_string();
        // The plan up to the failing step follows on further lines, which helps nobody here.
        let first = text.lines().next().unwrap_or_default();
        let message = first.trim_start_matches("sql parser error: ").to_owned();
        if let Some((location, message)) = located(&message) {
            let length = token_at(query, location).max(1);
            return Self::at(query, location, length, message, None);
        }
        let Some((name, location)) = quoted_names(&message).find_map(|name| find(query, &name)) else {
            return Self { message, line: None, marked: (0, 0), help: None };
        };
        let nearest = nearest(&name, tables);
        let is_unknown = message.contains("unable to find column")
            || message.contains("not found")
            || message.contains("unsupported function");
        let is_table = !message.contains("column") && !message.contains("function");
        let (message, help) = if is_unknown {
            let kind = match (is_table, message.contains("function")) {
                (_, true) => "function",
                (true, _) => "table",
                (false, _) => "column",
            };
            let help = nearest.map(|nearest| format!("did you mean `{nearest}`?")).or_else(|| {
                let names: Vec<&str> = tables.keys().map(String::as_str).collect();
                is_table.then(|| format!("there are {}", names.join(", ")))
            });
            (format!("no {kind} is called `{name}`"), help)
        } else {
            (message, None)
        };
        Self::at(query, location, name.chars().count(), message, help)
    }

    fn at(query: &str, location: Location, length: usize, message: String, help: Option<String>) -> Self {
        let line = query.lines().nth((location.line as usize).saturating_sub(1)).map(str::to_owned);
        Self { message, line, marked: ((location.column as usize).saturating_sub(1), length), help }
    }
}

impl fmt::Display for SqlMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if let Some(line) = &self.line {
            let (start, length) = self.marked;
            write!(f, "\n  {line}\n  {}{}", " ".repeat(start), "^".repeat(length))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  {help}")?;
        }
        Ok(())
    }
}

/// Takes `… at Line: 1, Column: 8` off a message.
fn located(message: &str) -> Option<(Location, String)> {
    let (text, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let location = Location { line: line.parse().ok()?, column: column.trim().parse().ok()? };
    Some((location, text.to_owned()))
}

fn tokens(query: &str) -> Vec<sqlparser::tokenizer::TokenWithSpan> {
    Tokenizer::new(&GenericDialect {}, query).tokenize_with_location().unwrap_or_default()
}

/// Characters of the token that begins there.
fn token_at(query: &str, location: Location) -> usize {
    let found = tokens(query).into_iter().find(|token| token.span.start == location);
    found.map_or(1, |token| token.token.to_string().chars().count())
}

/// Names that a message sets in quotes.
fn quoted_names(message: &str) -> impl Iterator<Item = String> + '_ {
    let quotes = ['"', '\'', '`'];
    let parts: Vec<&str> = message.split(quotes).collect();
    parts.into_iter().skip(1).step_by(2).map(str::to_owned)
}

/// Where a name stands in a query, and how it is written there.
fn find(query: &str, name: &str) -> Option<(String, Location)> {
    tokens(query).into_iter().find_map(|token| match token.token {
        Token::Word(word) if word.value.eq_ignore_ascii_case(name) => Some((word.value, token.span.start)),
        _ => None,
    })
}

/// The known name that is most like this one, if any is alike.
fn nearest(name: &str, tables: &BTreeMap<String, Vec<SqlColumn>>) -> Option<String> {
    let columns = tables.values().flatten().map(|column| column.name.as_str());
    let known = columns.chain(tables.keys().map(String::as_str)).chain(FUNCTIONS);
    let name = name.to_lowercase();
    let alike = known.map(|known| (strsim::jaro_winkler(&name, known), known));
    let (likeness, nearest) = alike.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.75).then(|| nearest.to_owned())
}
