//! `twig verify` passes what was written and nothing else.

use std::fs;

use crate::project::{Project, files};

#[test]
fn one_flipped_bit_in_any_file_is_found() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    project.succeeds(&["verify", "out/release"]);
    let release = project.path("out/release");
    for (name, bytes) in files(&release) {
        let mut spoilt = bytes.clone();
        spoilt[bytes.len() / 2] ^= 1;
        fs::write(release.join(&name), spoilt).unwrap();
        let ran = project.twig(&["verify", "out"]);
        fs::write(release.join(&name), bytes).unwrap();
        assert_eq!(ran.code, Some(2), "a flipped bit in {name} is not found");
        assert!(ran.stdout.contains(&name) && ran.stdout.contains("NOT sound"), "{name}: {}", ran.stdout);
    }
    project.succeeds(&["verify", "out"]);
}

#[test]
fn missing_and_unknown_files_are_found() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    // Other files may lie beside the data, but `datasets` would load this one.
    let more = project.path("out/release/sft/train-00001-of-00002.parquet");
    fs::copy(project.path("out/release/sft/train-00000-of-00001.parquet"), &more).unwrap();
    let unknown = project.twig(&["verify", "out"]);
    assert_eq!(
        (unknown.code, unknown.stdout.contains("train-00001-of")),
        (Some(2), true),
        "{}",
        unknown.stdout
    );
    fs::remove_file(more).unwrap();
    fs::remove_file(project.path("out/release/README.md")).unwrap();
    let missing = project.twig(&["verify", "out"]);
    assert_eq!((missing.code, missing.stdout.contains("README.md")), (Some(2), true), "{}", missing.stdout);
}

#[test]
fn a_folder_without_a_release_is_wrong_usage() {
    let project = Project::empty();
    let ran = project.twig(&["verify", "."]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}
