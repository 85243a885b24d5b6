//! `twig verify` passes what was written and nothing else.

use std::{collections::BTreeMap, fs};

use crate::project::{Project, assert_same, files, reproducible};

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
fn damage_to_what_a_job_keeps_is_named_and_only_that_is_made_anew() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let (out, release) = (project.path("out"), project.path("out/release"));
    let whole = reproducible(&release);
    let mut kinds = std::collections::BTreeSet::new();
    for (name, bytes) in files(&out) {
        // Events and the lock are for reading only, ids are a cache.
        let is_kept =
            !name.starts_with("release/") && !name.starts_with("ids/") && !name.starts_with("events");
        let kind: String = name.chars().filter(|character| !character.is_ascii_hexdigit()).collect();
        if !is_kept || name == ".lock" || !kinds.insert(kind) {
            continue;
        }
        // At the beginning, in the middle, and at the end.
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut spoilt = bytes.clone();
            spoilt[place] ^= 1;
            fs::write(out.join(&name), spoilt).unwrap();
            let found = project.twig(&["verify", "out"]);
            assert_eq!(found.code, Some(2), "a flipped bit at byte {place} of {name} is not found");
            assert!(found.stdout.contains(&name), "{name}: {}", found.stdout);
            let repaired = project.twig(&["verify", "out", "--repair"]);
            assert_eq!(repaired.code, Some(2), "{name}: {}", repaired.stderr);
            project.succeeds(&["run", "job.yaml"]);
            project.succeeds(&["verify", "out"]);
            assert_same(&reproducible(&release), &whole);
        }
    }
    assert!(kinds.len() > 15, "{kinds:?}");
}

#[test]
fn a_damaged_record_of_a_batch_is_named_and_taken_away() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    fs::create_dir_all(project.path("out/answers/batches")).unwrap();
    project.write("out/answers/batches/b-1.json", "{}\nsomething that is not its hash");
    let found = project.twig(&["verify", "out", "--repair"]);
    assert_eq!(found.code, Some(2));
    assert!(found.stdout.contains("answers/batches/b-1.json"), "{}", found.stdout);
    project.succeeds(&["verify", "out"]);
}

#[test]
fn a_damaged_shard_is_written_again_and_the_others_are_let_alone() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let release = project.path("out/release");
    let whole = files(&release);
    let modified = |name: &str| fs::metadata(release.join(name)).unwrap().modified().unwrap();
    let before: BTreeMap<&String, _> = whole.keys().map(|name| (name, modified(name))).collect();
    for damaged in whole.keys().filter(|name| name.ends_with(".parquet")) {
        let mut spoilt = whole[damaged].clone();
        let middle = spoilt.len() / 2;
        spoilt[middle] ^= 1;
        fs::write(release.join(damaged), spoilt).unwrap();
        assert_eq!(project.twig(&["verify", "out", "--repair"]).code, Some(2));
        let ran = project.succeeds(&["run", "job.yaml"]);
        assert!(ran.stderr.contains(&format!("{damaged} is missing or damaged")), "{}", ran.stderr);
        assert_same(&files(&release), &whole);
    }
    for (name, then) in before.into_iter().filter(|(name, _)| !name.ends_with(".parquet")) {
        assert_eq!(modified(name), then, "{name} was written again");
    }
    project.succeeds(&["verify", "out"]);
}

#[test]
fn a_part_that_was_damaged_is_made_anew_by_the_run_that_reads_it() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let whole = reproducible(&project.path("out/release"));
    let part = project.path("out/stages/trajectories/part-00001-of-00004.parquet");
    let mut spoilt = fs::read(&part).unwrap();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 1;
    fs::write(&part, spoilt).unwrap();
    // The release is to be made anew, for which every part is read.
    fs::remove_file(project.path("out/stages/release.json")).unwrap();
    let ran = project.succeeds(&["run", "job.yaml"]);
    assert!(ran.stderr.contains("part-00001-of-00004.parquet has changed"), "{}", ran.stderr);
    assert_same(&reproducible(&project.path("out/release")), &whole);
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
