//! Running programs: each by name, with the seconds it took.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use xxhash_rust::xxh3::xxh3_64;

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The folder in which cargo has put this program, and puts the others of the same profile.
pub(crate) fn built() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where this program lies")?;
    Ok(own.parent().context("this program lies in no folder")?.to_owned())
}

/// Cargo, in the workspace.
///
/// The cargo that runs this program has told it about its package. One started from here must not hear of that:
/// build scripts that look at those variables (that of `ring` does) would run again, and with them would be
/// compiled whatever depends on them, Polars above all.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|of_package| name.to_string_lossy().starts_with(of_package))
        {
            command.env_remove(name);
        }
    }
    command.args(arguments).current_dir(root());
    command
}

/// Builds the program `twig` and all examples: together, because their dependencies then have the features that the
/// tests give them. Alone they would have others, and much would be compiled again.
fn build() -> Result<()> {
    let build = ["build", "--release", "--locked", "--workspace", "--bin", "twig", "--examples"];
    run("build", cargo(&build))
}

/// Builds an example of one of the crates. Examples see crates that this program does not depend on.
pub(crate) fn build_example(name: &str) -> Result<PathBuf> {
    build()?;
    let program = built()?.join(format!("examples/{name}{}", env::consts::EXE_SUFFIX));
    ensure!(program.exists(), "no {} after it was built", program.display());
    Ok(program)
}

/// Builds the program `twig` and gives a link to it that stays.
///
/// Another clone that shares the target folder may put its own in the place of the one just built at any time;
/// the link is this clone's alone.
pub(crate) fn build_twig() -> Result<PathBuf> {
    build()?;
    let name = format!("twig{}", env::consts::EXE_SUFFIX);
    let folder = built()?.join(format!("of-{:016x}", xxh3_64(root().as_os_str().as_encoded_bytes())));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let link = folder.join(&name);
    // Nothing is there the first time.
    let _ = fs::remove_file(&link);
    fs::hard_link(built()?.join(&name), &link).with_context(|| format!("cannot link {}", link.display()))?;
    Ok(link)
}

/// Where environments are kept between runs, outside the clone.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("TWIG_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = env::home_dir().context("no home folder; set TWIG_CACHE to a folder for caches")?;
    Ok(home.join(".cache/twig"))
}

/// Runs a program to its end and says how long it took.
pub(crate) fn run(name: &str, mut command: Command) -> Result<()> {
    println!("── {name}");
    let start = Instant::now();
    let status = command
        .status()
        .with_context(|| format!("{name}: cannot start {}", command.get_program().display()))?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("{name} failed after {seconds:.1} s ({status})");
    }
    println!("── {name}: ok, {seconds:.1} s");
    Ok(())
}

/// Whether a program is there and answers to these arguments.
pub(crate) fn answers(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}
