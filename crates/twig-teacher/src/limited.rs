use std::sync::Arc;

use tokio::sync::Semaphore;
use twig_model::{AskError, BoxFuture, Reply, Request, Teacher};

/// Lets at most so many questions be under way at once; the others wait in order of arrival.
///
/// The wait is bounded by the number of trajectories in flight, which the run bounds.
pub struct Limited {
    inner: Arc<dyn Teacher>,
    permits: Semaphore,
}

impl Limited {
    /// `concurrency` questions at a time.
    pub fn new(inner: Arc<dyn Teacher>, concurrency: usize) -> Self {
        Self { inner, permits: Semaphore::new(concurrency) }
    }
}

impl Teacher for Limited {
    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
        Box::pin(async move {
            // The semaphore is never closed; were it, no question may be asked any more.
            let _permit = self.permits.acquire().await.map_err(|_| AskError::Stopping)?;
            self.inner.ask(request).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::recorded::tests::{text_reply, think_request};

    #[derive(Default)]
    struct Crowded {
        now: AtomicUsize,
        most: AtomicUsize,
    }

    impl Teacher for Crowded {
        fn identity(&self) -> &'static str {
            "crowded"
        }

        fn ask<'a>(&'a self, _: &'a Request) -> BoxFuture<'a, Result<Reply, AskError>> {
            Box::pin(async move {
                let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(now, Ordering::SeqCst);
                tokio::task::yield_now().await;
                self.now.fetch_sub(1, Ordering::SeqCst);
                Ok(text_reply("{}"))
            })
        }
    }

    #[tokio::test]
    async fn the_fourth_question_waits_for_one_of_the_first_three() {
        let crowded = Arc::new(Crowded::default());
        let limited = Arc::new(Limited::new(Arc::clone(&crowded) as Arc<dyn Teacher>, 3));
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let limited = Arc::clone(&limited);
                tokio::spawn(async move { limited.ask(&think_request("a cat")).await.is_ok() })
            })
            .collect();
        for asked in asking {
            assert!(asked.await.unwrap());
        }
        assert_eq!(crowded.most.load(Ordering::SeqCst), 3);
    }
}
