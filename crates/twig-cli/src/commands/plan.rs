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
    let pings = match arguments.ping {
        true => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Some(runtime.block_on(twig_pipeline::ping(&settings))?)
        }
        false => None,
    };
    match (arguments.json, &pings) {
        (true, None) => render::json(&plan)?,
        (true, Some(pings)) => render::json(&serde_json::json!({ "plan": plan, "pings": pings }))?,
        (false, _) => render::plan(&plan),
    }
    if let (false, Some(pings)) = (arguments.json, &pings) {
        render::pings(pings);
    }
    Ok(ExitCode::SUCCESS)
}
