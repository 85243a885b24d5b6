//! `cargo xtask kill`: the program killed at every commit point, at random times, and cut off from power, each time
//! run to its end and checked. `cargo xtask test` does a part of it.

use anyhow::Result;

use crate::chore::{self, cargo};

/// Kills at so many random times, besides those at every commit point; prints what was struck as Markdown.
pub(crate) fn kill(times: Option<&str>) -> Result<()> {
    let mut tests = cargo(&["test", "--release", "--workspace", "--locked", "--test", "program", "--"]);
    tests.args(["survival::", "--ignored", "--nocapture", "--test-threads=1"]);
    if let Some(times) = times {
        tests.env("TWIG_KILLS", times);
    }
    chore::run("runs that are cut off", tests)
}
