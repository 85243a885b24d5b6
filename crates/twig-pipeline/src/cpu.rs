//! Work that keeps a core busy runs on the rayon pool, never on the threads that wait for teachers.

use tokio::sync::oneshot;

use crate::error::RunError;

/// Runs `work` on the rayon pool and waits for its result.
pub(crate) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RunError> {
    let (send, receive) = oneshot::channel();
    rayon::spawn(move || {
        // Nobody waits any more where the run has stopped.
        let _ = send.send(work());
    });
    receive.await.map_err(|_| RunError::Worker)
}
