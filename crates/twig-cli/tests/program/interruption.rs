//! A run that is killed or asked to stop loses nothing, and leaves no trace in the release.
#![cfg(unix)]

use std::{
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::{
    http::{self, WHOLE, calls, server, sound},
    project::{Project, assert_same, reproducible},
    server::Behaviour,
};

/// The longest any of these runs may take before the test gives up.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let whole = reproducible(&project.path("whole/release"));
    // Each kill strikes once so many more parts are committed; the first even before any is.
    for committed in [0, 1, 3, 6, 9] {
        let mut child = project.start(&RUN);
        wait_for_commits(&project, committed, &mut child);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    project.succeeds(&RUN);
    assert_same(&reproducible(&project.path("out/release")), &whole);
    project.succeeds(&["verify", "out"]);
}

#[test]
fn an_interrupted_run_says_so_and_goes_on_to_the_same_bytes() {
    ["INT", "TERM"].into_iter().for_each(goes_on_after);
}

fn goes_on_after(sent: &str) {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let mut child = project.start(&RUN);
    wait_for_commits(&project, 1, &mut child);
    signal(&child, sent);
    let status = child.wait().unwrap();
    assert_eq!(
        status.code(),
        Some(75),
        "the run was over before it could be interrupted, or ended otherwise"
    );
    let outcomes = project.events("out").into_iter().filter(|event| event["event"] == "run_finished");
    assert_eq!(outcomes.map(|event| event["outcome"].clone()).collect::<Vec<_>>(), ["interrupted"]);
    project.succeeds(&RUN);
    let whole = reproducible(&project.path("whole/release"));
    assert_same(&reproducible(&project.path("out/release")), &whole);
}

#[test]
fn a_stop_finishes_what_is_under_way_and_commits_it() {
    let (quick, slow) = (server(sound()), server(Behaviour { delay: Duration::from_millis(800), ..sound() }));
    let project = http::project(&quick, "", WHOLE);
    project.succeeds(&["run", "job.yaml"]);
    let address = format!("teachers.model.base_url={}", slow.base_url());
    let other =
        ["run", "job.yaml", "--set", "judgements.judges={ other: { teacher: model } }", "--set", &address];
    let mut child = project.start(&other);
    let start = Instant::now();
    while calls(&slow) < 6 {
        assert!(start.elapsed() < PATIENCE, "the other judge is not asked");
        thread::sleep(Duration::from_millis(2));
    }
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    let committed =
        project.events("out").into_iter().rev().take_while(|event| event["event"] != "run_started");
    assert_eq!(committed.filter(|event| event["event"] == "part_committed").count(), 2);
    project.succeeds(&other);
    assert_eq!(calls(&slow), 6);
}

#[test]
fn a_stop_does_not_wait_longer_than_it_is_told_to() {
    let silent = server(Behaviour { delay: Duration::from_mins(5), ..sound() });
    let project = http::project(&silent, "", WHOLE);
    let mut child = project.start(&["run", "job.yaml", "--set", "run.shutdown_secs=1"]);
    let start = Instant::now();
    while calls(&silent) == 0 {
        assert!(start.elapsed() < PATIENCE, "nobody is asked");
        thread::sleep(Duration::from_millis(2));
    }
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(75));
    assert!(start.elapsed() < PATIENCE, "it has waited for the answer");
    let quick = server(sound());
    let address = format!("teachers.model.base_url={}", quick.base_url());
    project.succeeds(&["run", "job.yaml", "--set", &address]);
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let project = Project::new();
    let mut child = project.start(&RUN);
    wait_for_commits(&project, 0, &mut child);
    let second = project.twig(&RUN);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.code, Some(75), "{}", second.stderr);
    let holder = format!("in use by process {}", child.id());
    assert!(second.stderr.contains(&holder) && second.stderr.contains(", since "), "{}", second.stderr);
    // The lock went with the process.
    project.succeeds(&RUN);
}

/// One question after the other, so that there is time to strike.
const RUN: [&str; 6] =
    ["run", "job.yaml", "--set", "teachers.studio.concurrency=1", "--set", "run.open_partitions=1"];

/// Waits until the events tell of a run that began and of so many committed parts, or until the run is over.
pub(crate) fn wait_for_commits(project: &Project, committed: usize, child: &mut Child) {
    let start = Instant::now();
    loop {
        let events = project.events("out");
        let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
        let is_over = child.try_wait().unwrap().is_some();
        if is_over || count("run_started") > 0 && count("part_committed") >= committed {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{committed} parts were not committed in time");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Sends a signal to one process, by the program that every Unix has.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
