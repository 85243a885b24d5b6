use std::{path::Path, process::ExitCode};

use twig_pipeline::{AnswerStore, JobFolder};

use crate::{
    arguments::{AnswerFileArguments, AnswersCommand},
    exit::WrongUsage,
    render,
};

pub(crate) fn answers(command: &AnswersCommand) -> anyhow::Result<ExitCode> {
    match command {
        AnswersCommand::Stats(arguments) => {
            let (_lock, folder) = store_of(&arguments.folder, Access::Read)?;
            let stats = AnswerStore::look(&folder)?;
            if arguments.json {
                render::json(&stats)?;
            } else {
                render::answers(&stats);
            }
        }
        AnswersCommand::Export(AnswerFileArguments { folder, file }) => {
            let (_lock, store) = store_of(folder, Access::Read)?;
            let written = AnswerStore::export(&store, file)?;
            render::note(&format!("{written} answers were written to {}", file.display()));
        }
        AnswersCommand::Import(AnswerFileArguments { folder, file }) => {
            let (_lock, store) = store_of(folder, Access::Write)?;
            let taken = AnswerStore::import(&store, file)?;
            render::note(&format!("{taken} answers were taken over from {}", file.display()));
        }
        AnswersCommand::Prune(arguments) => {
            let (_lock, store) = store_of(&arguments.folder, Access::Write)?;
            let freed = AnswerStore::prune(&store)?;
            render::note(&format!("{freed} bytes were freed"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a run may be going on meanwhile.
#[derive(PartialEq)]
enum Access {
    Read,
    Write,
}

/// The answer store of a job; for writing, with the job's lock held.
fn store_of(
    folder: &Path,
    access: Access,
) -> anyhow::Result<(Option<twig_pipeline::JobLock>, std::path::PathBuf)> {
    let job = JobFolder::new(folder);
    if job.record()?.is_none() {
        let message = format!("no job lies in {}: it has no job.json", folder.display());
        return Err(WrongUsage(message).into());
    }
    let lock = match access {
        Access::Read => None,
        Access::Write => Some(job.lock()?),
    };
    Ok((lock, job.answers()))
}
