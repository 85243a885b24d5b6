//! `release.where`: an SQL condition over the columns of a trajectory, checked when the file is loaded.

use std::cmp::Ordering;

use sqlparser::{
    ast::{BinaryOperator, Expr, InTarget, UnaryOperator, Value as SqlValue},
    dialect::GenericDialect,
    parser::{Parser, ParserError},
};

/// The columns that a condition may name.
pub const CONDITION_COLUMNS: [&str; 8] =
    ["reward", "min_step_score", "attempts", "num_regions", "sample_index", "category", "mode", "prompt"];

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionRow<'a> {
    /// Weighted mean of the judges' scores, 0 to 100.
    pub reward: i64,
    /// Lowest score among the attempts that stay in the picture.
    pub min_step_score: i64,
    /// Attempts over all regions.
    pub attempts: i64,
    /// K.
    pub num_regions: i64,
    /// Which sample of its prompt.
    pub sample_index: i64,
    /// Category of the prompt.
    pub category: &'a str,
    /// `whole_image` or `region_by_region`.
    pub mode: &'a str,
    /// The prompt.
    pub prompt: &'a str,
}

/// A parsed condition. Clauses joined by `and` at the top are kept apart, so that a row that is removed can
/// say which clause removed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    clauses: Vec<(String, Test)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Compare(Operand, Comparison, Operand),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    Not(Box<Test>),
    In(Operand, Vec<Operand>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Column(&'static str),
    Number(f64),
    Text(String),
}

enum Value<'a> {
    Number(f64),
    Text(&'a str),
}

impl Condition {
    /// Parses a condition; on failure says what is wrong and what is accepted.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser::new(&GenericDialect {})
            .with_recursion_limit(32)
            .try_with_sql(text)
            .map_err(|error| syntax(&error))?;
        let expression = parser.parse_expr().map_err(|error| syntax(&error))?;
        let rest = parser.peek_token().to_string();
        if rest != "EOF" {
            return Err(format!("`{rest}` is not expected there"));
        }
        let mut clauses = Vec::new();
        split_and(&expression, &mut clauses)?;
        Ok(Self { clauses })
    }

    /// `None` where the row passes, else the first clause that it fails.
    pub fn failed_clause(&self, row: &ConditionRow<'_>) -> Option<&str> {
        self.clauses.iter().find(|(_, test)| !test.holds(row)).map(|(text, _)| text.as_str())
    }
}

fn syntax(error: &ParserError) -> String {
    error.to_string().trim_start_matches("sql parser error: ").to_owned()
}

fn split_and(expression: &Expr, clauses: &mut Vec<(String, Test)>) -> Result<(), String> {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            split_and(left, clauses)?;
            split_and(right, clauses)
        }
        Expr::Nested(inner) => split_and(inner, clauses),
        other => {
            clauses.push((other.to_string(), test(other)?));
            Ok(())
        }
    }
}

fn test(expression: &Expr) -> Result<Test, String> {
    match expression {
        Expr::Nested(inner) => test(inner),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(Test::Not(Box::new(test(expr)?))),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            Ok(Test::And(Box::new(test(left)?), Box::new(test(right)?)))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            Ok(Test::Or(Box::new(test(left)?), Box::new(test(right)?)))
        }
        Expr::BinaryOp { left, op, right } => compare(operand(left)?, comparison(op)?, operand(right)?),
        Expr::Between { expr, negated, low, high } => {
            let least = compare(operand(expr)?, Comparison::GreaterOrEqual, operand(low)?)?;
            let most = compare(operand(expr)?, Comparison::LessOrEqual, operand(high)?)?;
            Ok(negate_if(*negated, Test::And(Box::new(least), Box::new(most))))
        }
        Expr::In { expr, target: InTarget::List(list), negated, .. } => {
            let column = operand(expr)?;
            let list = list.iter().map(operand).collect::<Result<Vec<_>, _>>()?;
            for item in &list {
                same_kind(&column, item)?;
            }
            Ok(negate_if(*negated, Test::In(column, list)))
        }
        other => {
            Err(format!("`{other}` is not supported; use =, <>, <, <=, >, >=, between, in, and, or, not"))
        }
    }
}

fn negate_if(negated: bool, test: Test) -> Test {
    if negated { Test::Not(Box::new(test)) } else { test }
}

fn compare(left: Operand, comparison: Comparison, right: Operand) -> Result<Test, String> {
    same_kind(&left, &right)?;
    Ok(Test::Compare(left, comparison, right))
}

fn same_kind(left: &Operand, right: &Operand) -> Result<(), String> {
    if left.is_text() == right.is_text() {
        Ok(())
    } else {
        Err(format!("{} and {} cannot be compared: one is a text", left.shown(), right.shown()))
    }
}

fn comparison(operator: &BinaryOperator) -> Result<Comparison, String> {
    match operator {
        BinaryOperator::Eq => Ok(Comparison::Equal),
        BinaryOperator::NotEq => Ok(Comparison::NotEqual),
        BinaryOperator::Lt => Ok(Comparison::Less),
        BinaryOperator::LtEq => Ok(Comparison::LessOrEqual),
        BinaryOperator::Gt => Ok(Comparison::Greater),
        BinaryOperator::GtEq => Ok(Comparison::GreaterOrEqual),
        other => Err(format!("`{other}` is not supported; use =, <>, <, <=, > or >=")),
    }
}

fn operand(expression: &Expr) -> Result<Operand, String> {
    match expression {
        Expr::Nested(inner) => operand(inner),
        Expr::Identifier(name) => (CONDITION_COLUMNS.iter())
            .find(|column| column.eq_ignore_ascii_case(&name.value))
            .map(|column| Operand::Column(column))
            .ok_or_else(|| {
                format!("no column is called `{}`; there are {}", name.value, CONDITION_COLUMNS.join(", "))
            }),
        Expr::Value(value) => match &value.value {
            SqlValue::Number(number, _) => {
                number.parse().map(Operand::Number).map_err(|_| format!("`{number}` is no number"))
            }
            SqlValue::SingleQuotedString(text) | SqlValue::DoubleQuotedString(text) => {
                Ok(Operand::Text(text.clone()))
            }
            other => Err(format!("`{other}` is not supported; use numbers and 'texts'")),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match operand(expr)? {
            Operand::Number(number) => Ok(Operand::Number(-number)),
            Operand::Column(_) | Operand::Text(_) => Err("a minus stands before numbers only".to_owned()),
        },
        other => Err(format!("`{other}` is not supported; use columns, numbers and 'texts'")),
    }
}

impl Operand {
    fn is_text(&self) -> bool {
        match self {
            Self::Column(name) => matches!(*name, "category" | "mode" | "prompt"),
            Self::Number(_) => false,
            Self::Text(_) => true,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Column(name) => format!("`{name}`"),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("'{text}'"),
        }
    }

    fn value<'a>(&'a self, row: &ConditionRow<'a>) -> Value<'a> {
        let number = |value: i64| Value::Number(value as f64);
        match self {
            Self::Number(value) => Value::Number(*value),
            Self::Text(text) => Value::Text(text),
            Self::Column(name) => match *name {
                "reward" => number(row.reward),
                "min_step_score" => number(row.min_step_score),
                "attempts" => number(row.attempts),
                "num_regions" => number(row.num_regions),
                "sample_index" => number(row.sample_index),
                "category" => Value::Text(row.category),
                "mode" => Value::Text(row.mode),
                _ => Value::Text(row.prompt),
            },
        }
    }

    fn compare(&self, other: &Self, row: &ConditionRow<'_>) -> Option<Ordering> {
        match (self.value(row), other.value(row)) {
            (Value::Number(a), Value::Number(b)) => a.partial_cmp(&b),
            (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Value::Number(_), Value::Text(_)) | (Value::Text(_), Value::Number(_)) => None,
        }
    }
}

impl Test {
    fn holds(&self, row: &ConditionRow<'_>) -> bool {
        match self {
            Self::And(a, b) => a.holds(row) && b.holds(row),
            Self::Or(a, b) => a.holds(row) || b.holds(row),
            Self::Not(inner) => !inner.holds(row),
            Self::In(column, list) => {
                list.iter().any(|item| column.compare(item, row) == Some(Ordering::Equal))
            }
            Self::Compare(left, comparison, right) => {
                left.compare(right, row).is_some_and(|ordering| match comparison {
                    Comparison::Equal => ordering.is_eq(),
                    Comparison::NotEqual => ordering.is_ne(),
                    Comparison::Less => ordering.is_lt(),
                    Comparison::LessOrEqual => ordering.is_le(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::GreaterOrEqual => ordering.is_ge(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(reward: i64, category: &str) -> ConditionRow<'_> {
        ConditionRow {
            reward,
            min_step_score: 70,
            attempts: 4,
            num_regions: 3,
            sample_index: 0,
            category,
            mode: "whole_image",
            prompt: "a red car",
        }
    }

    #[test]
    fn the_clause_that_removes_a_row_is_named() {
        let condition =
            Condition::parse("reward >= 80 and (category in ('color', 'shape') and attempts <= 5)").unwrap();
        assert_eq!(condition.failed_clause(&row(80, "color")), None);
        assert_eq!(condition.failed_clause(&row(79, "color")), Some("reward >= 80"));
        assert_eq!(condition.failed_clause(&row(90, "texture")), Some("category IN ('color', 'shape')"));
    }

    #[test]
    fn the_subset_of_sql_means_what_it_says() {
        let holds = |text: &str| Condition::parse(text).unwrap().failed_clause(&row(80, "color")).is_none();
        for text in [
            "reward = 80",
            "REWARD between 80 and 90",
            "not reward < 80",
            "reward <> 79 or attempts > 9",
            "category = 'color'",
            "category not in ('x')",
            "min_step_score > -1",
            "num_regions = 3.0",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["reward > 80", "reward not between 0 and 100", "category <> 'color'", "mode = 'x'"] {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_with_what_is() {
        let error = |text: &str| Condition::parse(text).unwrap_err();
        assert!(error("rewards > 3").contains("no column is called `rewards`; there are reward,"));
        assert!(error("reward > 'high'").contains("cannot be compared"));
        assert!(error("length(prompt) > 3").contains("not supported"));
        assert!(error("reward > 3 4").contains("not expected"));
        assert!(Condition::parse(&"(".repeat(10_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_or_an_error_and_never_a_panic(text in ".{0,60}") {
            let _ = Condition::parse(&text);
        }
    }
}
