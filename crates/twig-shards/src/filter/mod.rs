//! Conditions on the rows of a table: a subset of SQL, checked against a schema before any row is there, and
//! evaluated batch by batch with Arrow's kernels.
//!
//! The subset: columns, numbers, `'texts'`, `true` and `false`; `=`, `<>`, `<`, `<=`, `>`, `>=`, `between`,
//! `in`, `like`, `ilike`, `is null`; `+`, `-`, `*`, `/`; `and`, `or`, `not` and parentheses. Numbers are
//! compared as 64-bit floats. As in SQL, a comparison with null is neither true nor false, and a row passes
//! where the condition is true.
//!
//! ```
//! use arrow::datatypes::{DataType, Field, Schema};
//! use twig_shards::Filter;
//!
//! let schema = Schema::new(vec![Field::new("reward", DataType::Int32, true)]);
//! let filter = Filter::parse("reward >= 80 and reward < 95", &schema)?;
//! assert_eq!(filter.clauses().len(), 2);
//! let error = Filter::parse("rewards >= 80", &schema).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "character 1: no column is called `rewards`, did you mean `reward`? There are `reward`"
//! );
//! # Ok::<(), twig_shards::FilterError>(())
//! ```

mod evaluate;
mod expression;
mod parse;

use std::fmt;

use arrow::{
    array::{BooleanArray, RecordBatch},
    datatypes::Schema,
    error::ArrowError,
};

use expression::Expression;

/// A condition whose clauses, joined by `and` at the top, are kept apart: a row that is removed can say which
/// clause removed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    clauses: Vec<Clause>,
}

/// A part of a condition that must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    text: String,
    test: Expression,
}

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    /// The character of the condition at which it is wrong, from 1; `None` where it breaks off.
    pub character: Option<usize>,
    /// What is wrong, and what is accepted.
    pub message: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.character {
            Some(character) => write!(f, "character {character}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Filter {
    /// Parses a condition on the columns of `schema`.
    pub fn parse(text: &str, schema: &Schema) -> Result<Self, FilterError> {
        parse::clauses(text, schema).map(|clauses| Self { clauses })
    }

    /// The clauses, in the order written.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }
}

impl Clause {
    /// The clause as it reads, in the parser's spelling.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// For each row of a batch whether it passes; the batch must have the schema that the condition was parsed
    /// with.
    pub fn passes(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        evaluate::truth(&self.test, batch)
    }
}
