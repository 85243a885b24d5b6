//! The part of a pipeline file that changes nothing in the result.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::job::Stage;

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
    /// Most that a stage may reject. The run ends with exit code 3, and with examples, as soon as it is clear that a
    /// stage rejects more; what was answered is kept.
    pub max_rejected: MaxRejected,
    /// Free space that the disk of the output folder must keep, in MB. The run ends with exit code 75 before there
    /// is less. 0 for no such limit.
    pub min_free_disk_mb: u64,
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
    /// A command for the shell, run when the run has ended however it ended, for at most a minute. It finds
    /// `TWIG_OUTCOME` (`done`, `rejected`, `budget`, `interrupted` or `failed`), `TWIG_EXIT_CODE`, `TWIG_JOB`,
    /// `TWIG_OUTPUT` and `TWIG_MESSAGE` in its environment.
    #[schemars(length(min = 1))]
    pub on_finish: Option<String>,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self {
            partitions: None,
            open_partitions: None,
            in_flight: None,
            shutdown_secs: 60,
            max_rejected: MaxRejected::default(),
            min_free_disk_mb: 100,
            budget_usd: None,
            replay: false,
            mirror: None,
            on_finish: None,
        }
    }
}

/// Most that a stage may reject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaxRejected {
    /// Lines of the prompt files: duplicates, overlap with evaluation sets, overlong ones.
    pub prompts: RejectLimit,
    /// Trajectories.
    pub trajectories: RejectLimit,
    /// Trajectories that a judge gives no score.
    pub judgements: RejectLimit,
    /// Pictures without tokens.
    pub tokens: RejectLimit,
}

impl MaxRejected {
    /// The limit of a stage.
    pub fn of(&self, stage: Stage) -> RejectLimit {
        match stage {
            Stage::Prompts => self.prompts,
            Stage::Trajectories => self.trajectories,
            Stage::Judgements => self.judgements,
            Stage::Tokens => self.tokens,
            // It rejects nothing.
            Stage::Measures => RejectLimit::default(),
        }
    }
}

/// Most that may be rejected; where both are given, whichever is reached first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RejectLimit {
    /// As a share of the stage's rows.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: Option<f64>,
    /// As a number of rows.
    pub rows: Option<u64>,
}
