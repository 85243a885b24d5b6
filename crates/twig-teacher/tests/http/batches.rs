use std::{path::Path, sync::atomic::Ordering, time::Duration};

use twig_teacher::Batched;

use crate::{
    server::{Behaviour, Server},
    *,
};

fn batched(server: &Server, folder: &Path, stop: Stop) -> Arc<Batched> {
    let more = json!({"batch": {"gather_secs": 1, "poll_secs": 1}, "omit": ["seed"]});
    let shared = Shared { batches: folder.to_owned(), stop, ..shared(None) };
    Arc::new(Batched::new(Remote::new("t", &settings(&server.base_url(), &more), &shared).unwrap()))
}

async fn ask_all(teacher: &Arc<Batched>, count: usize) -> Vec<Result<Reply, AskError>> {
    let asking: Vec<_> = (0..count)
        .map(|number| {
            let teacher = Arc::clone(teacher);
            tokio::spawn(async move { teacher.ask(&question(&format!("question {number}"))).await })
        })
        .collect();
    let mut replies = Vec::new();
    for asked in asking {
        replies.push(asked.await.unwrap());
    }
    replies
}

#[tokio::test]
async fn a_wave_goes_as_one_batch_and_answers_as_the_direct_path_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let replies = ask_all(&batched(&server, folder.path(), Stop::default()), 20).await;
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 1);
    let direct = remote(&server.base_url(), &json!({"omit": ["seed"]}));
    for (number, reply) in replies.into_iter().enumerate() {
        let same = direct.ask(&question(&format!("question {number}"))).await.unwrap();
        assert_eq!(text_of(&reply.unwrap()), text_of(&same));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a finished batch leaves nothing");
}

#[tokio::test]
async fn a_run_that_was_stopped_finds_its_batch_again_and_sends_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let stop = Stop::default();
    let first = batched(&server, folder.path(), stop.clone());
    let asking = tokio::spawn(async move { ask_all(&first, 5).await });
    while server.seen.batches.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.request();
    assert!(asking.await.unwrap().iter().all(|reply| matches!(reply, Err(AskError::Stopping))));
    // The first run's task goes on polling in this process; a record without its batch's name is what a kill
    // leaves.
    let record = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&record).unwrap();
    let (json, _) = text.rsplit_once('\n').unwrap();
    let json = json.replace("\"batch-0\"", "null");
    std::fs::write(&record, format!("{json}\n{}", blake3::hash(json.as_bytes()))).unwrap();
    let replies = ask_all(&batched(&server, folder.path(), Stop::default()), 5).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 1, "nothing was sent twice");
}

#[tokio::test]
async fn a_download_that_breaks_off_is_fetched_again_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let behaviour = Behaviour { points: 19, torn_downloads: 1, ..Behaviour::default() };
    let server = Server::start(0, behaviour).await.unwrap();
    let replies = ask_all(&batched(&server, folder.path(), Stop::default()), 20).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!(server.seen.downloads.load(Ordering::Relaxed), 2);
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 20, "no line was lost and asked again");
}

#[tokio::test]
async fn an_answer_that_nobody_has_asked_for_yet_is_kept() {
    keeps_for_later(false).await;
}

#[tokio::test]
async fn a_kept_answer_that_was_damaged_is_asked_again() {
    keeps_for_later(true).await;
}

async fn keeps_for_later(is_damaged: bool) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let stop = Stop::default();
    let first = batched(&server, folder.path(), stop.clone());
    let asking = tokio::spawn(async move { ask_all(&first, 3).await });
    while server.seen.batches.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A copy of what a killed run leaves: this process would go on and take it away.
    let left = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, left.path().join(path.file_name().unwrap())).unwrap();
    }
    stop.request();
    asking.await.unwrap();
    let second = batched(&server, left.path(), Stop::default());
    // The batch is over long before the third question is asked.
    assert!(ask_all(&second, 1).await[0].is_ok());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    if is_damaged {
        let fetched = std::fs::read_dir(left.path()).unwrap().map(|entry| entry.unwrap().path());
        let fetched = fetched.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
        for path in fetched {
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replace("stub-1", "stub-2")).unwrap();
        }
    }
    assert!(ask_all(&second, 3).await[1..].iter().all(Result::is_ok));
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 2, "the first question again, the others not");
    let asked_again = if is_damaged { 3 } else { 1 };
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 3 + asked_again);
}
