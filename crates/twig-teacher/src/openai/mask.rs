//! The mask of an edit: an RGBA picture of the base's size, transparent where the server may paint.

use image::{ExtendedColorType, ImageEncoder, ImageReader, codecs::png::PngEncoder};
use std::io::Cursor;
use twig_model::{Picture, PixelBox};

/// The mask that lets these boxes of pixels change; `None` where all of the picture may.
pub(crate) fn of(base: &Picture, editable: &[PixelBox]) -> Result<Option<Picture>, String> {
    if editable.is_empty() {
        return Ok(None);
    }
    let wrong = |error: &dyn std::fmt::Display| format!("the picture to edit cannot be read: {error}");
    let reader = ImageReader::new(Cursor::new(base.bytes())).with_guessed_format().map_err(|e| wrong(&e))?;
    let (width, height) = reader.into_dimensions().map_err(|error| wrong(&error))?;
    let mut pixels = [0, 0, 0, u8::MAX].repeat(width as usize * height as usize);
    for PixelBox { left, top, width: box_width, height: box_height } in editable {
        for row in (*top..top + box_height).take_while(|row| *row < height) {
            for column in (*left..left + box_width).take_while(|column| *column < width) {
                pixels[4 * (row as usize * width as usize + column as usize) + 3] = 0;
            }
        }
    }
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, width, height, ExtendedColorType::Rgba8)
        .map_err(|error| format!("the mask cannot be encoded: {error}"))?;
    Ok(Some(Picture::new(png)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_has_the_size_of_the_base_and_is_transparent_in_its_boxes() {
        let mut png = Vec::new();
        PngEncoder::new(&mut png).write_image(&[9; 6 * 4 * 3], 6, 4, ExtendedColorType::Rgb8).unwrap();
        let base = Picture::new(png);
        let boxes = [
            PixelBox { left: 0, top: 1, width: 6, height: 1 },
            PixelBox { left: 4, top: 3, width: 9, height: 9 },
        ];
        let mask = of(&base, &boxes).unwrap().unwrap();
        let mask = image::load_from_memory(mask.bytes()).unwrap().to_rgba8();
        assert_eq!(mask.dimensions(), (6, 4));
        for (x, y, pixel) in mask.enumerate_pixels() {
            let inside = y == 1 || (y == 3 && x >= 4);
            assert_eq!(pixel.0[3], if inside { 0 } else { 255 }, "{x}, {y}");
        }
        assert_eq!(of(&base, &[]), Ok(None));
        assert!(of(&Picture::new(&b"text"[..]), &boxes).is_err());
    }
}
