//! Whether a stage rejects more than the pipeline file allows: counted row by row, so that a run which is going wrong
//! ends early.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use twig_shards::{RejectedRow, StageAccount, TableReader};

use crate::{
    error::RunError,
    job::{Job, Stage},
    settings::{MaxRejected, RejectLimit},
};

/// Examples that a run ends with.
const EXAMPLES: usize = 5;
/// Rows from which on a share is judged by what was seen so far.
const LEAST_ROWS: u64 = 20;
/// Standard deviations within which the share of all rows is taken to lie: wrong once in 30,000 runs.
const DEVIATIONS: f64 = 4.0;

/// The stages of a run, as far as they have begun.
pub(crate) struct Rejections {
    limits: MaxRejected,
    /// Held to look one up.
    stages: Mutex<BTreeMap<Stage, Arc<StageWatch>>>,
}

/// The rows of one stage.
pub(crate) struct StageWatch {
    stage: Stage,
    limit: RejectLimit,
    /// Rows that the stage takes in altogether.
    expected: u64,
    /// Held for one row.
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    rows: u64,
    rejected: u64,
    examples: Vec<String>,
}

impl Rejections {
    pub(crate) fn new(limits: MaxRejected) -> Self {
        Self { limits, stages: Mutex::default() }
    }

    /// Begins a stage of which some partitions stand and so many rows are to come. Where those that stand have
    /// rejected too many, the job's folder has the examples.
    pub(crate) fn begin(
        &self,
        job: &Job,
        stage: Stage,
        standing: &StageAccount,
        to_come: u64,
    ) -> Result<(), RunError> {
        let rejected = standing.rejected.values().sum();
        let seen = Seen { rows: standing.rows_in, rejected, examples: Vec::new() };
        let expected = seen.rows + to_come;
        let watch = StageWatch { stage, limit: self.limits.of(stage), expected, seen: Mutex::new(seen) };
        if watch.check().is_err() {
            watch.seen.lock().unwrap_or_else(PoisonError::into_inner).examples = examples_of(job, stage);
        }
        watch.check()?;
        self.stages.lock().unwrap_or_else(PoisonError::into_inner).insert(stage, Arc::new(watch));
        Ok(())
    }

    /// The rows of a stage that has begun.
    pub(crate) fn of(&self, stage: Stage) -> Arc<StageWatch> {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stages.entry(stage).or_insert_with(|| Arc::new(StageWatch::without_limit(stage))))
    }
}

impl StageWatch {
    fn without_limit(stage: Stage) -> Self {
        Self { stage, limit: RejectLimit::default(), expected: 0, seen: Mutex::default() }
    }

    /// A row went out.
    pub(crate) fn made(&self) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).rows += 1;
    }

    /// A row was rejected; an error where that is more than is allowed.
    pub(crate) fn rejected(&self, row: &RejectedRow) -> Result<(), RunError> {
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.rows += 1;
            seen.rejected += 1;
            if seen.examples.len() < EXAMPLES {
                seen.examples.push(example(row));
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), RunError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (stage, Seen { rows, rejected, examples }) = (self.stage.as_str(), &*seen);
        let passed = match self.limit {
            RejectLimit { rows: Some(most), .. } if *rejected > most => {
                format!("run.max_rejected.{stage}.rows is {most}")
            }
            RejectLimit { share: Some(most), .. } if exceeds(most, *rejected, *rows, self.expected) => {
                format!("run.max_rejected.{stage}.share is {most}")
            }
            RejectLimit { .. } => return Ok(()),
        };
        let examples: String = examples.iter().map(|example| format!("\n  {example}")).collect();
        let examples = if examples.is_empty() { examples } else { format!("; for example{examples}\n") };
        let detail = format!("{stage} rejected {rejected} of {rows} rows, and {passed}{examples}");
        Err(RunError::TooManyRejected { detail })
    }
}

fn example(row: &RejectedRow) -> String {
    let prompt: String = row.prompt.chars().take(80).collect();
    let detail: String = row.detail.chars().take(200).collect();
    format!("{}: `{prompt}`: {detail}", row.reason)
}

/// Rows that earlier runs have rejected; what cannot be read is no reason to tell less of the rest.
fn examples_of(job: &Job, stage: Stage) -> Vec<String> {
    let files = job.partitions().map(|partition| job.folder.rejected(stage, partition));
    let rows = files.filter_map(|path| TableReader::<RejectedRow>::open(&path).ok()).flatten();
    rows.filter_map(Result::ok).take(EXAMPLES).map(|row| example(&row)).collect()
}

/// Whether more than this share of all rows is or will be rejected. Certain once more are rejected than the share of
/// all rows allows; before that by the lower end of Wilson's interval, which holds because rows come in the order of
/// hashes and are thus a fair sample.
fn exceeds(most: f64, rejected: u64, rows: u64, expected: u64) -> bool {
    if rejected as f64 > most * expected as f64 {
        return true;
    }
    let (n, share) = (rows as f64, rejected as f64 / rows.max(1) as f64);
    let z2 = DEVIATIONS * DEVIATIONS;
    let spread = DEVIATIONS * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    rows >= LEAST_ROWS && rows < expected && (share + z2 / (2.0 * n) - spread) / (1.0 + z2 / n) > most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_passed_when_it_is_certain_or_all_but_certain() {
        // Of 1,000 rows a tenth may be rejected.
        assert!(!exceeds(0.1, 100, 1000, 1000));
        assert!(exceeds(0.1, 101, 1000, 1000));
        assert!(exceeds(0.1, 101, 101, 1000));
        // Half of what was seen: too few rows, then enough.
        assert!(!exceeds(0.1, 8, 16, 1000));
        assert!(exceeds(0.1, 20, 40, 1000));
        // A tenth of what was seen says nothing.
        assert!(!exceeds(0.1, 30, 300, 1000));
        assert!(exceeds(0.0, 1, 1, 1000));
        assert!(!exceeds(1.0, 1000, 1000, 1000));
    }
}
