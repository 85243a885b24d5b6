use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use tokio::sync::oneshot;
use twig_model::{Answer, AskError, BoxFuture, Reply, Request, Teacher, Usage};

/// A teacher that computes its answers on this machine: runs a synchronous function on the rayon pool, so
/// that the threads which wait for others are never kept busy.
pub struct OnCpu<F> {
    name: String,
    identity: String,
    model: String,
    answer: std::sync::Arc<F>,
}

impl<F: Fn(&Request) -> Answer + Send + Sync + 'static> OnCpu<F> {
    /// A teacher called `name` in the pipeline file that answers by calling `answer`.
    pub fn new(name: &str, identity: String, model: &str, answer: F) -> Self {
        Self { name: name.to_owned(), identity, model: model.to_owned(), answer: std::sync::Arc::new(answer) }
    }
}

impl<F: Fn(&Request) -> Answer + Send + Sync + 'static> Teacher for OnCpu<F> {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        Box::pin(async move {
            let (send, receive) = oneshot::channel();
            let answer = std::sync::Arc::clone(&self.answer);
            let request = request.clone();
            rayon::spawn(move || {
                let start = Instant::now();
                // A panic ends this answer and not the process: the sender is dropped, and the error named.
                // Where the run has stopped nobody waits any more.
                if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| answer(&request))) {
                    let _ = send.send((answer, start.elapsed()));
                }
            });
            let (answer, took) = receive.await.map_err(|_| AskError::Unreachable {
                teacher: self.name.clone(),
                detail: "it panicked; the message above says where".to_owned(),
            })?;
            Ok(Reply {
                answer,
                model: self.model.clone(),
                fingerprint: None,
                usage: Usage { latency_ms: took.as_millis() as u64, ..Usage::default() },
                key: None,
                from_store: false,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::tests::think_request;

    #[tokio::test]
    async fn an_answer_is_computed_off_the_waiting_threads() {
        let asked_on = std::thread::current().id();
        let teacher = OnCpu::new("stub", "stub/1".to_owned(), "stub-1", move |_| {
            Answer::Text((std::thread::current().id() == asked_on).to_string())
        });
        let reply = teacher.ask(&think_request("a cat")).await.unwrap();
        assert_eq!(reply.answer, Answer::Text("false".to_owned()));
        assert_eq!(reply.model, "stub-1");
    }
}
