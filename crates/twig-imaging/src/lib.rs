//! Pure functions over pictures: safe decoding, fitting to the tokenizer's size, canvases cut along the
//! regions of a schedule, regions that follow what a picture shows, and measures of how alike two pictures are.
//!
//! Deliberately absent: files, networks, teachers.

mod canvas;
mod codec;
mod fit;
mod likeness;
mod quality;
mod segment;
mod text;

pub use canvas::{partial_canvas, paste_region, region_pixels, spotlight};
pub use codec::{DecodeError, DecodeLimits, decode, encode_jpeg, encode_png};
pub use fit::{center_crop_square, fit_square, pad_square};
pub use likeness::{Likeness, crops};
pub use quality::{mean_absolute_difference, psnr};
pub use segment::{ContentShape, content_schedule, segment};
pub use text::Face;

pub use image::{Rgb, RgbImage};
