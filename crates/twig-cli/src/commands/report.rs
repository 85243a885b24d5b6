use std::process::ExitCode;

use crate::{arguments::ReportArguments, render};

pub(crate) fn report(arguments: &ReportArguments) -> anyhow::Result<ExitCode> {
    let dataset = super::dataset_in(&arguments.folder)?;
    let beside = || dataset.job().map_or_else(|| "report.html".into(), |job| job.join("report.html"));
    let path = arguments.output.clone().unwrap_or_else(beside);
    let html = twig_inspect::report(&dataset)?;
    twig_shards::atomic::write(&path, html.as_bytes())?;
    render::note(&format!("{} ({})", path.display(), render::sized(html.len() as u64)));
    Ok(ExitCode::SUCCESS)
}
