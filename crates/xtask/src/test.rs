//! `cargo xtask test`: everything that must hold before a change goes in.

use anyhow::{Result, bail};

use crate::{
    chore::{self, answers, cargo},
    consumers, deny, fuzz, janus, looking, servers, training,
};

/// Runs all steps in order; stops at the first that fails, unless told to keep going.
pub(crate) fn test(all: bool, keep_going: bool) -> Result<()> {
    let mut failed = Vec::new();
    let everyday: [&dyn Fn() -> Result<()>; 4] =
        [&formatting, &lints, &rust_tests, &|| consumers::consumers(all)];
    let all_heavy: &[&dyn Fn() -> Result<()>] = &[
        &servers::servers,
        &looking::looking,
        &training::training,
        &janus::fidelity,
        &short_fuzzing,
        &deny::deny,
    ];
    let heavy = if all { all_heavy } else { &[] };
    for step in everyday.iter().chain(heavy) {
        match step() {
            Ok(()) => {}
            Err(error) if keep_going => {
                eprintln!("── {error:#}");
                failed.push(format!("{error:#}"));
            }
            Err(error) => return Err(error),
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("{} steps failed:\n{}", failed.len(), failed.join("\n")) }
}

/// Long enough to find what is broken at once; `cargo xtask fuzz` looks longer.
fn short_fuzzing() -> Result<()> {
    fuzz::fuzz(Some("20"))
}

fn formatting() -> Result<()> {
    chore::run("formatting", cargo(&["fmt", "--all", "--check"]))
}

/// With the release profile, like everything else, so that nothing is built in a second one.
fn lints() -> Result<()> {
    let clippy = ["clippy", "--release", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    chore::run("lints", cargo(&clippy))
}

/// Benchmarks are left out: they are compiled by the lints, and running them proves nothing. Doc tests, which
/// nextest does not know, are not written here.
fn rust_tests() -> Result<()> {
    let selection = ["--release", "--workspace", "--locked"];
    let runner: &[&str] = if answers("cargo", &["nextest", "--version"]) {
        &["nextest", "run"]
    } else {
        &["test", "--lib", "--bins", "--tests", "--examples"]
    };
    chore::run("Rust tests", cargo(&[runner, &selection].concat()))
}
