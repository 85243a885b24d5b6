//! The Janus tokenizer against implementations that we did not write.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    chore::{self, build_example, build_twig, built, root},
    python,
};

/// Compares ids and pixels with transformers', in the real configuration, and what a run of the program makes of the
/// checkpoint.
pub(crate) fn fidelity() -> Result<()> {
    let (program, work) = (build_example("janus-vq")?, work()?);
    let twig = build_twig()?;
    let release = work.join("pictures");
    let mut pictures = Command::new(twig);
    pictures.args(["run", "pipelines/quickstart.yaml", "--limit", "20", "--output"]).arg(&release);
    chore::run("pictures of the embedded teacher", take(pictures.current_dir(root())))?;
    let mut fidelity = script("janus_vq.py", &program)?;
    chore::run("Janus tokenizer, fidelity", take(fidelity.arg(release.join("release")).arg(work)))
}

/// Times it in turns with PyTorch, and prints the figures as Markdown.
pub(crate) fn speed() -> Result<()> {
    let program = build_example("janus-vq")?;
    let mut speed = script("janus_vq_speed.py", &program)?;
    chore::run("Janus tokenizer, speed", take(speed.arg(work()?)))
}

fn work() -> Result<PathBuf> {
    Ok(built()?.join("janus-vq"))
}

fn script(name: &str, program: &Path) -> Result<Command> {
    let mut command = Command::new(python::interpreter("train")?);
    command.arg("-B").arg(root().join("tests/python").join(name)).arg(program);
    Ok(command)
}

/// Takes a command out of the builder that made it.
fn take(builder: &mut Command) -> Command {
    std::mem::replace(builder, Command::new(""))
}
