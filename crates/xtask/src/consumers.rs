//! The release as other people's libraries see it: builds two small ones and hands them to `tests/python`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    chore::{self, build_twig, built, root},
    python,
};

/// Older versions of `datasets` that are still in use, each with an environment of its own.
const HEAVY: [&str; 2] = ["datasets-3", "datasets-4"];

/// Checks both releases with the light consumers, and with the heavy ones if asked.
pub(crate) fn consumers(all: bool) -> Result<()> {
    let twig = build_twig()?;
    let light = python::interpreter("light")?;
    let folder = built()?.join("consumers");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let releases = [quick_start(&twig, &folder)?, whole_images(&twig, &folder)?];
    for release in &releases {
        python("consumers", &light, "consume.py", release, &[])?;
    }
    python("self-test of the consumers", &light, "self_test.py", &releases[1], &[])?;
    for name in HEAVY.iter().filter(|_| all) {
        let interpreter = python::interpreter(name)?;
        for release in &releases {
            python(
                &format!("consumers, {name}"),
                &interpreter,
                "consume.py",
                release,
                &["--only", "datasets"],
            )?;
        }
    }
    Ok(())
}

/// What the README tells a newcomer to run: region by region, with redone regions and a validation split.
fn quick_start(twig: &Path, folder: &Path) -> Result<PathBuf> {
    release(twig, folder, "quickstart", &[])
}

/// The other way of making trajectories, from other formats, with several samples, regions and shards.
fn whole_images(twig: &Path, folder: &Path) -> Result<PathBuf> {
    let prompts = ["samples/few.jsonl", "samples/few.csv"];
    let set = [
        "trajectories.mode=whole_image",
        "trajectories.regions=5",
        "trajectories.samples_per_prompt=2",
        "release.validation_share=0.3",
        "release.shard_mb=1",
    ];
    let prompts = ["--prompts"].into_iter().chain(prompts);
    let set = set.into_iter().flat_map(|change| ["--set", change]);
    release(twig, folder, "whole-images", &prompts.chain(set).collect::<Vec<_>>())
}

/// Runs the quick start, changed as told, and gives the folder of its release.
fn release(twig: &Path, folder: &Path, name: &str, changes: &[&str]) -> Result<PathBuf> {
    let output = folder.join(name);
    let mut command = Command::new(twig);
    command.args(["run", "pipelines/quickstart.yaml"]).args(changes).arg("--output").arg(&output);
    command.current_dir(root());
    chore::run(&format!("release `{name}`"), command)?;
    Ok(output.join("release"))
}

fn python(step: &str, interpreter: &Path, script: &str, release: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(interpreter);
    command.arg("-B").arg(root().join("tests/python").join(script)).arg(release).args(arguments);
    chore::run(step, command)
}
