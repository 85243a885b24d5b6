//! `cargo xtask fuzz`: bytes that nobody should send, for everything that reads what others wrote.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::chore::{self, built, cargo, root};

/// Seconds for each target where nobody says otherwise.
const USUAL_SECONDS: &str = "600";

/// Builds the example and runs each of its targets for so long.
pub(crate) fn fuzz(seconds: Option<&str>) -> Result<()> {
    // With the workspace's features, so that nothing is compiled for it alone.
    chore::run(
        "program that fuzzes",
        cargo(&["build", "--release", "--locked", "--workspace", "--example", "fuzz"]),
    )?;
    let program = built()?.join("examples/fuzz");
    ensure!(program.exists(), "no {} after it was built", program.display());
    let mut command = Command::new(program);
    command.arg(seconds.unwrap_or(USUAL_SECONDS)).current_dir(root());
    chore::run("fuzzing", command)
}
