//! Places for units under way, shared by the open partitions of a stage.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::partition::Partition;

/// So many places; one that becomes free goes to the earliest partition that waits for one.
///
/// Were they shared evenly, open partitions would all come to their ends together, and each would get a few of the
/// answers that come in: the store syncs the answers of each partition apart. So partitions are worked on one after
/// the other, as many at a time as it takes to fill the places.
pub(crate) struct Places {
    /// Short critical sections only.
    state: Mutex<State>,
}

struct State {
    /// None while somebody waits.
    free: usize,
    waiting: BTreeMap<Partition, oneshot::Sender<Place>>,
}

/// A place, given on once it is dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: count, waiting: BTreeMap::new() }) })
    }

    /// Waits for a place, one at a time for each partition; `None` for whoever waits when another does for the same.
    pub(crate) async fn take(self: &Arc<Self>, partition: Partition) -> Option<Place> {
        let given = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Place(Arc::clone(self)));
            }
            let (give, given) = oneshot::channel();
            state.waiting.insert(partition, give);
            given
        };
        given.await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.state();
            let next = state.waiting.pop_first();
            state.free += usize::from(next.is_none());
            next
        };
        if let Some((_, next)) = next {
            // Where nobody waits any more the place comes back, and is given on once more.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt, executor::block_on};

    fn partition(index: u32) -> Partition {
        Partition { index, of: 8 }
    }

    #[test]
    fn a_free_place_goes_to_the_earliest_partition() {
        let places = Places::new(2);
        let take = |index| places.take(partition(index)).boxed_local();
        let (first, _second) = (block_on(take(5)), block_on(take(5)));
        let (mut late, mut early) = (take(7), take(6));
        assert!((&mut late).now_or_never().is_none() && (&mut early).now_or_never().is_none());
        drop(first);
        assert!((&mut late).now_or_never().is_none());
        let early = early.now_or_never().flatten().unwrap();
        drop(early);
        assert!(late.now_or_never().flatten().is_some());
    }

    #[test]
    fn a_place_is_not_lost_with_whoever_gave_up_waiting() {
        let places = Places::new(1);
        let take = |index| places.take(partition(index)).boxed_local();
        let (held, mut waits) = (block_on(take(0)), [take(1), take(2), take(3)]);
        for wait in &mut waits {
            assert!(wait.now_or_never().is_none());
        }
        let [gone, given, last] = waits;
        drop(gone);
        drop(held);
        // Given, and not looked at.
        drop(given);
        assert!(last.now_or_never().flatten().is_some());
        assert!(take(4).now_or_never().flatten().is_some(), "it is free again");
    }
}
