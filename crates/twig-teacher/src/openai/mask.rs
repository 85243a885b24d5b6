//! The mask of an edit: an RGBA picture of the base's size, transparent where the server may paint.

use image::{ExtendedColorType, ImageEncoder, ImageReader, codecs::png::PngEncoder};
use std::io::Cursor;
use twig_model::Picture;

/// The mask that lets rows `first..end` of pixels change.
pub(crate) fn of(base: &Picture, (first, end): (u32, u32)) -> Result<Picture, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("the picture to edit cannot be read: {error}");
    let reader = ImageReader::new(Cursor::new(base.bytes())).with_guessed_format().map_err(|e| wrong(&e))?;
    let (width, height) = reader.into_dimensions().map_err(|error| wrong(&error))?;
    let pixels: Vec<u8> = (0..height)
        .flat_map(|row| {
            let alpha = if (first..end).contains(&row) { 0 } else { 255 };
            std::iter::repeat_n([0, 0, 0, alpha], width as usize)
        })
        .flatten()
        .collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
        .map_err(|error| format!("the mask cannot be encoded: {error}"))?;
    Ok(Picture::new(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_has_the_size_of_the_base_and_is_transparent_in_its_rows() {
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&[9; 6 * 4 * 3], 6, 4, ExtendedColorType::Rgb8).unwrap();
        let mask = of(&Picture::new(png), (1, 3)).unwrap();
        let mask = image::load_from_memory(mask.bytes()).unwrap().to_rgba8();
        assert_eq!(mask.dimensions(), (6, 4));
        let alphas: Vec<u8> = mask.rows().map(|mut row| row.next().unwrap().0[3]).collect();
        assert_eq!(alphas, [255, 0, 0, 255]);
        assert!(of(&Picture::new(&b"text"[..]), (0, 1)).is_err());
    }
}
