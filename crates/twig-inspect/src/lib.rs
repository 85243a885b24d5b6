//! Looking at what a job makes: its summary in numbers and SQL over all tables (Polars, lazily, over small
//! columns); trajectories as a contact sheet, in the terminal, as a report in one HTML file, and in a viewer in the
//! browser, which also follows a run.
//!
//! It reads files and knows neither stages nor teachers. What is being written is seen once it is committed.
//! Written is one file alone: the marks of somebody who looks.

mod calls;
mod catalogue;
mod compare;
mod dataset;
mod details;
mod distribution;
mod error;
mod likeness;
mod marks;
mod outline;
mod pages;
mod query;
mod render;
mod report;
mod sheet;
mod show;
mod sql;
mod summary;
mod terminal;
mod thumbnails;
mod view;
mod warning;

#[cfg(test)]
mod fixtures;

pub use calls::ModelCalls;
pub use catalogue::{Catalogue, Entry};
pub use compare::{CategoryMean, Comparison, OnlyIn, RewardChanges, compare, render_comparison};
pub use dataset::{Dataset, JobFacts, TableFile};
pub use details::Details;
pub use distribution::{Bin, Distribution};
pub use error::InspectError;
pub use marks::{Mark, Marks, Verdict};
pub use render::render;
pub use report::report;
pub use sheet::sheet;
pub use show::{ShowOptions, show};
pub use sql::{Answer, SqlColumn, SqlMistake, SqlSession};
pub use summary::{CategoryRewards, Duplicates, RegionAcceptance, SplitRows, Summary, TaskSamples, summary};
pub use terminal::Pictures;
pub use view::Viewer;
pub use warning::Warning;

/// The form in which a sheet is written to a file.
pub use twig_imaging::encode_png;
