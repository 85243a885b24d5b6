//! Small JPEG copies of pictures, for pages that show many.

use base64::{Engine, engine::general_purpose::STANDARD};
use twig_imaging::{encode_jpeg, fit_square};
use twig_model::Picture;

use crate::{InspectError, details::decode};

/// The picture in a square of `side` pixels, as JPEG.
pub(crate) fn thumbnail(
    id: &str,
    picture: &Picture,
    side: u32,
    quality: u8,
) -> Result<Vec<u8>, InspectError> {
    Ok(encode_jpeg(&fit_square(&decode(id, picture)?, side), quality))
}

/// The same as a URL that carries its bytes.
pub(crate) fn data_url(id: &str, picture: &Picture, side: u32, quality: u8) -> Result<String, InspectError> {
    let jpeg = thumbnail(id, picture, side, quality)?;
    Ok(format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg)))
}
