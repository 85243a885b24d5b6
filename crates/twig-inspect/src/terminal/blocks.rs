//! Two pixels a character: the upper half block in the colour of the upper pixel on the colour of the lower.

use std::fmt::Write;

use twig_imaging::{Rgb, RgbImage};

/// One line of text for each two rows of pixels.
pub(super) fn rows(picture: &RgbImage, has_all_colors: bool) -> Vec<String> {
    let color = |pixel: Rgb<u8>| if has_all_colors { all(pixel) } else { nearest(pixel) };
    let row = |top: u32| {
        let mut line = String::new();
        for x in 0..picture.width() {
            let (upper, lower) = (*picture.get_pixel(x, top), *picture.get_pixel(x, top + 1));
            let _ = write!(line, "\x1b[38;{};48;{}m▀", color(upper), color(lower));
        }
        line + "\x1b[0m"
    };
    (0..picture.height() / 2).map(|number| row(2 * number)).collect()
}

fn all(Rgb([red, green, blue]): Rgb<u8>) -> String {
    format!("2;{red};{green};{blue}")
}

/// The nearest colour of the cube of 6 × 6 × 6 that stands at 16 to 231 of the 256.
fn nearest(Rgb(channels): Rgb<u8>) -> String {
    const LEVELS: [i32; 6] = [0, 95, 135, 175, 215, 255];
    let level = |channel: u8| {
        let distance = |level: &usize| (LEVELS[*level] - i32::from(channel)).abs();
        (0..6).min_by_key(distance).unwrap_or(0)
    };
    let [red, green, blue] = channels.map(level);
    format!("5;{}", 16 + 36 * red + 6 * green + blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_named_exactly_or_by_the_nearest_of_256() {
        let picture = RgbImage::from_fn(1, 2, |_, y| Rgb([[250, 0, 3], [0, 100, 255]][y as usize]));
        assert_eq!(rows(&picture, true), ["\x1b[38;2;250;0;3;48;2;0;100;255m▀\x1b[0m"]);
        assert_eq!(rows(&picture, false), ["\x1b[38;5;196;48;5;27m▀\x1b[0m"]);
    }
}
