//! Looking at what was made: `inspect`, `sql`, `show`.

use std::{fs, io::Write, process::Stdio};

use crate::project::{Project, Ran};

#[test]
fn a_job_is_asked_in_sql() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let csv = |query: &str| project.succeeds(&["sql", "out", query, "--format", "csv"]).stdout;
    assert_eq!(csv("select count(*) as n from trajectories"), "n\n7\n");
    assert_eq!(
        csv("select reason, stage, count(*) as n from rejected group by reason, stage"),
        "reason,stage,n\nunsupported_prompt,trajectories,1\n"
    );
    assert_eq!(
        csv("select event, outcome from events where event = 'run_finished'"),
        "event,outcome\nrun_finished,done\n"
    );
    let roles = csv("select distinct role from calls order by role");
    assert_eq!(roles, "role\ncritic\njudge\npainter\nthinker\n");
    let joined = csv(
        "select count(*) as n from steps join trajectories using (id) where steps.reward = trajectories.reward",
    );
    assert_ne!(joined, "n\n0\n");

    project.succeeds(&["sql", "out", "select id, thought, score from steps", "-o", "steps.parquet"]);
    assert!(fs::metadata(project.path("steps.parquet")).unwrap().len() > 1_000);
    let ran = project.twig(&["sql", "out", "select avg(scor) from steps"]);
    assert_eq!(ran.code, Some(2));
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn a_query_may_come_from_standard_input() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    let mut child =
        project.command(&["sql", "out", "--format", "json"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"select min(score) > 100 as never from steps;\n").unwrap();
    let ran = Ran::new(&child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "[\n{\"never\":false}\n]\n"));
}

#[test]
fn two_releases_are_compared_and_one_trajectory_is_shown() {
    let project = Project::new();
    project.succeeds(&["run", "job.yaml"]);
    project.succeeds(&["run", "job.yaml", "--output", "pilot", "--limit", "4"]);
    let json = project.succeeds(&["inspect", "out", "pilot", "--json"]).stdout;
    let comparison: serde_json::Value = serde_json::from_str(&json).unwrap();
    let count = |value: &serde_json::Value| value.as_u64().unwrap();
    let (in_both, only_in) = (count(&comparison["in_both"]), &comparison["only_in"]);
    assert!((1..7).contains(&in_both), "{comparison}");
    assert_eq!((count(&only_in[0]["count"]), count(&only_in[1]["count"])), (7 - in_both, 0));
    let shown = project.succeeds(&["inspect", "out", "pilot"]).stdout;
    assert!(shown.contains(&format!("in both {in_both}, only in A {}, only in B 0", 7 - in_both)), "{shown}");

    let ids = project
        .succeeds(&["sql", "out", "select id from trajectories order by id", "--format", "csv"])
        .stdout;
    let id = ids.lines().nth(1).unwrap();
    let shown = project.succeeds(&["show", id]).stdout;
    assert_eq!(shown, project.succeeds(&["show", "out", &id[..8]]).stdout);
    assert!(shown.contains("thought") && shown.contains("finished picture"), "{shown}");
    assert!(!shown.contains('\x1b'), "no colours and no pictures where no terminal is");
    assert!(project.succeeds(&["show", "out", id, "--pictures", "kitty"]).stdout.contains("\x1b_Ga=T"));
    let ran = project.twig(&["show", "out", "ffffffffffffffff"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

#[test]
fn shells_and_man_know_every_command() {
    let project = Project::empty();
    let commands = ["run", "sql", "show", "inspect", "completions"];
    for shell in ["bash", "zsh", "fish"] {
        let script = project.succeeds(&["completions", shell]).stdout;
        assert!(commands.iter().all(|command| script.contains(command)), "{shell}");
    }
    assert!(project.succeeds(&["man"]).stdout.contains("twig\\-sql"));
    project.succeeds(&["man", "-o", "man1"]);
    assert!(project.path("man1/twig-run.1").exists());
    for command in commands {
        let help = project.succeeds(&[command, "--help"]).stdout;
        assert!(help.contains("Example"), "no example in the help of {command}");
    }
}
