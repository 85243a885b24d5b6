mod answers;
mod completions;
mod derive;
mod export;
mod inspect;
mod man;
mod plan;
mod push;
mod report;
mod retry;
mod run;
mod schema;
mod sheet;
mod show;
mod sql;
mod status;
mod verify;
mod view;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use twig_inspect::{Dataset, InspectError};
use twig_pipeline::{JobFolder, Settings};
use twig_shards::{Manifest, Remote};

use crate::{
    arguments::{Command, JobArguments},
    exit::WrongUsage,
};

/// Does what was asked for.
pub(crate) fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Plan(arguments) => plan::plan(&arguments),
        Command::Status(arguments) => status::status(&arguments),
        Command::Answers(command) => answers::answers(&command),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Retry(arguments) => retry::retry(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Sql(arguments) => sql::sql(&arguments),
        Command::Show(arguments) => show::show(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::View(arguments) => view::view(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => man::man(&arguments),
        Command::Sheet(arguments) => sheet::sheet(&arguments),
        Command::Export(arguments) => export::export(&arguments),
        Command::Push(arguments) => push::push(&arguments),
        Command::Merge(arguments) => derive::merge(&arguments),
        Command::Filter(arguments) => derive::filter(&arguments),
        Command::Sample(arguments) => derive::sample(&arguments),
        Command::Schema(arguments) => schema::schema(&arguments),
    }
}

/// The pipeline file with what the arguments change in it.
fn settings(arguments: &JobArguments) -> anyhow::Result<Settings> {
    settings_with(arguments, None)
}

/// The pipeline file with what the arguments change in it, and one change more.
fn settings_with(arguments: &JobArguments, change: Option<&str>) -> anyhow::Result<Settings> {
    let JobArguments { pipeline, prompts, output, set, limit: _ } = arguments;
    let mut overrides = set.clone();
    overrides.extend(change.map(str::to_owned));
    if let Some(output) = output {
        overrides.push(format!("output={}", serde_json::to_string(output)?));
    }
    if !prompts.is_empty() {
        overrides.push(format!("prompts.files={}", serde_json::to_string(&from_here(prompts)?)?));
    }
    Ok(Settings::load(pipeline, &overrides).map_err(twig_pipeline::RunError::from)?)
}

/// Patterns on the command line are relative to the current directory, those in the file to the file. Addresses of
/// object stores are neither.
fn from_here(patterns: &[String]) -> anyhow::Result<Vec<String>> {
    let here = std::env::current_dir()?;
    let absolute = |pattern: &String| match Remote::is_url(pattern) {
        true => pattern.clone(),
        false => here.join(pattern).to_string_lossy().into_owned(),
    };
    Ok(patterns.iter().map(absolute).collect())
}

/// What lies in a folder: a job, a release, or both.
fn dataset_in(folder: &Path) -> anyhow::Result<Dataset> {
    Dataset::open(folder).map_err(|error| match error {
        error @ InspectError::Nothing { .. } => WrongUsage(error.to_string()).into(),
        error => anyhow::Error::from(error),
    })
}

/// The release in a folder of this machine, or the flat columns of one in an object store.
fn release_or_store(place: &Path) -> anyhow::Result<Dataset> {
    match place.to_str().filter(|place| Remote::is_url(place)) {
        Some(url) => Ok(Dataset::fetch(url)?),
        None => dataset_in(place).and_then(|dataset| match dataset.release() {
            Some(_) => Ok(dataset),
            None => release_in(place).and_then(|release| dataset_in(&release)),
        }),
    }
}

/// The release that a folder is or holds.
fn release_in(folder: &Path) -> anyhow::Result<PathBuf> {
    let candidates = [folder.to_owned(), JobFolder::new(folder).release()];
    let found = candidates.into_iter().find(|path| path.join(Manifest::FILE_NAME).exists());
    found.ok_or_else(|| {
        let message = format!(
            "no release lies in {}: neither it nor its folder release/ holds a manifest.json",
            folder.display()
        );
        WrongUsage(message).into()
    })
}
