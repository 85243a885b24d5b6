use image::RgbImage;

/// Mean absolute difference of two pictures of the same size, in levels from 0 to 255.
pub fn mean_absolute_difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions(), "pictures of one size are compared");
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(x, y)| u64::from(x.abs_diff(*y))).sum();
    sum as f64 / a.as_raw().len() as f64
}

/// Peak signal-to-noise ratio of two pictures of the same size in decibels; infinite where they are equal.
pub fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions(), "pictures of one size are compared");
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(x, y)| u64::from(x.abs_diff(*y)).pow(2)).sum();
    let mean_square = sum as f64 / a.as_raw().len() as f64;
    10.0 * (255.0 * 255.0 / mean_square).log10()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn one_level_everywhere_is_48_decibels() {
        let a = RgbImage::from_pixel(8, 8, Rgb([10; 3]));
        let b = RgbImage::from_pixel(8, 8, Rgb([11; 3]));
        assert!((psnr(&a, &b) - 48.13).abs() < 0.01);
        assert!((mean_absolute_difference(&a, &b) - 1.0).abs() < 1e-12);
        assert!(psnr(&a, &a).is_infinite());
    }
}
