use std::path::Path;

use twig_pipeline::{JobFolder, RunSummary, Settings};

use super::{counted, note, reasons};

/// The closing lines of a run: what was made, what was rejected and why, where it lies, what to type next.
pub(crate) fn summary(settings: &Settings, summary: &RunSummary) {
    let output = &settings.file.output;
    let release = JobFolder::new(output).release();
    let rows = |table: &str| counted(summary.release.rows.get(table).copied().unwrap_or(0));
    note("");
    if summary.did_something {
        note(&format!("Made in {:.1} s:", summary.elapsed.as_secs_f64()));
    } else {
        note("Nothing to do: prompts, settings and answers are those of the release that stands.");
    }
    note(&format!("  {} trajectories with {} attempts at regions", rows("trajectories"), rows("steps")));
    let samples = summary.release.samples.iter();
    let samples: Vec<String> = samples.map(|(task, count)| format!("{} {task}", counted(*count))).collect();
    note(&format!("  {} training samples: {}", rows("janus"), samples.join(", ")));
    let rejected = summary.accounts.iter().filter(|account| !account.rejected.is_empty());
    let mut lines: Vec<String> = rejected
        .map(|account| {
            format!(
                "  {}: {} of {} rows",
                account.stage,
                reasons(&account.rejected),
                counted(account.rows_in)
            )
        })
        .collect();
    if summary.blank_lines > 0 {
        lines.push(format!("  {} blank lines were passed over", counted(summary.blank_lines)));
    }
    if !lines.is_empty() {
        note(&format!("Rejected (rows and reasons in {output}/rejected/):"));
        for line in &lines {
            note(line);
        }
    }
    note(&format!("The release lies in {}", release.display()));
    next(&release, output);
}

fn next(release: &Path, output: &str) {
    note("Next:");
    note(&format!("  twig verify {output}      check every file of it"));
    note(&format!("  twig inspect {output}     scores, attempts and samples at a glance"));
    note(&format!("  twig view {output}        look at trajectories in the browser"));
    note(&format!("  twig report {output}      one HTML file to send to somebody"));
    note(&format!("  python: datasets.load_dataset({:?}, \"sft\")", release.display().to_string()));
}
