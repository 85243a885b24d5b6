use std::process::ExitCode;

use crate::{arguments::SchemaArguments, exit::WrongUsage, render};

pub(crate) fn schema(arguments: &SchemaArguments) -> anyhow::Result<ExitCode> {
    let schemas = twig_pipeline::schemas::all();
    let short = |file: &str| file.trim_end_matches(".schema.json").to_owned();
    let Some(name) = &arguments.name else {
        for (file, _) in &schemas {
            render::line(&short(file));
        }
        return Ok(ExitCode::SUCCESS);
    };
    match schemas.iter().find(|(file, _)| short(file) == *name) {
        Some((_, schema)) => render::json(schema)?,
        None => {
            let names: Vec<String> = schemas.iter().map(|(file, _)| short(file)).collect();
            return Err(
                WrongUsage(format!("no schema is called `{name}`; there are {}", names.join(", "))).into()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
