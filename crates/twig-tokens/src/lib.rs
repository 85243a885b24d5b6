//! Image tokenizers, text tokenizers, and the layout of token sequences.
//!
//! An [`ImageTokenizer`] turns a picture into a grid of codebook ids and back; [`JanusVq`] is Janus-Pro's,
//! [`PatchTokenizer`] the embedded one. A [`TextTokenizer`] turns text into ids; [`ByteTokenizer`] is the embedded
//! one, [`CheckpointText`] that of a checkpoint. [`layout`] puts both kinds of ids into the sequences that Janus-Pro
//! is trained on.
//!
//! Deliberately absent: which sequences a trajectory gives (`twig-samples`), files, and networks.

mod byte;
mod checkpoint_text;
mod hugging_face;
mod image;
mod janus_vq;
pub mod layout;
mod patch;
mod text;

pub use crate::image::{ImageTokenizer, TokenizeError};
pub use byte::ByteTokenizer;
pub use checkpoint_text::{CheckpointText, CheckpointTextError};
pub use janus_vq::{CheckpointError, Instructions, JanusDevice, JanusVq, JanusVqSettings};
pub use patch::{CodebookError, FitError, FitSettings, PatchCodebook, PatchTokenizer, fit_patch_codebook};
pub use text::{SpecialToken, TextError, TextTokenizer};
