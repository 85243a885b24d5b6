//! Rows that are almost the same: prompts by their words, thoughts by a sketch of theirs, pictures by how they
//! look. What is compared is given by a [`Source`]; how near rows are found, and which one of them stays, is
//! the same for all.
//!
//! Deliberately absent: models, embeddings, files.

mod neighbours;
mod pictures;
mod prompts;
mod sketch;
mod words;

pub(crate) use neighbours::{Link, Source, links, links_to_known, repeated};
pub(crate) use pictures::Pictures;
pub(crate) use prompts::Prompts;
pub(crate) use sketch::{Sketch, Sketches};
pub(crate) use words::{each_word, phrases_key, sequence_key, shared, shingles, stem, words};
