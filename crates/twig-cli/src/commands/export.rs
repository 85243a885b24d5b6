use std::process::ExitCode;

use crate::arguments::ExportArguments;

pub(crate) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    anyhow::bail!("writing {} in another format is not built yet", release.display());
}
