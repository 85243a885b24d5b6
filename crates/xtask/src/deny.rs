//! `cargo xtask deny`: what may be in the tree of dependencies, by `.ci/deny.toml`.

use anyhow::{Result, ensure};

use crate::{
    chore::{self, cargo, root},
    python,
};

/// Checks licences, bans and sources with cargo-deny, and that nothing brings another TLS along. Advisories need a
/// database from the network; they are checked where `TWIG_ADVISORIES` is set.
pub(crate) fn deny() -> Result<()> {
    // It fails for what is not in the tree, and for other reasons.
    let found = cargo(&["tree", "--locked", "--workspace", "-i", "aws-lc-sys"]).output()?;
    let said = String::from_utf8_lossy(&found.stderr);
    ensure!(
        !found.status.success() && said.contains("did not match any packages"),
        "aws-lc-sys is in the tree, or nobody can tell:\n{}{said}",
        String::from_utf8_lossy(&found.stdout)
    );
    let mut deny = std::process::Command::new(python::interpreter("deny")?.with_file_name("cargo-deny"));
    deny.arg("--locked")
        .arg("--config")
        .arg(root().join(".ci/deny.toml"))
        .args(["check", "licenses", "bans", "sources"]);
    if std::env::var_os("TWIG_ADVISORIES").is_some() {
        deny.arg("advisories");
    }
    deny.current_dir(root());
    chore::run("dependencies", deny)
}
