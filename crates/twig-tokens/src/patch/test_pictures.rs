//! Pictures for tests: a shaded ground with outlined discs and rounded boxes.

use twig_imaging::{Rgb, RgbImage};

use super::random::Random;

/// A picture of 384 × 384 pixels, a function of the seed.
pub(super) fn picture(seed: u64) -> RgbImage {
    let mut random = Random::new(seed);
    let [above, below] = [color(&mut random), color(&mut random)];
    let mut picture = RgbImage::from_fn(384, 384, |_, y| mix(above, below, f64::from(y) / 384.0));
    for _ in 0..3 + random.below(5) {
        let shape = Shape {
            x: random.unit() * 384.0,
            y: random.unit() * 384.0,
            radius: 20.0 + random.unit() * 70.0,
            is_box: random.below(2) == 0,
        };
        let (fill, outline) = (color(&mut random), mix(color(&mut random), Rgb([0; 3]), 0.6));
        for (x, y, pixel) in picture.enumerate_pixels_mut() {
            let distance = shape.distance(f64::from(x), f64::from(y));
            let outline_share = (3.0 - (distance + 2.0).abs()).clamp(0.0, 1.0);
            let fill_share = (0.5 - distance).clamp(0.0, 1.0);
            *pixel = mix(mix(*pixel, fill, fill_share), outline, outline_share);
        }
    }
    picture
}

struct Shape {
    x: f64,
    y: f64,
    radius: f64,
    is_box: bool,
}

impl Shape {
    /// Pixels from the edge, negative inside.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = ((x - self.x).abs(), (y - self.y).abs());
        if self.is_box {
            let corner = 0.3 * self.radius;
            let side = self.radius - corner;
            let outside = (dx - side).max(0.0).hypot((dy - side).max(0.0));
            outside + (dx - side).max(dy - side).min(0.0) - corner
        } else {
            dx.hypot(dy) - self.radius
        }
    }
}

fn color(random: &mut Random) -> Rgb<u8> {
    Rgb(std::array::from_fn(|_| random.below(256) as u8))
}

fn mix(a: Rgb<u8>, b: Rgb<u8>, share: f64) -> Rgb<u8> {
    Rgb(std::array::from_fn(|i| {
        (f64::from(a.0[i]) * (1.0 - share) + f64::from(b.0[i]) * share).round() as u8
    }))
}
