//! `cargo xtask segmentation`: our segmentation beside scikit-image's, on its photographs.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::{
    chore::{self, built, cargo, root},
    python,
};

/// Builds the program that segments, and prints the tables of `tests/python/segmentation.py`.
pub(crate) fn segmentation() -> Result<()> {
    let build = ["build", "--release", "--package", "twig-imaging", "--example", "segment"];
    chore::run("program that segments", cargo(&build))?;
    let program = built()?.join("examples/segment");
    ensure!(program.exists(), "no {} after it was built", program.display());
    let mut command = Command::new(python::interpreter("train")?);
    command.arg("-B").arg(root().join("tests/python/segmentation.py"));
    command.arg(program).arg(built()?.join("segmentation"));
    chore::run("segmentation", command)
}
