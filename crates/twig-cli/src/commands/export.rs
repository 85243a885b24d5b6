use std::process::ExitCode;

use crate::{arguments::ExportArguments, exit::WrongUsage, render};

pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    let exported = twig_export::export(&release, &arguments.output, arguments.format);
    let summary = exported.map_err(|error| match error.is_wrong_usage() {
        true => WrongUsage(error.to_string()).into(),
        false => anyhow::Error::from(error),
    })?;
    for file in &summary.files {
        let path = arguments.output.join(&file.path);
        match file.rows {
            0 => render::line(&path.display().to_string()),
            rows => render::line(&format!("{}: {rows} rows", path.display())),
        }
    }
    if summary.pictures > 0 {
        let images = arguments.output.join("images");
        render::note(&format!("{} pictures in {}", summary.pictures, images.display()));
    }
    Ok(ExitCode::SUCCESS)
}
