//! Teachers that wait, run out of money, break or ramble, through whole jobs.
#![cfg(unix)]

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::{
    http::{WHOLE, calls, project, server, sound},
    project::{Project, Ran},
    server::{Behaviour, Server, Upset},
};

const SHORT: &str = "    limits: { attempts: 2, max_pause_secs: 1 }\n";

/// A server that answers critiques of the dog as `upset` says.
fn upset_by_a_dog(upset: Upset) -> Server {
    server(Behaviour { upset_by: Some("a dog"), upset, ..sound() })
}

fn rejected(project: &Project) -> Value {
    let status: Value = serde_json::from_str(&project.succeeds(&["status", "out", "--json"]).stdout).unwrap();
    status["stages"][1]["rejected"].clone()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn waiting_for_a_server_stands_in_the_events_and_is_said() {
    // A bucket of three, refilled in a second: everything has to wait, and the first refusals tell how long.
    let server = server(Behaviour { calls_per_sec: Some(3.0), ..sound() });
    let project = project(&server, "", WHOLE);
    let ran = project.succeeds(&["run", "job.yaml"]);
    let events = project.events("out");
    let held = named(&events, "teacher_held");
    assert!(!held.is_empty());
    for event in held {
        assert_eq!((&event["teacher"], &event["seconds"]), (&json!("model"), &json!(1.0)), "{event}");
        assert!(event["detail"].as_str().unwrap().contains("slow down"), "{event}");
    }
    assert!(ran.stderr.contains("slow down"), "{}", ran.stderr);
}

#[test]
fn a_network_that_is_lost_ends_the_run_and_the_next_goes_on() {
    let server = server(sound());
    let project = project(&server, "    limits: { max_pause_secs: 1, outage_secs: 1 }\n", WHOLE);
    project.succeeds(&["run", "job.yaml", "--limit", "2"]);
    let before = calls(&server);
    // A port that was free a moment ago.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lost = format!("teachers.model.base_url=http://{nobody}/v1");
    let ran = project.twig(&["run", "job.yaml", "--set", &lost]);
    assert_eq!(ran.code, Some(75), "{}", ran.stderr);
    assert!(ran.stderr.contains("`model` does not answer"), "{}", ran.stderr);
    assert_eq!(rejected(&project), json!({}), "what nobody answered is not the rows' fault");
    project.succeeds(&["run", "job.yaml"]);
    assert_eq!(calls(&server) - before, 4 * (1 + 1 + 3 + 1), "what was answered is not asked again");
    project.succeeds(&["verify", "out"]);
}

/// A job whose critic is a teacher of its own at the same server.
fn with_a_critic_of_its_own(server: &Server, project: &Project) -> Ran {
    let critic = format!(
        "teachers.critic={{kind: openai, base_url: {}, identity: c, model: stub}}",
        server.base_url()
    );
    project.twig(&["run", "job.yaml", "--set", &critic, "--set", "roles.critic=critic"])
}

#[test]
fn a_teacher_without_money_pauses_and_the_others_finish() {
    for status in [401, 402, 429] {
        let server = upset_by_a_dog(Upset::Fails(status));
        let project = project(&server, "    concurrency: 1\n", WHOLE);
        let ran = with_a_critic_of_its_own(&server, &project);
        assert_eq!(ran.code, Some(75), "{}", ran.stderr);
        let events = project.events("out");
        let ended = named(&events, "teacher_ended");
        assert_eq!(ended.len(), 1, "{ended:?}");
        assert_eq!(ended[0]["teacher"], "critic");
        assert!(
            named(&events, "part_committed").iter().all(|part| part["rejected"] == json!({})),
            "{events:?}"
        );
        // Thoughts and pictures of all six are there, whatever order the critic paused in.
        let asked = calls(&server);
        server.seen.calm.store(true, Ordering::Relaxed);
        let again = with_a_critic_of_its_own(&server, &project);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(rejected(&project), json!({}));
        let (painted, critiques) = (server.seen.pictures.load(Ordering::Relaxed), calls(&server) - asked);
        assert_eq!(painted, 6, "every picture was made in the first run, and none twice");
        assert!(critiques <= 6 * 4, "only critiques and judgements were left: {critiques}");
    }
}

#[test]
fn what_does_not_heal_or_keep_to_the_form_is_rejected_and_can_be_tried_again() {
    let cases = [(Upset::Fails(500), "teacher_failed", 2), (Upset::Rambles, "invalid_answer", 3)];
    for (upset, reason, attempts) in cases {
        let server = upset_by_a_dog(upset);
        let project = project(&server, SHORT, WHOLE);
        project.succeeds(&["run", "job.yaml"]);
        assert_eq!(rejected(&project), json!({ reason: 1 }));
        // Of the dog a thought, a picture, and the first critique over and over.
        assert_eq!(calls(&server), 5 * 6 + 2 + attempts, "{reason}");
        server.seen.calm.store(true, Ordering::Relaxed);
        project.succeeds(&["retry", "job.yaml"]);
        assert_eq!(rejected(&project), json!({}));
        project.succeeds(&["verify", "out"]);
    }
}
