//! `cargo xtask bench`: the whole T2I-CompBench job, timed stage by stage.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::{
    chore::{build_twig, built, root},
    memory::{Measured, measured},
};

/// Where the prompts lie if `T2I_COMPBENCH` does not say, relative to the workspace.
const USUAL_PLACE: &str = "../shared/data/t2i-compbench";

/// Runs the job in a fresh folder and prints its figures as Markdown.
pub(crate) fn bench() -> Result<()> {
    let prompts = prompts()?;
    let twig = build_twig()?;
    let output = built()?.join("bench");
    if output.exists() {
        fs::remove_dir_all(&output).with_context(|| format!("cannot remove {}", output.display()))?;
    }
    let mut command = Command::new(twig);
    command.args(["run", "pipelines/t2i-compbench.yaml", "--output"]).arg(&output);
    command.env("T2I_COMPBENCH", &prompts).current_dir(root());
    let measured = measured(&mut command)?;
    ensure!(measured.status.success(), "the job failed ({})", measured.status);
    println!("{}", report(&measured, &stages(&output.join("events.jsonl"))?));
    Ok(())
}

fn prompts() -> Result<PathBuf> {
    let folder = env::var_os("T2I_COMPBENCH").map_or_else(|| root().join(USUAL_PLACE), PathBuf::from);
    match folder.canonicalize() {
        Ok(folder) if folder.join("color_train.txt").exists() => Ok(folder),
        _ => bail!("no T2I-CompBench in {}; set T2I_COMPBENCH to the folder of its files", folder.display()),
    }
}

/// What a stage went through.
struct Stage {
    name: String,
    rows_in: u64,
    rows_out: u64,
    seconds: f64,
}

fn stages(events: &Path) -> Result<Vec<Stage>> {
    let text = fs::read_to_string(events).with_context(|| format!("cannot read {}", events.display()))?;
    let mut stages = Vec::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).context("an event is not JSON")?;
        if event["event"] == "stage_finished" {
            stages.push(Stage::from_event(&event).context("an event lacks a field")?);
        }
    }
    Ok(stages)
}

impl Stage {
    fn from_event(event: &Value) -> Option<Self> {
        Some(Self {
            name: event["stage"].as_str()?.to_owned(),
            rows_in: event["rows_in"].as_u64()?,
            rows_out: event["rows_out"].as_u64()?,
            seconds: event["seconds"].as_f64()?,
        })
    }
}

fn report(measured: &Measured, stages: &[Stage]) -> String {
    let mut lines = vec![
        format!("Machine: {}.", machine()),
        String::new(),
        "| stage | rows in | rows out | seconds | rows/s |".to_owned(),
        "|---|---:|---:|---:|---:|".to_owned(),
    ];
    lines.extend(stages.iter().map(|stage| {
        let Stage { name, rows_in, rows_out, seconds } = stage;
        let rate = *rows_in as f64 / seconds.max(1e-9);
        format!("| {name} | {rows_in} | {rows_out} | {seconds:.1} | {rate:.0} |")
    }));
    let peak = measured.peak_bytes.map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    lines.push(String::new());
    lines.push(format!("Wall time {:.1} s, peak memory {peak}.", measured.wall.as_secs_f64()));
    lines.join("\n")
}

/// The processor and how much of it there is.
pub(crate) fn machine() -> String {
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(env::consts::ARCH, |(_, model)| model);
    format!("{model}, {cores} cores, {}", env::consts::OS)
}
