//! Sixels: bands of six rows, one pass for each colour, with runs counted. Colours are the 6 × 6 × 6 cube, with
//! a pattern that spreads the rounding.

use std::fmt::Write;

use twig_imaging::{Rgb, RgbImage};

/// Width of a character in pixels, as terminals without further word are taken to have.
pub(super) const CELL_WIDTH: u32 = 10;

/// Thresholds of an ordered pattern of 4 × 4 pixels, in sixteenths.
const PATTERN: [[i32; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// The escape sequence that draws a picture at the cursor.
pub(super) fn encode(picture: &RgbImage) -> String {
    let (width, height) = picture.dimensions();
    let mut out = format!("\x1bP0;1q\"1;1;{width};{height}");
    for color in 0..216 {
        let percent = |level: usize| level * 20;
        let (red, green, blue) = (color / 36, color / 6 % 6, color % 6);
        let _ = write!(out, "#{color};2;{};{};{}", percent(red), percent(green), percent(blue));
    }
    for top in (0..height).step_by(6) {
        band(&mut out, picture, top);
    }
    out.push_str("\x1b\\");
    out
}

fn band(out: &mut String, picture: &RgbImage, top: u32) {
    let rows = top..(top + 6).min(picture.height());
    // For each colour that occurs, one character a column whose six bits are the rows it stands in.
    let mut colors: Vec<Option<Vec<u8>>> = vec![None; 216];
    for (bit, y) in rows.enumerate() {
        for x in 0..picture.width() {
            let color = nearest(*picture.get_pixel(x, y), x, y);
            let columns = colors[color].get_or_insert_with(|| vec![0; picture.width() as usize]);
            columns[x as usize] |= 1 << bit;
        }
    }
    for (color, columns) in
        colors.iter().enumerate().filter_map(|(color, found)| Some((color, found.as_ref()?)))
    {
        let _ = write!(out, "#{color}");
        for run in columns.chunk_by(|a, b| a == b) {
            let sixel = char::from(run[0] + 63);
            if run.len() > 3 {
                let _ = write!(out, "!{}{sixel}", run.len());
            } else {
                out.extend(run.iter().map(|_| sixel));
            }
        }
        out.push('$');
    }
    out.push('-');
}

fn nearest(Rgb(channels): Rgb<u8>, x: u32, y: u32) -> usize {
    let threshold = PATTERN[y as usize % 4][x as usize % 4];
    let level = |channel: u8| ((i32::from(channel) * 5 * 16 / 255 + threshold) / 16).min(5) as usize;
    let [red, green, blue] = channels.map(level);
    36 * red + 6 * green + blue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_picture_is_one_run_a_band() {
        let picture = RgbImage::from_pixel(20, 12, Rgb([255, 0, 0]));
        let text = encode(&picture);
        assert!(text.starts_with("\x1bP0;1q\"1;1;20;12#0;2;0;0;0"), "{text}");
        assert!(text.ends_with("#180!20~$-#180!20~$-\x1b\\"), "{text}");
    }
}
