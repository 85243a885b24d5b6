use std::process::ExitCode;

use twig_inspect::Viewer;

use crate::{arguments::ViewArguments, render};

pub(crate) fn view(arguments: &ViewArguments) -> anyhow::Result<ExitCode> {
    let folders = std::iter::once(&arguments.folder).chain(&arguments.other);
    let datasets = folders.map(|folder| super::dataset_in(folder)).collect::<Result<Vec<_>, _>>()?;
    let marks = datasets[0].marks_file();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let viewer = Viewer::bind(datasets, arguments.port).await?;
        // The address alone on standard output, for scripts.
        render::line(viewer.address());
        render::note(&format!("Open it in a browser; marks go to {}. Ctrl-C ends it.", marks.display()));
        viewer.serve(super::run::interrupted()).await
    })?;
    Ok(ExitCode::SUCCESS)
}
