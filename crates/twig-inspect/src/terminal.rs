//! Pictures in a terminal, by whichever way it has.

mod blocks;
mod sixel;

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use twig_imaging::{RgbImage, encode_png, fit_square};

/// How pictures are shown in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
pub enum Pictures {
    /// The kitty graphics protocol: kitty, Ghostty, WezTerm, Konsole.
    Kitty,
    /// The inline images of iTerm2.
    Iterm,
    /// Sixels: foot, mlterm, xterm where it is compiled in, Windows Terminal.
    Sixel,
    /// Two pixels a character, in 24-bit colour.
    Blocks,
    /// Two pixels a character, in the 256 colours that every terminal has.
    Blocks256,
    /// Not at all.
    None,
}

/// Characters of a picture's side across; a character is about twice as high as wide.
pub(crate) const COLUMNS: u32 = 32;
/// Lines that a picture takes.
pub(crate) const LINES: u32 = COLUMNS / 2;

impl Pictures {
    /// What a terminal can do, by the variables that terminals set for the programs in them.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, values: &[&str]| {
            variable(name).is_some_and(|found| values.iter().any(|value| found.contains(value)))
        };
        let has = |name: &str| variable(name).is_some_and(|found| !found.is_empty());
        // Terminals within terminals pass neither protocol on.
        let is_nested = has("TMUX") || is("TERM", &["screen", "tmux"]);
        if is("TERM", &["dumb"]) {
            Self::None
        } else if is_nested {
            Self::blocks(is("COLORTERM", &["truecolor", "24bit"]))
        } else if has("KITTY_WINDOW_ID")
            || has("KONSOLE_VERSION")
            || is("TERM", &["kitty", "ghostty"])
            || is("TERM_PROGRAM", &["ghostty", "WezTerm"])
        {
            Self::Kitty
        } else if is("TERM_PROGRAM", &["iTerm", "mintty", "vscode"]) || is("LC_TERMINAL", &["iTerm2"]) {
            Self::Iterm
        } else if is("TERM", &["foot", "mlterm", "sixel", "contour"]) || has("WT_SESSION") {
            Self::Sixel
        } else {
            Self::blocks(is("COLORTERM", &["truecolor", "24bit"]))
        }
    }

    fn blocks(has_all_colors: bool) -> Self {
        if has_all_colors { Self::Blocks } else { Self::Blocks256 }
    }

    /// A square picture with lines of text to its right. The cursor ends below both.
    pub(crate) fn beside(self, picture: &RgbImage, text: &[String]) -> String {
        match self {
            Self::None => text.iter().map(|line| format!("  {line}\n")).collect(),
            Self::Blocks | Self::Blocks256 => {
                let rows = blocks::rows(&fit_square(picture, COLUMNS), self == Self::Blocks);
                let height = rows.len().max(text.len());
                let empty = " ".repeat(COLUMNS as usize);
                let line = |number: usize| {
                    let row = rows.get(number).map_or(empty.as_str(), String::as_str);
                    let text = text.get(number).map_or("", String::as_str);
                    format!("{row}  {text}").trim_end().to_owned() + "\n"
                };
                (0..height).map(line).collect()
            }
            Self::Kitty | Self::Iterm | Self::Sixel => self.placed(picture, text),
        }
    }

    /// Makes room first, so that nothing scrolls between the picture and its text, and comes back for the text.
    fn placed(self, picture: &RgbImage, text: &[String]) -> String {
        let height = (LINES as usize).max(text.len());
        let mut out = "\n".repeat(height);
        let _ = write!(out, "\x1b[{height}A\x1b7{}\x1b8", self.encoded(picture));
        for number in 0..height {
            if let Some(line) = text.get(number) {
                let _ = write!(out, "\x1b[{}C{line}", COLUMNS + 2);
            }
            out.push_str("\r\n");
        }
        out
    }

    fn encoded(self, picture: &RgbImage) -> String {
        match self {
            Self::Kitty => kitty(picture),
            Self::Iterm => {
                let png = encode_png(picture);
                let size = png.len();
                let data = STANDARD.encode(png);
                format!("\x1b]1337;File=inline=1;size={size};width={COLUMNS};height={LINES}:{data}\x07")
            }
            Self::Sixel => sixel::encode(&fit_square(picture, COLUMNS * sixel::CELL_WIDTH)),
            Self::Blocks | Self::Blocks256 | Self::None => String::new(),
        }
    }
}

/// PNG in chunks of 4,096 characters, shown over so many cells without moving the cursor.
fn kitty(picture: &RgbImage) -> String {
    let data = STANDARD.encode(encode_png(picture));
    let chunks: Vec<&[u8]> = data.as_bytes().chunks(4_096).collect();
    let mut out = String::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let more = u8::from(number + 1 < chunks.len());
        let head =
            if number == 0 { format!("a=T,f=100,C=1,q=2,c={COLUMNS},r={LINES},") } else { String::new() };
        let chunk = String::from_utf8_lossy(chunk);
        let _ = write!(out, "\x1b_G{head}m={more};{chunk}\x1b\\");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Pictures {
        Pictures::detect(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn terminals_are_known_by_what_they_set() {
        assert_eq!(detect(&[("TERM", "xterm-kitty")]), Pictures::Kitty);
        assert_eq!(detect(&[("TERM_PROGRAM", "iTerm.app"), ("TERM", "xterm-256color")]), Pictures::Iterm);
        assert_eq!(detect(&[("TERM", "foot")]), Pictures::Sixel);
        assert_eq!(detect(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")]), Pictures::Blocks);
        assert_eq!(detect(&[("TERM", "xterm-kitty"), ("TMUX", "/tmp/x")]), Pictures::Blocks256);
        assert_eq!(detect(&[("TERM", "dumb")]), Pictures::None);
    }

    #[test]
    fn every_protocol_carries_the_whole_picture() {
        let picture = RgbImage::from_fn(64, 64, |x, y| twig_imaging::Rgb([x as u8 * 4, y as u8 * 4, 90]));
        let text = ["one".to_owned(), "two".to_owned()];
        let kitty = Pictures::Kitty.beside(&picture, &text);
        let data: String = kitty
            .split("\x1b_G")
            .skip(1)
            .filter_map(|chunk| Some(chunk.split_once(';')?.1.split_once('\x1b')?.0))
            .collect();
        assert_eq!(STANDARD.decode(data).unwrap(), encode_png(&picture));
        assert!(Pictures::Iterm.beside(&picture, &text).contains(&STANDARD.encode(encode_png(&picture))));
        let blocks = Pictures::Blocks.beside(&picture, &text);
        assert_eq!(blocks.lines().count(), LINES as usize);
        assert!(blocks.lines().next().unwrap().ends_with("one"));
        assert_eq!(Pictures::None.beside(&picture, &text), "  one\n  two\n");
    }
}
