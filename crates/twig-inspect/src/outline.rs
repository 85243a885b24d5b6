//! The border of a region drawn into a picture.

use std::collections::BTreeSet;

use twig_imaging::{Rgb, RgbImage};
use twig_model::{Grid, Region};

/// Draws the border between the cells of a region and all others, `thickness` pixels inwards, into a square
/// picture of any size.
pub(crate) fn outline(picture: &mut RgbImage, region: &Region, grid: Grid, color: Rgb<u8>, thickness: u32) {
    let side = picture.width();
    let cells: BTreeSet<u32> = region.cells().collect();
    for &cell in &cells {
        let (row, column) = (cell / grid.cols, cell % grid.cols);
        let (left, right) = (column * side / grid.cols, (column + 1) * side / grid.cols);
        let (top, bottom) = (row * side / grid.rows, (row + 1) * side / grid.rows);
        let (width, height) = (right - left, bottom - top);
        if row == 0 || !cells.contains(&(cell - grid.cols)) {
            fill(picture, (left, top), (width, thickness), color);
        }
        if !cells.contains(&(cell + grid.cols)) {
            fill(picture, (left, bottom.saturating_sub(thickness)), (width, thickness), color);
        }
        if column == 0 || !cells.contains(&(cell - 1)) {
            fill(picture, (left, top), (thickness, height), color);
        }
        if column + 1 == grid.cols || !cells.contains(&(cell + 1)) {
            fill(picture, (right.saturating_sub(thickness), top), (thickness, height), color);
        }
    }
}

/// Fills a rectangle; what does not fit into the picture is left out.
pub(crate) fn fill(picture: &mut RgbImage, (x, y): (u32, u32), (width, height): (u32, u32), color: Rgb<u8>) {
    for row in y..(y + height).min(picture.height()) {
        for column in x..(x + width).min(picture.width()) {
            picture.put_pixel(column, row, color);
        }
    }
}
