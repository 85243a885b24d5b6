use std::process::ExitCode;

use crate::{arguments::FolderArguments, render};

pub(crate) fn inspect(arguments: &FolderArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    let summary = twig_inspect::summary(&release)?;
    if arguments.json {
        render::json(&summary)?;
    } else {
        render::line(twig_inspect::render(&summary).trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
