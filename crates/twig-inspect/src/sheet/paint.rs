//! Colours, faces and the few shapes that sheets consist of.

use twig_imaging::{Face, Rgb, RgbImage};

pub(super) use crate::outline::fill;

pub(super) const BACKGROUND: Rgb<u8> = Rgb([232, 235, 240]);
pub(super) const CARD: Rgb<u8> = Rgb([255, 255, 255]);
pub(super) const BORDER: Rgb<u8> = Rgb([205, 211, 221]);
pub(super) const GOOD: Rgb<u8> = Rgb([22, 122, 64]);
pub(super) const BAD: Rgb<u8> = Rgb([196, 70, 12]);
pub(super) const RESULT: Rgb<u8> = Rgb([38, 84, 168]);
const INK: Rgb<u8> = Rgb([24, 29, 39]);
const MUTED: Rgb<u8> = Rgb([88, 97, 114]);

/// The prompt.
pub(super) const TITLE: Face = Face { size: 13, pen: 1.9, color: INK };
/// Names of regions.
pub(super) const LABEL: Face = Face { size: 10, pen: 1.7, color: INK };
/// Thoughts.
pub(super) const BODY: Face = Face { size: 10, pen: 1.2, color: INK };
/// What is said about a picture.
pub(super) const REMARK: Face = Face { size: 10, pen: 1.2, color: MUTED };
/// Text on a coloured ground.
pub(super) const ON_COLOR: Face = Face { size: 10, pen: 1.4, color: CARD };

/// Draws the edges of a rectangle, `thickness` pixels inwards.
pub(super) fn frame(
    picture: &mut RgbImage,
    (x, y): (u32, u32),
    (width, height): (u32, u32),
    thickness: u32,
    color: Rgb<u8>,
) {
    fill(picture, (x, y), (width, thickness), color);
    fill(picture, (x, y + height - thickness), (width, thickness), color);
    fill(picture, (x, y), (thickness, height), color);
    fill(picture, (x + width - thickness, y), (thickness, height), color);
}

/// Lays one picture over another; what does not fit is left out.
pub(super) fn blit(under: &mut RgbImage, over: &RgbImage, left: u32, top: u32) {
    for (x, y, pixel) in over.enumerate_pixels() {
        if left + x < under.width() && top + y < under.height() {
            under.put_pixel(left + x, top + y, *pixel);
        }
    }
}
