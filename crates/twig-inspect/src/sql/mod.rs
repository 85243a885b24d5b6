//! SQL over everything that a job or a release holds.

mod answer;
mod cell;
mod mistake;
mod tables;

use std::collections::BTreeMap;

use polars::{prelude::LazyFrame, sql::SQLContext};

pub(crate) use self::tables::scan;
pub use self::{answer::Answer, mistake::SqlMistake};
use crate::{Dataset, InspectError};

/// A set of tables that queries are asked of.
///
/// Tables are scanned lazily: a query reads the columns and row groups that it needs and no others.
pub struct SqlSession {
    context: SQLContext,
    tables: BTreeMap<String, Vec<SqlColumn>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlColumn {
    /// Its name.
    pub name: String,
    /// Its type, in Polars's words.
    pub data_type: String,
}

impl SqlSession {
    /// Makes the tables of a dataset known: those of the release, each with a column `split`; `prompts`,
    /// `rejected`, `calls` and `events` where the job's folder is there; `marks` where somebody has marked rows.
    pub fn open(dataset: &Dataset) -> Result<Self, InspectError> {
        let context = SQLContext::new();
        let mut tables = BTreeMap::new();
        for (name, frame) in tables::all_of(dataset)? {
            let columns = columns_of(&frame).map_err(|source| InspectError::Query {
                release: dataset.folder().to_owned(),
                table: name.clone(),
                source,
            })?;
            tables.insert(name.clone(), columns);
            context.register(&name, frame);
        }
        Ok(Self { context, tables })
    }

    /// The tables with their columns, in alphabetical order.
    pub fn tables(&self) -> &BTreeMap<String, Vec<SqlColumn>> {
        &self.tables
    }

    /// Functions that are worth completing.
    pub fn functions() -> &'static [&'static str] {
        &mistake::FUNCTIONS
    }

    /// Answers a query, or says what is wrong with it and where.
    pub fn query(&mut self, query: &str) -> Result<Answer, SqlMistake> {
        let query = query.trim().trim_end_matches(';');
        let answer = self.context.execute(query).and_then(LazyFrame::collect);
        answer.map(Answer::new).map_err(|error| SqlMistake::new(query, &error, &self.tables))
    }
}

fn columns_of(frame: &LazyFrame) -> polars::prelude::PolarsResult<Vec<SqlColumn>> {
    let schema = frame.clone().collect_schema()?;
    let column = |(name, data_type): (&polars::prelude::PlSmallStr, &polars::prelude::DataType)| SqlColumn {
        name: name.to_string(),
        data_type: data_type.to_string(),
    };
    Ok(schema.iter().map(column).collect())
}

#[cfg(test)]
mod tests;
