//! What a picture looks like in 116 bytes: enough to find it again after it was resized, recompressed or
//! slightly cropped, and to tell it from another one that only has the same layout.
//!
//! Two parts, because each is fooled where the other is not: a perceptual hash of the brightness (the signs of
//! the low frequencies of a cosine transform, as in pHash), and a thumbnail of 6 × 6 colours. A red and a green
//! apple at the same place have one hash and two thumbnails.

use std::{f32::consts::PI, sync::LazyLock};

use image::{GenericImageView, RgbImage, imageops};

/// Frequencies a side of the hash.
const FREQUENCIES: usize = 8;
/// Side of the brightness picture that the hash is taken of.
const BRIGHTNESS_SIDE: usize = 32;
/// Side of the thumbnail, in cells.
const THUMBNAIL_SIDE: usize = 6;
const THUMBNAIL_BYTES: usize = THUMBNAIL_SIDE * THUMBNAIL_SIDE * 3;
/// Two pictures with a cell that differs by more levels (of 255) in a channel are not alike. Recompression
/// moves a cell by 1 to 5 levels; another object in its place by 40 and more.
const MAX_CELL_DIFFERENCE: u8 = 28;

/// What a picture looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Likeness {
    hash: [u8; 8],
    thumbnail: [u8; THUMBNAIL_BYTES],
}

impl Likeness {
    /// Looks at a picture of any size.
    pub fn of(picture: &RgbImage) -> Self {
        let side = BRIGHTNESS_SIDE as u32;
        // Over the cells of one grid, so that thumbnail and hash agree about where things are.
        let small = thumbnail(picture, side * 3);
        let brightness = thumbnail(&small, side);
        let cells = thumbnail(&small, THUMBNAIL_SIDE as u32);
        let mut thumbnail = [0; THUMBNAIL_BYTES];
        thumbnail.copy_from_slice(cells.as_raw());
        Self { hash: hash(&brightness).to_be_bytes(), thumbnail }
    }

    /// The perceptual hash: 63 bits, one a frequency, and a zero.
    pub fn hash(&self) -> u64 {
        u64::from_be_bytes(self.hash)
    }

    /// Share of the bits of the hash in which two pictures agree, or 0 where their colours differ somewhere:
    /// 1 for the same picture, about 0.5 for unrelated ones of the same colours.
    pub fn similarity(&self, other: &Self) -> f64 {
        let colours = self.thumbnail.iter().zip(&other.thumbnail);
        if colours.into_iter().any(|(a, b)| a.abs_diff(*b) > MAX_CELL_DIFFERENCE) {
            return 0.0;
        }
        1.0 - f64::from((self.hash() ^ other.hash()).count_ones()) / 64.0
    }

    /// As hexadecimal digits, for a table.
    pub fn to_hex(&self) -> String {
        let bytes = self.hash.into_iter().chain(self.thumbnail);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// The reverse of [`Likeness::to_hex`]; `None` for anything else.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let bytes: Vec<u8> = (digits.as_bytes().chunks(2))
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?;
        let (hash, thumbnail) = bytes.split_first_chunk()?;
        Some(Self { hash: *hash, thumbnail: thumbnail.try_into().ok()? })
    }
}

/// What [`imageops::thumbnail`] makes of it, to the pixel. Where every pixel is the mean of a block of whole ones, as of a
/// picture of 384 × 384, that took four fifths of the time of measuring a trajectory.
fn thumbnail(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = (picture.width() / side, picture.height() / side);
    if width == 0 || height == 0 || picture.dimensions() != (width * side, height * side) {
        return imageops::thumbnail(picture, side, side);
    }
    let (row_bytes, num_pixels) = (3 * (width * side) as usize, width * height);
    let mut means = Vec::with_capacity(3 * (side * side) as usize);
    for rows in picture.as_raw().chunks_exact(row_bytes * height as usize) {
        let mut sums = vec![[0_u32; 3]; side as usize];
        for row in rows.chunks_exact(row_bytes) {
            for (sum, block) in sums.iter_mut().zip(row.chunks_exact(3 * width as usize)) {
                for pixel in block.chunks_exact(3) {
                    (0..3).for_each(|channel| sum[channel] += u32::from(pixel[channel]));
                }
            }
        }
        means.extend(sums.into_iter().flatten().map(|sum| ((sum + num_pixels / 2) / num_pixels) as u8));
    }
    RgbImage::from_raw(side, side, means).unwrap_or_else(|| imageops::thumbnail(picture, side, side))
}

/// A picture as it is and as it is commonly cropped: 5 % off a side, a corner, or all around. Looking for a
/// cropped picture means looking for one of these.
pub fn crops(picture: &RgbImage) -> Vec<RgbImage> {
    /// Parts that are cut off at the left, the top, the right and the bottom, and of how many.
    const CUTS: [([u32; 4], u32); 13] = [
        ([0, 0, 0, 0], 20),
        ([1, 0, 0, 0], 20),
        ([0, 1, 0, 0], 20),
        ([0, 0, 1, 0], 20),
        ([0, 0, 0, 1], 20),
        ([1, 1, 0, 0], 20),
        ([0, 1, 1, 0], 20),
        ([0, 0, 1, 1], 20),
        ([1, 0, 0, 1], 20),
        ([1, 0, 1, 0], 20),
        ([0, 1, 0, 1], 20),
        ([1, 1, 1, 1], 20),
        ([1, 1, 1, 1], 40),
    ];
    let (width, height) = picture.dimensions();
    let cut = |([left, top, right, bottom], parts): ([u32; 4], u32)| {
        let (x, y) = (width * left / parts, height * top / parts);
        let (w, h) = (width - x - width * right / parts, height - y - height * bottom / parts);
        picture.view(x, y, w.max(1), h.max(1)).to_image()
    };
    CUTS.into_iter().map(cut).collect()
}

/// The signs of the low frequencies against their median.
fn hash(brightness: &RgbImage) -> u64 {
    let levels: Vec<f32> = (brightness.pixels())
        .map(|pixel| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]))
        .collect();
    let rows: Vec<[f32; FREQUENCIES]> = levels.chunks_exact(BRIGHTNESS_SIDE).map(transformed).collect();
    let mut frequencies = Vec::with_capacity(FREQUENCIES * FREQUENCIES);
    for horizontal in 0..FREQUENCIES {
        let column: Vec<f32> = rows.iter().map(|row| row[horizontal]).collect();
        frequencies.extend(transformed(&column));
    }
    // The first is the mean brightness, which says nothing about what is where.
    let mut sorted = frequencies[1..].to_vec();
    sorted.sort_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    frequencies[1..].iter().fold(0, |hash, value| hash << 1 | u64::from(*value > median))
}

/// The first coefficients of the cosine transform of a line.
fn transformed(line: &[f32]) -> [f32; FREQUENCIES] {
    static COSINES: LazyLock<[[f32; BRIGHTNESS_SIDE]; FREQUENCIES]> = LazyLock::new(|| {
        std::array::from_fn(|frequency| {
            std::array::from_fn(|x| (PI / BRIGHTNESS_SIDE as f32 * (x as f32 + 0.5) * frequency as f32).cos())
        })
    });
    std::array::from_fn(|frequency| COSINES[frequency].iter().zip(line).map(|(a, b)| a * b).sum())
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use proptest::prelude::*;

    use super::*;

    /// A picture of coloured discs, drawn by a number.
    fn discs(number: u32, color: usize) -> RgbImage {
        let mut draw = number.wrapping_mul(0x9e37_79b9) | 1;
        let mut next = |below: u32| {
            draw ^= draw << 13;
            draw ^= draw >> 17;
            draw ^= draw << 5;
            draw % below
        };
        let mut picture = RgbImage::from_fn(256, 256, |_, y| Rgb([200, 210, (y / 2) as u8 + 100]));
        for disc in 0..5 {
            let (x, y, radius) = (next(256), next(256), 20 + next(40));
            let mut rgb = [60, 60, 60];
            rgb[(color + disc) % 3] = 220;
            for (px, py, pixel) in picture.enumerate_pixels_mut() {
                if px.abs_diff(x).pow(2) + py.abs_diff(y).pow(2) < radius * radius {
                    *pixel = Rgb(rgb);
                }
            }
        }
        picture
    }

    fn recompressed(picture: &RgbImage, quality: u8) -> RgbImage {
        let mut bytes = Vec::new();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
        let (width, height) = (picture.width() as u16, picture.height() as u16);
        encoder.encode(picture.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        crate::decode(&bytes, &crate::DecodeLimits::default()).unwrap()
    }

    type Change = fn(&RgbImage) -> RgbImage;

    /// Counts over 60 pictures: how many are found again after a change, and how many others are taken for them.
    #[test]
    fn changed_pictures_are_found_and_others_are_not() {
        let pictures: Vec<RgbImage> = (0..60).map(|number| discs(number, 0)).collect();
        let known: Vec<Vec<Likeness>> =
            pictures.iter().map(|picture| crops(picture).iter().map(Likeness::of).collect()).collect();
        let is_found = |changed: &RgbImage, number: usize| {
            let seen = Likeness::of(changed);
            known[number].iter().any(|known| known.similarity(&seen) >= 0.9)
        };
        let changes: [(&str, Change); 6] = [
            ("half as large", |picture| imageops::thumbnail(picture, 128, 128)),
            ("larger", |picture| imageops::resize(picture, 600, 600, imageops::FilterType::CatmullRom)),
            ("recompressed", |picture| recompressed(picture, 50)),
            ("cropped by 5 % at a side", |picture| picture.view(13, 0, 243, 256).to_image()),
            ("cropped by 5 % all around", |picture| picture.view(12, 13, 230, 231).to_image()),
            ("cropped, resized and recompressed", |picture| {
                recompressed(&imageops::thumbnail(&*picture.view(0, 12, 244, 244), 180, 180), 60)
            }),
        ];
        for (name, change) in changes {
            let found = (0..60).filter(|&number| is_found(&change(&pictures[number]), number)).count();
            assert!(found >= 59, "{name}: {found} of 60 are found");
        }
        let strangers: usize = (0..60)
            .map(|number| {
                (0..60).filter(|&other| other != number && is_found(&pictures[number], other)).count()
            })
            .sum();
        assert_eq!(strangers, 0, "pictures taken for others, of 3540 pairs");
        let recoloured = (0..60).filter(|&number| is_found(&discs(number as u32, 1), number)).count();
        assert_eq!(recoloured, 0, "pictures of the same layout in other colours");
    }

    #[test]
    fn a_likeness_survives_its_digits() {
        let likeness = Likeness::of(&discs(7, 2));
        assert_eq!(Likeness::from_hex(&likeness.to_hex()), Some(likeness));
        for bad in ["", "00", "zz", &likeness.to_hex()[2..], "é"] {
            assert_eq!(Likeness::from_hex(bad), None);
        }
    }

    proptest! {
        #[test]
        fn thumbnails_are_those_of_the_library(width in 1u32..40, height in 1u32..40, side in 1u32..9, number: u32) {
            // Half of them in whole blocks.
            let factor = if number % 2 == 0 { side } else { 1 };
            let picture = RgbImage::from_fn(width * factor, height * factor, |x, y| {
                let draw = (x * 31 + y * 17 + number % 1_000).wrapping_mul(0x9e37_79b9);
                Rgb([draw as u8, (draw >> 8) as u8, (draw >> 16) as u8])
            });
            prop_assert_eq!(thumbnail(&picture, side), imageops::thumbnail(&picture, side, side));
        }

        #[test]
        fn pictures_of_any_size_have_a_likeness(width in 1u32..70, height in 1u32..70, level: u8) {
            let picture = RgbImage::from_pixel(width, height, Rgb([level; 3]));
            let likeness = Likeness::of(&picture);
            prop_assert!((likeness.similarity(&likeness) - 1.0).abs() < 1e-12);
            prop_assert_eq!(crops(&picture).len(), 13);
        }
    }
}
