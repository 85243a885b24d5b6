//! A job with a copy in an object store, here a folder; `tests/python/stores.py` has the same with S3.
#![cfg(unix)]

use std::fs;

use crate::{
    interruption::wait_for_commits,
    project::{Project, assert_same, reproducible},
};

#[test]
fn a_job_whose_machine_is_lost_goes_on_from_its_copy() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let address = format!("file://{}", project.path("copy").display());
    let mirror = format!("run.mirror={address}");
    let run = ["run", "job.yaml", "--set", &mirror, "--set", "run.open_partitions=1"];
    let mut child = project.start(&run);
    // Eight commits are prompts and trajectories; the copy is at most a moment behind.
    wait_for_commits(&project, 10, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_dir_all(project.path("out")).unwrap();

    project.succeeds(&run);
    let skipped = project.events("out").into_iter().find_map(|event| {
        (event["event"] == "stage_started" && event["stage"] == "trajectories")
            .then(|| event["skipped"].clone())
    });
    assert_ne!(skipped, Some(0.into()), "what was committed before is not asked again");
    let whole = reproducible(&project.path("whole/release"));
    assert_same(&reproducible(&project.path("out/release")), &whole);
    assert_same(&reproducible(&project.path("copy/release")), &whole);
    project.succeeds(&["verify", "copy/release"]);

    // On a third machine there is nothing left to do, and the release is made from what the copy holds.
    fs::remove_dir_all(project.path("out")).unwrap();
    project.succeeds(&run);
    let asked = project.events("out").into_iter().filter(|event| event["event"] == "part_committed");
    assert_eq!(asked.count(), 0);
    assert_same(&reproducible(&project.path("out/release")), &whole);
}

#[test]
fn the_copy_of_another_job_is_left_alone() {
    let project = Project::new();
    fs::create_dir(project.path("copy")).unwrap();
    project.write("copy/job.json", "{");
    let mirror = format!("run.mirror=file://{}", project.path("copy").display());
    let ran = project.twig(&["run", "job.yaml", "--set", &mirror]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("its copy has a job.json that cannot be read"), "{}", ran.stderr);
    let ran = project.twig(&["run", "job.yaml", "--set", "run.mirror=ftp://x/y"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}
