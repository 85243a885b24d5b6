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

    fn placeholder(&self) -> Rgb<u8> {
        self.codebook.placeholder()
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
