//! What happens to pictures on their way to a critic.

use twig_imaging::{DecodeLimits, RgbImage, decode};

use crate::dice::Dice;

/// How pictures are spoilt on their way to the critic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Not at all.
    None,
    /// JPEG at quality 75, a shift of 2 pixels to the right and down, and 2 % noise.
    JpegShiftNoise,
}

impl Disturbance {
    /// The picture as it arrives.
    pub(crate) fn apply(self, picture: RgbImage, seed: u64) -> RgbImage {
        match self {
            Self::None => picture,
            Self::JpegShiftNoise => {
                let mut spoilt = through_jpeg(shifted(&picture, 2));
                add_noise(&mut spoilt, 0.02 * 255.0, &mut Dice::new(seed, "noise"));
                spoilt
            }
        }
    }
}

/// The picture moved to the right and down; its upper and left edges are repeated.
fn shifted(picture: &RgbImage, by: u32) -> RgbImage {
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        *picture.get_pixel(x.saturating_sub(by), y.saturating_sub(by))
    })
}

fn through_jpeg(picture: RgbImage) -> RgbImage {
    let mut bytes = Vec::new();
    let encoded =
        image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 75).encode_image(&picture).is_ok();
    match decode(&bytes, &DecodeLimits::default()) {
        Ok(decoded) if encoded => decoded,
        Ok(_) | Err(_) => picture,
    }
}

/// Adds noise of that deviation, in steps of 255, to every value.
fn add_noise(picture: &mut RgbImage, deviation: f32, dice: &mut Dice) {
    for value in picture.as_flat_samples_mut().samples {
        // The sum of three uniform numbers has a deviation of one half.
        let noise = (dice.unit() + dice.unit() + dice.unit() - 1.5) * 2.0 * deviation;
        *value = (f32::from(*value) + noise).round().clamp(0.0, 255.0) as u8;
    }
}
