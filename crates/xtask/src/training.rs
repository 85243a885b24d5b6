//! A release in the hands of trainers: a tiny Janus learns from it, and TRL takes it.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{
    chore::{self, build_twig, built, root},
    python,
};

/// Makes a checkpoint's tokenizer, a release with its ids, and trains on that.
pub(crate) fn training() -> Result<()> {
    let twig = build_twig()?;
    let (light, interpreter) = (python::interpreter("light")?, python::interpreter("train")?);
    let folder = built()?.join("training");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let (checkpoint, output) = (folder.join("checkpoint"), folder.join("job"));
    let script = |interpreter: &Path, name: &str| {
        let mut command = Command::new(interpreter);
        command.arg("-B").arg(root().join("tests/python").join(name)).current_dir(root());
        command
    };
    let mut command = script(&interpreter, "tiny_janus.py");
    command.arg(&checkpoint).args(["samples/prompts/color_train.txt", "samples/prompts/complex_train.txt"]);
    chore::run("tiny checkpoint", command)?;

    let mut command = Command::new(twig);
    command
        .args(["run", "pipelines/quickstart.yaml", "--prompts", "samples/few.jsonl", "--output"])
        .arg(&output);
    // Several samples of a prompt for groups and pairs, and redone regions for pairs.
    for change in ["trajectories.samples_per_prompt=3", "release.validation_share=0", "release.shard_mb=1"] {
        command.args(["--set", change]);
    }
    command.arg("--set").arg(format!("release.text_tokenizer={}", checkpoint.display()));
    command.current_dir(root());
    chore::run("release `training`", command)?;

    let release = output.join("release");
    // The files are looked at with what only the light environment has, the texts with the checkpoint's tokenizer.
    let parts: [(_, &[&str]); 2] =
        [(&light, &["files", "relations"]), (&interpreter, &["samples", "preferences", "datasets"])];
    for (interpreter, parts) in parts {
        let mut command = script(interpreter, "consume.py");
        command.arg(&release).arg("--only").args(parts);
        chore::run("consumers, a checkpoint's tokenizer", command)?;
    }
    let mut command = script(&interpreter, "train.py");
    command.arg(&release).arg(&checkpoint);
    chore::run("training", command)
}
