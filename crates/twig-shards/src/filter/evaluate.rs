//! Evaluation with Arrow's kernels, a batch at a time.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Datum, Float64Array, RecordBatch, Scalar, StringArray},
    compute::{
        and_kleene, cast, is_null,
        kernels::{cmp, comparison, numeric},
        not, or_kleene, prep_null_mask_filter,
    },
    datatypes::DataType,
    error::ArrowError,
};

use super::expression::{Arithmetic, Comparison, Expression, Kind};

/// Where the expression is true; null is not true.
pub(super) fn truth(expression: &Expression, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    let truth = test(expression, batch)?;
    Ok(if truth.null_count() == 0 { truth } else { prep_null_mask_filter(&truth) })
}

/// A column, or one value that stands for all rows.
enum Values {
    Column(ArrayRef),
    Constant(Scalar<ArrayRef>),
}

impl Values {
    fn datum(&self) -> &dyn Datum {
        match self {
            Self::Column(array) => array,
            Self::Constant(scalar) => scalar,
        }
    }

    fn constant(array: impl Array + 'static) -> Self {
        Self::Constant(Scalar::new(Arc::new(array)))
    }
}

fn test(expression: &Expression, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    match expression {
        Expression::And(a, b) => and_kleene(&test(a, batch)?, &test(b, batch)?),
        Expression::Or(a, b) => or_kleene(&test(a, batch)?, &test(b, batch)?),
        Expression::Not(inner) => not(&test(inner, batch)?),
        Expression::Truth(truth) => Ok(BooleanArray::from(vec![*truth; batch.num_rows()])),
        Expression::Compare(a, comparison, b) => compare(a, *comparison, b, batch),
        Expression::Like { text, pattern, ignores_case } => {
            let (text, pattern) =
                (values(text, batch)?, Values::constant(StringArray::from(vec![pattern.as_str()])));
            match ignores_case {
                false => comparison::like(text.datum(), pattern.datum()),
                true => comparison::ilike(text.datum(), pattern.datum()),
            }
        }
        Expression::IsNull(inner) => match values(inner, batch)? {
            Values::Column(array) => is_null(&array),
            Values::Constant(_) => Ok(BooleanArray::from(vec![false; batch.num_rows()])),
        },
        Expression::Column { .. } => match values(expression, batch)? {
            Values::Column(array) => Ok(array.as_boolean().clone()),
            Values::Constant(_) => unchecked(),
        },
        Expression::Number(_) | Expression::Text(_) | Expression::Arithmetic(..) => unchecked(),
    }
}

fn compare(
    a: &Expression,
    comparison: Comparison,
    b: &Expression,
    batch: &RecordBatch,
) -> Result<BooleanArray, ArrowError> {
    let (a, b) = (values(a, batch)?, values(b, batch)?);
    let (a, b) = (a.datum(), b.datum());
    match comparison {
        Comparison::Equal => cmp::eq(a, b),
        Comparison::NotEqual => cmp::neq(a, b),
        Comparison::Less => cmp::lt(a, b),
        Comparison::LessOrEqual => cmp::lt_eq(a, b),
        Comparison::Greater => cmp::gt(a, b),
        Comparison::GreaterOrEqual => cmp::gt_eq(a, b),
    }
}

fn values(expression: &Expression, batch: &RecordBatch) -> Result<Values, ArrowError> {
    match expression {
        Expression::Number(number) => Ok(Values::constant(Float64Array::from(vec![*number]))),
        Expression::Text(text) => Ok(Values::constant(StringArray::from(vec![text.as_str()]))),
        Expression::Column { name, kind } => {
            let missing = || ArrowError::SchemaError(format!("column `{name}` is missing"));
            let column = batch.column_by_name(name).ok_or_else(missing)?;
            let wanted = match kind {
                Kind::Number => DataType::Float64,
                Kind::Text => DataType::Utf8,
                Kind::Truth => DataType::Boolean,
            };
            Ok(Values::Column(cast(column, &wanted)?))
        }
        Expression::Arithmetic(a, operator, b) => {
            let (left, right) = (values(a, batch)?, values(b, batch)?);
            let (left, right) = (left.datum(), right.datum());
            let result = match operator {
                Arithmetic::Add => numeric::add(left, right),
                Arithmetic::Subtract => numeric::sub(left, right),
                Arithmetic::Multiply => numeric::mul(left, right),
                Arithmetic::Divide => numeric::div(left, right),
            }?;
            Ok(if expression.is_constant() {
                Values::Constant(Scalar::new(result))
            } else {
                Values::Column(result)
            })
        }
        truth => Ok(Values::Column(Arc::new(test(truth, batch)?))),
    }
}

/// For what the check of kinds has ruled out.
fn unchecked<T>() -> Result<T, ArrowError> {
    Err(ArrowError::InvalidArgumentError("a condition is neither true nor false".to_owned()))
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;

    use crate::Filter;

    use super::*;

    fn batch() -> RecordBatch {
        let reward: ArrayRef = Arc::new(Int32Array::from(vec![Some(80), Some(79), Some(95), None]));
        let attempts: ArrayRef = Arc::new(Int32Array::from(vec![3, 4, 5, 6]));
        let category: ArrayRef = Arc::new(StringArray::from(vec!["color", "Shape", "color", "texture"]));
        let is_kept: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, false]));
        RecordBatch::try_from_iter([
            ("reward", reward),
            ("attempts", attempts),
            ("category", category),
            ("is_kept", is_kept),
        ])
        .unwrap()
    }

    /// The rows that pass every clause.
    fn rows(condition: &str) -> Vec<usize> {
        let batch = batch();
        let filter = Filter::parse(condition, &batch.schema()).unwrap();
        let passes: Vec<BooleanArray> =
            filter.clauses().iter().map(|clause| clause.passes(&batch).unwrap()).collect();
        assert!(passes.iter().all(|clause| clause.null_count() == 0));
        (0..batch.num_rows()).filter(|row| passes.iter().all(|clause| clause.value(*row))).collect()
    }

    #[test]
    fn the_subset_of_sql_means_what_it_says() {
        let expected: [(&str, &[usize]); 18] = [
            ("reward = 80", &[0]),
            ("REWARD between 80 and 95", &[0, 2]),
            ("reward not between 80 and 95", &[1]),
            ("not reward < 80", &[0, 2]),
            ("reward <> 79 or attempts > 5", &[0, 2, 3]),
            ("category = 'color'", &[0, 2]),
            ("category in ('Shape', 'texture')", &[1, 3]),
            ("category not in ('Shape', 'texture')", &[0, 2]),
            ("category like 'sh%'", &[]),
            ("category ilike 'sh%'", &[1]),
            ("category not like '%o%'", &[1, 3]),
            ("reward is null", &[3]),
            ("reward is not null and reward > -1", &[0, 1, 2]),
            ("reward / attempts >= 19.75", &[0, 1]),
            ("reward - 2 * 10 > 60", &[2]),
            ("is_kept", &[0, 2]),
            ("not is_kept or reward >= 95", &[1, 2, 3]),
            ("true", &[0, 1, 2, 3]),
        ];
        for (condition, wanted) in expected {
            assert_eq!(rows(condition), wanted, "{condition}");
        }
    }
}
