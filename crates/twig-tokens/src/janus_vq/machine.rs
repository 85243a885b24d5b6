//! What the processor can do, chosen at run time.
//!
//! The arithmetic is written once, in safe Rust that the compiler vectorises, and compiled for each set of
//! instructions. A sum is always taken in the same order, one fused multiply-add after the other, and vectors
//! lie across independent sums: so every processor that can fuse gives the same bits. Only processors that
//! cannot (x86-64 before 2013) round differently.

#![allow(unsafe_code, reason = "calling code compiled for instructions beyond the baseline; see `run`")]

/// A set of instructions, as a type, so that code is compiled for it.
pub(super) trait Machine {
    /// Columns of the block of a product that is held in registers: two vectors, or one where that leaves too few
    /// registers (AVX2: a sixth row of two was spilled, and took a third of the time).
    const COLS: usize;

    /// `a · b + c`, rounded once where the machine can.
    fn multiply_add(a: f32, b: f32, c: f32) -> f32;
}

/// A piece of arithmetic that is worth compiling for each machine. `run` is marked `#[inline(always)]`, and so
/// is all that it calls: only then is it compiled for the machine and not for the baseline.
pub(super) trait Work {
    fn run<M: Machine>(self);
}

struct Avx512;
struct Avx2;
struct Baseline;

impl Machine for Avx512 {
    const COLS: usize = 32;

    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Machine for Avx2 {
    const COLS: usize = 8;

    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Machine for Baseline {
    const COLS: usize = 8;

    #[inline(always)]
    fn multiply_add(a: f32, b: f32, c: f32) -> f32 {
        // Without the instruction `mul_add` is a slow function.
        if cfg!(target_arch = "aarch64") { a.mul_add(b, c) } else { a * b + c }
    }
}

/// The sets of instructions there is code for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instructions {
    /// AVX-512 F: 16 numbers at a time.
    Avx512,
    /// AVX2 and FMA: 8 numbers at a time.
    Avx2,
    /// What every processor of the target has: SSE2, or NEON.
    Baseline,
}

impl Instructions {
    /// All of them, the widest first.
    pub const ALL: [Self; 3] = [Self::Avx512, Self::Avx2, Self::Baseline];

    /// The widest that this processor has.
    pub fn best() -> Self {
        Self::ALL.into_iter().find(|instructions| instructions.are_there()).unwrap_or(Self::Baseline)
    }

    /// Columns of the block of a product that is held in registers.
    pub(super) fn block_cols(self) -> usize {
        match self {
            Self::Avx512 => Avx512::COLS,
            Self::Avx2 => Avx2::COLS,
            Self::Baseline => Baseline::COLS,
        }
    }

    /// Whether this processor has them.
    #[cfg(target_arch = "x86_64")]
    pub fn are_there(self) -> bool {
        match self {
            Self::Avx512 => is_x86_feature_detected!("avx512f") && Self::Avx2.are_there(),
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Self::Baseline => true,
        }
    }

    /// Whether this processor has them.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn are_there(self) -> bool {
        self == Self::Baseline
    }

    /// Does a piece of work with these instructions.
    ///
    /// # Panics
    /// If the processor does not have them.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn run(self, work: impl Work) {
        assert!(self.are_there(), "the processor has no {self:?}");
        match self {
            // SAFETY: the processor has just been asked whether it has them.
            Self::Avx512 => unsafe { run_avx512(work) },
            // SAFETY: as above.
            Self::Avx2 => unsafe { run_avx2(work) },
            Self::Baseline => work.run::<Baseline>(),
        }
    }

    /// Does a piece of work with these instructions.
    #[cfg(not(target_arch = "x86_64"))]
    pub(super) fn run(self, work: impl Work) {
        work.run::<Baseline>();
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512(work: impl Work) {
    work.run::<Avx512>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2(work: impl Work) {
    work.run::<Avx2>();
}
