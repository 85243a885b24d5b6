//! Running a job while looking at its processor time and memory, stage by stage.

use std::{collections::BTreeMap, fs, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// A look at a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// Seconds of processor time, of the program and of the server that it asks.
    pub(crate) cpu: f64,
    pub(crate) server_cpu: f64,
    /// Memory held, in bytes.
    pub(crate) memory: u64,
}

/// A stage of a run.
#[derive(Debug, Clone)]
pub(crate) struct WatchedStage {
    pub(crate) seconds: f64,
    pub(crate) begin: Look,
    pub(crate) end: Look,
    /// Memory after a quarter of the looks, to hold against that at the end.
    pub(crate) memory_early: u64,
}

/// A run of a job.
pub(crate) struct Watched {
    pub(crate) stages: BTreeMap<String, WatchedStage>,
    pub(crate) peak_bytes: u64,
}

/// Runs a job to its end. Looks every few milliseconds, at the process and at the events it has written.
pub(crate) fn watched(command: &mut Command, output: &Path, server: u32) -> Result<Watched> {
    const PAUSE: Duration = Duration::from_millis(4);
    let events = output.join("events.jsonl");
    let mut read = fs::metadata(&events).map_or(0, |data| data.len() as usize);
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (mut stages, mut begun, mut peak_bytes) = (BTreeMap::new(), BTreeMap::new(), 0);
    let mut looks: Vec<u64> = Vec::new();
    let status = loop {
        let look = Look {
            cpu: cpu_seconds(child.id()).unwrap_or_default(),
            server_cpu: cpu_seconds(server).unwrap_or_default(),
            memory: memory(child.id(), "VmRSS:").unwrap_or_default(),
        };
        peak_bytes = memory(child.id(), "VmHWM:").unwrap_or_default().max(peak_bytes);
        looks.push(look.memory);
        let text = fs::read(&events).unwrap_or_default();
        let new = text.get(read..).unwrap_or_default();
        let whole = new.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in String::from_utf8_lossy(&new[..whole]).lines() {
            let event: Value = serde_json::from_str(line).context("an event is not JSON")?;
            let stage = event["stage"].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("stage_started") => {
                    looks.clear();
                    begun.insert(stage, look);
                }
                Some("stage_finished") => {
                    let begin = begun.get(&stage).copied().unwrap_or_default();
                    let seconds = event["seconds"].as_f64().unwrap_or_default();
                    let memory_early = looks.get(looks.len() / 4).copied().unwrap_or_default();
                    stages.insert(stage, WatchedStage { seconds, begin, end: look, memory_early });
                }
                _ => {}
            }
        }
        read += whole;
        if let Some(status) = child.try_wait().context("cannot wait for the program")? {
            break status;
        }
        thread::sleep(PAUSE);
    };
    ensure!(status.success(), "the job failed ({status})");
    Ok(Watched { stages, peak_bytes })
}

/// Seconds of processor time that a process has taken, all threads together, on Linux.
fn cpu_seconds(process: u32) -> Option<f64> {
    /// Linux counts in hundredths of a second, whatever the machine.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn memory(process: u32, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
