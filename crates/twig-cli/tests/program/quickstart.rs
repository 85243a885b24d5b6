//! The first thing that a newcomer types.

use std::{fs, time::SystemTime};

use crate::project::{Project, REPOSITORY, files};

#[test]
fn the_quick_start_builds_a_sound_release_and_says_what_to_do_next() {
    let project = Project::empty();
    let pipeline = format!("{REPOSITORY}/pipelines/quickstart.yaml");
    let ran = project.succeeds(&["run", &pipeline]);
    assert_eq!(ran.stdout, "", "what is said to people goes to standard error");
    for expected in [
        " trajectories with ",
        " training samples: ",
        "trajectories: ",
        "unsupported_prompt",
        "out/quickstart/rejected/",
        "The release lies in out/quickstart/release",
        "twig verify out/quickstart",
    ] {
        assert!(ran.stderr.contains(expected), "`{expected}` is not in\n{}", ran.stderr);
    }
    let verified = project.succeeds(&["verify", "out/quickstart"]);
    assert!(verified.stdout.contains(": sound"), "{}", verified.stdout);
    project.succeeds(&["status", "out/quickstart"]);
    let shown: serde_json::Value =
        serde_json::from_str(&project.succeeds(&["status", "out/quickstart", "--json"]).stdout).unwrap();
    let stages = shown["stages"].as_array().unwrap();
    assert!(stages.iter().all(|stage| stage["committed"] == stage["partitions"]));
}

#[test]
fn what_was_made_was_asked_for_and_what_was_not_is_named() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(project.path("out/release/manifest.json")).unwrap()).unwrap();
    for account in manifest["accounting"].as_array().unwrap() {
        let rejected: u64 =
            account["rejected"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64).sum();
        let rows = |name: &str| account[name].as_u64().unwrap();
        assert_eq!(rows("rows_in"), rows("rows_out") + rejected, "{account}");
    }
    let trajectories = &manifest["accounting"][1];
    assert_eq!((&trajectories["rows_in"], &trajectories["rows_out"]), (&8.into(), &7.into()));
    assert_eq!(trajectories["rejected"]["unsupported_prompt"], 1);
}

#[test]
fn a_second_run_does_nothing() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let before = content_and_times(&project);
    let ran = project.succeeds(&["run", "job.yaml"]);
    assert!(ran.stderr.contains("Nothing to do"), "{}", ran.stderr);
    let after = content_and_times(&project);
    let changed: Vec<_> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "these files were touched: {changed:?}");
}

/// Every file with its bytes and the time of its last change, but those that tell of the runs themselves.
fn content_and_times(project: &Project) -> std::collections::BTreeMap<String, (Vec<u8>, SystemTime)> {
    let of_the_run = |name: &str| name.starts_with("events") || name == ".lock";
    files(&project.path("out"))
        .into_iter()
        .filter(|(name, _)| !of_the_run(name))
        .map(|(name, bytes)| {
            let changed = fs::metadata(project.path("out").join(&name)).unwrap().modified().unwrap();
            (name, (bytes, changed))
        })
        .collect()
}
