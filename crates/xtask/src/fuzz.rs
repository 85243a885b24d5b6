//! `cargo xtask fuzz`: bytes that nobody should send, for everything that reads what others wrote.

use std::process::Command;

use anyhow::Result;

use crate::chore::{self, build_example, root};

/// Seconds for each target where nobody says otherwise.
const USUAL_SECONDS: &str = "600";

/// Builds the example and runs each of its targets for so long.
pub(crate) fn fuzz(seconds: Option<&str>) -> Result<()> {
    let program = build_example("fuzz")?;
    let mut command = Command::new(program);
    command.arg(seconds.unwrap_or(USUAL_SECONDS)).current_dir(root());
    chore::run("fuzzing", command)
}
