//! Ends a run before its disk is full: a full disk stops a run too, but others write to it as well.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{error::RunError, run::StopCause};

/// How often the disk is looked at. At 500 MB/s that is half a gigabyte.
const EVERY: Duration = Duration::from_secs(1);

/// A thread that watches the disk for as long as this lives.
pub(crate) struct FreeDisk {
    ended: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FreeDisk {
    /// Looks at the disk of `folder` now, and then every second; less than `min_mb` free stops the run.
    pub(crate) fn watch(folder: &Path, min_mb: u64, stop: Arc<StopCause>) -> Result<Self, RunError> {
        if min_mb == 0 {
            return Ok(Self { ended: None, thread: None });
        }
        check(folder, min_mb)?;
        let (ended, ending) = mpsc::channel();
        let folder = folder.to_owned();
        let thread = thread::Builder::new().name("free-disk".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = ending.recv_timeout(EVERY) {
                if let Err(error) = check(&folder, min_mb) {
                    stop.stop_for(error);
                    return;
                }
            }
        });
        Ok(Self {
            ended: Some(ended),
            thread: Some(thread.map_err(|source| RunError::Io { path: PathBuf::new(), source })?),
        })
    }
}

impl Drop for FreeDisk {
    fn drop(&mut self) {
        drop(self.ended.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn check(folder: &Path, min_mb: u64) -> Result<(), RunError> {
    // A file system that does not tell is not watched.
    let Ok(free) = fs4::available_space(folder) else { return Ok(()) };
    let free_mb = free / 1_000_000;
    if free_mb >= min_mb {
        return Ok(());
    }
    Err(RunError::LittleDisk { folder: folder.to_owned(), free_mb, min_mb })
}
