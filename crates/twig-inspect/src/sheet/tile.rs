//! One tile: a picture and the lines below it.

use twig_imaging::{Face, Rgb, RgbImage, fit_square};
use twig_model::{Attempt, Region, Schedule, Step};
use twig_shards::ReleaseTrajectory;

use super::paint::{BAD, BODY, BORDER, GOOD, LABEL, ON_COLOR, REMARK, RESULT, blit, fill, frame};
use crate::outline::outline;

/// Side of a tile's picture and width of its text, in pixels.
pub(super) const SIDE: u32 = 216;

/// Thickness of the outline of a region, in pixels.
const OUTLINE: u32 = 3;

/// Lines of one text that are shown at most; longer ones end in dots.
const MAX_LINES: usize = 12;

/// A picture with lines below it.
pub(super) struct Tile {
    picture: RgbImage,
    lines: Vec<Line>,
}

/// A line of text, or of something else, below a picture.
enum Line {
    Text(Face, String),
    /// Text on a coloured ground.
    Badge(Rgb<u8>, String),
    /// Pixels left empty.
    Space(u32),
}

/// Where an attempt stands in its trajectory.
pub(super) struct Place<'a> {
    pub(super) schedule: &'a Schedule,
    pub(super) step: &'a Step,
    pub(super) attempt_index: usize,
    /// Whether no other attempt at the region follows.
    pub(super) is_last: bool,
}

impl Tile {
    /// The canvas after an attempt, its region outlined; thought, verdict and critique below.
    pub(super) fn of_attempt(canvas: &RgbImage, attempt: &Attempt, place: &Place) -> Self {
        let region = &place.schedule.regions()[place.step.region_index];
        let color = if attempt.accepted { GOOD } else { BAD };
        let mut picture = small(canvas);
        outline(&mut picture, region, place.schedule.geometry().grid, color, OUTLINE);
        let mut lines =
            vec![Line::Space(8), Line::Text(label_face(place), label(region, place)), Line::Space(2)];
        lines.extend(paragraph(BODY, &attempt.thought));
        lines.extend([Line::Space(6), Line::Badge(color, verdict(attempt, place)), Line::Space(6)]);
        lines.extend(paragraph(REMARK, &attempt.critique.comment));
        Self { picture, lines }
    }

    /// The finished picture and its reward.
    pub(super) fn of_result(picture: &RgbImage, release: &ReleaseTrajectory) -> Self {
        let trajectory = &release.trajectory;
        let mut lines =
            vec![Line::Space(8), Line::Text(LABEL, "finished picture".to_owned()), Line::Space(6)];
        lines.push(Line::Badge(RESULT, format!("reward {}", release.reward.get())));
        lines.push(Line::Space(6));
        lines.extend(paragraph(REMARK, &format!("painter: {}", trajectory.painter)));
        lines.extend(paragraph(REMARK, &format!("attempts: {}", trajectory.num_attempts())));
        if let Some(tokens) = &release.tokens {
            let text = format!("{} image tokens by {}", tokens.final_ids.len(), tokens.tokenizer);
            lines.extend(paragraph(REMARK, &text));
        }
        Self { picture: small(picture), lines }
    }

    /// Height of picture and lines in pixels.
    pub(super) fn height(&self) -> u32 {
        SIDE + self.lines.iter().map(Line::height).sum::<u32>()
    }

    /// Draws the tile with its upper left corner at (`x`, `y`).
    pub(super) fn draw(&self, onto: &mut RgbImage, x: u32, y: u32) {
        blit(onto, &self.picture, x, y);
        let mut top = y + SIDE;
        for line in &self.lines {
            line.draw(onto, x, top);
            top += line.height();
        }
    }
}

impl Line {
    fn height(&self) -> u32 {
        match self {
            Self::Text(face, _) => face.line_height(),
            Self::Badge(..) => ON_COLOR.size + 10,
            Self::Space(pixels) => *pixels,
        }
    }

    fn draw(&self, onto: &mut RgbImage, x: u32, y: u32) {
        match self {
            Self::Text(face, text) => face.draw(onto, x, y + (face.line_height() - face.size) / 2, text),
            Self::Badge(color, text) => {
                fill(onto, (x, y), (ON_COLOR.width(text) + 14, self.height()), *color);
                ON_COLOR.draw(onto, x + 8, y + 5, text);
            }
            Self::Space(_) => {}
        }
    }
}

fn small(picture: &RgbImage) -> RgbImage {
    let mut small = fit_square(picture, SIDE);
    frame(&mut small, (0, 0), (SIDE, SIDE), 1, BORDER);
    small
}

fn label(region: &Region, place: &Place) -> String {
    let name = format!("{} {}", region.index + 1, region.name);
    if place.attempt_index == 0 { name } else { format!("{name}: redo {}", place.attempt_index) }
}

fn label_face(place: &Place) -> Face {
    if place.attempt_index == 0 { LABEL } else { Face { color: BAD, ..LABEL } }
}

fn verdict(attempt: &Attempt, place: &Place) -> String {
    let score = attempt.critique.score().get();
    let what = match (attempt.accepted, place.is_last) {
        (true, _) => "accepted",
        (false, false) => "to be redone",
        (false, true) => "kept, not accepted",
    };
    format!("{score}  {what}")
}

/// A text in lines as wide as a tile.
fn paragraph(face: Face, text: &str) -> impl Iterator<Item = Line> {
    let mut lines = face.wrap(text, SIDE);
    if lines.len() > MAX_LINES {
        lines.truncate(MAX_LINES - 1);
        lines.push("...".to_owned());
    }
    lines.into_iter().map(move |line| Line::Text(face, line))
}
