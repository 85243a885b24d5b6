use std::collections::HashSet;

use twig_imaging::Rgb;

use super::{PATCH_LEN, Patch, nearest::dot};

/// Entries of a basis vector are stored times 8,192.
pub(super) const BASIS_SCALE: i32 = 1 << BASIS_BITS;
const BASIS_BITS: i32 = 13;

/// Features are stored times 2, in halves of a colour level.
///
/// A patch is at most 255·√768 ≈ 7,067 away from the mean, so features stay below 2^14, and sums of products
/// of two vectors of features below 2^29.
const FEATURE_BITS: i32 = 1;

/// Largest absolute value of a number in a code; bounds the sums of [`PatchCodebook::reconstruct`].
const MAX_FEATURE: i16 = 1 << 14;

/// Largest number of features.
pub(super) const MAX_FEATURES: usize = 64;

/// Largest number of codes besides code 0.
pub(super) const MAX_CODES: usize = (1 << 14) - 1;

/// A linear projection of patches to a few features, and the codes among which the nearest is looked up.
///
/// A patch p has the features B·(p − mean), with the rows of B orthonormal; a code c stands for the patch
/// mean + Bᵀ·c. Code 0 is not among them: it stands for the flat placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchCodebook {
    pub(super) placeholder: Rgb<u8>,
    pub(super) mean: Box<Patch>,
    /// One row a feature, [`PATCH_LEN`] numbers each, times [`BASIS_SCALE`].
    pub(super) basis: Vec<i16>,
    /// One row a code, [`num_features`](Self::num_features) numbers each, times 2.
    pub(super) codes: Vec<i16>,
}

/// Why bytes or numbers do not make a codebook.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodebookError {
    /// The file does not begin like a codebook.
    #[error("not a patch codebook: it does not begin with `TWIGPCB1`")]
    Magic,
    /// The file has another length than its header says.
    #[error("a patch codebook of {wanted} bytes is expected by its header, there are {found}")]
    Length {
        /// Bytes there are.
        found: usize,
        /// Bytes there should be.
        wanted: usize,
    },
    /// The hash at the end does not fit what is in front of it.
    #[error("the patch codebook is damaged: its hash does not fit its contents")]
    Hash,
    /// A number in the header is out of range.
    #[error("{field} is {found}, which is not {accepted}")]
    Header {
        /// Which number.
        field: &'static str,
        /// What it is.
        found: u32,
        /// What it may be.
        accepted: &'static str,
    },
    /// The rows of the projection are not orthonormal.
    #[error("rows {row} and {other} of the projection are not orthonormal")]
    Basis {
        /// A row.
        row: usize,
        /// The same or another row.
        other: usize,
    },
    /// A code so far out that no patch can have it.
    #[error("code {id} lies outside the space of patches")]
    CodeRange {
        /// The code's id.
        id: u32,
    },
    /// A code that decodes to the same patch as another or as the placeholder.
    #[error("code {id} looks like another code once decoded")]
    Ambiguous {
        /// The code's id.
        id: u32,
    },
}

impl PatchCodebook {
    /// Number of features of a patch.
    pub fn num_features(&self) -> usize {
        self.basis.len() / PATCH_LEN
    }

    /// Number of codes, code 0 included.
    pub fn num_codes(&self) -> u32 {
        (self.codes.len() / self.num_features()) as u32 + 1
    }

    /// The flat colour of code 0.
    pub fn placeholder(&self) -> Rgb<u8> {
        self.placeholder
    }

    /// The codes with their ids, from 1.
    pub(super) fn codes(&self) -> impl Iterator<Item = (u32, &[i16])> {
        (1..).zip(self.codes.chunks_exact(self.num_features()))
    }

    /// Whether a patch is nothing but the placeholder colour.
    pub(super) fn is_placeholder(&self, patch: &Patch) -> bool {
        patch.chunks_exact(3).all(|pixel| pixel == self.placeholder.0)
    }

    /// The features of a patch, times 2.
    pub(super) fn project(&self, patch: &Patch, features: &mut [i16]) {
        let mut centred = [0i16; PATCH_LEN];
        for (to, (&value, &mean)) in centred.iter_mut().zip(patch.iter().zip(self.mean.iter())) {
            *to = i16::from(value) - i16::from(mean);
        }
        for (feature, row) in features.iter_mut().zip(self.basis.chunks_exact(PATCH_LEN)) {
            *feature = round_shift(dot(row, &centred), BASIS_BITS - FEATURE_BITS) as i16;
        }
    }

    /// The patch that a code stands for.
    pub(super) fn reconstruct(&self, code: &[i16]) -> Patch {
        let mut sums = [0i32; PATCH_LEN];
        for (&feature, row) in code.iter().zip(self.basis.chunks_exact(PATCH_LEN)) {
            for (sum, &entry) in sums.iter_mut().zip(row) {
                *sum += i32::from(feature) * i32::from(entry);
            }
        }
        std::array::from_fn(|i| {
            let offset = round_shift(sums[i], BASIS_BITS + FEATURE_BITS);
            (i32::from(self.mean[i]) + offset).clamp(0, 255) as u8
        })
    }

    /// Checks what the arithmetic relies on: rows of length 1 at right angles and codes of bounded size, so
    /// that no sum overflows.
    pub(super) fn check(&self) -> Result<(), CodebookError> {
        self.check_basis()?;
        for (id, code) in self.codes() {
            if code.iter().any(|feature| feature.unsigned_abs() > MAX_FEATURE.unsigned_abs()) {
                return Err(CodebookError::CodeRange { id });
            }
        }
        Ok(())
    }

    fn check_basis(&self) -> Result<(), CodebookError> {
        let one = i64::from(BASIS_SCALE) * i64::from(BASIS_SCALE);
        let rows: Vec<&[i16]> = self.basis.chunks_exact(PATCH_LEN).collect();
        for (row, a) in rows.iter().enumerate() {
            for (other, b) in rows[..=row].iter().enumerate() {
                let product: i64 = a.iter().zip(*b).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum();
                let wanted = if row == other { one } else { 0 };
                if (product - wanted).abs() > one / 200 {
                    return Err(CodebookError::Basis { row, other });
                }
            }
        }
        Ok(())
    }

    /// The codes that decode to a patch of their own: neither the placeholder, nor what a code before them
    /// decodes to, nor with the features of such a one.
    pub(super) fn decoded(&self) -> Decoded {
        let num_features = self.num_features();
        let mut decoded = Decoded {
            patches: Vec::with_capacity(self.num_codes() as usize * PATCH_LEN),
            features: Vec::with_capacity(self.codes.len()),
            ambiguous: Vec::new(),
        };
        let mut seen = HashSet::new();
        for (id, code) in self.codes() {
            let patch = self.reconstruct(code);
            let mut features = vec![0; num_features];
            self.project(&patch, &mut features);
            decoded.patches.extend_from_slice(&patch);
            decoded.features.extend_from_slice(&features);
            if self.is_placeholder(&patch) || !seen.insert(features) {
                decoded.ambiguous.push(id);
            }
        }
        decoded
    }
}

/// What the codes look like once decoded.
pub(super) struct Decoded {
    /// One patch a code.
    pub(super) patches: Vec<u8>,
    /// The features of those patches, one row a code. They differ a little from the codes, because pixels
    /// are whole numbers from 0 to 255.
    pub(super) features: Vec<i16>,
    /// Ids of codes that cannot be told from the placeholder or from a code before them.
    pub(super) ambiguous: Vec<u32>,
}

/// `value / 2^bits`, rounded half up.
fn round_shift(value: i32, bits: i32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}
