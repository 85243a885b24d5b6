//! Work that keeps a core busy runs on the rayon pool, never on the threads that wait for teachers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use tokio::{sync::oneshot, time::sleep};

use crate::error::RunError;

/// Runs `work` on the rayon pool and waits for its result.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RunError> {
    let (send, receive) = oneshot::channel();
    rayon::spawn(move || {
        // A panic ends this piece of work and not the process: the sender is dropped, and the error named.
        // Where the run has stopped nobody waits any more.
        if let Ok(result) = catch_unwind(AssertUnwindSafe(work)) {
            let _ = send.send(result);
        }
    });
    receive.await.map_err(|_| RunError::Worker)
}

/// The same for work that may take so long, from when it has a core on: how long it waits for one is not its fault.
/// `None` where it takes longer; nobody waits for it then.
pub(crate) async fn compute_within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, RunError> {
    let (begin, begun) = oneshot::channel();
    let mut result = pin!(compute(move || {
        let _ = begin.send(());
        work()
    }));
    let too_long = async {
        match begun.await {
            Ok(()) => sleep(limit).await,
            // It panicked before it began, which the result tells.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        result = &mut result => result.map(Some),
        () = too_long => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_that_takes_too_long_is_not_waited_for_and_waiting_for_a_core_does_not_count() {
        let limit = Duration::from_millis(100);
        let (release, released) = mpsc::channel::<()>();
        let stuck = compute_within(limit, move || released.recv().is_ok()).await;
        assert_eq!(stuck.unwrap(), None);
        drop(release);
        let (let_go, held) = mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        // Every core is taken, one job waits for its turn all the while.
        let cores: Vec<_> = (0..rayon::current_num_threads())
            .map(|_| {
                let held = std::sync::Arc::clone(&held);
                tokio::spawn(compute(move || {
                    // Whoever has the lock waits for the sender to go, the others for the lock.
                    let _ = held.lock().map(|held| held.recv());
                }))
            })
            .collect();
        tokio::task::yield_now().await;
        let waiting = tokio::spawn(compute_within(limit, || "done"));
        sleep(3 * limit).await;
        drop(let_go);
        assert_eq!(waiting.await.unwrap().unwrap(), Some("done"));
        for core in cores {
            core.await.unwrap().unwrap();
        }
    }
}
