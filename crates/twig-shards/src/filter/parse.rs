//! From text to checked clauses.

use arrow::datatypes::{DataType, Schema};
use sqlparser::{
    ast::{BinaryOperator, Expr, InTarget, Spanned, UnaryOperator, Value},
    dialect::GenericDialect,
    parser::Parser,
    tokenizer::Token,
};

use super::{
    Clause, FilterError,
    expression::{Arithmetic, Comparison, Expression, Kind},
};

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 32;

const ACCEPTED: &str = "use columns, numbers, 'texts', =, <>, <, <=, >, >=, +, -, *, /, between, in, like, is null, and, or, not";

pub(super) fn clauses(text: &str, schema: &Schema) -> Result<Vec<Clause>, FilterError> {
    let syntax = |error: sqlparser::parser::ParserError| FilterError {
        character: None,
        message: error.to_string().trim_start_matches("sql parser error: ").to_owned(),
    };
    let mut parser =
        Parser::new(&GenericDialect {}).with_recursion_limit(MAX_DEPTH).try_with_sql(text).map_err(syntax)?;
    let expression = parser.parse_expr().map_err(syntax)?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(FilterError {
            character: character(text, rest.span.start.line, rest.span.start.column),
            message: format!("`{}` is not expected there; join conditions with `and` or `or`", rest.token),
        });
    }
    let mut clauses = Vec::new();
    Checker { text, schema }.split_and(&expression, &mut clauses)?;
    Ok(clauses)
}

/// The place of a line and column of the text, both from 1, as a number of characters.
fn character(text: &str, line: u64, column: u64) -> Option<usize> {
    let before: usize = text
        .split_inclusive('\n')
        .take((line as usize).checked_sub(1)?)
        .map(|line| line.chars().count())
        .sum();
    Some(before + column as usize)
}

struct Checker<'a> {
    text: &'a str,
    schema: &'a Schema,
}

impl Checker<'_> {
    fn error(&self, at: &Expr, message: String) -> FilterError {
        let start = at.span().start;
        FilterError { character: character(self.text, start.line, start.column), message }
    }

    fn split_and(&self, expression: &Expr, clauses: &mut Vec<Clause>) -> Result<(), FilterError> {
        match expression {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.split_and(left, clauses)?;
                self.split_and(right, clauses)
            }
            Expr::Nested(inner) => self.split_and(inner, clauses),
            other => {
                clauses.push(Clause { text: other.to_string(), test: self.of_kind(other, Kind::Truth)? });
                Ok(())
            }
        }
    }

    fn of_kind(&self, expression: &Expr, kind: Kind) -> Result<Expression, FilterError> {
        let checked = self.expression(expression)?;
        if checked.kind() == kind {
            return Ok(checked);
        }
        let found = checked.kind().name();
        Err(self.error(expression, format!("{} is wanted, and `{expression}` is {found}", kind.name())))
    }

    fn boxed(&self, expression: &Expr, kind: Kind) -> Result<Box<Expression>, FilterError> {
        self.of_kind(expression, kind).map(Box::new)
    }

    fn expression(&self, expression: &Expr) -> Result<Expression, FilterError> {
        match expression {
            Expr::Nested(inner) => self.expression(inner),
            Expr::Identifier(name) => self.column(expression, &name.value),
            Expr::Value(value) => self.value(expression, &value.value),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                Ok(Expression::Not(self.boxed(expr, Kind::Truth)?))
            }
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                let number = self.boxed(expr, Kind::Number)?;
                Ok(Expression::Arithmetic(Box::new(Expression::Number(0.0)), Arithmetic::Subtract, number))
            }
            Expr::BinaryOp { left, op, right } => self.binary(expression, left, op, right),
            Expr::Between { expr, negated, low, high } => {
                let least = self.compare(expression, expr, Comparison::GreaterOrEqual, low)?;
                let most = self.compare(expression, expr, Comparison::LessOrEqual, high)?;
                Ok(negate_if(*negated, Expression::And(Box::new(least), Box::new(most))))
            }
            Expr::In { expr, target: InTarget::List(list), negated, .. } => {
                let any = list
                    .iter()
                    .map(|item| self.compare(expression, expr, Comparison::Equal, item))
                    .reduce(|a, b| Ok(Expression::Or(Box::new(a?), Box::new(b?))))
                    .unwrap_or_else(|| Err(self.error(expression, "the list is empty".to_owned())))?;
                Ok(negate_if(*negated, any))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated, false)
            }
            Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
                self.like(expr, pattern, *negated, true)
            }
            Expr::IsNull(inner) => Ok(Expression::IsNull(Box::new(self.expression(inner)?))),
            Expr::IsNotNull(inner) => {
                let is_null = Expression::IsNull(Box::new(self.expression(inner)?));
                Ok(Expression::Not(Box::new(is_null)))
            }
            other => Err(self.error(other, format!("`{other}` is not supported; {ACCEPTED}"))),
        }
    }

    fn binary(
        &self,
        whole: &Expr,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
    ) -> Result<Expression, FilterError> {
        let arithmetic = |arithmetic| -> Result<Expression, FilterError> {
            let (left, right) = (self.boxed(left, Kind::Number)?, self.boxed(right, Kind::Number)?);
            Ok(Expression::Arithmetic(left, arithmetic, right))
        };
        let compare = |comparison| self.compare(whole, left, comparison, right);
        match operator {
            BinaryOperator::And => {
                Ok(Expression::And(self.boxed(left, Kind::Truth)?, self.boxed(right, Kind::Truth)?))
            }
            BinaryOperator::Or => {
                Ok(Expression::Or(self.boxed(left, Kind::Truth)?, self.boxed(right, Kind::Truth)?))
            }
            BinaryOperator::Plus => arithmetic(Arithmetic::Add),
            BinaryOperator::Minus => arithmetic(Arithmetic::Subtract),
            BinaryOperator::Multiply => arithmetic(Arithmetic::Multiply),
            BinaryOperator::Divide => arithmetic(Arithmetic::Divide),
            BinaryOperator::Eq => compare(Comparison::Equal),
            BinaryOperator::NotEq => compare(Comparison::NotEqual),
            BinaryOperator::Lt => compare(Comparison::Less),
            BinaryOperator::LtEq => compare(Comparison::LessOrEqual),
            BinaryOperator::Gt => compare(Comparison::Greater),
            BinaryOperator::GtEq => compare(Comparison::GreaterOrEqual),
            other => Err(self.error(whole, format!("the operator `{other}` is not supported; {ACCEPTED}"))),
        }
    }

    fn compare(
        &self,
        whole: &Expr,
        left: &Expr,
        comparison: Comparison,
        right: &Expr,
    ) -> Result<Expression, FilterError> {
        let a = self.expression(left)?;
        let b = self.expression(right)?;
        if a.kind() != b.kind() {
            let (kind, other) = (a.kind().name(), b.kind().name());
            let message = format!("`{left}` is {kind} and `{right}` is {other}: they cannot be compared");
            return Err(self.error(right, message));
        }
        if a.is_constant() && b.is_constant() {
            return Err(self.error(whole, format!("`{whole}` is the same for every row; name a column")));
        }
        Ok(Expression::Compare(Box::new(a), comparison, Box::new(b)))
    }

    fn like(
        &self,
        text: &Expr,
        pattern: &Expr,
        negated: bool,
        ignores_case: bool,
    ) -> Result<Expression, FilterError> {
        let column = self.boxed(text, Kind::Text)?;
        match self.of_kind(pattern, Kind::Text)? {
            Expression::Text(pattern) if !column.is_constant() => {
                Ok(negate_if(negated, Expression::Like { text: column, pattern, ignores_case }))
            }
            _ => Err(self.error(pattern, "`like` compares a column with a 'pattern'".to_owned())),
        }
    }

    fn column(&self, at: &Expr, name: &str) -> Result<Expression, FilterError> {
        let known = (self.schema.fields().iter())
            .filter_map(|field| Some((field.name(), kind_of(field.data_type())?)))
            .collect::<Vec<_>>();
        if let Some((name, kind)) = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(Expression::Column { name: (*name).clone(), kind: *kind });
        }
        let lower = name.to_lowercase();
        let nearest = (known.iter())
            .map(|(known, _)| (distance(&lower, known), known))
            .min()
            .filter(|(distance, _)| *distance <= 2)
            .map_or(String::new(), |(_, known)| format!(", did you mean `{known}`?"));
        let stop = if nearest.is_empty() { "." } else { "" };
        let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        Err(self
            .error(at, format!("no column is called `{name}`{nearest}{stop} There are {}", names.join(", "))))
    }

    fn value(&self, at: &Expr, value: &Value) -> Result<Expression, FilterError> {
        match value {
            Value::Number(number, _) => number
                .parse()
                .map(Expression::Number)
                .map_err(|_| self.error(at, format!("`{number}` is no number"))),
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
                Ok(Expression::Text(text.clone()))
            }
            Value::Boolean(truth) => Ok(Expression::Truth(*truth)),
            other => Err(self.error(at, format!("`{other}` is not supported; {ACCEPTED}"))),
        }
    }
}

fn negate_if(negated: bool, expression: Expression) -> Expression {
    if negated { Expression::Not(Box::new(expression)) } else { expression }
}

/// The kind of a column; `None` for lists, structs and bytes, which no condition can name.
fn kind_of(data_type: &DataType) -> Option<Kind> {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Kind::Text),
        DataType::Boolean => Some(Kind::Truth),
        number if number.is_numeric() => Some(Kind::Number),
        _ => None,
    }
}

/// Letters to change, add or take away to get from one name to the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use proptest::prelude::*;

    use super::*;

    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("reward", DataType::Int32, true),
            Field::new("attempts", DataType::Int32, true),
            Field::new("prompt", DataType::Utf8, true),
            Field::new("ids", DataType::new_list(DataType::Int32, true), true),
        ])
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place_and_what_is_accepted() {
        let error = |text: &str| clauses(text, &schema()).unwrap_err().to_string();
        insta::assert_snapshot!([
            "attempts = 1 and rewards > 3",
            "reward > 'high'",
            "length(prompt) > 3",
            "reward > 3 attempts < 2",
            "reward",
            "reward + prompt > 3",
            "1 = 1",
            "prompt like reward",
            "ids = 3",
            "reward >",
            "reward = null",
        ].map(error).join("\n"), @r"
    character 18: no column is called `rewards`, did you mean `reward`? There are `reward`, `attempts`, `prompt`
    character 10: `reward` is a number and `'high'` is a text: they cannot be compared
    character 1: `length(prompt)` is not supported; use columns, numbers, 'texts', =, <>, <, <=, >, >=, +, -, *, /, between, in, like, is null, and, or, not
    character 12: `attempts` is not expected there; join conditions with `and` or `or`
    character 1: true or false is wanted, and `reward` is a number
    character 10: a number is wanted, and `prompt` is a text
    character 1: `1 = 1` is the same for every row; name a column
    character 13: a text is wanted, and `reward` is a number
    character 1: no column is called `ids`. There are `reward`, `attempts`, `prompt`
    Expected: an expression, found: EOF
    character 10: `NULL` is not supported; use columns, numbers, 'texts', =, <>, <, <=, >, >=, +, -, *, /, between, in, like, is null, and, or, not
    ");
        assert!(clauses(&"(".repeat(10_000), &schema()).is_err());
    }

    #[test]
    fn clauses_joined_at_the_top_are_kept_apart() {
        let clauses = clauses("reward >= 80 and (attempts < 3 and prompt like '%car%') and true", &schema());
        let texts: Vec<String> = clauses.unwrap().into_iter().map(|clause| clause.text).collect();
        assert_eq!(texts, ["reward >= 80", "attempts < 3", "prompt LIKE '%car%'", "true"]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition_or_an_error_and_never_a_panic(text in ".{0,60}") {
            let _ = clauses(&text, &schema());
        }
    }
}
