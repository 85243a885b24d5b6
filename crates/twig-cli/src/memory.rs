//! The program's allocator, and when it gives memory back.
#![allow(unsafe_code, reason = "calling the allocator by its C interface; see `give_back`")]

use std::sync::Arc;

use twig_pipeline::{Event, Observer};

/// With the system's, a long run holds a quarter more, which no structure explains (docs/reliability.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Passes events on, and gives memory back whenever a stage begins. The allocator does so by itself, but some time
/// after the next stage has taken what it needs: a million prompts and the first trajectories would be held together.
pub(crate) struct GivesBack(pub(crate) Arc<dyn Observer>);

impl Observer for GivesBack {
    fn observe(&self, event: &Event) {
        if matches!(event, Event::StageStarted { .. }) {
            give_back();
        }
        self.0.observe(event);
    }
}

/// Gives what this thread has freed back to the system at once.
fn give_back() {
    unsafe extern "C" {
        /// <https://microsoft.github.io/mimalloc/group__extended.html>
        fn mi_collect(force: bool);
    }
    // SAFETY: mimalloc is linked, since it is the allocator above; the call takes no memory of ours, and may be made at
    // any time from any thread.
    unsafe { mi_collect(true) }
}
