//! The two questions that are asked of a table: how often each combination of values occurs, and what its texts
//! are. Only the columns named are read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use polars::prelude::{AnyValue, DataFrame, PolarsResult, col, len};
use twig_shards::Manifest;

use crate::{InspectError, sql::scan};

/// The shards of one table of a release.
pub(crate) struct Table {
    release: PathBuf,
    name: &'static str,
    shards: Vec<PathBuf>,
}

/// A value of a column that is counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// An integer or a truth value (0 and 1).
    Number(i64),
    /// A text.
    Text(String),
    /// No value, which the tables allow and our writers never leave.
    Missing,
}

impl Key {
    /// The number; 0 for what is none.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            Self::Text(_) | Self::Missing => 0,
        }
    }

    /// The text; empty for what is none.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number(_) | Self::Missing => "",
        }
    }

    fn new(value: &AnyValue) -> Self {
        match value {
            AnyValue::Boolean(truth) => Self::Number(i64::from(*truth)),
            value if value.is_integer() => value.extract().map_or(Self::Missing, Self::Number),
            value => value.get_str().map_or(Self::Missing, |text| Self::Text(text.to_owned())),
        }
    }
}

impl Table {
    /// The table of that name; one that the release lacks has no shards, and every count of it is empty.
    pub(crate) fn new(release: &Path, manifest: &Manifest, name: &'static str) -> Self {
        let splits = manifest.config(name).into_iter().flat_map(|config| &config.splits);
        let shards = splits.flat_map(|split| &split.shards).map(|shard| release.join(&shard.path));
        Self { release: release.to_owned(), name, shards: shards.collect() }
    }

    /// How many rows hold each combination of values of `columns`.
    pub(crate) fn counts<const N: usize>(
        &self,
        columns: [&str; N],
    ) -> Result<BTreeMap<[Key; N], u64>, InspectError> {
        let query = || -> PolarsResult<BTreeMap<[Key; N], u64>> {
            let grouped = scan(&self.shards)?.group_by(columns.map(col)).agg([len()]);
            let frame = grouped.collect()?;
            (0..frame.height()).map(|row| key_and_count(&frame, columns, row)).collect()
        };
        if self.shards.is_empty() { Ok(BTreeMap::new()) } else { query().map_err(|error| self.failed(error)) }
    }

    /// Hands over the texts of some columns, row by row; a missing one is empty.
    ///
    /// Takes the shards one by one, so that memory is bounded by the texts of one.
    pub(crate) fn each_text<const N: usize>(
        &self,
        columns: [&str; N],
        mut visit: impl FnMut([&str; N]),
    ) -> Result<(), InspectError> {
        for shard in &self.shards {
            texts_of(shard, columns, &mut visit).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn failed(&self, source: polars::error::PolarsError) -> InspectError {
        InspectError::Query { release: self.release.clone(), table: self.name.to_owned(), source }
    }
}

fn key_and_count<const N: usize>(
    frame: &DataFrame,
    columns: [&str; N],
    row: usize,
) -> PolarsResult<([Key; N], u64)> {
    let mut keys = [const { Key::Missing }; N];
    for (key, column) in keys.iter_mut().zip(columns) {
        *key = Key::new(&frame.column(column)?.get(row)?);
    }
    let count = frame.column("len")?.get(row)?.extract().unwrap_or_default();
    Ok((keys, count))
}

fn texts_of<const N: usize>(
    shard: &PathBuf,
    columns: [&str; N],
    visit: &mut impl FnMut([&str; N]),
) -> PolarsResult<()> {
    let frame = scan(std::slice::from_ref(shard))?.select(columns.map(col)).collect()?;
    let mut texts = Vec::with_capacity(N);
    for column in columns {
        texts.push(frame.column(column)?.str()?);
    }
    for row in 0..frame.height() {
        visit(std::array::from_fn(|column| texts[column].get(row).unwrap_or_default()));
    }
    Ok(())
}
