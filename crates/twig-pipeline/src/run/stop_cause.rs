//! Why a run was stopped.

use std::sync::{Mutex, PoisonError};

use twig_model::AskError;
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

    /// Ends the run for an error. The first one is the cause; that others were stopped is its consequence.
    ///
    /// Where one teacher takes no more questions, nothing is stopped: what the others are asked is answered and
    /// kept, and the run ends with it.
    pub(crate) fn stop_for(&self, error: RunError) {
        let goes_on = matches!(error, RunError::Interrupted | RunError::Teacher(AskError::Paused { .. }));
        let mut cause = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        if cause.is_none() && !matches!(error, RunError::Interrupted) {
            *cause = Some(error);
        }
        if !goes_on {
            self.stop.request();
        }
    }

    /// The error that stopped the run.
    pub(super) fn take(&self) -> Option<RunError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
