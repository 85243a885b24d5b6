//! Janus-Pro's image tokenizer, VQ-16 of the LlamaGen family, on the CPU.
//!
//! An encoder of convolutions takes a picture to a vector for each token; the id is that of the code which points
//! most nearly the same way. The decoder takes codes back to a picture. All in single precision: half precision
//! changes one id in twenty.
//!
//! Nearly all of the time goes into convolutions of 3 × 3 pixels, so these are our own: maps lie in memory pixel by
//! pixel, weights are packed once, what comes before a convolution (normalisation, SiLU, doubling, padding) is done
//! while its input is fetched, and what comes after it (bias, residual) while its output is stored. Figures and what
//! else was tried: `docs/benchmarks.md`.
//!
//! On a CUDA device the same network runs in candle's operations instead (`graph`).
//!
//! Deliberately absent: training, other precisions.

#![allow(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the machine, see `machine`"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "loops over lanes read best, and vectorise best, as what they are"
)]
#![allow(
    clippy::redundant_closure_for_method_calls,
    reason = "the paths that it proposes have one lifetime, not all"
)]
#![allow(clippy::float_cmp, reason = "the largest of some numbers is equal to one of them")]

mod attention;
mod buffer;
mod checkpoint;
mod codebook;
mod conv;
mod graph;
mod machine;
mod map;
mod network;
mod product;
mod shape;
mod tokenizer;
mod winograd;

#[cfg(test)]
mod tests;

pub use checkpoint::CheckpointError;
pub use machine::Instructions;
pub use tokenizer::{JanusDevice, JanusVq, JanusVqSettings};
