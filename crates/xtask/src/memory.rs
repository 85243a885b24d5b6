//! Running a program while watching how much memory it holds.

use std::{
    fs,
    process::{Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How a program ran.
pub(crate) struct Measured {
    pub(crate) status: ExitStatus,
    pub(crate) wall: Duration,
    /// The most memory it held, in bytes; `None` where the system does not tell.
    pub(crate) peak_bytes: Option<u64>,
}

/// Runs a program to its end. The system keeps the high-water mark itself, so looking now and then misses only
/// what the program grows by in its last moments.
pub(crate) fn measured(command: &mut Command) -> Result<Measured> {
    const PAUSE: Duration = Duration::from_millis(50);
    let start = Instant::now();
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let mut peak_bytes = None;
    loop {
        peak_bytes = high_water_mark(child.id()).max(peak_bytes);
        if let Some(status) = child.try_wait().context("cannot wait for the program")? {
            return Ok(Measured { status, wall: start.elapsed(), peak_bytes });
        }
        thread::sleep(PAUSE);
    }
}

/// `VmHWM` of a running process, on Linux.
pub(crate) fn high_water_mark(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
