use std::process::ExitCode;

use twig_export::ExportError;

use crate::{
    arguments::{ExportArguments, ExportFormat},
    exit::WrongUsage,
    render,
};

pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    let exported = match arguments.format {
        ExportFormat::Jsonl => twig_export::jsonl(&release, &arguments.output),
    };
    let summary = exported.map_err(|error| match error {
        error @ ExportError::Exists { .. } => WrongUsage(error.to_string()).into(),
        error @ (ExportError::Shards(_) | ExportError::Io { .. } | ExportError::NotPng { .. }) => {
            anyhow::Error::from(error)
        }
    })?;
    for file in &summary.files {
        render::line(&format!("{}: {} rows", arguments.output.join(&file.path).display(), file.rows));
    }
    render::note(&format!("{} pictures in {}", summary.pictures, arguments.output.join("images").display()));
    Ok(ExitCode::SUCCESS)
}
