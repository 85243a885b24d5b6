//! Python environments with pinned packages, kept outside the clone and shared between runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use xxhash_rust::xxh3::xxh3_64;

use crate::chore::{self, answers, cache, root};

const NO_PYTHON: &str = "Python 3.11 or newer is needed for the consumers' tests and was not found as `python3`; \
                         install it (for example `apt-get install python3 python3-venv`) and try again";

/// The interpreter of an environment with the packages of `tests/python/requirements-NAME.txt`, made on first
/// use. Another lock file or another Python is another environment.
pub(crate) fn interpreter(name: &str) -> Result<PathBuf> {
    let lock = root().join(format!("tests/python/requirements-{name}.txt"));
    let requirements = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let hash = xxh3_64(&[requirements, version()?].concat());
    let folder = cache()?.join(format!("python-{hash:016x}"));
    let interpreter = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let complete = folder.join("complete");
    if !complete.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        install(&folder, &interpreter, &lock, name)?;
        fs::write(&complete, name).with_context(|| format!("cannot write {}", complete.display()))?;
    }
    Ok(interpreter)
}

/// What `python3 --version` says.
fn version() -> Result<Vec<u8>> {
    let output = Command::new("python3").arg("--version").output().context(NO_PYTHON)?;
    let is_new = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !answers("python3", &["-c", is_new]) {
        bail!(NO_PYTHON);
    }
    Ok(output.stdout)
}

fn install(folder: &Path, interpreter: &Path, lock: &Path, name: &str) -> Result<()> {
    let step = format!("Python environment `{name}`");
    let has_uv = answers("uv", &["--version"]);
    let mut venv = Command::new(if has_uv { "uv" } else { "python3" });
    let arguments: &[&str] =
        if has_uv { &["venv", "--quiet", "--python", "python3"] } else { &["-m", "venv"] };
    chore::run(&step, command(venv.args(arguments).arg(folder)))
        .context("if its module venv is missing: `apt-get install python3-venv`, or install uv")?;
    let mut pip = Command::new(if has_uv { "uv".as_ref() } else { interpreter });
    if has_uv {
        pip.args(["pip", "install", "--quiet", "--python"]).arg(interpreter);
    } else {
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    }
    chore::run(
        &format!("{step}: packages"),
        command(pip.args(["--require-hashes", "--requirement"]).arg(lock)),
    )
}

/// Takes a command out of the builder that made it.
fn command(builder: &mut Command) -> Command {
    std::mem::replace(builder, Command::new(""))
}
