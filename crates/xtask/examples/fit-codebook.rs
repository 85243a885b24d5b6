//! Fits the codebook of the embedded image tokenizer again: `cargo xtask fit-codebook`.

#![allow(clippy::print_stdout, reason = "says what the new codebook loses")]

#[path = "../src/fit_codebook.rs"]
mod fit_codebook;

fn main() -> anyhow::Result<()> {
    fit_codebook::run()
}
