//! Seeds: pure functions of the job's seed and of what they are for, so that nothing depends on order.

use twig_model::{PromptId, Role};
use xxhash_rust::xxh3::Xxh3;

/// The seed that all requests of one trajectory share.
pub(crate) fn trajectory_seed(job_seed: u32, prompt: &PromptId, sample_index: u32) -> u64 {
    hashed(&[u64::from(job_seed), prompt.hash(), u64::from(sample_index)])
}

/// The seed of one request of a trajectory. `region_index` is `None` for the whole picture.
pub(crate) fn request_seed(
    trajectory_seed: u64,
    role: Role,
    asker: &str,
    region_index: Option<usize>,
    attempt: u32,
) -> u64 {
    let region = region_index.map_or(u64::MAX, |index| index as u64);
    let asker = xxhash_rust::xxh3::xxh3_64(asker.as_bytes());
    hashed(&[trajectory_seed, role as u64, asker, region, u64::from(attempt)])
}

/// A number from 0 to 1 (exclusive) drawn for a prompt; `purpose` keeps draws apart.
pub(crate) fn draw(job_seed: u32, purpose: &str, prompt: &PromptId) -> f64 {
    let purpose = xxhash_rust::xxh3::xxh3_64(purpose.as_bytes());
    let hash = hashed(&[u64::from(job_seed), purpose, prompt.hash()]);
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

fn hashed(numbers: &[u64]) -> u64 {
    let mut hasher = Xxh3::new();
    for number in numbers {
        hasher.update(&number.to_le_bytes());
    }
    hasher.digest()
}
