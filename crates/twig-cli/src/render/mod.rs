//! Everything the program prints. Data goes to standard output, everything else to standard error.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this module is for")]

mod funnel;
mod plan;
mod progress;
mod status;
mod summary;

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    path::Path,
};

use serde::Serialize;
use twig_pipeline::JobReport;
use twig_shards::VerifyReport;

pub(crate) use funnel::funnel;
pub(crate) use plan::{pings, plan};
pub(crate) use progress::{LineObserver, ProgressObserver};
pub(crate) use status::{answers, status};
pub(crate) use summary::summary;

/// A line of data.
pub(crate) fn line(text: &str) {
    // Where nobody reads on (`| head`), there is nobody to tell.
    let _ = bytes(text.as_bytes()).and_then(|()| bytes(b"\n"));
}

/// Data as it is. A reader that has gone away (`| head`) is no error.
pub(crate) fn bytes(data: &[u8]) -> std::io::Result<()> {
    match std::io::stdout().lock().write_all(data) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Whether a person reads standard output.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether standard output may be coloured: only on terminals, and not where `NO_COLOR` is set.
pub(crate) fn has_color() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    is_terminal() && !no_color && !is_dumb
}

/// Characters of a line: of the terminal, of `COLUMNS`, or 100.
pub(crate) fn terminal_width() -> usize {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    given.or_else(of_terminal).unwrap_or(100).max(40)
}

/// A line for the person at the terminal.
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Data as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// An error with its causes, once.
pub(crate) fn error(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// The outcome of a check of what a job keeps.
pub(crate) fn job_report(folder: &Path, report: &JobReport) {
    for (file, what) in &report.problems {
        line(&format!("{file}: {what}"));
    }
    let outcome = if report.is_ok() { "sound" } else { "NOT sound" };
    let (files, answers) = (report.files, counted(report.answers));
    line(&format!("{}: {outcome} ({files} files of stages, {answers} answers checked)", folder.display()));
}

/// The outcome of a check.
pub(crate) fn verify(release: &Path, report: &VerifyReport) {
    for problem in &report.problems {
        println!("{problem}");
    }
    if report.left_out > 0 {
        println!("… and {} more", report.left_out);
    }
    let (files, rows, pictures) = (report.files, counted(report.rows), counted(report.pictures));
    let outcome = if report.is_ok() { "sound" } else { "NOT sound" };
    println!("{}: {outcome} ({files} files, {rows} rows, {pictures} pictures checked)", release.display());
}

/// A number with thin groups of three: `5 559`.
fn counted(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    groups.join(" ")
}

/// `3 duplicate_prompt, 1 too_long`, or nothing.
pub(crate) fn reasons<K: std::fmt::Display>(rejected: &BTreeMap<K, u64>) -> String {
    let parts: Vec<String> =
        rejected.iter().map(|(reason, count)| format!("{} {reason}", counted(*count))).collect();
    parts.join(", ")
}

/// Bytes in the unit that fits: `1.2 GB`.
pub(crate) fn sized(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(counted), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(
            [1, 999_999, 1_500_000, 2_340_000_000].map(sized),
            ["1 kB", "1000 kB", "1.5 MB", "2.34 GB"]
        );
    }
}
