use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::{GenericImageView, Rgb, RgbImage, imageops};

/// Fits a picture to the tokenizer: short side to `size`, then the centre square. Janus-Pro prepares
/// generation targets this way.
pub fn fit_square(picture: &RgbImage, size: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    if (width, height) == (size, size) {
        return picture.clone();
    }
    let short = width.min(height);
    let scale = |side: u32| (u64::from(side) * u64::from(size)).div_ceil(u64::from(short)) as u32;
    let fitted = resize(picture, scale(width), scale(height));
    if width == height { fitted } else { center_crop_square(&fitted) }
}

/// The largest centred square.
pub fn center_crop_square(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    picture.view((width - side) / 2, (height - side) / 2, side, side).to_image()
}

/// Long side to `size`, padded to a square with `color`, as Janus-Pro prepares understanding inputs.
pub fn pad_square(picture: &RgbImage, size: u32, color: Rgb<u8>) -> RgbImage {
    let (width, height) = picture.dimensions();
    let long = width.max(height);
    let scale = |side: u32| ((u64::from(side) * u64::from(size) / u64::from(long)) as u32).max(1);
    let small = resize(picture, scale(width), scale(height));
    let mut square = RgbImage::from_pixel(size, size, color);
    let (x, y) = ((size - small.width()) / 2, (size - small.height()) / 2);
    imageops::replace(&mut square, &small, i64::from(x), i64::from(y));
    square
}

fn resize(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    if picture.dimensions() == (width, height) {
        return picture.clone();
    }
    let mut resized = RgbImage::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    Resizer::new()
        .resize(picture, &mut resized, &options)
        .expect("both pictures are 8-bit RGB and have pixels");
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_picture_loses_its_sides_and_a_padded_one_keeps_them() {
        let picture = RgbImage::from_fn(200, 100, |x, _| match x {
            0..50 => Rgb([255, 0, 0]),
            50..150 => Rgb([0, 255, 0]),
            _ => Rgb([0, 0, 255]),
        });
        let fitted = fit_square(&picture, 50);
        assert_eq!(fitted.dimensions(), (50, 50));
        assert!(fitted.pixels().all(|p| p.0[1] > 100), "only the green middle is left");

        let padded = pad_square(&picture, 50, Rgb([127; 3]));
        assert_eq!(padded.dimensions(), (50, 50));
        assert_eq!(padded.get_pixel(25, 2).0, [127; 3]);
        assert_eq!(padded.get_pixel(0, 25).0, [255, 0, 0]);
    }

    #[test]
    fn extreme_shapes_fit() {
        for (width, height) in [(1, 1), (1, 999), (999, 1), (383, 385)] {
            let picture = RgbImage::from_pixel(width, height, Rgb([9; 3]));
            assert_eq!(fit_square(&picture, 384).dimensions(), (384, 384));
            assert_eq!(pad_square(&picture, 384, Rgb([0; 3])).dimensions(), (384, 384));
        }
    }
}
