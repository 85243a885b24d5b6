//! `cargo xtask schemas`: the files in `schemas/`, as the program prints them.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail, ensure};

use crate::chore::{build_twig, root};

/// Writes all schemas, or says which differ from what the code gives.
pub(crate) fn schemas(check: bool) -> Result<()> {
    let twig = build_twig()?;
    let folder = root().join("schemas");
    let (mut names, mut stale) = (Vec::new(), Vec::new());
    for schema in printed(&twig, &[])?.lines() {
        let name = format!("{schema}.schema.json");
        let (path, text) = (folder.join(&name), printed(&twig, &[schema])?);
        if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            if !check {
                fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
                println!("schemas/{name} written");
            }
            stale.push(name.clone());
        }
        names.push(name);
    }
    let superfluous = superfluous(&folder, &names)?;
    if !superfluous.is_empty() {
        bail!("no schema of the program: {}; remove them", superfluous.join(", "));
    }
    if check && !stale.is_empty() {
        bail!("out of date: {}; write them with `cargo xtask schemas`", stale.join(", "));
    }
    println!("{} schemas, {} {}", names.len(), stale.len(), if check { "out of date" } else { "written" });
    Ok(())
}

/// What `twig schema …` prints.
fn printed(twig: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(twig).arg("schema").args(arguments).output().context("cannot start twig")?;
    ensure!(output.status.success(), "twig schema failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).context("twig schema prints no text")
}

fn superfluous(folder: &Path, names: &[String]) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut superfluous = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".schema.json") && !names.contains(&name) {
            superfluous.push(name);
        }
    }
    superfluous.sort();
    Ok(superfluous)
}
