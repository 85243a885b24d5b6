//! What ends a run early and what follows it: too much rejected, little disk, a command at the end, rows tried again.
#![cfg(unix)]

use std::{fs, sync::atomic::Ordering};

use serde_json::Value;

use crate::{
    http::{WHOLE, calls, project, server, sound},
    project::Project,
    server::Behaviour,
};

/// Calls for six prompts as whole images, of which one is refused at its first critique.
const CALLS_WITH_A_REFUSAL: u64 = 6 * 2 + 5 * 3 + 1 + 5;

fn rejected(project: &Project) -> Value {
    let status: Value = serde_json::from_str(&project.succeeds(&["status", "out", "--json"]).stdout).unwrap();
    let stages = status["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["stage"] == "trajectories").unwrap()["rejected"].clone()
}

#[test]
fn a_refused_row_is_tried_again_and_only_what_failed_is_asked() {
    let server = server(Behaviour { upset_by: Some("a dog"), ..sound() });
    let project = project(&server, "", WHOLE);
    project.succeeds(&["run", "job.yaml"]);
    assert_eq!(calls(&server), CALLS_WITH_A_REFUSAL);
    assert_eq!(rejected(&project)["refused"], 1);

    let others = project.succeeds(&["retry", "job.yaml", "--reason", "teacher_failed"]);
    assert!(others.stderr.contains("no rejected row is to be tried again"), "{}", others.stderr);
    let hopeless = project.twig(&["retry", "job.yaml", "--reason", "too_long"]);
    assert_eq!(hopeless.code, Some(2), "{}", hopeless.stderr);
    assert!(hopeless.stderr.contains("refused, invalid_answer"), "{}", hopeless.stderr);
    assert_eq!(calls(&server), CALLS_WITH_A_REFUSAL);

    // Refused once more: one question, one answer.
    project.succeeds(&["retry", "job.yaml", "--reason", "refused"]);
    assert_eq!(calls(&server), CALLS_WITH_A_REFUSAL + 1);
    assert_eq!(rejected(&project)["refused"], 1);

    server.seen.calm.store(true, Ordering::Relaxed);
    let ran = project.succeeds(&["retry", "job.yaml"]);
    assert!(ran.stderr.contains("tried again: 1 refused"), "{}", ran.stderr);
    // Three critiques and a judgement; thoughts and picture are kept.
    assert_eq!(calls(&server), CALLS_WITH_A_REFUSAL + 1 + 4);
    assert_eq!(rejected(&project), serde_json::json!({}));
    project.succeeds(&["verify", "out"]);
    project.succeeds(&["run", "job.yaml"]);
    assert_eq!(calls(&server), CALLS_WITH_A_REFUSAL + 1 + 4, "what stands is not asked again");
}

#[test]
fn a_run_that_is_going_wrong_ends_early_with_examples() {
    let server = server(Behaviour { upset_by: Some("a "), ..sound() });
    let project = project(&server, "    concurrency: 1\n", WHOLE);
    for limit in ["trajectories.rows=1", "trajectories.share=0.2"] {
        let set = format!("run.max_rejected.{limit}");
        let ran = project.twig(&["run", "job.yaml", "--set", &set]);
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        let (field, most) = limit.split_once('=').unwrap();
        assert!(ran.stderr.contains(&format!("run.max_rejected.{field} is {most}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("refused: `a "), "{}", ran.stderr);
        assert!(!project.path("out/release").exists());
    }
    assert!(calls(&server) < 6 * 3, "it did not end early: {} calls", calls(&server));
    let asked = calls(&server);
    server.seen.calm.store(true, Ordering::Relaxed);
    let ran = project.twig(&["run", "job.yaml", "--set", "run.max_rejected.trajectories.rows=6"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(calls(&server) > asked);
}

#[test]
fn a_command_hears_how_the_run_ended() {
    let project = Project::new();
    let tell = "run.on_finish=\"env | grep ^TWIG_ > told.txt\"";
    let told = || fs::read_to_string(project.path("told.txt")).unwrap();
    project.succeeds(&["run", "job.yaml", "--set", tell]);
    for line in ["TWIG_OUTCOME=done", "TWIG_EXIT_CODE=0", "TWIG_JOB=test", "TWIG_OUTPUT=out"] {
        assert!(told().lines().any(|found| found == line), "{line} in {}", told());
    }
    let limit = "run.max_rejected.trajectories.rows=0";
    let ran = project.twig(&["run", "job.yaml", "--set", tell, "--set", limit]);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("for example\n  unsupported_prompt: `"), "{}", ran.stderr);
    assert!(
        told().contains("TWIG_OUTCOME=rejected\n") && told().contains("TWIG_EXIT_CODE=3\n"),
        "{}",
        told()
    );
    assert!(told().contains("TWIG_MESSAGE=trajectories rejected 1 of "), "{}", told());
    // It changes nothing in the outcome.
    let failing = project.succeeds(&["run", "job.yaml", "--set", "run.on_finish=exit 3"]);
    assert!(failing.stderr.contains("run.on_finish ended with exit status: 3"), "{}", failing.stderr);
}

#[test]
fn little_disk_ends_a_run_in_time() {
    let project = Project::new();
    let ran = project.twig(&["run", "job.yaml", "--set", "run.min_free_disk_mb=1000000000"]);
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert!(ran.stderr.contains("MB are free") && ran.stderr.contains("nothing is lost"), "{}", ran.stderr);
    project.succeeds(&["run", "job.yaml"]);
}
