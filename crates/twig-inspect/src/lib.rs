//! Polars over a job or a release: the summary
