use twig_imaging::{Rgb, RgbImage};
use twig_model::Geometry;

use super::{
    CodebookError, PATCH_LEN, PATCH_SIDE, PatchCodebook, nearest::NearestCode, paste_patch, patches,
};
use crate::{ImageTokenizer, TokenizeError};

/// The file that `cargo xtask fit-codebook` writes.
const EMBEDDED_CODEBOOK: &[u8] = include_bytes!("../../assets/patch-codebook.bin");

/// The embedded image tokenizer: 384 × 384 pixels to 24 × 24 ids of patches of 16 × 16 pixels, and back.
///
/// Each patch has the code whose decoded patch is nearest to it among the fitted directions, whatever its
/// neighbours are. What holds:
/// - a patch that is nothing but the placeholder colour is 0, and no other patch is;
/// - `encode(decode(ids)) == ids` for all ids of the codebook.
///
/// The patches of all codes are decoded once, when the tokenizer is made: 768 bytes a code.
pub struct PatchTokenizer {
    fingerprint: String,
    codebook: PatchCodebook,
    /// The patch of each id, code 0 first.
    decoded: Vec<u8>,
    nearest: NearestCode,
}

impl PatchTokenizer {
    /// The tokenizer's name.
    pub const NAME: &str = "twig-patch";

    const GEOMETRY: Geometry = Geometry::JANUS;

    /// The tokenizer with the codebook that is part of the program. Takes some tens of milliseconds.
    pub fn embedded() -> Result<Self, CodebookError> {
        Self::new(PatchCodebook::from_bytes(EMBEDDED_CODEBOOK)?)
    }

    /// The tokenizer of a codebook of one's own.
    pub fn new(codebook: PatchCodebook) -> Result<Self, CodebookError> {
        let codes = codebook.decoded();
        if let Some(&id) = codes.ambiguous.first() {
            return Err(CodebookError::Ambiguous { id });
        }
        let mut decoded = codebook.placeholder().0.repeat(PATCH_LEN / 3);
        decoded.extend(codes.patches);
        let nearest = NearestCode::new(&codes.features, codebook.num_features());
        let fingerprint = blake3::hash(&codebook.to_bytes()).to_hex().to_string();
        Ok(Self { fingerprint, codebook, decoded, nearest })
    }
}

impl ImageTokenizer for PatchTokenizer {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn geometry(&self) -> Geometry {
        Self::GEOMETRY
    }

    fn codebook_size(&self) -> u32 {
        self.codebook.num_codes()
    }

    fn placeholder(&self) -> Result<Rgb<u8>, TokenizeError> {
        Ok(self.codebook.placeholder())
    }

    fn encode(&self, picture: &RgbImage) -> Result<Vec<u32>, TokenizeError> {
        let (width, height) = picture.dimensions();
        let wanted = Self::GEOMETRY.image_size;
        if (width, height) != (wanted, wanted) {
            return Err(TokenizeError::PictureSize { width, height, wanted });
        }
        let mut features = vec![0; self.codebook.num_features()];
        let id_of = |patch| {
            if self.codebook.is_placeholder(&patch) {
                return 0;
            }
            self.codebook.project(&patch, &mut features);
            self.nearest.find(&features) as u32 + 1
        };
        Ok(patches(picture).map(id_of).collect())
    }

    fn decode(&self, ids: &[u32]) -> Result<RgbImage, TokenizeError> {
        let Geometry { grid, image_size } = Self::GEOMETRY;
        let wanted = grid.num_tokens() as usize;
        if ids.len() != wanted {
            return Err(TokenizeError::NumIds { given: ids.len(), wanted });
        }
        let mut picture = RgbImage::new(image_size, image_size);
        let cols = image_size as usize / PATCH_SIDE;
        for (position, &id) in ids.iter().enumerate() {
            if id >= self.codebook_size() {
                return Err(TokenizeError::UnknownId { id, position, codebook_size: self.codebook_size() });
            }
            let patch = &self.decoded[id as usize * PATCH_LEN..][..PATCH_LEN];
            paste_patch(&mut picture, position / cols, position % cols, patch);
        }
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::patch::test_pictures::picture;
    use proptest::prelude::*;
    use twig_imaging::{mean_absolute_difference, partial_canvas};
    use twig_model::Schedule;

    static TOKENIZER: LazyLock<PatchTokenizer> = LazyLock::new(|| PatchTokenizer::embedded().unwrap());

    #[test]
    fn a_partial_canvas_is_the_ids_so_far_and_then_zeros() {
        let picture = picture(1);
        let ids = TOKENIZER.encode(&picture).unwrap();
        assert!(ids.iter().all(|&id| id != 0));
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        for num_done in 0..=3 {
            let canvas = partial_canvas(&picture, &schedule, num_done, TOKENIZER.placeholder().unwrap());
            let mut wanted = ids.clone();
            wanted[num_done * 192..].fill(0);
            assert_eq!(TOKENIZER.encode(&canvas).unwrap(), wanted);
        }
    }

    #[test]
    fn zeros_decode_to_the_placeholder() {
        let blank = TOKENIZER.decode(&[0; 576]).unwrap();
        assert!(blank.pixels().all(|&pixel| pixel == TOKENIZER.placeholder().unwrap()));
        assert_eq!(TOKENIZER.encode(&blank).unwrap(), [0; 576]);
    }

    #[test]
    fn every_code_of_the_embedded_codebook_keeps_its_id() {
        let size = TOKENIZER.codebook_size();
        assert_eq!(size, 4096);
        for start in (0..size).step_by(576) {
            let ids: Vec<u32> = (start..start + 576).map(|id| id % size).collect();
            assert_eq!(TOKENIZER.encode(&TOKENIZER.decode(&ids).unwrap()).unwrap(), ids);
        }
    }

    #[test]
    fn other_sizes_and_unknown_ids_are_errors() {
        let encoded = TOKENIZER.encode(&RgbImage::new(384, 383));
        assert_eq!(encoded, Err(TokenizeError::PictureSize { width: 384, height: 383, wanted: 384 }));
        let decoded = TOKENIZER.decode(&[1; 575]).unwrap_err();
        assert_eq!(decoded, TokenizeError::NumIds { given: 575, wanted: 576 });
        let mut ids = [1; 576];
        ids[7] = 4096;
        let error = TOKENIZER.decode(&ids).unwrap_err().to_string();
        assert_eq!(error, "id 4096 at position 7 is outside the codebook of 4096 codes");
    }

    /// Pictures unlike those that the codebook was fitted to; those it was made for are measured in
    /// `tests/reconstruction.rs`.
    #[test]
    fn foreign_pictures_stay_recognisable() {
        let pictures: Vec<RgbImage> = (0..16).map(picture).collect();
        let mean = |measure: &dyn Fn(&RgbImage) -> f64| pictures.iter().map(measure).sum::<f64>() / 16.0;
        let psnr = mean(&|picture| TOKENIZER.round_trip_psnr(picture).unwrap());
        let difference = mean(&|picture| {
            let ids = TOKENIZER.encode(picture).unwrap();
            mean_absolute_difference(picture, &TOKENIZER.decode(&ids).unwrap())
        });
        assert!(psnr > 18.0, "{psnr} dB");
        assert!(difference < 20.0, "{difference} levels");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn encoding_what_ids_decode_to_gives_the_ids(ids in prop::collection::vec(0u32..4096, 576)) {
            prop_assert_eq!(TOKENIZER.encode(&TOKENIZER.decode(&ids).unwrap()).unwrap(), ids);
        }

        #[test]
        fn only_placeholder_patches_are_zero(seed: u64, dot in 0usize..384 * 384) {
            let mut canvas = RgbImage::from_pixel(384, 384, TOKENIZER.placeholder().unwrap());
            let (x, y) = (dot % 384, dot / 384);
            canvas.get_pixel_mut(x as u32, y as u32).0[seed as usize % 3] ^= 1;
            let ids = TOKENIZER.encode(&canvas).unwrap();
            let nonzero: Vec<usize> = (0..576).filter(|&token| ids[token] != 0).collect();
            prop_assert_eq!(nonzero, [y / 16 * 24 + x / 16]);
        }
    }
}
