use std::{
    fs::File,
    io::{BufWriter, IsTerminal, Read, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::{Context, bail};
use twig_inspect::{Answer, Dataset, SqlSession};
use twig_shards::Remote;

use crate::{
    arguments::{AnswerFormat, SqlArguments},
    exit::WrongUsage,
    render,
};

mod prompt;

pub(crate) fn sql(arguments: &SqlArguments) -> anyhow::Result<ExitCode> {
    let dataset = match arguments.folder.to_str().filter(|place| Remote::is_url(place)) {
        Some(url) => Dataset::fetch(url)?,
        None => super::dataset_in(&arguments.folder)?,
    };
    let mut session = SqlSession::open(&dataset)?;
    let query = match &arguments.query {
        Some(query) => query.clone(),
        None if std::io::stdin().is_terminal() => {
            prompt::read_and_answer(&mut session, arguments.rows)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => {
            let mut query = String::new();
            std::io::stdin().read_to_string(&mut query).context("cannot read the query")?;
            query
        }
    };
    let answer = session.query(&query).map_err(|mistake| WrongUsage(mistake.to_string()))?;
    write(&answer, arguments)?;
    Ok(ExitCode::SUCCESS)
}

fn write(answer: &Answer, arguments: &SqlArguments) -> anyhow::Result<()> {
    let SqlArguments { format, output, rows, .. } = arguments;
    let format = format.or_else(|| output.as_deref().and_then(format_of)).unwrap_or(AnswerFormat::Table);
    match (format, output) {
        (AnswerFormat::Parquet, None) => {
            bail!(WrongUsage("a Parquet file needs a name: --output FILE".to_owned()))
        }
        (AnswerFormat::Parquet, Some(path)) => {
            answer.write_parquet(path).with_context(|| format!("cannot write {}", path.display()))?;
        }
        (format, Some(path)) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            write_text(answer, format, usize::MAX, BufWriter::new(file))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        (format, None) => {
            let mut bytes = Vec::new();
            write_text(answer, format, *rows, &mut bytes)?;
            render::bytes(&bytes)?;
            if format == AnswerFormat::Table && answer.num_rows() > *rows {
                render::note(&format!("{} of {} rows; --rows N shows more", rows, answer.num_rows()));
            }
            return Ok(());
        }
    }
    if let Some(path) = output {
        render::note(&format!("{} rows in {}", answer.num_rows(), path.display()));
    }
    Ok(())
}

fn write_text(answer: &Answer, format: AnswerFormat, rows: usize, mut out: impl Write) -> anyhow::Result<()> {
    match format {
        AnswerFormat::Csv => answer.write_csv(out)?,
        AnswerFormat::Json => answer.write_json(out)?,
        AnswerFormat::Table | AnswerFormat::Parquet => {
            out.write_all(answer.table(rows, render::terminal_width()).as_bytes())?;
        }
    }
    Ok(())
}

/// The format that a file's name promises.
fn format_of(path: &Path) -> Option<AnswerFormat> {
    match path.extension()?.to_str()? {
        "csv" => Some(AnswerFormat::Csv),
        "json" => Some(AnswerFormat::Json),
        "parquet" => Some(AnswerFormat::Parquet),
        _ => None,
    }
}
