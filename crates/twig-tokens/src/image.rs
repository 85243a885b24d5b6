use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use twig_imaging::{Rgb, RgbImage, psnr};
use twig_model::Geometry;

/// Turns pictures into grids of codebook ids and back.
///
/// Ids run in raster order. Code 0 stands for "not generated yet", and decodes to (about) the colour
/// [`placeholder`](Self::placeholder). Implementations are pure functions of the picture,
/// so that ids never depend on threads or on what was encoded before.
pub trait ImageTokenizer: Send + Sync {
    /// Name in tables and manifest.
    fn name(&self) -> &str;

    /// BLAKE3 of everything that shapes the ids (weights, codebook), as 64 hexadecimal digits.
    fn fingerprint(&self) -> &str;

    /// The token grid and the size of the pictures that it lies over.
    fn geometry(&self) -> Geometry;

    /// Number of codes; ids lie in `0..codebook_size`.
    fn codebook_size(&self) -> u32;

    /// The flat colour that code 0 decodes to, in which unfinished regions of a canvas are shown.
    fn placeholder(&self) -> Result<Rgb<u8>, TokenizeError>;

    /// The ids of a picture of [`geometry`](Self::geometry)'s size, `rows · cols` of them.
    fn encode(&self, picture: &RgbImage) -> Result<Vec<u32>, TokenizeError>;

    /// The picture that ids stand for; `rows · cols` ids are wanted.
    fn decode(&self, ids: &[u32]) -> Result<RgbImage, TokenizeError>;

    /// The ids of several pictures, in their order. How many are under way at once is the tokenizer's choice.
    fn encode_all(&self, pictures: &[RgbImage]) -> Vec<Result<Vec<u32>, TokenizeError>> {
        pictures.par_iter().map(|picture| self.encode(picture)).collect()
    }

    /// Peak signal-to-noise ratio, in decibels, between a picture and what is left of it after encoding and
    /// decoding.
    fn round_trip_psnr(&self, picture: &RgbImage) -> Result<f64, TokenizeError> {
        let decoded = self.decode(&self.encode(picture)?)?;
        Ok(psnr(picture, &decoded))
    }
}

/// Why a picture or a list of ids cannot be taken.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TokenizeError {
    /// The picture was not fitted to the tokenizer's size first.
    #[error("a picture of {width} × {height} pixels was given, {wanted} × {wanted} is wanted")]
    PictureSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Side that the tokenizer works on.
        wanted: u32,
    },
    /// Not one id for each token of the grid.
    #[error("{given} ids were given, {wanted} are wanted")]
    NumIds {
        /// Ids given.
        given: usize,
        /// Tokens of the grid.
        wanted: usize,
    },
    /// An id outside the codebook.
    #[error("id {id} at position {position} is outside the codebook of {codebook_size} codes")]
    UnknownId {
        /// The id.
        id: u32,
        /// Where it stands, in raster order.
        position: usize,
        /// Number of codes.
        codebook_size: u32,
    },
    /// The device that it runs on has failed.
    #[error("the device of the tokenizer has failed: {what}")]
    Device {
        /// What it said.
        what: String,
    },
    /// The weights could be read before and cannot now.
    #[error("the tokenizer's weights cannot be read any more: {what}")]
    Weights {
        /// What went wrong.
        what: String,
    },
}
