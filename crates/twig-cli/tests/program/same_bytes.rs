//! The same inputs give the same bytes, however the work is shared out.

use crate::project::{Project, assert_same, reproducible};

#[test]
fn concurrency_changes_nothing() {
    let project = Project::new();
    let runs = ["1", "16"].map(|concurrency| {
        let output = format!("out-{concurrency}");
        let set = format!("teachers.studio.concurrency={concurrency}");
        project.succeeds(&["run", "job.yaml", "--output", &output, "--set", &set]);
        reproducible(&project.path(&output).join("release"))
    });
    assert_same(&runs[0], &runs[1]);
}

#[test]
fn how_many_partitions_are_open_changes_nothing() {
    let project = Project::new();
    let runs = [("1", "1"), ("8", "3")].map(|(open, in_flight)| {
        let output = format!("out-{open}");
        let set = [format!("run.open_partitions={open}"), format!("run.in_flight={in_flight}")];
        project.succeeds(&["run", "job.yaml", "--output", &output, "--set", &set[0], "--set", &set[1]]);
        reproducible(&project.path(&output).join("release"))
    });
    assert_same(&runs[0], &runs[1]);
}

#[test]
fn another_seed_is_another_dataset() {
    let project = Project::new();
    let runs = ["7", "8"].map(|seed| {
        let output = format!("out-{seed}");
        project.succeeds(&["run", "job.yaml", "--output", &output, "--set", &format!("seed={seed}")]);
        reproducible(&project.path(&output).join("release"))
    });
    assert_ne!(runs[0]["manifest.json"], runs[1]["manifest.json"]);
}
