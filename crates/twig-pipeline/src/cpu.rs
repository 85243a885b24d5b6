//! Work that keeps a core busy runs on the rayon pool, never on the threads that wait for teachers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

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
