//! What the embedded codebook loses on pictures that it was made for: those of the embedded teacher, painted
//! from prompts that it was not fitted to.

#![allow(clippy::unwrap_used)]

use twig_imaging::{DecodeLimits, RgbImage, decode};
use twig_model::{Answer, Geometry, ImageForm, PaintTask, Rendered, Request, Schedule, Task};
use twig_procedural::{ProceduralSettings, ProceduralTeacher};
use twig_tokens::{ImageTokenizer, PatchTokenizer};

/// None of these is in `samples/prompts`.
const PROMPTS: [&str; 8] = [
    "a purple cat and a yellow bench",
    "a blue apple and a red car",
    "three dogs and two bananas",
    "a duck on the left of a chair",
    "a boat above a whale",
    "a wooden table and a metallic key",
    "a round clock and a square book",
    "a horse below a green balloon",
];

fn paint(prompt: &str) -> RgbImage {
    let task = PaintTask {
        prompt: prompt.to_owned(),
        schedule: Schedule::bands(Geometry::JANUS, 3).unwrap(),
        region_index: None,
        thoughts: Vec::new(),
        base: None,
        attempt: 0,
    };
    let form = ImageForm { prompt: prompt.to_owned(), image_size: 384, base: None, editable: Vec::new() };
    let request = Request {
        task: Task::Paint(task),
        rendered: Rendered::Image(form),
        seed: 1,
        trajectory_seed: 1,
        ask: 0,
    };
    match ProceduralTeacher::new(ProceduralSettings::default()).answer(&request) {
        Answer::Picture(picture) => decode(picture.bytes(), &DecodeLimits::default()).unwrap(),
        other => panic!("`{prompt}` was not painted: {other:?}"),
    }
}

#[test]
fn unseen_pictures_keep_21_decibels() {
    let tokenizer = PatchTokenizer::embedded().unwrap();
    let losses = PROMPTS.map(|prompt| tokenizer.round_trip_psnr(&paint(prompt)).unwrap());
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    let worst = losses.into_iter().fold(f64::INFINITY, f64::min);
    println!("mean {mean:.2} dB, worst {worst:.2} dB");
    assert!(mean > 21.0, "mean {mean:.2} dB");
    assert!(worst > 17.0, "worst {worst:.2} dB");
}
