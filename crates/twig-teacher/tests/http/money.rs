use std::sync::atomic::Ordering;

use crate::{
    scripted::{Act, Scripted, says},
    server::{Behaviour, Server},
    *,
};

fn priced(attempts: u32) -> Value {
    json!({
        "prices": {"input": 1000.0, "output": 1000.0}, "max_output_tokens": 10,
        "limits": {"attempts": attempts, "max_pause_secs": 1},
    })
}

#[tokio::test]
async fn a_call_is_paid_for_as_counted_and_a_lost_one_as_reserved() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::start(vec![says("one"), Act::Stall, says("two")]).await;
    let purse = purse(folder.path(), "w", 10.0);
    let remote =
        Remote::new("t", &settings(&server.base_url, &priced(3)), &shared(Some(Arc::clone(&purse)))).unwrap();
    // Ten tokens read, five written, at a thousandth of a dollar each.
    let reply = remote.ask(&question("q")).await.unwrap();
    assert_eq!((reply.usage.cost_micro_usd, reply.usage.maybe_paid_calls), (Some(15_000), 0));
    assert_eq!(purse.spent_micro_usd(), 15_000);
    // One letter, sixteen tokens round it, and ten that may be written: 27 were put aside for the lost call.
    let reply = remote.ask(&question("q")).await.unwrap();
    assert_eq!((reply.usage.cost_micro_usd, reply.usage.maybe_paid_calls), (Some(27_000 + 15_000), 1));
    assert_eq!(purse.spent_micro_usd(), 15_000 + 42_000);
}

#[tokio::test]
async fn many_calls_at_once_never_exceed_the_budget_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    // Each answer costs 0.25 USD (200 + 50 tokens), and up to 0.276 + … are put aside for it.
    let server = Server::start(0, Behaviour { points: 19, ..Behaviour::default() }).await.unwrap();
    let more =
        json!({"prices": {"input": 1000.0, "output": 1000.0}, "max_output_tokens": 300, "concurrency": 16});
    let mut answered = 0;
    for run in ["first", "second"] {
        let purse = purse(folder.path(), run, 5.0);
        let shared = shared(Some(Arc::clone(&purse)));
        let remote = Arc::new(Remote::new("t", &settings(&server.base_url(), &more), &shared).unwrap());
        let asking: Vec<_> = (0..40)
            .map(|number| {
                let remote = Arc::clone(&remote);
                tokio::spawn(async move { remote.ask(&question(&format!("{run} {number}"))).await })
            })
            .collect();
        for asked in asking {
            match asked.await.unwrap() {
                Ok(_) => answered += 1,
                Err(AskError::BudgetReached { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert!(purse.spent_micro_usd() <= 5_000_000, "{}", purse.spent_micro_usd());
    }
    assert_eq!(server.seen.calls.load(Ordering::Relaxed), answered);
    assert!((18..=20).contains(&answered), "{answered} answers at a quarter of a dollar from five");
}
