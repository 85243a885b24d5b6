//! `--limit`: a valid release first, of which the full run asks nothing again.

use std::collections::BTreeMap;

use crate::project::{Project, assert_same, reproducible};

#[test]
fn the_full_run_asks_nothing_of_the_pilot_again() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let whole = asked(&project, "whole");

    project.succeeds(&["run", "job.yaml", "--limit", "3"]);
    project.succeeds(&["verify", "out"]);
    let pilot = asked(&project, "out");
    project.succeeds(&["run", "job.yaml"]);
    let both = asked(&project, "out");

    assert!(pilot.values().sum::<u64>() > 0 && pilot["painter"] < whole["painter"], "{pilot:?} of {whole:?}");
    assert_eq!(both, whole, "pilot and full run together ask what the full run alone asks");
    assert_same(&reproducible(&project.path("out/release")), &reproducible(&project.path("whole/release")));
}

#[test]
fn another_selection_asks_nothing() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let before = asked(&project, "out");
    let ran =
        project.succeeds(&["run", "job.yaml", "--set", "select.where=reward >= 1 and category = 'mixed'"]);
    assert!(!ran.stderr.contains("Nothing to do"), "the release is made anew");
    assert_eq!(asked(&project, "out"), before);
}

/// Questions that were really asked, by role, over all runs in a folder.
fn asked(project: &Project, output: &str) -> BTreeMap<String, u64> {
    let mut asked = BTreeMap::new();
    for event in project.events(output).iter().filter(|event| event["event"] == "part_committed") {
        for (role, count) in event["asked"].as_object().unwrap() {
            *asked.entry(role.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    asked
}
