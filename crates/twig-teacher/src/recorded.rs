use std::sync::Arc;

use tokio::task::coop::consume_budget;
use twig_model::{AskError, BoxFuture, Reply, Request, Teacher};

use crate::{PartitionAnswers, Stop, answer_key};

/// Looks into the answer store first, and makes every new answer durable before anybody sees it.
///
/// Outermost of the wrappers: what has been answered once costs nothing again, not even a place in a queue.
pub struct Recorded {
    inner: Arc<dyn Teacher>,
    answers: Arc<PartitionAnswers>,
    stop: Stop,
}

impl Recorded {
    /// Keeps the answers of `inner` in `answers`; asks nothing new once `stop` is requested.
    pub fn new(inner: Arc<dyn Teacher>, answers: Arc<PartitionAnswers>, stop: Stop) -> Self {
        Self { inner, answers, stop }
    }
}

impl Teacher for Recorded {
    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        Box::pin(async move {
            let key = answer_key(self.identity(), request);
            if let Some(reply) = self.answers.get(&key)? {
                // A whole queue may be answered so: others have their turn between.
                consume_budget().await;
                return Ok(reply);
            }
            if self.stop.is_requested() {
                return Err(AskError::Stopping);
            }
            let reply = self.inner.ask(request).await?;
            let reply = self.answers.put(key.clone(), reply).await?;
            self.inner.stored(&key);
            Ok(reply)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::AnswerStore;
    use twig_model::{
        Answer, ChatForm, Geometry, Message, Part, Rendered, Schedule, Speaker, Task, ThinkTask, Usage,
    };

    pub(crate) fn think_request(prompt: &str) -> Request {
        let task = ThinkTask {
            prompt: prompt.to_owned(),
            schedule: Schedule::bands(Geometry::JANUS, 3).unwrap(),
            region_index: None,
            earlier_thoughts: Vec::new(),
            canvas: None,
        };
        let message = Message { speaker: Speaker::User, parts: vec![Part::Text(prompt.to_owned())] };
        Request {
            task: Task::Think(task),
            rendered: Rendered::Chat(ChatForm { messages: vec![message], answer_schema: None }),
            seed: 7,
            trajectory_seed: 70,
            ask: 0,
        }
    }

    pub(crate) fn text_reply(text: &str) -> Reply {
        Reply {
            answer: Answer::Text(text.to_owned()),
            model: "stub-1".to_owned(),
            fingerprint: None,
            usage: Usage::default(),
            key: None,
            from_store: false,
        }
    }

    struct Counting(AtomicUsize);

    impl Teacher for Counting {
        fn identity(&self) -> &'static str {
            "counting"
        }

        fn ask<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
            let count = self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move { Ok(text_reply(&format!("answer {count}"))) })
        }
    }

    #[tokio::test]
    async fn an_answer_is_bought_once_and_found_by_the_next_run() {
        let folder = tempfile::tempdir().unwrap();
        let counting = Arc::new(Counting(AtomicUsize::new(0)));
        for run in ["first", "second"] {
            let store = AnswerStore::open(folder.path(), run).unwrap();
            let answers = Arc::new(store.partition(3).unwrap());
            let teacher = Recorded::new(Arc::clone(&counting) as Arc<dyn Teacher>, answers, Stop::default());
            for prompt in ["a cat", "a dog", "a cat"] {
                let reply = teacher.ask(&think_request(prompt)).await.unwrap();
                let expected = if prompt == "a cat" { "answer 0" } else { "answer 1" };
                assert_eq!(reply.answer, Answer::Text(expected.to_owned()), "{run} run, {prompt}");
            }
        }
        assert_eq!(counting.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_stopping_run_gives_stored_answers_and_asks_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        let store = AnswerStore::open(folder.path(), "only").unwrap();
        let counting: Arc<dyn Teacher> = Arc::new(Counting(AtomicUsize::new(0)));
        let stop = Stop::default();
        let teacher = Recorded::new(counting, Arc::new(store.partition(0).unwrap()), stop.clone());
        teacher.ask(&think_request("a cat")).await.unwrap();
        stop.request();
        assert!(teacher.ask(&think_request("a cat")).await.unwrap().from_store);
        assert!(matches!(teacher.ask(&think_request("a dog")).await, Err(AskError::Stopping)));
    }
}
