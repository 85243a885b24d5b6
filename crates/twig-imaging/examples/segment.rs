//! Segments pictures for `tests/python/segmentation.py`: `segment K… -- PICTURE…`.
//!
//! Beside each PICTURE it leaves, for every K, `PICTURE.segments-K.png` (pixels) and `PICTURE.cells-K.png` (tokens
//! of 16 pixels, where the picture is as large as the grid), both with the label of a pixel as its 16-bit grey
//! value; on standard output a JSON line with the shortest of several times.

#![allow(clippy::print_stdout, reason = "the script reads its standard output")]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use image::{ImageBuffer, Luma};
use twig_imaging::{ContentShape, DecodeLimits, RgbImage, content_schedule, decode, segment};
use twig_model::Geometry;

/// The least of so many times counts: what else the machine does only adds.
const REPEATS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let split = arguments.iter().position(|argument| argument == "--").ok_or("`K… -- PICTURE…` is wanted")?;
    let counts = arguments[..split].iter().map(|k| k.parse()).collect::<Result<Vec<usize>, _>>()?;
    for path in &arguments[split + 1..] {
        let picture = decode(&std::fs::read(path)?, &DecodeLimits::default())?;
        for &k in &counts {
            let (labels, seconds) = timed(|| segment(&picture, k));
            save(&format!("{path}.segments-{k}.png"), picture.width(), picture.height(), |x, y| {
                labels[(y * picture.width() + x) as usize]
            })?;
            println!(r#"{{"picture": {path:?}, "k": {k}, "what": "segments", "seconds": {seconds}}}"#);
            cells(path, &picture, k)?;
        }
    }
    Ok(())
}

fn cells(path: &str, picture: &RgbImage, k: usize) -> Result<(), Box<dyn Error>> {
    let geometry = Geometry::JANUS;
    if picture.dimensions() != (geometry.image_size, geometry.image_size) {
        return Ok(());
    }
    let (schedule, seconds) = timed(|| content_schedule(picture, geometry, k, ContentShape::Cells));
    let schedule = schedule?;
    let mut owner = vec![0; geometry.grid.num_tokens() as usize];
    for region in schedule.regions() {
        region.cells().for_each(|cell| owner[cell as usize] = region.index as u32);
    }
    let (width, height) = (geometry.cell_width(), geometry.cell_height());
    save(&format!("{path}.cells-{k}.png"), picture.width(), picture.height(), |x, y| {
        owner[(y / height * geometry.grid.cols + x / width) as usize]
    })?;
    println!(r#"{{"picture": {path:?}, "k": {k}, "what": "cells", "seconds": {seconds}}}"#);
    Ok(())
}

fn timed<T>(work: impl Fn() -> T) -> (T, f64) {
    let mut least = Duration::MAX;
    let mut result = work();
    for _ in 0..REPEATS {
        let start = Instant::now();
        result = work();
        least = least.min(start.elapsed());
    }
    (result, least.as_secs_f64())
}

fn save(path: &str, width: u32, height: u32, label: impl Fn(u32, u32) -> u32) -> Result<(), Box<dyn Error>> {
    let labels: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(width, height, |x, y| Luma([label(x, y) as u16]));
    Ok(labels.save(path)?)
}
