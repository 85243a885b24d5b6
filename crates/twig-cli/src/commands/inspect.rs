use std::process::ExitCode;

use crate::{arguments::InspectArguments, render};

pub(crate) fn inspect(arguments: &InspectArguments) -> anyhow::Result<ExitCode> {
    let InspectArguments { folder, other, json } = arguments;
    match other {
        None => {
            let summary = twig_inspect::summary(&super::release_or_store(folder)?)?;
            if *json {
                render::json(&summary)?;
            } else {
                render::line(twig_inspect::render(&summary).trim_end());
            }
        }
        Some(other) => {
            let [a, b] = [super::release_or_store(folder)?, super::release_or_store(other)?];
            let comparison = twig_inspect::compare(&a, &b)?;
            if *json {
                render::json(&comparison)?;
            } else {
                render::line(&format!("A  {}\nB  {}\n", a.folder().display(), b.folder().display()));
                render::line(twig_inspect::render_comparison(&comparison).trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
