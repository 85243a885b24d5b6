//! What a server allows, and how long we put up with it, as settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a server allows, and how failures are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Calls a minute. What the server says in rate-limit headers and 429s holds besides.
    #[schemars(range(min = 1))]
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, read and written together.
    #[schemars(range(min = 1))]
    pub tokens_per_minute: Option<u64>,
    /// Pictures a minute.
    #[schemars(range(min = 1))]
    pub pictures_per_minute: Option<u64>,
    /// How often one question is sent while the server answers others but fails on this one; then its row is
    /// rejected as `teacher_failed`.
    #[schemars(range(min = 1, max = 100))]
    pub attempts: u32,
    /// Seconds after which a question that keeps failing is given up, however few attempts there were.
    #[schemars(range(min = 1, max = 86_400))]
    pub give_up_secs: u64,
    /// Budget of retries: how many broken calls are sent again for each hundred that are answered (twenty are free).
    /// Where it is used up, a question waits for half of `max_pause_secs` or longer before it is sent again.
    #[schemars(range(min = 0, max = 1000))]
    pub retries_per_hundred: u32,
    /// Longest pause between two attempts in seconds; a longer `Retry-After` is kept.
    #[schemars(range(min = 1, max = 3600))]
    pub max_pause_secs: u64,
    /// Seconds in which calls have failed and none was answered, after which the run ends with exit code 75.
    #[schemars(range(min = 1, max = 86_400))]
    pub outage_secs: u64,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            requests_per_minute: None,
            tokens_per_minute: None,
            pictures_per_minute: None,
            attempts: 5,
            give_up_secs: 600,
            retries_per_hundred: 20,
            max_pause_secs: 60,
            outage_secs: 900,
        }
    }
}
