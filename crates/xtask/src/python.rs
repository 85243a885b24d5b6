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

/// Lock files name every package, whatever it asks for itself: LLaMA-Factory and ms-swift would rather have older
/// versions of what their data code does not need.
fn install(folder: &Path, interpreter: &Path, lock: &Path, name: &str) -> Result<()> {
    let step = format!("Python environment `{name}`");
    let uv = uv()?;
    let mut venv = with_cache(&uv)?;
    chore::run(&step, command(venv.args(["venv", "--quiet", "--python", "python3"]).arg(folder)))?;
    let mut pip = with_cache(&uv)?;
    pip.args(["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--python"]).arg(interpreter);
    chore::run(&format!("{step}: packages"), command(pip.arg("--requirement").arg(lock)))
}

/// The program uv: the one that is there, or else its package, installed once into an environment of its own.
fn uv() -> Result<PathBuf> {
    if answers("uv", &["--version"]) {
        return Ok("uv".into());
    }
    let folder = cache()?.join("uv-program");
    let uv = folder.join(if cfg!(windows) { "Scripts/uv.exe" } else { "bin/uv" });
    if !answers(&uv.to_string_lossy(), &["--version"]) {
        let mut venv = Command::new("python3");
        chore::run("uv", command(venv.args(["-m", "venv", "--clear"]).arg(&folder)))
            .context("if its module venv is missing: `apt-get install python3-venv`, or install uv")?;
        let lock = root().join("tests/python/requirements-uv.txt");
        let mut pip =
            Command::new(folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" }));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
        chore::run("uv: package", command(pip.arg("--requirement").arg(lock)))?;
    }
    Ok(uv)
}

/// uv with its downloads beside the environments: what two of them share is fetched once and linked.
fn with_cache(uv: &Path) -> Result<Command> {
    let mut command = Command::new(uv);
    command.env("UV_CACHE_DIR", cache()?.join("uv"));
    Ok(command)
}

/// Takes a command out of the builder that made it.
fn command(builder: &mut Command) -> Command {
    std::mem::replace(builder, Command::new(""))
}
