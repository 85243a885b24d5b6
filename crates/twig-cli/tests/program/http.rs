//! Whole jobs with teachers behind HTTP: asked once, never over budget, replayed, batched, killed.
#![cfg(unix)]

use std::{sync::atomic::Ordering, thread, time::Duration};

use serde_json::Value;

use crate::{
    project::{Project, assert_same, reproducible},
    server::{Behaviour, Server},
};

/// A server in a thread of its own, for as long as the test process lives.
pub(crate) fn server(behaviour: Behaviour) -> Server {
    let (send, receive) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            send.send(Server::start(0, behaviour).await.unwrap()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receive.recv().unwrap()
}

pub(crate) fn sound() -> Behaviour {
    Behaviour { points: 19, ..Behaviour::default() }
}

/// Six prompts; what answers depend on stands in `teachers` and `trajectories`.
pub(crate) fn project(server: &Server, teacher: &str, trajectories: &str) -> Project {
    let project = Project::empty();
    project.write("mixed_train.txt", "a cat\na dog\nan owl\na red car\na blue cup\ntwo frogs\n");
    let job = format!(
        "version: 1\nname: test\noutput: out\nseed: 7\nprompts: {{ files: [mixed_train.txt] }}\n\
         teachers:\n  model:\n    kind: openai\n    base_url: {}\n    identity: stub\n    model: stub\n{teacher}\
         roles: {{ thinker: model, painter: model, critic: model }}\n\
         trajectories:\n{trajectories}\
         judgements:\n  judges:\n    model: {{ teacher: model }}\n\
         run: {{ partitions: 2 }}\n",
        server.base_url()
    );
    project.write("job.yaml", job);
    project
}

const PRICES: &str = "    prices: { input: 2.5, output: 10, pictures: { 1024x1024: 0.04 } }\n";
pub(crate) const WHOLE: &str = "  mode: whole_image\n";
/// A picture a region, and every region painted twice: 14 points of 20 are below `accept_score`.
const REGIONS: &str = "  mode: region_by_region\n  redo_rounds: 1\n";

pub(crate) fn calls(server: &Server) -> u64 {
    server.seen.calls.load(Ordering::Relaxed)
}

#[test]
fn a_job_is_asked_once_and_replayed_without_a_server() {
    let server = server(sound());
    let project = project(&server, PRICES, WHOLE);
    project.succeeds(&["run", "job.yaml"]);
    project.succeeds(&["verify", "out"]);
    // A thought for all regions, a picture, three critiques and a judgement, of six prompts.
    assert_eq!(calls(&server), 6 * (1 + 1 + 3 + 1));
    project.succeeds(&["run", "job.yaml"]);
    assert_eq!(calls(&server), 36, "what was answered is not asked again");

    let card = std::fs::read_to_string(project.path("out/release/README.md")).unwrap();
    // 36 − 6 texts of 200 tokens read and 50 written, six pictures at 4 cents.
    assert!(card.contains("0.27 US dollars"), "{card}");
    let status: Value = serde_json::from_str(&project.succeeds(&["status", "out", "--json"]).stdout).unwrap();
    assert_eq!(status["bills"]["painter"]["stub"]["pictures"], 6);
    assert_eq!(status["bills"]["critic"]["stub-1"]["cost_micro_usd"], 18 * (200 * 25 / 10 + 50 * 10));

    let whole = reproducible(&project.path("out/release"));
    project.succeeds(&["answers", "export", "out", "answers.bin"]);
    project.succeeds(&["run", "job.yaml", "--output", "again", "--limit", "1"]);
    project.succeeds(&["answers", "import", "again", "answers.bin"]);
    project.succeeds(&["run", "job.yaml", "--output", "again", "--replay"]);
    assert_same(&reproducible(&project.path("again/release")), &whole);
    let missing = project.twig(&["run", "job.yaml", "--output", "empty", "--replay"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("the answer store holds no answer"), "{}", missing.stderr);
}

#[test]
fn another_wording_for_the_judge_asks_the_judge_alone() {
    let server = server(sound());
    let project = project(&server, "", WHOLE);
    project.succeeds(&["run", "job.yaml"]);
    let before = calls(&server);
    project.succeeds(&[
        "run",
        "job.yaml",
        "--set",
        "templates.judge=\"Judge this picture of {{ prompt }}.\"",
    ]);
    assert_eq!(calls(&server) - before, 6);
    let wrong = project.twig(&["run", "job.yaml", "--set", "templates.judge=\"{{ picture }}\""]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("there is no variable `picture`"), "{}", wrong.stderr);
}

#[test]
fn batches_give_the_same_bytes_as_calls() {
    let server = server(Behaviour { points: 14, ..Behaviour::default() });
    for trajectories in [WHOLE, REGIONS] {
        let project = project(&server, "    omit: [seed]\n", trajectories);
        project.succeeds(&["run", "job.yaml"]);
        let before = server.seen.batches.load(Ordering::Relaxed);
        let batch = "teachers.model.batch={gather_secs: 1, poll_secs: 1}";
        let run = ["run", "job.yaml", "--output", "batched", "--set", batch];
        project.succeeds(&run);
        assert!(server.seen.batches.load(Ordering::Relaxed) > before);
        let direct = reproducible(&project.path("out/release"));
        assert_same(&reproducible(&project.path("batched/release")), &direct);
        assert_eq!(std::fs::read_dir(project.path("batched/answers/batches")).unwrap().count(), 0);
    }
}

#[test]
fn a_budget_ends_the_run_before_it_is_exceeded_and_can_be_raised() {
    let server = server(sound());
    let project = project(&server, PRICES, WHOLE);
    let run = |budget: &str| project.twig(&["run", "job.yaml", "--set", &format!("run.budget_usd={budget}")]);
    let poor = run("0.15");
    assert_eq!(poor.code, Some(4), "{}", poor.stderr);
    assert!(poor.stderr.contains("the budget is reached"), "{}", poor.stderr);
    let stats: Value =
        serde_json::from_str(&project.succeeds(&["answers", "stats", "out", "--json"]).stdout).unwrap();
    assert!(stats["spent_usd"].as_f64().unwrap() <= 0.15, "{stats}");
    let asked = calls(&server);
    assert!(asked > 3, "something was bought: {asked}");
    let rich = run("10");
    assert_eq!(rich.code, Some(0), "{}", rich.stderr);
    assert_eq!(calls(&server), 36, "nothing was bought twice");
    let unpriced = project.twig(&[
        "plan",
        "job.yaml",
        "--set",
        "run.budget_usd=1",
        "--set",
        "teachers.model.prices=null",
    ]);
    assert_eq!(unpriced.code, Some(2));
    assert!(unpriced.stderr.contains("wants prices for every teacher"), "{}", unpriced.stderr);
}

#[test]
fn a_killed_job_pays_at_most_for_what_was_under_way() {
    let server = server(Behaviour { delay: Duration::from_millis(60), ..sound() });
    let project = project(&server, "    concurrency: 4\n", REGIONS);
    // An answer is under way from its question until it is on the disk; a trajectory asks one question at a time.
    let run = ["run", "job.yaml", "--set", "run.in_flight=4"];
    project.succeeds(&["run", "job.yaml", "--output", "whole"]);
    let needed = calls(&server);
    for kill in 1..=3 {
        let before = calls(&server);
        let mut child = project.start(&run);
        while calls(&server) < before + 6 * kill && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    project.succeeds(&["run", "job.yaml"]);
    let sent = calls(&server) - needed;
    assert!(
        sent <= needed + 3 * 4,
        "{sent} calls were sent for {needed} answers, in three kills with four under way"
    );
    let whole = reproducible(&project.path("whole/release"));
    assert_same(&reproducible(&project.path("out/release")), &whole);
}

#[test]
fn failures_that_pass_leave_no_trace_in_the_release() {
    let (sound, shaky) = (server(sound()), server(Behaviour { stray_429: 0.2, broken: 0.1, ..sound() }));
    let release = |server: &Server| {
        let project = project(server, "    limits: { attempts: 20, max_pause_secs: 1 }\n", WHOLE);
        project.succeeds(&["run", "job.yaml"]);
        reproducible(&project.path("out/release"))
    };
    assert_same(&release(&shaky), &release(&sound));
    assert!(shaky.seen.refused.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_teacher_that_cannot_be_asked_is_named_before_anything_is_paid() {
    let server = server(sound());
    let project = project(&server, "    api_key_variable: TWIG_TEST_NO_SUCH_KEY\n", WHOLE);
    let ran = project.twig(&["run", "job.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("TWIG_TEST_NO_SUCH_KEY"), "{}", ran.stderr);
    assert_eq!(calls(&server), 0);
}

#[test]
fn a_key_stands_in_no_file() {
    let server = server(Behaviour { broken: 0.2, ..sound() });
    let project = project(
        &server,
        "    api_key_variable: TWIG_TEST_KEY\n    headers: { x-own: \"${TWIG_TEST_OWN}\" }\n",
        WHOLE,
    );
    let mut run = project.command(&["run", "job.yaml"]);
    run.env("TWIG_TEST_KEY", "sk-planted-1234567").env("TWIG_TEST_OWN", "own-planted-1234567");
    let output = run.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains("planted"), "{}", String::from_utf8_lossy(&said));
    let mut folders = vec![project.path("out")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let bytes = std::fs::read(&path).unwrap();
                assert!(!bytes.windows(7).any(|window| window == b"planted"), "{}", path.display());
            }
        }
    }
    assert!(files > 20, "{files}");
}

#[test]
fn plan_says_what_it_may_cost_and_pings() {
    let server = server(sound());
    let project = project(&server, PRICES, WHOLE);
    let plan = project.succeeds(&["plan", "job.yaml", "--ping"]);
    assert!(plan.stdout.contains("painter 0.24 USD"), "{}", plan.stdout);
    assert!(plan.stdout.contains("together"), "{}", plan.stdout);
    assert!(plan.stdout.contains("ping          model"), "{}", plan.stdout);
}
