//! Teachers behind OpenAI's HTTP interface: chat completions with pictures and structured output, pictures
//! made and edited, and batches of either.
//!
//! `client` sends one call and says what its failure means; trying again, pacing and money are the concern
//! of [`crate::remote`].

pub(crate) mod body;
pub(crate) mod client;
pub(crate) mod failure;
pub(crate) mod forms;
pub(crate) mod headers;
mod likelihood;
pub(crate) mod mask;
pub(crate) mod reply;
mod secret;
mod settings;

pub use client::ClientError;
pub use settings::{BatchSettings, OpenAiSettings, PictureSettings, StructuredOutput, TimeoutSettings};
