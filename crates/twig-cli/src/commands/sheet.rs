use std::process::ExitCode;

use twig_inspect::InspectError;

use crate::{arguments::SheetArguments, exit::WrongUsage, render};

pub(crate) fn sheet(arguments: &SheetArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    let sheet =
        twig_inspect::sheet(&release, &arguments.ids, arguments.rows).map_err(|error| match error {
            error @ (InspectError::UnknownIds { .. } | InspectError::TooMany { .. }) => {
                WrongUsage(error.to_string()).into()
            }
            error => anyhow::Error::from(error),
        })?;
    twig_shards::atomic::write(&arguments.output, &twig_inspect::encode_png(&sheet))?;
    let (width, height) = sheet.dimensions();
    render::note(&format!("{}: {width} × {height} pixels", arguments.output.display()));
    Ok(ExitCode::SUCCESS)
}
