//! A server that is down, and one that breaks too often.

use std::sync::atomic::Ordering;

use twig_teacher::Notice;

use crate::{
    scripted::{Act, Scripted, says},
    server::{Behaviour, Server},
    *,
};

async fn ask_all(remote: Arc<Remote>, count: usize) -> Vec<Result<Reply, AskError>> {
    let asking: Vec<_> = (0..count)
        .map(|number| {
            let remote = Arc::clone(&remote);
            tokio::spawn(async move { remote.ask(&question(&format!("question {number}"))).await })
        })
        .collect();
    let mut replies = Vec::new();
    for asked in asking {
        replies.push(asked.await.unwrap());
    }
    replies
}

#[tokio::test]
async fn while_nobody_answers_one_call_looks_and_no_question_is_given_up() {
    let script = [vec![Act::Reset; 22], vec![says("sound")]].concat();
    let server = Scripted::start(script).await;
    let shared = shared(None);
    let more = json!({"limits": {"attempts": 3, "max_pause_secs": 1, "outage_secs": 600}});
    let remote = Arc::new(Remote::new("t", &settings(&server.base_url, &more), &shared).unwrap());
    let replies = ask_all(remote, 60).await;
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| text_of(reply) == "sound")));
    // Twenty failures open the breaker, and those under way by then may fail too; the others have waited.
    let sent = server.requests().len();
    assert!((82..=82 + 16).contains(&sent), "{sent} calls for 60 answers and 22 failures");
    let notices = shared.notices.take();
    let down = |notice: &Notice| matches!(notice, Notice::TeacherDown { failures: 20, .. });
    assert_eq!(notices.iter().filter(|notice| down(notice)).count(), 1, "{notices:?}");
    assert!(matches!(notices.last(), Some(Notice::TeacherBack { .. })), "{notices:?}");
}

#[tokio::test]
async fn retries_of_broken_calls_have_a_budget() {
    let server =
        Server::start(0, Behaviour { points: 19, broken: 0.5, ..Behaviour::default() }).await.unwrap();
    let shared = shared(None);
    let more = json!({"limits": {"attempts": 50, "max_pause_secs": 1, "retries_per_hundred": 10}});
    let remote = Arc::new(Remote::new("t", &settings(&server.base_url(), &more), &shared).unwrap());
    let replies = ask_all(remote, 100).await;
    assert!(replies.iter().all(|reply| reply.as_ref().is_ok_and(|reply| text_of(reply).contains("thought"))));
    assert!(server.seen.calls.load(Ordering::Relaxed) > 130);
    let held_back =
        |notice: &&Notice| matches!(notice, Notice::RetriesHeldBack { retries_per_hundred: 10, .. });
    assert!(shared.notices.take().iter().any(|notice| held_back(&notice)));
}

#[tokio::test]
async fn refusals_are_no_broken_calls() {
    let server =
        Server::start(0, Behaviour { points: 19, stray_429: 0.5, ..Behaviour::default() }).await.unwrap();
    let shared = shared(None);
    let remote = Arc::new(Remote::new("t", &settings(&server.base_url(), &json!({})), &shared).unwrap());
    assert!(ask_all(remote, 100).await.iter().all(Result::is_ok));
    let broken =
        |notice: &Notice| matches!(notice, Notice::RetriesHeldBack { .. } | Notice::TeacherDown { .. });
    assert!(!shared.notices.take().iter().any(broken));
}

#[tokio::test]
async fn a_yes_is_as_likely_as_its_tokens() {
    let server = Server::start(0, Behaviour::default()).await.unwrap();
    let picture = Picture::new(&b"png"[..]);
    let task = Task::Probability(twig_model::ProbabilityTask { prompt: "a cat".to_owned(), picture });
    let asked = Request { task, ..question("Does it show a cat? Answer with one word, yes or no.") };
    let reply = remote(&server.base_url(), &json!({})).ask(&asked).await.unwrap();
    let said: Value = serde_json::from_str(text_of(&reply)).unwrap();
    assert!((said["probability"].as_f64().unwrap() - 0.7 / 0.9).abs() < 1e-9, "{said}");
    // A server that refuses log-probabilities is asked for the word alone.
    let omit = json!({"omit": ["logprobs", "top_logprobs"]});
    let answers = Scripted::start(vec![says("No.")]).await;
    let reply = remote(&answers.base_url, &omit).ask(&asked).await.unwrap();
    assert_eq!(text_of(&reply), "{\"probability\":0.0}");
    let sent = &answers.requests()[0];
    assert!(!sent.contains("logprobs") && !sent.contains("response_format"), "{sent}");
}
