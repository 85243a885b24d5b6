use std::path::PathBuf;

use polars::error::PolarsError;
use twig_imaging::DecodeError;
use twig_shards::ShardError;

/// Why a release could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The manifest or a shard cannot be read.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// A query over the shards of a table failed.
    #[error("the table `{table}` of {release} cannot be queried; `twig verify` tells what is damaged", release = release.display())]
    Query {
        /// The release.
        release: PathBuf,
        /// The table.
        table: &'static str,
        /// What Polars said.
        #[source]
        source: PolarsError,
    },
    /// Ids that no trajectory of the release has.
    #[error("{release} holds no trajectory {}", ids.join(", "), release = release.display())]
    UnknownIds {
        /// The release.
        release: PathBuf,
        /// The ids.
        ids: Vec<String>,
    },
    /// More trajectories than a sheet can show.
    #[error("{asked} trajectories do not fit on a sheet; it shows {limit} at most")]
    TooMany {
        /// How many were asked for.
        asked: usize,
        /// How many it shows.
        limit: usize,
    },
    /// There is nothing to draw.
    #[error("{release} holds no trajectories", release = release.display())]
    Empty {
        /// The release.
        release: PathBuf,
    },
    /// A stored picture is none.
    #[error("a picture of trajectory {id} cannot be read")]
    Picture {
        /// The trajectory.
        id: String,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
}
