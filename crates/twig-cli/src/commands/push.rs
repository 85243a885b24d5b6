use std::{path::Path, process::ExitCode};

use twig_export::{HubAccess, Pushed};

use crate::{arguments::PushArguments, exit::WrongUsage, render};

pub(crate) fn push(arguments: &PushArguments) -> anyhow::Result<ExitCode> {
    let PushArguments { folder, target, replace } = arguments;
    push_to(&super::release_in(folder)?, target, *replace)?;
    Ok(ExitCode::SUCCESS)
}

/// Uploads a release and says what it took.
pub(super) fn push_to(release: &Path, target: &str, replace: bool) -> anyhow::Result<()> {
    let tell = |name: &str| render::note(&format!("sending {name}"));
    let pushed = twig_export::push(release, target, replace, &HubAccess::from_env(), &tell);
    let Pushed { place, sent, bytes, kept } = pushed.map_err(|error| match error.is_wrong_usage() {
        true => WrongUsage(error.to_string()).into(),
        false => anyhow::Error::from(error),
    })?;
    render::line(&format!("{place}: {sent} files sent ({}), {kept} were there", render::sized(bytes)));
    Ok(())
}
