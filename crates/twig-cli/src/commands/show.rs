use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use twig_inspect::{Catalogue, Dataset, Details, Pictures, ShowOptions, show as shown};

use crate::{arguments::ShowArguments, exit::WrongUsage, render};

pub(crate) fn show(arguments: &ShowArguments) -> anyhow::Result<ExitCode> {
    let options = ShowOptions {
        pictures: pictures(arguments.pictures),
        color: render::has_color(),
        width: render::terminal_width(),
    };
    let (first, ids) =
        arguments.words.split_first().ok_or_else(|| WrongUsage("which trajectory?".to_owned()))?;
    let found = if Path::new(first).is_dir() {
        in_folder(Path::new(first), ids)?
    } else {
        anywhere(&arguments.words)?
    };
    for (number, (dataset, catalogue, position)) in found.iter().enumerate() {
        if number > 0 {
            render::line("");
        }
        let details = Details::load(dataset, catalogue, *position)?;
        render::line(shown(&details, options)?.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}

type Found = (std::rc::Rc<Dataset>, std::rc::Rc<Catalogue>, usize);

/// The trajectories with these ids, or without any one that has something to tell: a region that was redone.
fn in_folder(folder: &Path, ids: &[String]) -> anyhow::Result<Vec<Found>> {
    let dataset = std::rc::Rc::new(super::dataset_in(folder)?);
    let catalogue = std::rc::Rc::new(Catalogue::load(&dataset)?);
    let of = |position| (dataset.clone(), catalogue.clone(), position);
    if ids.is_empty() {
        let entries = catalogue.entries();
        let redone = entries.iter().position(|entry| entry.redos() == 1);
        let first = redone.or((!entries.is_empty()).then_some(0));
        let first = first.ok_or_else(|| WrongUsage(format!("{} holds no trajectories", folder.display())))?;
        return Ok(vec![of(first)]);
    }
    ids.iter()
        .map(|id| {
            let message = || {
                format!(
                    "{} holds no trajectory, or more than one, whose id begins with {id}",
                    folder.display()
                )
            };
            catalogue.find(id).map(&of).ok_or_else(|| WrongUsage(message()).into())
        })
        .collect()
}

/// The trajectories with these ids, in the current folder or in one of those in `out`.
fn anywhere(ids: &[String]) -> anyhow::Result<Vec<Found>> {
    let outputs = fs::read_dir("out").into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = std::iter::once(PathBuf::from(".")).chain(outputs).collect();
    folders.retain(|folder| Dataset::open(folder).is_ok());
    folders.sort_unstable();
    let found = folders.iter().find_map(|folder| in_folder(folder, ids).ok());
    found.ok_or_else(|| {
        let looked = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>();
        let looked = if looked.is_empty() { "no job or release".to_owned() } else { looked.join(", ") };
        let message = format!(
            "no trajectory {} was found; looked in this folder and in out/ and found {looked}; say where: twig show OUT ID",
            ids.join(", ")
        );
        WrongUsage(message).into()
    })
}

fn pictures(wanted: Option<Pictures>) -> Pictures {
    match wanted {
        None if !render::is_terminal() => Pictures::None,
        None => Pictures::detect(|name| std::env::var(name).ok()),
        Some(style) => style,
    }
}
