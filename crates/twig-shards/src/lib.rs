//! The only place with Arrow and Parquet: the tables of a job and of a release, their writers and readers, the
//! release's manifest and card, and the check of a whole release.
//!
//! A table is a [`Row`] type, whose [`Record`] declares the columns. A job's folder is written with
//! [`PartWriter`], a release with [`ShardWriter`]; both are read with [`TableReader`]. [`Manifest`] says what a
//! release consists of, [`publish`] writes it together with the dataset card and the checksums, [`verify`]
//! checks all of it.
//!
//! The columns and their encoding follow what consumers were seen to need: Hugging Face `datasets` (and its
//! Hub), Polars, DuckDB, pyarrow, and the trainers that read from those.
//!
//! [`derive()`] makes new releases from existing ones.
//!
//! [`Remote`] is a place in an object store.
//!
//! Deliberately absent: stages, selection, Polars. Everything is synchronous, with memory
//! bounds that the types document.

pub mod atomic;
mod card;
mod copy;
mod derive;
mod error;
mod filter;
mod hashing_file;
mod indexed;
mod manifest;
mod mend;
mod mirror;
mod part;
mod picture_chunk;
mod picture_column;
mod properties;
mod reader;
mod record;
mod release;
mod remote;
mod row;
mod shards;
mod splice;
mod tables;
mod text_columns;
mod value;
mod verify;
mod versions;
mod writer;

pub use atomic::FileDigest;
pub use card::{CardFacts, CardTeacher};
pub use copy::copy_without_features;
pub use derive::{Derivation, Derived, Keep, ReleaseSummary, derive};
pub use error::{Malformed, ShardError};
pub use filter::{Clause, Filter, FilterError};
pub use indexed::IndexedTable;
pub use manifest::{Config, ImageTokenizer, Judge, Manifest, Shard, Split, StageAccount, TextTokenizer};
pub use mend::ShardMender;
pub use mirror::{MirrorError, mirror_flat_columns};
pub use part::{Part, PartWriter};
pub use picture_column::{PictureRow, read_picture, read_pictures};
pub use properties::{Purpose, RowGroupLimits, writer_properties};
pub use reader::{TableReader, num_rows};
pub use record::{Column, Record};
pub use release::{files_below, publish};
pub use remote::{Remote, RemoteError, RemoteObject, RemoteText};
pub use row::{PlainRow, Row};
pub use shards::{DEFAULT_SHARD_BYTES, ShardWriter};
pub use tables::{
    AttemptRecord, BagelPicture, BagelSequence, CallRow, ConversationTurn, CountRecord, CritiqueDpoRecord,
    DpoRecord, FinalImage, FinalTokens, GrpoRecord, ImageTokensRow, IrgConversation, JanusRecord, MeasureRow,
    MessagePart, MessageRecord, RejectedRow, ReleaseTrajectory, SelectionRow, SftRecord, SpatialRecord,
    StepRow, StepTexts, TokensRow, TrajectoryListing, TrajectoryRecord, TrajectorySummary,
};
pub use text_columns::{TextRow, read_text_columns};
pub use value::{Blob, Value};
pub use verify::{Problem, VerifyReport, verify};
pub use versions::SCHEMA_VERSION;
pub use writer::{TableSummary, TableWriter};

#[cfg(any(test, feature = "fixtures"))]
pub mod fixtures;
