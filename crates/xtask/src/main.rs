//! The project's own chores: `cargo xtask test`, `consumers`, `looking`, `training`, `janus-vq`, `schemas`, `fit-codebook`,
//! `bench`.
//!
//! Kept small on purpose: it is built before everything else, so it depends on nothing of the workspace. What
//! needs our crates is a program of its own that this one starts.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal and for CI logs")]

mod bench;
mod bench_http;
mod bench_looking;
mod bench_million;
mod bench_near;
mod bench_shards;
mod chore;
mod consumers;
mod deny;
mod fuzz;
mod http;
mod janus;
mod kill;
mod looking;
mod memory;
mod python;
mod schemas;
mod segmentation;
mod servers;
mod test;
mod training;
mod watched;

use std::process::{Command, ExitCode};

use anyhow::{Result, bail};

const USAGE: &str = "\
Chores of this project: cargo xtask CHORE

  test [--all] [--keep-going]   formatting, lints, Rust tests, Python consumers; --all adds the heavy ones
  consumers [--all]             the Python consumers alone
  looking                       viewer and report in a browser, recipes for Python; part of test --all
  training                      a tiny Janus and TRL on a release; part of test --all
  janus-vq [--speed]            the Janus tokenizer against transformers and diffusers, part of test --all; or timed in
                                turns with PyTorch
  schemas [--check]             write schemas/ from the code, or check that they are up to date
  fit-codebook                  fit the codebook of the embedded image tokenizer again
  servers                       llama.cpp's server and llmock against our client; part of test --all
  bench                         run the whole T2I-CompBench job and print its figures as Markdown
        --near                  a million prompts without near duplicates
        --select                a selection among 50,000 trajectories
        --shards                writing, merging and filtering shards beside others, with a release of 10 GB
        --looking               summary, report and viewer over 50,000 and 1,000,000 trajectories
        --http                  calls to a teacher behind HTTP
        --million [--prompts N] memory, time, disk and open files of a job of 10,000 prompts and of N, a million by
                                default, with a server that answers one small picture
        --million --drawn [--prompts N]  the same for 1,000 and N, 100,000 by default, drawn by the embedded teacher
  kill [--times N]              kill the program at every commit point and at N random times (200), cut it off from
                                power after every flush, and check what it comes to
  fuzz [--seconds N]            read changed bytes with everything that reads untrusted ones, N seconds each (600)
  deny                          licences, bans and sources of all dependencies
  segmentation                  hold regions that follow a picture against scikit-image's";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (chore, flags) = words.split_first().map_or(("help", &[][..]), |(chore, flags)| (*chore, flags));
    let known: &[&str] = match chore {
        "test" => &["--all", "--keep-going"],
        "consumers" => &["--all"],
        "janus-vq" => &["--speed"],
        "schemas" => &["--check"],
        "bench" => {
            &["--http", "--looking", "--near", "--select", "--shards", "--million", "--drawn", "--prompts"]
        }
        "kill" => &["--times"],
        "fuzz" => &["--seconds"],
        _ => &[],
    };
    // A number belongs to the flag before it.
    let is_number = |flag: &str| flag.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(flag) = flags.iter().find(|flag| !known.contains(flag) && !is_number(flag)) {
        bail!("`{chore}` does not take `{flag}`\n\n{USAGE}");
    }
    let has = |flag| flags.contains(&flag);
    let number =
        |flag| flags.iter().position(|found| *found == flag).and_then(|at| flags.get(at + 1).copied());
    match chore {
        "test" => test::test(has("--all"), has("--keep-going")),
        "consumers" => consumers::consumers(has("--all")),
        "looking" => looking::looking(),
        "training" => training::training(),
        "janus-vq" if has("--speed") => janus::speed(),
        "janus-vq" => janus::fidelity(),
        "schemas" => schemas::schemas(has("--check")),
        "fit-codebook" => example("fit-codebook"),
        "bench" if has("--looking") => bench_looking::bench(),
        "bench" if has("--million") => bench_million::bench(number("--prompts"), has("--drawn")),
        "bench" if has("--near") => bench_near::bench(),
        "bench" if has("--select") => example("bench-select"),
        "bench" if has("--http") => bench_http::bench(),
        "bench" if has("--shards") => bench_shards::bench(),
        "bench" => bench::bench(),
        "servers" => servers::servers(),
        "kill" => kill::kill(number("--times")),
        "fuzz" => fuzz::fuzz(number("--seconds")),
        "deny" => deny::deny(),
        "segmentation" => segmentation::segmentation(),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        _ => bail!("there is no chore `{chore}`\n\n{USAGE}"),
    }
}

/// Builds an example that is a chore by itself, and runs it.
fn example(name: &str) -> Result<()> {
    let mut command = Command::new(chore::build_example(name)?);
    command.current_dir(chore::root());
    chore::run(name, command)
}
