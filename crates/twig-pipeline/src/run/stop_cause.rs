//! Why a run was stopped.

use std::sync::{Mutex, PoisonError};

use twig_teacher::Stop;

use crate::error::RunError;

/// What stopped a run, if it was not the user: neither a deadline nor what others make of the stop must hide it.
pub(crate) struct StopCause {
    stop: Stop,
    /// Held to note or to take it.
    error: Mutex<Option<RunError>>,
}

impl StopCause {
    pub(super) fn new(stop: Stop) -> Self {
        Self { stop, error: Mutex::new(None) }
    }

    /// Stops the run for an error. The first one is the cause; that others were stopped is its consequence.
    pub(crate) fn stop_for(&self, error: RunError) {
        let mut cause = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if cause.is_none() && !matches!(error, RunError::Interrupted) {
            *cause = Some(error);
        }
        self.stop.request();
    }

    /// The error that stopped the run.
    pub(super) fn take(&self) -> Option<RunError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
