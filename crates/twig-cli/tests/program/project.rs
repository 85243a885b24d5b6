//! A folder in which the program is typed, and what came of it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the repository.
pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Prompts that the embedded teacher draws without difficulty, and one that it cannot read.
const PROMPTS: &str = "\
a red apple on the left of a blue cup
two green frogs
a yellow balloon above a white house
three brown dogs and one cat
a red car
a purple umbrella
a blue bird on the right of a tree
the sound of one hand clapping
";

/// A job over [`PROMPTS`] that uses everything: regions redone, regions judged, both splits, many partitions.
const JOB: &str = "\
version: 1
name: test
output: out
seed: 7
prompts:
  files: [mixed_train.txt]
teachers:
  studio: { kind: procedural }
roles: { thinker: studio, painter: studio, critic: studio }
trajectories:
  mode: region_by_region
  redo_rounds: 1
judgements:
  judges:
    studio: { teacher: studio }
  regions: true
release:
  validation_share: 0.3
run:
  partitions: 4
";

/// A temporary folder, removed at the end of the test.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with the pipeline file `job.yaml` and its prompts.
    pub(crate) fn new() -> Self {
        let project = Self::empty();
        project.write("mixed_train.txt", PROMPTS);
        project.write("job.yaml", JOB);
        project
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The program with these arguments, typed in this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twig"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("T2I_COMPBENCH");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn twig(&self, arguments: &[&str]) -> Ran {
        Ran::new(&self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must succeed.
    #[track_caller]
    pub(crate) fn succeeds(&self, arguments: &[&str]) -> Ran {
        let ran = self.twig(arguments);
        assert_eq!(ran.code, Some(0), "twig {arguments:?}\n{}", ran.stderr);
        ran
    }

    /// Starts the program and does not wait for it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    }

    /// The text with the path of this folder replaced.
    pub(crate) fn redacted(&self, text: &str) -> String {
        text.replace(&*self.folder.path().to_string_lossy(), "[folder]")
    }

    /// The events of all runs in a job's folder.
    pub(crate) fn events(&self, output: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(output).join("events.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Every file below a folder, by its path in it.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// The part of a release that must not differ between two ways of making it: all but the card, which holds
/// times, and the checksums, which hold the card's.
pub(crate) fn reproducible(release: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(release);
    assert!(files.contains_key("manifest.json"), "no release in {}", release.display());
    files.retain(|name, _| name != "README.md" && name != "SHA256SUMS");
    files
}

/// Fails with the names of the files that differ, not with their bytes.
#[track_caller]
pub(crate) fn assert_same(found: &BTreeMap<String, Vec<u8>>, wanted: &BTreeMap<String, Vec<u8>>) {
    let names: Vec<_> = found.keys().chain(wanted.keys()).collect();
    let different: Vec<_> = names.into_iter().filter(|name| found.get(*name) != wanted.get(*name)).collect();
    assert!(different.is_empty(), "these files differ: {different:?}");
}
