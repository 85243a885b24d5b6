//! One trajectory: its prompt, and its tiles in as many lines as they need.

use twig_imaging::RgbImage;
use twig_shards::ReleaseTrajectory;

use super::{
    paint::{BORDER, CARD, REMARK, TITLE, frame},
    tile::{SIDE, Tile},
};

/// Tiles in a line at most.
const MAX_COLUMNS: usize = 6;

/// Space between tiles, in pixels.
const GAP: u32 = 18;

/// Space between the edge of a card and what is on it, in pixels.
const PADDING: u32 = 20;

/// Draws a trajectory on a card with room for `columns` tiles in a line, or [`MAX_COLUMNS`] if that is less.
pub(super) fn draw(release: &ReleaseTrajectory, tiles: &[Tile], columns: usize) -> RgbImage {
    let columns = columns.clamp(1, MAX_COLUMNS);
    let text_width = columns as u32 * (SIDE + GAP) - GAP;
    let title = TITLE.wrap(&release.trajectory.prompt.text, text_width);
    let lines: Vec<&[Tile]> = tiles.chunks(columns).collect();
    let head = title.len() as u32 * TITLE.line_height() + REMARK.line_height() + GAP / 2;
    let body: u32 = lines.iter().map(|line| height(line) + GAP).sum();
    let size = (text_width + 2 * PADDING, head + body - GAP + 2 * PADDING);
    let mut card = RgbImage::from_pixel(size.0, size.1, CARD);
    frame(&mut card, (0, 0), size, 1, BORDER);
    let mut y = PADDING;
    for line in &title {
        TITLE.draw(&mut card, PADDING, y, line);
        y += TITLE.line_height();
    }
    REMARK.draw(&mut card, PADDING, y, &subtitle(release));
    y = PADDING + head;
    for line in lines {
        for (tile, column) in line.iter().zip(0..) {
            tile.draw(&mut card, PADDING + column * (SIDE + GAP), y);
        }
        y += height(line) + GAP;
    }
    card
}

fn subtitle(release: &ReleaseTrajectory) -> String {
    let trajectory = &release.trajectory;
    format!(
        "{}, {}, {}",
        trajectory.prompt.category,
        trajectory.mode.as_str().replace('_', " "),
        trajectory.id()
    )
}

fn height(line: &[Tile]) -> u32 {
    line.iter().map(Tile::height).max().unwrap_or(0)
}
