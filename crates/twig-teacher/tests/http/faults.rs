use std::time::{Duration, Instant};

use crate::{
    scripted::{Act, Scripted, answer, says},
    *,
};

/// What a teacher answers after one misbehaviour and then a sound answer.
async fn after(fault: Act) -> (Reply, usize) {
    let server = Scripted::start(vec![fault, says("sound")]).await;
    let reply = remote(&server.base_url, &json!({})).ask(&question("q")).await.unwrap();
    (reply, server.requests().len())
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let json = "content-type: application/json\r\n";
    let faults = [
        answer("429 Too Many Requests", "retry-after: 0\r\n", b"slow down"),
        answer("429 Too Many Requests", "", b"slow down"),
        answer("500 Internal Server Error", "", b"oops"),
        answer("502 Bad Gateway", "content-type: text/html\r\n", b"<html>"),
        answer("503 Service Unavailable", "", b""),
        answer("408 Request Timeout", "", b""),
        Act::Reset,
        Act::Stall,
        // Truncated: the head promises more than comes.
        Act::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\": [".to_vec()),
        answer("200 OK", "content-type: text/html\r\n", b"<html>hello</html>"),
        answer("200 OK", json, b"\xff\xfe\x00 no text"),
        answer("200 OK", json, b"{\"choices\": []}"),
        answer("200 OK", json, b"{\"choices\": [{\"message\": {\"content\": null}}]}"),
        answer("200 OK", json, b"{}"),
        Act::Send(b"no HTTP at all\r\n\r\n".to_vec()),
    ];
    for fault in faults {
        let named = format!("{fault:?}");
        let (reply, requests) = after(fault).await;
        assert_eq!((text_of(&reply), requests), ("sound", 2), "{named}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_declined_at_once_with_its_reason() {
    let json = "content-type: application/json\r\n";
    let policy = br#"{"error": {"message": "against our policy", "code": "content_policy_violation"}}"#;
    let refusal = br#"{"choices": [{"message": {"content": null, "refusal": "I cannot help"}}]}"#;
    let cases = [
        (answer("400 Bad Request", json, policy), RejectReason::Refused, "against our policy"),
        (answer("200 OK", json, refusal), RejectReason::Refused, "I cannot help"),
        (answer("400 Bad Request", json, b"{}"), RejectReason::TeacherFailed, "HTTP 400"),
        (
            answer("404 Not Found", json, b"{\"error\": \"no such model\"}"),
            RejectReason::TeacherFailed,
            "no such model",
        ),
        (answer("413 Payload Too Large", "", b""), RejectReason::TeacherFailed, "HTTP 413"),
        (answer("422 Unprocessable Entity", "", b""), RejectReason::TeacherFailed, "HTTP 422"),
        // A redirect is followed nowhere: it could lead the key to somebody else.
        (
            answer("302 Found", "location: http://127.0.0.1:1/\r\n", b""),
            RejectReason::TeacherFailed,
            "HTTP 302",
        ),
    ];
    for (act, reason, words) in cases {
        let named = format!("{act:?}");
        let server = Scripted::start(vec![act]).await;
        let reply = remote(&server.base_url, &json!({})).ask(&question("q")).await.unwrap();
        let (found, detail) = reason_of(&reply);
        assert_eq!((found, server.requests().len()), (reason, 1), "{named}");
        assert!(detail.contains(words), "{detail}");
    }
}

#[tokio::test]
async fn what_does_not_heal_is_declined_after_its_attempts() {
    for act in [answer("500 Internal Server Error", "", b"broken for good"), Act::Reset] {
        let server = Scripted::start(vec![act]).await;
        let reply = remote(&server.base_url, &json!({})).ask(&question("q")).await.unwrap();
        assert_eq!(reason_of(&reply).0, RejectReason::TeacherFailed);
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn an_oversized_body_is_not_read_to_its_end() {
    let mut body = b"{\"choices\": \"".to_vec();
    body.resize(9 << 20, b'x');
    let (reply, _) = after(answer("200 OK", "", &body)).await;
    assert_eq!(text_of(&reply), "sound");
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server =
        Scripted::start(vec![answer("429 Too Many Requests", "retry-after: 1\r\n", b""), says("sound")])
            .await;
    let start = Instant::now();
    remote(&server.base_url, &json!({})).ask(&question("q")).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_teacher_without_money_or_key_pauses_and_rejects_nothing() {
    let quota = br#"{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}"#;
    for act in [
        answer("401 Unauthorized", "", b"bad key"),
        answer("402 Payment Required", "", b""),
        answer("429 Too Many Requests", "", quota),
    ] {
        let server = Scripted::start(vec![act]).await;
        let shared = shared(None);
        let remote = Remote::new("t", &settings(&server.base_url, &json!({})), &shared).unwrap();
        for _ in 0..3 {
            let error = remote.ask(&question("q")).await.unwrap_err();
            assert!(matches!(error, AskError::Paused { .. }), "{error}");
        }
        assert_eq!(server.requests().len(), 1, "after the first answer nobody is asked any more");
        assert_eq!(shared.notices.take().len(), 1, "one message says so");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_an_outage_and_no_rejection() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let more =
        json!({"limits": {"attempts": 100, "max_pause_secs": 1, "outage_secs": 1, "give_up_secs": 60}});
    let error = remote(&base_url, &more).ask(&question("q")).await.unwrap_err().to_string();
    assert!(error.contains("`t` does not answer") && error.contains("cannot connect"), "{error}");
}

#[tokio::test]
async fn a_stop_ends_the_wait_between_attempts() {
    let server = Scripted::start(vec![answer("429 Too Many Requests", "retry-after: 600\r\n", b"")]).await;
    let shared = shared(None);
    let remote = Arc::new(Remote::new("t", &settings(&server.base_url, &json!({})), &shared).unwrap());
    let asking = tokio::spawn(async move { remote.ask(&question("q")).await });
    while server.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shared.stop.request();
    let stopped = tokio::time::timeout(Duration::from_secs(5), asking).await.unwrap().unwrap();
    assert!(matches!(stopped, Err(AskError::Stopping)));
}

#[tokio::test]
async fn pictures_come_as_base64_or_from_an_address_and_edits_bring_their_mask() {
    use base64::Engine;
    let elsewhere =
        Scripted::start(vec![answer("200 OK", "content-type: image/png\r\n", b"the picture")]).await;
    let there = json!({"data": [{"url": format!("{}/a.png", elsewhere.base_url)}]}).to_string();
    let here = base64::engine::general_purpose::STANDARD.encode(b"the picture");
    let here = json!({"data": [{"b64_json": here}]}).to_string();
    let server = Scripted::start(vec![
        answer("200 OK", "", there.as_bytes()),
        answer("200 OK", "", br#"{"data": [{"b64_json": "***"}]}"#),
        answer("200 OK", "", here.as_bytes()),
    ])
    .await;
    let key = json!({"headers": {"authorization": "Bearer secret-key"}});
    let remote = remote(&server.base_url, &key);
    let picture = Answer::Picture(Picture::new(&b"the picture"[..]));
    assert_eq!(remote.ask(&picture_question("a", None)).await.unwrap().answer, picture);
    assert!(!elsewhere.requests()[0].contains("secret-key"), "the key goes to the server alone");
    assert!(server.requests()[0].contains("secret-key"));

    let mut png = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::write_image(
        encoder,
        &vec![9; 384 * 384 * 3],
        384,
        384,
        image::ExtendedColorType::Rgb8,
    )
    .unwrap();
    let reply = remote.ask(&picture_question("b", Some(Picture::new(png)))).await.unwrap();
    assert_eq!(reply.answer, picture);
    let edit = &server.requests()[1];
    assert!(edit.starts_with("POST /v1/images/edits"), "{}", &edit[..60]);
    for part in
        ["name=\"image\"; filename=\"image.png\"", "name=\"mask\"; filename=\"mask.png\"", "name=\"prompt\""]
    {
        assert!(edit.contains(part), "{part}");
    }
}

#[tokio::test]
async fn another_model_behind_the_same_name_is_noticed() {
    let named = |model: &str| {
        let body = json!({"model": model, "choices": [{"message": {"content": "x"}}]});
        answer("200 OK", "", body.to_string().as_bytes())
    };
    let server = Scripted::start(vec![named("m-1"), named("m-1"), named("m-2")]).await;
    let shared = shared(None);
    let remote = Remote::new("t", &settings(&server.base_url, &json!({})), &shared).unwrap();
    for text in ["a", "b", "c"] {
        remote.ask(&question(text)).await.unwrap();
    }
    let notices = shared.notices.take();
    assert!(
        matches!(&notices[..], [twig_teacher::Notice::ModelChanged { from, to, .. }] if from == "m-1" && to == "m-2")
    );
}

#[tokio::test]
async fn a_key_that_a_server_repeats_is_covered() {
    let server = Scripted::start(vec![answer(
        "400 Bad Request",
        "",
        b"your key sk-planted-secret is odd, and team-7-token",
    )])
    .await;
    // Set for this process alone, and read by this test alone.
    let name = "TWIG_TEST_PLANTED_KEY";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "faults::child_with_a_key", "--nocapture", "--ignored"]);
    child.env(name, "sk-planted-secret").env("TWIG_TEST_BASE_URL", &server.base_url);
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("your key [covered] is odd, and [covered]"), "{said}");
    assert!(!said.contains("sk-planted") && !said.contains("team-7-token"), "{said}");
    assert!(server.requests()[0].to_lowercase().contains("authorization: bearer sk-planted-secret"));
}

/// Run by [`a_key_that_a_server_repeats_is_covered`] in a process whose environment has a key.
#[tokio::test]
#[ignore = "a part of another test"]
#[allow(clippy::print_stdout, reason = "the other test reads it")]
async fn child_with_a_key() {
    let base_url = std::env::var("TWIG_TEST_BASE_URL").unwrap();
    let settings =
        json!({"api_key_variable": "TWIG_TEST_PLANTED_KEY", "headers": {"x-team": "team-7-token"}});
    let remote = remote(&base_url, &settings);
    println!("{:?}", remote.ask(&question("q")).await.unwrap());
}
