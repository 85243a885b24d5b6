use std::process::ExitCode;

use serde_json::json;
use twig_pipeline::JobFolder;

use crate::{arguments::VerifyArguments, exit, render};

/// Checks a release, and where the folder is a job's everything that the job keeps.
pub(crate) fn verify(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let VerifyArguments { folder, repair, json } = arguments;
    let job = JobFolder::new(folder);
    let is_job = folder.join("job.json").exists();
    let kept = if is_job { Some(twig_pipeline::check(&job, *repair)?) } else { None };
    let release = match super::release_in(folder) {
        Ok(release) => Some((twig_shards::verify(&release), release)),
        Err(_) if is_job => None,
        Err(error) => return Err(error),
    };
    let release_is_ok = release.as_ref().is_none_or(|(report, _)| report.is_ok());
    if let Some((report, _)) = &release
        && *repair
        && is_job
        && !report.is_ok()
    {
        let damaged = report.problems.iter().map(|problem| problem.file.as_str()).collect();
        twig_pipeline::forget_damaged(&job, &damaged)?;
    }
    if *json {
        let mut value = match &release {
            Some((report, _)) => serde_json::to_value(report)?,
            None => json!({}),
        };
        value["job"] = serde_json::to_value(&kept)?;
        render::json(&value)?;
    } else {
        if let Some(kept) = &kept {
            render::job_report(folder, kept);
        }
        match &release {
            Some((report, release)) => render::verify(release, report),
            None => render::note("no release lies there yet"),
        }
    }
    let is_ok = release_is_ok && kept.as_ref().is_none_or(twig_pipeline::JobReport::is_ok);
    if !is_ok && is_job {
        render::note(if *repair {
            "what is damaged was taken out of use; run the job again to make it anew, from the answers that are kept"
        } else {
            "`twig verify --repair` takes what is damaged out of use, so that the next run makes just that anew"
        });
    }
    Ok(if is_ok { ExitCode::SUCCESS } else { ExitCode::from(exit::USAGE) })
}
