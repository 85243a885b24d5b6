use std::process::ExitCode;

use crate::arguments::SheetArguments;

pub(crate) fn sheet(arguments: &SheetArguments) -> anyhow::Result<ExitCode> {
    let release = super::release_in(&arguments.folder)?;
    anyhow::bail!("drawing trajectories of {} is not built yet", release.display());
}
