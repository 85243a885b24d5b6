//! Times the embedded image tokenizer: `cargo run --release -p twig-tokens --example speed`.
//!
//! One thread, the same 32 pictures over and over, the best of 20 rounds, so that what else the machine does
//! disturbs least. Half the pictures are shaded grounds with outlined stripes, half are noise, for which the
//! search has the hardest time.

#![allow(clippy::print_stdout)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use twig_imaging::{Rgb, RgbImage};
use twig_tokens::{CodebookError, ImageTokenizer, PatchTokenizer};

fn main() -> Result<(), CodebookError> {
    let tokenizer = PatchTokenizer::embedded()?;
    println!("load    {:?}", best(1, || black_box(PatchTokenizer::embedded().is_ok())));
    let shaded: Vec<RgbImage> = (0..16).map(striped_picture).collect();
    let noise: Vec<RgbImage> = (0..16).map(noise_picture).collect();
    for (name, pictures) in [("shaded", &shaded), ("noise", &noise)] {
        let encode = || pictures.iter().all(|picture| black_box(tokenizer.encode(picture)).is_ok());
        println!("encode  {:?} a picture ({name})", best(pictures.len(), encode));
    }
    let ids: Vec<Vec<u32>> = shaded.iter().filter_map(|picture| tokenizer.encode(picture).ok()).collect();
    let decode = || ids.iter().all(|ids| black_box(tokenizer.decode(ids)).is_ok());
    println!("decode  {:?} a picture", best(ids.len(), decode));
    Ok(())
}

/// The shortest time of 20, divided by `count`.
fn best(count: usize, work: impl Fn() -> bool) -> Duration {
    let time = |_| {
        let start = Instant::now();
        assert!(work(), "the pictures have the right size");
        start.elapsed()
    };
    (0..20).map(time).min().unwrap_or_default() / count as u32
}

fn striped_picture(seed: u32) -> RgbImage {
    let (slope, width) = (seed % 5 + 1, 40 + seed % 7 * 13);
    RgbImage::from_fn(384, 384, |x, y| match (x * slope + y) % width {
        0..3 => Rgb([20, 20, 20]),
        3..20 => Rgb([(seed * 15) as u8, 90, 200]),
        _ => Rgb([(y / 2) as u8, 160 + (x / 8) as u8, (seed * 9) as u8]),
    })
}

fn noise_picture(seed: u32) -> RgbImage {
    RgbImage::from_fn(384, 384, |x, y| {
        let hash = (x * 7919 + y * 104_729 + seed * 15_485_863).wrapping_mul(2_654_435_761);
        Rgb([(hash >> 8) as u8, (hash >> 16) as u8, (hash >> 24) as u8])
    })
}
