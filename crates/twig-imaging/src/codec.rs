use std::io::Cursor;

use image::{
    ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    RgbImage, Rgba,
    codecs::{
        jpeg::JpegEncoder,
        png::{CompressionType, FilterType, PngEncoder},
    },
    metadata::Orientation,
};

/// What an untrusted picture may cost. The defaults fit every picture model we know of: 64 MiB encoded,
/// 8,192 pixels a side, 40 megapixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Encoded bytes.
    pub max_bytes: usize,
    /// Pixels of the longer side.
    pub max_side: u32,
    /// Pixels in all, checked against the header before anything is unpacked.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_side: 8_192, max_pixels: 40_000_000 }
    }
}

/// Why bytes are not a picture that can be used.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More encoded bytes than allowed.
    #[error("{bytes} bytes are more than the {limit} allowed for a picture")]
    TooManyBytes {
        /// Bytes given.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Neither PNG nor JPEG nor WebP.
    #[error("not a PNG, JPEG or WebP picture (it begins with {begins:?})")]
    UnknownFormat {
        /// The first bytes, for the reader of the message.
        begins: String,
    },
    /// More pixels than allowed, by the header.
    #[error("{width} × {height} pixels are more than allowed")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The bytes break off or contradict themselves.
    #[error("the picture is damaged")]
    Damaged(#[from] image::ImageError),
}

/// Decodes a PNG, JPEG or WebP picture from untrusted bytes to 8-bit RGB.
///
/// The format comes from the bytes, never from a name. Size and memory are bounded by `limits` before any
/// pixel is unpacked. EXIF rotation is applied; transparency is laid over white.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<RgbImage, DecodeError> {
    if bytes.len() > limits.max_bytes {
        return Err(DecodeError::TooManyBytes { bytes: bytes.len(), limit: limits.max_bytes });
    }
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP))
        .ok_or_else(|| DecodeError::UnknownFormat {
            begins: String::from_utf8_lossy(&bytes[..bytes.len().min(12)]).into_owned(),
        })?;
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
    let (width, height) = decoder.dimensions();
    let too_long = width > limits.max_side || height > limits.max_side;
    if too_long || width == 0 || height == 0 || u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(DecodeError::TooManyPixels { width, height });
    }
    let mut memory = Limits::default();
    // Eight bytes a pixel (16-bit RGBA), and room for the decoder's own rows.
    memory.max_alloc = Some(limits.max_pixels * 8 + (16 << 20));
    decoder.set_limits(memory)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(flatten(picture))
}

fn flatten(picture: DynamicImage) -> RgbImage {
    match picture {
        DynamicImage::ImageRgb8(rgb) => rgb,
        picture if !picture.color().has_alpha() => picture.into_rgb8(),
        picture => {
            let rgba = picture.into_rgba8();
            let mut rgb = RgbImage::new(rgba.width(), rgba.height());
            for (to, Rgba([r, g, b, alpha])) in rgb.pixels_mut().zip(rgba.pixels()) {
                let over_white = |c: u8| {
                    let alpha = u32::from(*alpha);
                    ((u32::from(c) * alpha + 255 * (255 - alpha) + 127) / 255) as u8
                };
                to.0 = [over_white(*r), over_white(*g), over_white(*b)];
            }
            rgb
        }
    }
}

/// A picture that the fast preset makes at least so many times smaller is nearly of one colour.
const NEARLY_BLANK: usize = 100;

/// Encodes as PNG with the fast preset: a tenth of the usual time for about 12 % more bytes. Pictures that are nearly
/// blank, of which it makes more than twice what is needed, are encoded again, which takes a millisecond.
///
/// PNG because `datasets.map` encodes other formats again with loss.
pub fn encode_png(picture: &RgbImage) -> Vec<u8> {
    let bytes = png(picture, CompressionType::Fast);
    if bytes.len() * NEARLY_BLANK > picture.as_raw().len() {
        return bytes;
    }
    let again = png(picture, CompressionType::Level(2));
    if again.len() < bytes.len() { again } else { bytes }
}

fn png(picture: &RgbImage, compression: CompressionType) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(picture.as_raw().len() / 4);
    PngEncoder::new_with_quality(&mut bytes, compression, FilterType::Adaptive)
        .write_image(
            picture.as_raw(),
            picture.width(),
            picture.height(),
            ExtendedColorType::from(ColorType::Rgb8),
        )
        .expect("writing to memory cannot fail and the buffer has the stated size");
    bytes
}

/// Encodes as JPEG, for small views of pictures that nobody trains on; `quality` is 1 to 100.
pub fn encode_jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(picture.as_raw().len() / 12);
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(picture.as_raw(), picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .expect("writing to memory cannot fail and the buffer has the stated size");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Rgb, RgbaImage};
    use proptest::prelude::*;

    fn png_of(picture: &DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn transparency_is_laid_over_white() {
        let rgba = RgbaImage::from_pixel(2, 2, Rgba([255, 0, 0, 0]));
        let rgb = decode(&png_of(&rgba.into()), &DecodeLimits::default()).unwrap();
        assert!(rgb.pixels().all(|p| p.0 == [255, 255, 255]));
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(3, 1, Rgb([65_535, 0, 32_896]));
        let rgb = decode(&png_of(&DynamicImage::ImageRgb16(deep)), &DecodeLimits::default()).unwrap();
        assert_eq!(rgb.get_pixel(0, 0).0, [255, 0, 128]);
    }

    /// A JPEG of one colour a quarter, as cameras and print shops write them.
    fn jpeg_of(color: jpeg_encoder::ColorType, quarters: [&[u8]; 4], exif: Option<u8>) -> Vec<u8> {
        let (width, height) = (64u16, 32u16);
        let mut data = Vec::new();
        for y in 0..height {
            for x in 0..width {
                data.extend(quarters[usize::from(y / 16) * 2 + usize::from(x / 32)]);
            }
        }
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 95);
        if let Some(orientation) = exif {
            // One entry: tag 0x0112, a short, one of it.
            let head = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
            let segment = [head.as_slice(), &[orientation, 0, 0, 0, 0, 0, 0]].concat();
            encoder.add_app_segment(1, segment).unwrap();
        }
        encoder.encode(&data, width, height, color).unwrap();
        bytes
    }

    fn assert_near(found: [u8; 3], wanted: [u8; 3]) {
        let near = found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) < 16);
        assert!(near, "{found:?} for {wanted:?}");
    }

    #[test]
    fn a_picture_that_a_camera_turned_is_turned_back() {
        let quarters: [&[u8]; 4] = [&[255, 0, 0], &[0, 255, 0], &[0, 0, 255], &[128, 128, 128]];
        let upright = jpeg_of(jpeg_encoder::ColorType::Rgb, quarters, None);
        assert_eq!(decode(&upright, &DecodeLimits::default()).unwrap().dimensions(), (64, 32));
        // 6: the upper left corner of what is stored belongs to the upper right.
        let turned = jpeg_of(jpeg_encoder::ColorType::Rgb, quarters, Some(6));
        let picture = decode(&turned, &DecodeLimits::default()).unwrap();
        assert_eq!(picture.dimensions(), (32, 64));
        assert_near(picture.get_pixel(24, 8).0, [255, 0, 0]);
        assert_near(picture.get_pixel(24, 56).0, [0, 255, 0]);
        assert_near(picture.get_pixel(8, 8).0, [0, 0, 255]);
    }

    #[test]
    fn inks_become_colors() {
        let quarters: [&[u8]; 4] = [&[0, 255, 255, 0], &[255, 0, 255, 0], &[0, 0, 0, 0], &[0, 0, 0, 255]];
        let bytes = jpeg_of(jpeg_encoder::ColorType::Cmyk, quarters, None);
        let picture = decode(&bytes, &DecodeLimits::default()).unwrap();
        assert_near(picture.get_pixel(8, 8).0, [255, 0, 0]);
        assert_near(picture.get_pixel(56, 8).0, [0, 255, 0]);
        assert_near(picture.get_pixel(8, 24).0, [255, 255, 255]);
        assert_near(picture.get_pixel(56, 24).0, [0, 0, 0]);
    }

    #[test]
    fn text_and_huge_pictures_are_refused_with_what_was_seen() {
        let refused = |bytes: &[u8], limits: &DecodeLimits| decode(bytes, limits).unwrap_err().to_string();
        let limits = DecodeLimits::default();
        assert_eq!(
            refused(b"<svg xmlns=", &limits),
            r#"not a PNG, JPEG or WebP picture (it begins with "<svg xmlns=")"#
        );
        let wide = encode_png(&RgbImage::new(9_000, 1));
        assert_eq!(refused(&wide, &limits), "9000 × 1 pixels are more than allowed");
        let small = DecodeLimits { max_bytes: 10, ..limits };
        assert_eq!(
            refused(&wide, &small),
            format!("{} bytes are more than the 10 allowed for a picture", wide.len())
        );
    }

    #[test]
    fn a_blank_picture_takes_hardly_more_than_a_kilobyte_and_comes_back() {
        let blank = RgbImage::from_pixel(384, 384, Rgb([12, 200, 77]));
        let bytes = encode_png(&blank);
        assert!(bytes.len() < 1_400, "{} bytes", bytes.len());
        assert_eq!(decode(&bytes, &DecodeLimits::default()).unwrap(), blank);
    }

    proptest! {
        #[test]
        fn png_gives_every_pixel_back(width in 1u32..40, height in 1u32..40, seed: u32) {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let v = seed.wrapping_mul(2_654_435_761).wrapping_add(x * 7919 + y * 104_729);
                Rgb([v as u8, (v >> 8) as u8, (v >> 16) as u8])
            });
            prop_assert_eq!(decode(&encode_png(&picture), &DecodeLimits::default()).unwrap(), picture);
        }

        #[test]
        fn a_truncated_picture_is_an_error_and_never_a_panic(cut in 0usize..400) {
            let bytes = encode_png(&RgbImage::from_fn(20, 20, |x, y| Rgb([x as u8, y as u8, 7])));
            let cut = cut.min(bytes.len() - 1);
            let _ = decode(&bytes[..cut], &DecodeLimits::default());
        }
    }
}
