use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use twig_teacher::{Batched, answer_key, stack};

use crate::{
    server::{Behaviour, Server},
    *,
};

fn batched(server: &Server, folder: &Path, stop: Stop) -> Arc<Batched> {
    paid(server, folder, stop, None)
}

/// Asks in batches, and pays out of this purse.
fn paid(server: &Server, folder: &Path, stop: Stop, purse: Option<Arc<Purse>>) -> Arc<Batched> {
    let more = json!({"batch": {"gather_secs": 1, "poll_secs": 1}, "omit": ["seed"],
        "prices": {"input": 100, "output": 100}, "max_output_tokens": 300});
    let shared = Shared { batches: folder.to_owned(), stop, ..shared(purse) };
    Arc::new(Batched::new(Remote::new("t", &settings(&server.base_url(), &more), &shared).unwrap()))
}

/// The answer store has these answers now.
fn all_stored(teacher: &Batched, count: usize) {
    for number in 0..count {
        teacher.stored(&answer_key(teacher.identity(), &question(&format!("question {number}"))));
    }
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// Waits until nothing is left of batches: their last answers are handed out a moment before they are over.
async fn all_forgotten(folder: &Path) {
    let forgotten = async {
        while files_in(folder) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), forgotten).await.expect("a finished batch leaves nothing");
}

/// The only record in a folder.
fn record(folder: &Path) -> PathBuf {
    let mut paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap()
}

/// Changes the only record in a folder to what a kill at another time would have left.
fn change_record(folder: &Path, from: &str, to: &str) {
    let record = record(folder);
    let text = std::fs::read_to_string(&record).unwrap();
    let (json, _) = text.rsplit_once('\n').unwrap();
    let json = json.replace(from, to);
    std::fs::write(&record, format!("{json}\n{}", blake3::hash(json.as_bytes()))).unwrap();
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
    let teacher = batched(&server, folder.path(), Stop::default());
    let replies = ask_all(&teacher, 20).await;
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 1);
    all_stored(&teacher, 19);
    assert_eq!(files_in(folder.path()), 2, "the last answer is not durable yet");
    all_stored(&teacher, 20);
    all_forgotten(folder.path()).await;
    let direct = remote(&server.base_url(), &json!({"omit": ["seed"], "max_output_tokens": 300}));
    for (number, reply) in replies.into_iter().enumerate() {
        let same = direct.ask(&question(&format!("question {number}"))).await.unwrap();
        assert_eq!(text_of(&reply.unwrap()), text_of(&same));
    }
}

#[tokio::test]
async fn answers_that_are_not_durable_are_fetched_again_and_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    assert!(ask_all(&batched(&server, folder.path(), Stop::default()), 5).await.iter().all(Result::is_ok));
    // The run is killed before anything of it came into the store.
    let next = batched(&server, folder.path(), Stop::default());
    assert!(ask_all(&next, 5).await.iter().all(Result::is_ok));
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 5);
    all_stored(&next, 5);
    all_forgotten(folder.path()).await;
}

#[tokio::test]
async fn a_batch_whose_answers_are_durable_is_forgotten_at_the_latest_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (batches, kept) = (folder.path().join("batches"), tempfile::tempdir().unwrap());
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let store = AnswerStore::open(folder.path(), "first").unwrap();
    let answers = Arc::new(store.partition(0).unwrap());
    let shared: Arc<dyn Teacher> = batched(&server, &batches, Stop::default());
    let teacher = stack(&shared, &answers, &Stop::default());
    let asking = tokio::spawn(async move { teacher.ask(&question("question 0")).await });
    while server.seen.batches.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let record = record(&batches);
    let copy = kept.path().join("record");
    std::fs::copy(&record, &copy).unwrap();
    asking.await.unwrap().unwrap();
    all_forgotten(&batches).await;
    // The kill came between storing and forgetting.
    std::fs::copy(&copy, &record).unwrap();
    std::fs::write(record.with_extension("jsonl"), "").unwrap();
    AnswerStore::open(folder.path(), "second").unwrap();
    assert_eq!(files_in(&batches), 0);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_counts_as_paid_and_is_asked_again_and_a_refusal_is_free() {
    const LINES: &[&str] = &[
        "{garbled",
        r#"{"custom_id": "KEY", "response": {"status_code": 200, "body": {"choices": []}}, "error": null}"#,
        r#"{"custom_id": "KEY", "response": {"status_code": 400, "body": {"error": {"message": "no"}}}, "error": null}"#,
        r#"{"custom_id": "KEY", "response": null, "error": {"code": "batch_expired"}}"#,
    ];
    let (folder, money) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let behaviour = Behaviour { points: 19, first_lines: LINES, ..Behaviour::default() };
    let server = Server::start(0, behaviour).await.unwrap();
    let purse = purse(money.path(), "only", 10.0);
    let teacher = paid(&server, folder.path(), Stop::default(), Some(Arc::clone(&purse)));
    let replies: Vec<Reply> = ask_all(&teacher, 6).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 6 + 3, "all but the refused one are asked again");
    let mut costs: Vec<u64> = replies.iter().map(|reply| reply.usage.cost_micro_usd.unwrap()).collect();
    assert_eq!(costs.iter().sum::<u64>(), purse.spent_micro_usd());
    let lost: Vec<u32> = replies.iter().map(|reply| reply.usage.maybe_paid_calls).collect();
    assert_eq!(lost.iter().sum::<u32>(), 2);
    // The refused one, three answers, and two that count at what was put aside for the lost ones besides.
    costs.sort_unstable();
    assert!(costs[0] == 0 && costs[1] > 0 && costs[3] < costs[4] / 2, "{costs:?}");
}

#[tokio::test]
async fn a_failure_that_nobody_had_asked_for_yet_is_asked_again_and_was_free() {
    const EXPIRED: &[&str] =
        &[r#"{"custom_id": "KEY", "response": null, "error": {"code": "batch_expired"}}"#; 3];
    let behaviour = Behaviour { points: 19, first_lines: EXPIRED, ..Behaviour::default() };
    let server = Server::start(0, behaviour).await.unwrap();
    let left = left_by_a_kill(&server, 3).await;
    let purse = purse(left.path(), "second", 10.0);
    let next = paid(&server, &left.path().join("batches"), Stop::default(), Some(Arc::clone(&purse)));
    // One question fetches the batch, the others come later.
    let mut replies = ask_all(&next, 1).await;
    replies.extend(ask_all(&next, 3).await);
    let costs = replies.into_iter().map(|reply| reply.unwrap().usage.cost_micro_usd.unwrap());
    assert_eq!(costs.sum::<u64>(), purse.spent_micro_usd());
    all_stored(&next, 3);
    assert_eq!(files_in(&left.path().join("batches")), 0);
}

#[tokio::test]
async fn a_batch_that_has_the_whole_budget_is_gone_on_with() {
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let left = left_by_a_kill(&server, 3).await;
    let put_aside = purse(left.path(), "second", 10.0).spent_micro_usd();
    let purse = purse(left.path(), "third", put_aside as f64 / 1e6);
    let next = paid(&server, &left.path().join("batches"), Stop::default(), Some(Arc::clone(&purse)));
    let replies = ask_all(&next, 3).await;
    let costs = replies.into_iter().map(|reply| reply.unwrap().usage.cost_micro_usd.unwrap());
    assert_eq!(costs.sum::<u64>(), purse.spent_micro_usd());
    assert!(purse.spent_micro_usd() > 0 && purse.spent_micro_usd() < put_aside);
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_question_in_two_batches_is_answered_by_the_later_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    assert!(ask_all(&batched(&server, folder.path(), Stop::default()), 3).await.iter().all(Result::is_ok));
    // An earlier one that has left its questions to the later one, and was not forgotten when the run was killed.
    let later = record(folder.path());
    let name = later.file_stem().unwrap().to_str().unwrap().to_owned();
    std::fs::copy(&later, folder.path().join("kept")).unwrap();
    change_record(folder.path(), &name, "0-0");
    std::fs::rename(&later, folder.path().join("0-0.json")).unwrap();
    std::fs::rename(folder.path().join("kept"), &later).unwrap();
    let next = batched(&server, folder.path(), Stop::default());
    assert!(ask_all(&next, 3).await.iter().all(Result::is_ok));
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), 3);
    all_stored(&next, 3);
    all_forgotten(folder.path()).await;
}

#[tokio::test]
async fn a_batch_that_the_server_has_forgotten_ends_the_run_until_its_record_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    assert!(ask_all(&batched(&server, folder.path(), Stop::default()), 2).await.iter().all(Result::is_ok));
    change_record(folder.path(), "\"batch-0\"", "\"batch-77\"");
    let path = record(folder.path());
    let next = batched(&server, folder.path(), Stop::default());
    for replies in [ask_all(&next, 2).await, ask_all(&next, 1).await] {
        for reply in replies {
            let error = reply.unwrap_err().to_string();
            assert!(error.contains("batch-77") && error.contains(path.to_str().unwrap()), "{error}");
        }
    }
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 1, "nobody pays twice without being asked");
    std::fs::remove_file(path).unwrap();
    let last = batched(&server, folder.path(), Stop::default());
    assert!(ask_all(&last, 2).await.iter().all(Result::is_ok));
    assert_eq!(server.seen.batches.load(Ordering::Relaxed), 2);
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
    change_record(folder.path(), "\"batch-0\"", "null");
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

/// A store as a run with a budget leaves it that was killed when it had sent a batch. A copy: this process would go on
/// and take the batch away.
async fn left_by_a_kill(server: &Server, count: usize) -> tempfile::TempDir {
    let (folder, stop) = (tempfile::tempdir().unwrap(), Stop::default());
    let purse = purse(folder.path(), "first", 10.0);
    let first = paid(server, &folder.path().join("batches"), stop.clone(), Some(purse));
    let asking = tokio::spawn(async move { ask_all(&first, count).await });
    while server.seen.batches.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let left = tempfile::tempdir().unwrap();
    for below in ["batches", "ledger"] {
        std::fs::create_dir(left.path().join(below)).unwrap();
        for entry in std::fs::read_dir(folder.path().join(below)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, left.path().join(below).join(path.file_name().unwrap())).unwrap();
        }
    }
    stop.request();
    asking.await.unwrap();
    left
}

async fn keeps_for_later(is_damaged: bool) {
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let left = left_by_a_kill(&server, 3).await;
    let batches = left.path().join("batches");
    let second = batched(&server, &batches, Stop::default());
    // The batch is over long before the third question is asked.
    assert!(ask_all(&second, 1).await[0].is_ok());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    if is_damaged {
        let fetched = std::fs::read_dir(&batches).unwrap().map(|entry| entry.unwrap().path());
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
