use polars::error::PolarsError;
use twig_shards::ShardError;

/// Why a release could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The manifest or a shard cannot be read.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// A query over the shards failed.
    #[error("the shards could not be queried")]
    Query(#[from] PolarsError),
}
