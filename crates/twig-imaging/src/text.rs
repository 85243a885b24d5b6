//! Text in pictures, with letters of our own: a pen of round tip follows the strokes of each letter.
//!
//! Deliberately absent: font files, kerning, writing other than from left to right. Characters beyond printable
//! ASCII are drawn as their nearest ASCII letter or as a box.

mod glyphs;

use image::{Rgb, RgbImage};

use self::glyphs::{CAP_HEIGHT, CORNER_RADIUS, plain, strokes};

/// How letters look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    /// Height of a capital letter in pixels.
    pub size: u32,
    /// Width of the pen in pixels.
    pub pen: f32,
    /// Colour of the ink.
    pub color: Rgb<u8>,
}

/// A point in pixels.
type Point = (f32, f32);

impl Face {
    /// From the baseline of one line to that of the next, in pixels.
    pub fn line_height(&self) -> u32 {
        self.size * 7 / 4
    }

    /// Width of a text in pixels, on one line.
    pub fn width(&self, text: &str) -> u32 {
        text.chars().map(|character| self.advance(character)).sum()
    }

    /// Breaks a text into lines of at most `width` pixels, between words where it can and else within them.
    pub fn wrap(&self, text: &str, width: u32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            for piece in self.pieces(word, width) {
                let last = lines.len() - 1;
                if lines[last].is_empty() {
                    lines[last] = piece;
                } else if self.width(&lines[last]) + self.advance(' ') + self.width(&piece) <= width {
                    lines[last] = format!("{} {piece}", lines[last]);
                } else {
                    lines.push(piece);
                }
            }
        }
        lines
    }

    /// A word, cut where it is wider than a line.
    fn pieces(&self, word: &str, width: u32) -> Vec<String> {
        let mut pieces = vec![String::new()];
        let mut used = 0;
        for character in word.chars() {
            let advance = self.advance(character);
            if used > 0 && used + advance > width {
                pieces.push(String::new());
                used = 0;
            }
            used += advance;
            if let Some(piece) = pieces.last_mut() {
                piece.push(character);
            }
        }
        pieces
    }

    /// Draws one line of text; `x` and `y` are the upper left corner of its first capital letter. What does not
    /// fit into the picture is left out.
    pub fn draw(&self, picture: &mut RgbImage, x: u32, y: u32, text: &str) {
        let mut left = x;
        for character in text.chars() {
            self.draw_glyph(picture, left, y, character);
            left += self.advance(character);
        }
    }

    fn draw_glyph(&self, picture: &mut RgbImage, left: u32, top: u32, character: char) {
        let paths: Vec<Vec<Point>> =
            strokes(plain(character)).split(' ').map(|stroke| self.path(stroke)).collect();
        let margin = self.pen.ceil() as u32;
        let (right, bottom) =
            (left + self.advance(character) + margin, top + self.pixels(12) as u32 + margin);
        for y in top.saturating_sub(margin)..bottom.min(picture.height()) {
            for x in left.saturating_sub(margin)..right.min(picture.width()) {
                let at = (x as f32 - left as f32, y as f32 - top as f32);
                let ink = paths.iter().map(|path| self.ink(path, at)).fold(0.0, f32::max);
                if ink > 0.0 {
                    blend(picture.get_pixel_mut(x, y), self.color, ink);
                }
            }
        }
    }

    /// How much of the pixel at `at` a path covers, 0 to 1.
    fn ink(&self, path: &[Point], at: Point) -> f32 {
        let reach = self.pen / 2.0 + 0.5;
        match path {
            [] => 0.0,
            // Dots are a little heavier than lines, else they look lighter.
            [dot] => (reach + self.pen / 4.0 - distance(at, *dot, *dot)).clamp(0.0, 1.0),
            path => {
                let distances = path.windows(2).map(|ends| distance(at, ends[0], ends[1]));
                (reach - distances.fold(f32::INFINITY, f32::min)).clamp(0.0, 1.0)
            }
        }
    }

    /// Pixels from the left side of a character to that of the next.
    fn advance(&self, character: char) -> u32 {
        let glyph = strokes(plain(character));
        let width = glyph.split(' ').flat_map(points).map(|(x, _)| x).max();
        let space = (self.pixels(5) as u32).div_ceil(2);
        match width {
            Some(width) => self.pixels(width) as u32 + space,
            None => space + self.pixels(1) as u32,
        }
    }

    /// Units in whole pixels, so that level and upright strokes are sharp.
    fn pixels(&self, units: u32) -> f32 {
        (units as f32 * self.size as f32 / CAP_HEIGHT).round()
    }

    /// A stroke in pixels, its round corners as short lines.
    fn path(&self, stroke: &str) -> Vec<Point> {
        let corners: Vec<Point> = points(stroke).map(|(x, y)| (self.pixels(x), self.pixels(y))).collect();
        if stroke.starts_with('(') {
            round(&corners, CORNER_RADIUS * self.size as f32 / CAP_HEIGHT)
        } else {
            corners
        }
    }
}

/// The points of a stroke in units.
fn points(stroke: &str) -> impl Iterator<Item = (u32, u32)> {
    let mut digits = stroke.chars().filter_map(|digit| digit.to_digit(16));
    std::iter::from_fn(move || Some((digits.next()?, digits.next()?)))
}

/// Replaces each corner of a path by a curve that begins and ends `radius` away from it, or at the middle of a
/// shorter edge.
fn round(corners: &[Point], radius: f32) -> Vec<Point> {
    const PIECES: u8 = 6;
    let last = corners.len().saturating_sub(1);
    let mut path = Vec::new();
    for (index, &corner) in corners.iter().enumerate() {
        if index == 0 || index == last {
            path.push(corner);
            continue;
        }
        // An edge that ends the stroke has only one corner, and all of it is free.
        let room = |neighbour: usize| {
            let length = distance(corner, corners[neighbour], corners[neighbour]);
            if neighbour == 0 || neighbour == last { length } else { length / 2.0 }
        };
        let radius = radius.min(room(index - 1)).min(room(index + 1));
        let (from, to) =
            (towards(corner, corners[index - 1], radius), towards(corner, corners[index + 1], radius));
        for piece in 0..=PIECES {
            let t = f32::from(piece) / f32::from(PIECES);
            path.push(between(between(from, corner, t), between(corner, to, t), t));
        }
    }
    path
}

/// The point `length` away from `from` on the way to `to`.
fn towards(from: Point, to: Point, length: f32) -> Point {
    let whole = distance(from, to, to);
    if whole == 0.0 { from } else { between(from, to, length / whole) }
}

fn between(from: Point, to: Point, t: f32) -> Point {
    (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t)
}

/// Distance from a point to the line between two points.
fn distance(at: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let t = if length == 0.0 { 0.0 } else { ((at.0 - from.0) * dx + (at.1 - from.1) * dy) / length };
    let nearest = between(from, to, t.clamp(0.0, 1.0));
    (at.0 - nearest.0).hypot(at.1 - nearest.1)
}

/// Lays ink over a pixel; `share` is between 0 and 1.
fn blend(pixel: &mut Rgb<u8>, ink: Rgb<u8>, share: f32) {
    for (under, over) in pixel.0.iter_mut().zip(ink.0) {
        *under = (f32::from(*under) + (f32::from(over) - f32::from(*under)) * share).round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: Face = Face { size: 9, pen: 1.0, color: Rgb([0; 3]) };

    /// Which pixels are dark.
    fn drawn(text: &str) -> Vec<String> {
        let mut picture = RgbImage::from_pixel(FACE.width(text), 13, Rgb([255; 3]));
        FACE.draw(&mut picture, 0, 0, text);
        let row = |y| {
            (0..picture.width()).map(|x| if picture.get_pixel(x, y).0[0] < 128 { '#' } else { '.' }).collect()
        };
        (0..13).map(row).collect()
    }

    #[test]
    fn letters_look_like_letters() {
        let rows = drawn("Tl");
        assert_eq!(rows[0], "#######..#...");
        assert!(rows[1..9].iter().all(|row| row.starts_with("...#...")), "{rows:#?}");
        assert!(rows[10..].iter().all(|row| !row.contains('#')), "{rows:#?}");
    }

    #[test]
    fn every_printable_character_but_the_space_has_ink_of_its_own() {
        let characters: Vec<char> = (' '..='~').collect();
        let pictures: Vec<Vec<String>> =
            characters.iter().map(|character| drawn(&character.to_string())).collect();
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!(picture.iter().any(|row| row.contains('#')), index > 0, "{}", characters[index]);
            assert!(!pictures[..index].contains(picture), "{} looks like another", characters[index]);
        }
        assert_eq!(drawn("é…–"), drawn("e\u{fffd}-"), "accents are dropped, the unknown is a box");
    }

    #[test]
    fn lines_keep_to_the_width_and_no_word_is_lost() {
        let text = "a tall red vase, and a-very-long-word-that-fits-no-line";
        let lines = FACE.wrap(text, 80);
        assert!(lines.iter().all(|line| FACE.width(line) <= 80), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(FACE.wrap("", 80), [""]);
    }

    #[test]
    fn text_outside_the_picture_is_left_out() {
        let mut picture = RgbImage::from_pixel(5, 5, Rgb([255; 3]));
        FACE.draw(&mut picture, 3, 3, "Wide");
        FACE.draw(&mut picture, 300, 300, "Far");
        assert_eq!(picture.get_pixel(3, 3).0, [0; 3]);
    }
}
