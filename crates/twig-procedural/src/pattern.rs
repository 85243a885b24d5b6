//! Patterns: stripes, spots and the like over a surface that has its colour and material already.

use crate::{
    color::Lab,
    scene::Pattern,
    sprite::{Body, Sprite},
};

/// The bands of a colourful surface.
const BANDS: [[u8; 3]; 6] =
    [[226, 60, 60], [245, 150, 40], [250, 214, 60], [80, 170, 90], [60, 120, 220], [150, 80, 190]];

/// Covers the body of a figure; whites, blacks and transparent pixels stay. The pattern follows the figure's own
/// proportions, whatever those of the sprite.
pub(crate) fn apply(sprite: &mut Sprite, pattern: Pattern, body: Body, aspect: f32) {
    let (across, down) = (100.0 * aspect.min(1.0), 100.0 / aspect.max(1.0));
    let (unit_x, unit_y) = (across / sprite.width as f32, down / sprite.height as f32);
    for (at, pixel) in sprite.rgba.iter_mut().enumerate().filter(|(_, pixel)| pixel[3] > 0) {
        let (x, y) = ((at as u32 % sprite.width) as f32 * unit_x, (at as u32 / sprite.width) as f32 * unit_y);
        let color = Lab::of([pixel[0], pixel[1], pixel[2]]);
        // What is nearly white takes a pattern too where it is the body.
        if body.contains(color) || body == Body::Colorful && color.chroma() > 1.5 {
            pixel[..3].copy_from_slice(&covered(pattern, color, x, y).to_rgb());
        }
    }
}

/// The colour of a surface at a point of a figure that is 100 units at its longer side.
fn covered(pattern: Pattern, color: Lab, x: f32, y: f32) -> Lab {
    let within = |at: f32, period: f32, width: f32| at.rem_euclid(period) < width;
    let spot = |period: f32, radius: f32| {
        let shift = if within(y, 2.0 * period, period) { 0.0 } else { period / 2.0 };
        let (dx, dy) = ((x + shift).rem_euclid(period) - period / 2.0, y.rem_euclid(period) - period / 2.0);
        dx.hypot(dy) < radius
    };
    match pattern {
        Pattern::Striped if within(x, 14.0, 6.0) => contrasting(color),
        Pattern::Spotted if spot(15.0, 4.2) => contrasting(color),
        Pattern::Checkered if within(x, 16.0, 8.0) != within(y, 16.0, 8.0) => contrasting(color),
        Pattern::Colorful => {
            let band = Lab::of(BANDS[((x + 0.5 * y) / 12.0) as usize % BANDS.len()]);
            Lab { l: 0.75 * band.l + 0.25 * color.l, ..band }
        }
        Pattern::Rough if spot(7.0, 1.7) => Lab { l: color.l - 9.0, ..color },
        Pattern::Rough if spot(11.0, 2.6) => Lab { l: (color.l + 5.0).min(98.0), ..color },
        Pattern::Spiky => {
            // Small upright points in rows, each row shifted by half.
            let row = (y / 10.0).floor();
            let dx = ((x + 5.0 * row.rem_euclid(2.0)).rem_euclid(10.0) - 5.0).abs();
            let height = y - 10.0 * row;
            if dx < 0.28 * height && height < 8.0 { Lab { l: color.l - 16.0, ..color } } else { color }
        }
        Pattern::Striped | Pattern::Spotted | Pattern::Checkered | Pattern::Rough => color,
    }
}

/// A colour that shows on another: much lighter on dark, much darker on light.
fn contrasting(color: Lab) -> Lab {
    if color.l < 80.0 {
        Lab { l: 0.35 * color.l + 62.0, a: 0.3 * color.a, b: 0.3 * color.b }
    } else {
        Lab { l: color.l - 30.0, a: 1.2 * color.a, b: 1.2 * color.b }
    }
}
