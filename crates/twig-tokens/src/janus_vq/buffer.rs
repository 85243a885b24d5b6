//! Memory for feature maps and scratch, used again and again.

use std::{
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError},
};

/// Bytes of a cache line; a vector that crosses one is loaded twice.
const LINE: usize = 64;

/// Buffers that are free. A map of the first level takes 75 MB, and having the system hand out and clear such
/// memory for every layer would cost a tenth of the time.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Vec<Vec<f32>>>>);

impl Pool {
    /// A buffer of that many numbers, with whatever was in it.
    pub(super) fn take(&self, len: usize) -> Buffer {
        let wanted = len + LINE / size_of::<f32>();
        // Not one much too large: the large ones are few and soon wanted.
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..free.len()).filter(|&at| (wanted..=2 * wanted).contains(&free[at].len()));
        let found = fitting.min_by_key(|&at| free[at].len()).map(|at| free.swap_remove(at));
        drop(free);
        let numbers = found.unwrap_or_else(|| vec![0.0; wanted]);
        let start = numbers.as_ptr().align_offset(LINE).min(LINE / size_of::<f32>());
        Buffer { numbers, start, len, pool: self.clone() }
    }
}

/// Numbers that begin on a cache line. Goes back to its pool when dropped.
#[derive(Debug)]
pub(super) struct Buffer {
    numbers: Vec<f32>,
    start: usize,
    len: usize,
    pool: Pool,
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..][..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let numbers = std::mem::take(&mut self.numbers);
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(numbers);
    }
}
