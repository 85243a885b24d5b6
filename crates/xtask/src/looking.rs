//! The viewer and the report in a real browser, and the recipes for Python: what people do with a release when they
//! look at it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    chore::{self, answers, build_twig, built, cache, root},
    python,
};

/// Names under which Chromium is found; `CHROMIUM` in the environment goes before.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Makes a release, runs the recipes of `docs/python.md` over it, and drives the viewer and the report in headless
/// Chromium. Screenshots are left in `looking/screenshots` below the target folder.
pub(crate) fn looking() -> Result<()> {
    let twig = build_twig()?;
    let folder = built()?.join("looking");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let (job, screenshots) = (folder.join("quickstart"), folder.join("screenshots"));
    let mut run = Command::new(&twig);
    run.args(["run", "pipelines/quickstart.yaml", "--output"]).arg(&job).current_dir(root());
    chore::run("release `looking`", run)?;

    let mut recipes = Command::new(python::interpreter("light")?);
    recipes.arg("-B").arg(root().join("tests/python/recipes.py")).arg(job.join("release"));
    recipes.arg(root().join("docs/python.md")).current_dir(&folder);
    chore::run("recipes of docs/python.md", recipes)?;

    let browser = browser()?;
    let script = script()?;
    let mut look = Command::new("node");
    look.arg(script).arg(&twig).arg(&job).arg(&screenshots).arg(browser).env("TWIG_ROOT", root());
    chore::run("viewer and report in a browser", look)?;
    println!("── screenshots: {}", screenshots.display());
    Ok(())
}

fn browser() -> Result<PathBuf> {
    let named = env::var_os("CHROMIUM").filter(|name| !name.is_empty()).map(PathBuf::from);
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = || {
        let folders = env::split_paths(&paths).collect::<Vec<_>>();
        BROWSERS
            .iter()
            .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
            .find(|path| path.is_file())
    };
    named.or_else(found).context(
        "Chromium is needed to test the viewer and was not found; install it (`apt-get install chromium`) or name it \
         in CHROMIUM",
    )
}

/// The script beside its packages, which lie outside the clone and are installed once for each lock file.
fn script() -> Result<PathBuf> {
    if !answers("npm", &["--version"]) {
        bail!("Node.js with npm is needed to test the viewer; install it (`apt-get install nodejs npm`)");
    }
    let source = root().join("tests/browser");
    let lock =
        fs::read(source.join("package-lock.json")).context("cannot read tests/browser/package-lock.json")?;
    let folder = cache()?.join(format!("browser-{:016x}", xxh3_64(&lock)));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let copy = |name: &str, from: &Path| {
        fs::copy(from.join(name), folder.join(name)).with_context(|| format!("cannot copy {name}"))
    };
    for name in ["package.json", "package-lock.json", "look.mjs"] {
        copy(name, &source)?;
    }
    let complete = folder.join("complete");
    if !complete.exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        chore::run("packages of the browser's script", install)?;
        fs::write(&complete, "").with_context(|| format!("cannot write {}", complete.display()))?;
    }
    Ok(folder.join("look.mjs"))
}
