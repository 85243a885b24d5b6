use std::path::PathBuf;

use polars::error::PolarsError;
use twig_imaging::DecodeError;
use twig_shards::ShardError;

/// Why a release could not be looked into.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is neither a job nor a release.
    #[error("nothing to look at lies in {}: there is no manifest.json (of a release), no release/manifest.json and no job.json (of a job)", folder.display())]
    Nothing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A file that is no table cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest or a shard cannot be read.
    #[error(transparent)]
    Shards(#[from] ShardError),
    /// The release in an object store cannot be had.
    #[error(transparent)]
    Mirror(#[from] twig_shards::MirrorError),
    /// A query over the shards of a table failed.
    #[error("the table `{table}` of {release} cannot be queried; `twig verify` tells what is damaged", release = release.display())]
    Query {
        /// The release.
        release: PathBuf,
        /// The table.
        table: String,
        /// What Polars said.
        #[source]
        source: PolarsError,
    },
    /// A query of our own failed.
    #[error("a query over {} failed; `twig verify` tells what is damaged: {mistake}", folder.display())]
    Sql {
        /// Where.
        folder: PathBuf,
        /// What Polars says.
        mistake: crate::SqlMistake,
    },
    /// A page cannot be made: a fault of this program.
    #[error("the page cannot be made")]
    Page(#[from] minijinja::Error),
    /// A row does not hold what its table promises.
    #[error("the row of trajectory {id} cannot be read; `twig verify` tells what is damaged")]
    Row {
        /// The trajectory.
        id: String,
        /// What is wrong with it.
        #[source]
        source: twig_shards::Malformed,
    },
    /// A trajectory was listed and is not there any more: files were changed meanwhile.
    #[error("the trajectory {id} is not there any more")]
    Gone {
        /// The trajectory.
        id: String,
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
