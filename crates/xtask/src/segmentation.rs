//! `cargo xtask segmentation`: our segmentation beside scikit-image's, on its photographs.

use std::process::Command;

use anyhow::Result;

use crate::{
    chore::{self, build_example, built, root},
    python,
};

/// Builds the program that segments, and prints the tables of `tests/python/segmentation.py`.
pub(crate) fn segmentation() -> Result<()> {
    let program = build_example("segment")?;
    let mut command = Command::new(python::interpreter("train")?);
    command.arg("-B").arg(root().join("tests/python/segmentation.py"));
    command.arg(program).arg(built()?.join("segmentation"));
    chore::run("segmentation", command)
}
