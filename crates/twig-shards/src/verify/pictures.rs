use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use twig_imaging::{DecodeLimits, decode};
use twig_model::Picture;

/// Decodes pictures, each different one once: canvases come again in `sft` and `janus`.
#[derive(Debug)]
pub(super) struct PictureCheck {
    image_size: Option<u32>,
    /// Hashes of the pictures found to be good.
    good: Mutex<HashSet<[u8; 32]>>,
}

/// PNG, since `datasets.map` encodes other formats again with loss.
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

impl PictureCheck {
    /// Pictures must be squares of that many pixels, if the size is known.
    pub(super) fn new(image_size: Option<u32>) -> Self {
        Self { image_size, good: Mutex::default() }
    }

    /// What is wrong with a picture.
    pub(super) fn problem(&self, picture: &Picture) -> Option<String> {
        let hash: [u8; 32] = Sha256::digest(picture.bytes()).into();
        if self.lock().contains(&hash) {
            return None;
        }
        let problem = self.decode_problem(picture);
        if problem.is_none() {
            self.lock().insert(hash);
        }
        problem
    }

    fn decode_problem(&self, picture: &Picture) -> Option<String> {
        if !picture.bytes().starts_with(PNG_SIGNATURE) {
            return Some("is not a PNG".to_owned());
        }
        match decode(picture.bytes(), &DecodeLimits::default()) {
            Err(error) => Some(format!("does not decode: {}", super::chain(&error))),
            Ok(pixels) => self.image_size.filter(|&size| pixels.dimensions() != (size, size)).map(|size| {
                format!("is {} × {} pixels in place of {size} × {size}", pixels.width(), pixels.height())
            }),
        }
    }

    /// Different good pictures so far.
    pub(super) fn num_decoded(&self) -> u64 {
        self.lock().len() as u64
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<[u8; 32]>> {
        // A set of hashes is whole even if a thread died while holding it.
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
