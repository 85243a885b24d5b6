//! The release as other people's libraries see it: builds two small ones, derives others from them, exports them,
//! pushes them, and hands all of it to `tests/python`.

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

/// An older version of `datasets` that is still in use, and what needs PyTorch, with yet another version.
const HEAVY: [&str; 2] = ["datasets-3", "train"];

/// Every format that is read back; Energon reads that of WebDataset, ms-swift the plain one.
const FORMATS: [&str; 8] = ["jsonl", "webdataset", "mds", "llama-factory", "bagel", "irg", "codes", "plain"];

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
    for release in derived(&twig, &folder, &releases)? {
        python("consumers of a derived release", &light, "consume.py", &release, &[])?;
    }
    let exports = export(&twig, &folder, &releases[1])?;
    python("exports", &light, "exports.py", &releases[1], &[&exports.to_string_lossy()])?;
    let mut stores = Command::new(&light);
    stores.arg("-B").arg(root().join("tests/python/stores.py")).arg(&twig).args(&releases);
    chore::run("object stores", stores)?;
    for name in HEAVY.iter().filter(|_| all) {
        let interpreter = python::interpreter(name)?;
        let step = format!("consumers, {name}");
        for release in &releases {
            python(&step, &interpreter, "consume.py", release, &["--only", "datasets"])?;
        }
        if *name == "train" {
            let arguments = [&*exports.to_string_lossy(), "--train"];
            python("exports, train", &interpreter, "exports.py", &releases[1], &arguments)?;
        }
    }
    Ok(())
}

/// A filtered, a sampled and a merged release.
fn derived(twig: &Path, folder: &Path, releases: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let (first, second) = (releases[0].to_string_lossy(), releases[1].to_string_lossy());
    let commands: [&[&str]; 4] = [
        &["filter", &first, "--where", "reward >= 80 and category <> 'texture'"],
        &["sample", &first, "--share", "0.3"],
        &["filter", &first, "--where", "not (reward >= 80 and category <> 'texture')", "--name", "Rest"],
        &["sample", &second, "--share", "1"],
    ];
    let mut made = Vec::new();
    for (number, command) in commands.iter().enumerate() {
        made.push(derive(twig, &folder.join(format!("derived-{number}")), command)?);
    }
    let (filtered, rest) = (made[0].to_string_lossy().into_owned(), made[2].to_string_lossy().into_owned());
    made.push(derive(twig, &folder.join("derived-merged"), &["merge", &filtered, &rest])?);
    Ok(made)
}

fn derive(twig: &Path, output: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let mut command = Command::new(twig);
    command.args(arguments).arg("--output").arg(output);
    chore::run(&format!("twig {}", arguments[0]), command)?;
    Ok(output.to_owned())
}

/// A release in every format, each in a folder of its name.
fn export(twig: &Path, folder: &Path, release: &Path) -> Result<PathBuf> {
    let exports = folder.join("exports");
    for format in FORMATS {
        let mut command = Command::new(twig);
        command.arg("export").arg(release).args(["--format", format, "--output"]).arg(exports.join(format));
        command.stdout(std::process::Stdio::null());
        chore::run(&format!("twig export --format {format}"), command)?;
    }
    Ok(exports)
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
