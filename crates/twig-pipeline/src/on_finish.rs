//! Tells a command of the user's how a run has ended.

use std::{process::Stdio, time::Duration};

use tokio::process::Command;

use crate::{error::RunError, settings::Settings};

/// Longest that the command may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the command; returns what went wrong with it, which changes nothing in the outcome.
pub(crate) async fn tell<T>(
    command: &str,
    settings: &Settings,
    outcome: &Result<T, RunError>,
) -> Option<String> {
    let (name, code, message) = match outcome {
        Ok(_) => ("done", 0, String::new()),
        Err(error) => {
            let code = error.exit_code();
            let name = match code {
                3 => "rejected",
                4 => "budget",
                75 => "interrupted",
                _ => "failed",
            };
            (name, code, error.with_causes())
        }
    };
    let mut shell = if cfg!(windows) { Command::new("cmd") } else { Command::new("sh") };
    shell.args([if cfg!(windows) { "/C" } else { "-c" }, command]);
    shell.env("TWIG_OUTCOME", name).env("TWIG_EXIT_CODE", code.to_string());
    shell.env("TWIG_JOB", &settings.file.name).env("TWIG_OUTPUT", &settings.file.output);
    shell.env("TWIG_MESSAGE", message);
    // Its output is for people; standard output belongs to data.
    shell.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let ended = async { shell.spawn()?.wait().await };
    match tokio::time::timeout(PATIENCE, ended).await {
        Ok(Ok(status)) if status.success() => None,
        Ok(Ok(status)) => Some(format!("run.on_finish ended with {status}")),
        Ok(Err(error)) => Some(format!("run.on_finish could not be run: {error}")),
        Err(_) => Some(format!("run.on_finish took longer than {} s and was ended", PATIENCE.as_secs())),
    }
}
