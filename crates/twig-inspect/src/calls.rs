//! What a job's teachers were asked, and what it cost: its table `calls`, by role and model.

use std::path::PathBuf;

use polars::prelude::{AnyValue, DataFrame, PolarsResult, SortMultipleOptions, col, len};
use serde::Serialize;

use crate::{Dataset, InspectError, sql::scan};

/// The calls of one role to one model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCalls {
    /// `thinker`, `painter`, `critic` or `judge`.
    pub role: String,
    /// The model that says it answered.
    pub model: String,
    /// Answers that were used.
    pub calls: u64,
    /// Those of them that were read from the answer store and not asked for by the run that used them last.
    pub from_store: u64,
    /// Tokens read, where they are counted.
    pub input_tokens: u64,
    /// Tokens written, where they are counted.
    pub output_tokens: u64,
    /// From question to answer, in milliseconds, the median.
    pub median_ms: f64,
    /// What they cost in millionths of a US dollar; `None` without prices.
    pub micro_usd: Option<u64>,
}

/// Counts them, the most first; none where the folder of the job is not there.
pub(crate) fn by_model(dataset: &Dataset) -> Result<Vec<ModelCalls>, InspectError> {
    let files: Vec<PathBuf> = dataset.files("calls").into_iter().map(|file| file.path).collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    count(&files).map_err(|source| InspectError::Query {
        release: dataset.folder().to_owned(),
        table: "calls".to_owned(),
        source,
    })
}

fn count(files: &[PathBuf]) -> PolarsResult<Vec<ModelCalls>> {
    let largest_first = SortMultipleOptions::default().with_order_descending_multi([true, false, false]);
    let counted = scan(files)?
        .group_by([col("role"), col("model")])
        .agg([
            len().alias("calls"),
            col("from_store").sum(),
            col("input_tokens").sum(),
            col("output_tokens").sum(),
            col("latency_ms").median(),
            col("cost_micro_usd").sum(),
            col("cost_micro_usd").count().alias("priced"),
        ])
        .sort(["calls", "role", "model"], largest_first)
        .collect()?;
    (0..counted.height()).map(|row| model_calls(&counted, row)).collect()
}

fn model_calls(counted: &DataFrame, row: usize) -> PolarsResult<ModelCalls> {
    let value = |name: &str| -> PolarsResult<AnyValue> { counted.column(name)?.get(row) };
    let number = |name: &str| -> PolarsResult<u64> { Ok(value(name)?.extract().unwrap_or_default()) };
    let text =
        |name: &str| -> PolarsResult<String> { Ok(value(name)?.get_str().unwrap_or_default().to_owned()) };
    Ok(ModelCalls {
        role: text("role")?,
        model: text("model")?,
        calls: number("calls")?,
        from_store: number("from_store")?,
        input_tokens: number("input_tokens")?,
        output_tokens: number("output_tokens")?,
        median_ms: value("latency_ms")?.extract().unwrap_or_default(),
        micro_usd: if number("priced")? > 0 { Some(number("cost_micro_usd")?) } else { None },
    })
}
