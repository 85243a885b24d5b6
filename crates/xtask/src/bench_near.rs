//! `cargo xtask bench --near`: a million prompts, read, compared with an evaluation set and freed of near
//! duplicates by `twig plan`, against the same without either.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    bench::machine,
    chore::{build_twig, built, root},
    memory::{Measured, measured},
};

const NUM_PROMPTS: u64 = 1_000_000;
/// One of so many prompts is another one with a word changed.
const NEAR_EVERY: u64 = 10;
const NUM_EVALUATION: u64 = 10_000;

pub(crate) fn bench() -> Result<()> {
    let twig = build_twig()?;
    let folder = built()?.join("bench-near");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    write(&folder.join("prompts.txt"), 0..NUM_PROMPTS)?;
    write(&folder.join("held_out.txt"), 2 * NUM_PROMPTS..2 * NUM_PROMPTS + NUM_EVALUATION)?;
    let against = format!("decontaminate.against=[{}]", folder.join("held_out.txt").display());
    let plan = |settings: &[&str]| {
        let mut command = Command::new(&twig);
        command.args(["plan", "pipelines/quickstart.yaml", "--json", "--output"]).arg(folder.join("out"));
        command.arg("--prompts").arg(folder.join("prompts.txt"));
        for setting in settings {
            command.args(["--set", setting]);
        }
        let plan = File::create(folder.join("plan.json")).context("cannot write the plan")?;
        let measured = measured(command.current_dir(root()).stdout(plan))?;
        ensure!(measured.status.success(), "the plan failed ({})", measured.status);
        Ok(measured)
    };
    let cases = [
        ("read, exact duplicates", plan(&[])?),
        ("and near duplicates", plan(&["prompts.near_duplicates=0.8"])?),
        ("and against 10,000 held-out prompts", plan(&["prompts.near_duplicates=0.8", &against])?),
    ];
    println!("Machine: {}. {NUM_PROMPTS} prompts.\n", machine());
    println!("| what | seconds | peak memory | bytes a prompt |\n|---|---:|---:|---:|");
    for (name, Measured { wall, peak_bytes, .. }) in &cases {
        let peak = peak_bytes.unwrap_or(0);
        println!("| {name} | {:.1} | {} MiB | {} |", wall.as_secs_f64(), peak >> 20, peak / NUM_PROMPTS);
    }
    println!("\n{}", rejected(&folder.join("plan.json"))?);
    Ok(())
}

fn rejected(plan: &Path) -> Result<String> {
    let plan: serde_json::Value = serde_json::from_slice(&fs::read(plan).context("no plan")?)?;
    Ok(format!("Rejected: {}.", plan["rejected"]))
}

fn write(path: &Path, numbers: std::ops::Range<u64>) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut file = BufWriter::new(file);
    for number in numbers {
        writeln!(file, "{}", prompt(number))?;
    }
    file.flush().context("cannot write prompts")
}

/// A prompt of the kind of T2I-CompBench's `complex`, three things with two properties each; every tenth is
/// the one before with another last word.
fn prompt(number: u64) -> String {
    let is_near = number % NEAR_EVERY == NEAR_EVERY - 1;
    let of = if is_near { number - 1 } else { number };
    let word = |place: u64, of: u64, below: u64| {
        word(xxh3_64(&[of, place].map(u64::to_le_bytes).concat()) % below, place % 3)
    };
    let thing = |first: u64| {
        format!("{} {} {}", word(first, of, 60), word(first + 1, of, 60), word(first + 2, of, 900))
    };
    let last = word(9, if is_near { number } else { of }, 900);
    format!("The {} is next to the {} and in front of the {} on a {last}", thing(0), thing(3), thing(6))
}

/// A word of two or three syllables; each kind has words of its own.
fn word(number: u64, kind: u64) -> String {
    const ONSETS: [&str; 12] = ["b", "cl", "d", "fr", "g", "l", "m", "pl", "r", "st", "t", "v"];
    const RIMES: [&str; 10] = ["ane", "ock", "er", "ill", "oom", "ast", "ish", "and", "ute", "ell"];
    let syllable =
        |number: u64| format!("{}{}", ONSETS[(number % 12) as usize], RIMES[(number / 12 % 10) as usize]);
    format!("{}{}", syllable(number + 40 * kind), syllable(number / 7 + 31 * kind))
}
