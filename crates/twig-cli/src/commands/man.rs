use std::{fs, process::ExitCode};

use anyhow::Context;
use clap::CommandFactory;

use crate::{
    arguments::{Arguments, ManArguments},
    render,
};

pub(crate) fn man(arguments: &ManArguments) -> anyhow::Result<ExitCode> {
    let command = Arguments::command();
    match &arguments.output {
        Some(folder) => {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            clap_mangen::generate_to(command, folder)
                .with_context(|| format!("cannot write to {}", folder.display()))?;
            render::note(&format!("The pages lie in {}; try `man twig-run`", folder.display()));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            render::bytes(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
