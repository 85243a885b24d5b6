//! Exit codes, as the README lists them.

use std::process::ExitCode;

use twig_export::PushError;
use twig_pipeline::RunError;

/// Something unexpected: a fault, or a broken file system.
pub(crate) const UNEXPECTED: u8 = 1;
/// Wrong usage, a wrong pipeline file, or a check that failed.
pub(crate) const USAGE: u8 = 2;
/// Interrupted, or worth trying again.
pub(crate) const TRY_AGAIN: u8 = 75;

/// The exit code of an error: its own where the error has one.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    let of_run = error.downcast_ref::<RunError>().map(RunError::exit_code);
    let of_usage = error.downcast_ref::<WrongUsage>().map(|_| USAGE);
    let of_push = error.downcast_ref::<PushError>().filter(|error| error.may_pass()).map(|_| TRY_AGAIN);
    ExitCode::from(of_run.or(of_usage).or(of_push).unwrap_or(UNEXPECTED))
}

/// The user asked for something that is not there; the text says what.
#[derive(Debug)]
pub(crate) struct WrongUsage(pub(crate) String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}
