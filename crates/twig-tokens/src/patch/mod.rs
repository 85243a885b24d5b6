//! The embedded image tokenizer: 16 × 16-pixel patches, a linear projection, and a fitted codebook.
//!
//! Everything is integer arithmetic, so that a picture has the same ids on every machine.

mod codebook;
mod file;
mod fit;
mod kmeans;
mod nearest;
mod principal;
mod random;
mod tokenizer;

pub use codebook::{CodebookError, PatchCodebook};
pub use fit::{FitError, FitSettings, fit_patch_codebook};
pub use tokenizer::PatchTokenizer;

use twig_imaging::RgbImage;

/// Side of a patch in pixels.
const PATCH_SIDE: usize = 16;

/// Colour values of a patch: 16 rows of 16 pixels of red, green and blue.
const PATCH_LEN: usize = PATCH_SIDE * PATCH_SIDE * 3;

/// The colour values of one patch, row by row.
type Patch = [u8; PATCH_LEN];

/// The patches of a picture in raster order; what does not fill a patch at the right and lower edge is left
/// out.
fn patches(picture: &RgbImage) -> impl Iterator<Item = Patch> + '_ {
    let (cols, rows) = (picture.width() as usize / PATCH_SIDE, picture.height() as usize / PATCH_SIDE);
    (0..rows * cols).map(move |token| cut_patch(picture, token / cols, token % cols))
}

fn cut_patch(picture: &RgbImage, row: usize, col: usize) -> Patch {
    let (stride, width) = (picture.width() as usize * 3, PATCH_SIDE * 3);
    let mut patch = [0; PATCH_LEN];
    for (y, line) in patch.chunks_exact_mut(width).enumerate() {
        let from = (row * PATCH_SIDE + y) * stride + col * width;
        line.copy_from_slice(&picture.as_raw()[from..from + width]);
    }
    patch
}

/// The opposite of [`cut_patch`].
fn paste_patch(picture: &mut RgbImage, row: usize, col: usize, patch: &[u8]) {
    let (stride, width) = (picture.width() as usize * 3, PATCH_SIDE * 3);
    for (y, line) in patch.chunks_exact(width).enumerate() {
        let to = (row * PATCH_SIDE + y) * stride + col * width;
        picture.as_flat_samples_mut().samples[to..to + width].copy_from_slice(line);
    }
}

#[cfg(test)]
mod test_pictures;
