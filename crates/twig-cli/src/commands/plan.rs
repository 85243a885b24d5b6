use std::process::ExitCode;

use crate::{arguments::PlanArguments, render};

pub(crate) fn plan(arguments: &PlanArguments) -> anyhow::Result<ExitCode> {
    let settings = super::settings(&arguments.job)?;
    if arguments.select {
        let funnel = twig_pipeline::funnel(&settings)?;
        match arguments.json {
            true => render::json(&funnel)?,
            false => render::funnel(&funnel),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let plan = twig_pipeline::plan(&settings, arguments.job.limit.map(|limit| limit as usize))?;
    if arguments.json {
        render::json(&plan)?;
    } else {
        render::plan(&plan);
    }
    Ok(ExitCode::SUCCESS)
}
