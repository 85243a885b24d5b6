//! What `status` and `plan` say, word by word.

use crate::project::Project;

#[test]
fn status_of_a_finished_job() {
    let project = Project::new();
    // Without redone regions the counts follow from the settings, whatever the teacher paints.
    project.succeeds(&["run", "job.yaml", "--set", "trajectories.redo_rounds=0"]);
    let status = project.succeeds(&["status", "out"]).stdout;
    insta::assert_snapshot!(without_sizes(&status));
}

/// How well pictures compress is not what this is about: `  123 kB` becomes `  [size]`.
fn without_sizes(text: &str) -> String {
    let hidden = |line: &str| {
        let unit = ["kB", "MB", "GB"].iter().find_map(|unit| line.find(&format!(" {unit}")));
        let Some(end) = unit else { return line.to_owned() };
        let start = line[..end].trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        format!("{}[size]{}", line[..start].trim_end(), &line[end + 3..])
    };
    text.lines().map(hidden).collect::<Vec<_>>().join("\n")
}

#[test]
fn status_of_a_pilot() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml", "--limit", "3"]);
    let status = project.succeeds(&["status", "out"]).stdout;
    assert!(status.contains("(pilot of 3)"), "{status}");
}

#[test]
fn status_without_a_job_is_wrong_usage() {
    let ran = Project::empty().twig(&["status", "out"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn a_plan_leaves_nothing_behind() {
    let project = Project::new();
    insta::assert_snapshot!(project.succeeds(&["plan", "job.yaml"]).stdout);
    assert!(!project.path("out").exists());
}

#[test]
fn a_plan_after_the_run_knows_what_stands() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let plan = project.succeeds(&["plan", "job.yaml"]).stdout;
    assert!(plan.contains("trajectories 4/4, judgements 4/4, measures 4/4, tokens 4/4"), "{plan}");
    assert!(plan.contains("critic 0, judge 0, painter 0, thinker 0"), "{plan}");
}
