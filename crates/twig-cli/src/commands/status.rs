use std::process::ExitCode;

use twig_pipeline::JobFolder;

use crate::{arguments::FolderArguments, exit::WrongUsage, render};

pub(crate) fn status(arguments: &FolderArguments) -> anyhow::Result<ExitCode> {
    let folder = JobFolder::new(&arguments.folder);
    let status = twig_pipeline::status(&folder)?.ok_or_else(|| {
        WrongUsage(format!("no job lies in {}: it has no job.json", arguments.folder.display()))
    })?;
    if arguments.json {
        render::json(&status)?;
    } else {
        render::status(&status);
    }
    Ok(ExitCode::SUCCESS)
}
