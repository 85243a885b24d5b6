use std::{collections::BTreeSet, process::ExitCode};

use twig_model::RejectReason;
use twig_pipeline::JobFolder;

use crate::{arguments::RetryArguments, exit::WrongUsage, render};

/// Notes which rows are to be tried again, then runs the job.
pub(crate) fn retry(arguments: &RetryArguments) -> anyhow::Result<ExitCode> {
    let reasons = arguments.reason.iter().map(|name| reason(name)).collect::<Result<BTreeSet<_>, _>>()?;
    let settings = super::settings(&arguments.run.job)?;
    let counts = twig_pipeline::retry(&JobFolder::new(&settings.file.output), &reasons)?;
    if counts.is_empty() {
        render::note("no rejected row is to be tried again");
        return Ok(ExitCode::SUCCESS);
    }
    render::note(&format!("tried again: {}", render::reasons(&counts)));
    super::run::run(&arguments.run)
}

/// A reason that another try can help against.
fn reason(name: &str) -> Result<RejectReason, WrongUsage> {
    let retryable = RejectReason::ALL.into_iter().filter(|reason| reason.is_retryable());
    let names: Vec<&str> = retryable.map(RejectReason::as_str).collect();
    let wanted = names.join(", ");
    match RejectReason::from_name(name) {
        Some(reason) if reason.is_retryable() => Ok(reason),
        Some(_) => {
            Err(WrongUsage(format!("asking again does not help against `{name}`; it does against {wanted}")))
        }
        None => Err(WrongUsage(format!("there is no reason `{name}`; known here are {wanted}"))),
    }
}
