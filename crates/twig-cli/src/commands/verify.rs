use std::process::ExitCode;

use crate::{arguments::FolderArguments, exit, render};

pub(crate) fn verify(arguments: &FolderArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    let report = twig_shards::verify(&release);
    if arguments.json {
        render::json(&report)?;
    } else {
        render::verify(&release, &report);
    }
    Ok(if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) })
}
