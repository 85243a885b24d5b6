//! How a run goes about its job.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the run goes about it. Nothing here changes a byte of the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RunSettings {
    /// Number of partitions of a new job; fixed once the job has begun. By default one for every 200 prompts.
    #[schemars(range(min = 1, max = 100_000))]
    pub partitions: Option<u32>,
    /// Partitions open at once, so that the tail of one does not starve the teachers: one that waits for a slow
    /// answer lets the others go on. By default as many as hold `in_flight` trajectories, and three more.
    #[schemars(range(min = 1, max = 256))]
    pub open_partitions: Option<usize>,
    /// Trajectories under way at once over all open partitions, and finished ones that may wait in each for an
    /// earlier one. By default twice the concurrency of the teacher that has the most, and at least 2,000 with a
    /// teacher in batches: all of them together are a wave.
    #[schemars(range(min = 1, max = 100_000))]
    pub in_flight: Option<usize>,
    /// After Ctrl-C, seconds until the run ends even if questions are still under way.
    #[schemars(range(min = 0, max = 3600))]
    pub shutdown_secs: u64,
    /// Largest share of the prompts that trajectories may reject; the run ends with exit code 3 above it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_rejected: f64,
    /// Most that the job may cost over all its runs, in US dollars. What a call may cost is put aside before it
    /// is sent, and the run ends with exit code 4 where there is no room for one more. Wants prices, and a bound
    /// for every call, of each teacher behind a network.
    #[schemars(range(min = 0.0))]
    pub budget_usd: Option<f64>,
    /// Ask nobody: everything is answered from the answer store, and a question that it holds no answer to is
    /// an error.
    pub replay: bool,
    /// A copy of the job in an object store: `s3://…`, `gs://…`, `az://…` or `file://…`. A run takes over what is
    /// there and not here; every part goes there when it is committed, the answers behind it first, and the release
    /// at the end. So a job goes on where its machine is lost. Credentials come from the environment.
    pub mirror: Option<String>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            partitions: None,
            open_partitions: None,
            in_flight: None,
            shutdown_secs: 60,
            max_rejected: 1.0,
            budget_usd: None,
            replay: false,
            mirror: None,
        }
    }
}
