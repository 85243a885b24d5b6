//! Paints layouts: backdrop, then figures from behind to front.

use twig_imaging::{Rgb, RgbImage};
use twig_model::Schedule;

use crate::{
    layout::{Figure, Layout},
    sprite::sprite,
};

/// What a washed-out region fades to, and how far.
const PAPER: [u8; 3] = [236, 236, 234];
const FADED: f32 = 0.76;

/// Paints a layout at a size in pixels.
pub(crate) fn paint(layout: &Layout, size: u32) -> RgbImage {
    let mut picture = layout.backdrop.render(size);
    for figure in &layout.figures {
        draw(&mut picture, figure, size);
    }
    picture
}

/// Pixels are snapped to this share of the picture, so that figures of nearly one size share a rendering.
const SNAP: f32 = 96.0;

fn draw(picture: &mut RgbImage, figure: &Figure, size: u32) {
    let area = figure.area;
    let snapped =
        |length: f32| ((length * SNAP).round().max(1.0) * size as f32 / SNAP).round().max(4.0) as u32;
    let outlined = sprite(figure.look, snapped(area.w), snapped(area.h), size);
    let pad = outlined.pad as i32;
    let (left, top) =
        ((area.x * size as f32).round() as i32 - pad, (area.y * size as f32).round() as i32 - pad);
    let from = (figure.kept.0 * outlined.width as f32) as u32;
    let to = (figure.kept.1 * outlined.width as f32) as u32;
    let side = size as i32;
    for row in 0..outlined.height {
        let y = top + row as i32;
        if !(0..side).contains(&y) {
            continue;
        }
        for column in from..to {
            let x = left + column as i32;
            let [r, g, b, alpha] = outlined.rgba[(row * outlined.width + column) as usize];
            if alpha == 0 || !(0..side).contains(&x) {
                continue;
            }
            let Rgb(below) = picture.get_pixel_mut(x as u32, y as u32);
            let alpha = u32::from(alpha);
            for (under, over) in below.iter_mut().zip([r, g, b]) {
                *under = ((u32::from(over) * alpha + u32::from(*under) * (255 - alpha) + 127) / 255) as u8;
            }
        }
    }
}

/// Fades one region of a picture.
pub(crate) fn wash_out(picture: &mut RgbImage, schedule: &Schedule, region_index: usize) {
    let region = &schedule.regions()[region_index];
    for (x, y, width, height) in twig_imaging::region_pixels(region, schedule.geometry()) {
        for row in y..y + height {
            for column in x..x + width {
                let Rgb(pixel) = picture.get_pixel_mut(column, row);
                for (value, paper) in pixel.iter_mut().zip(PAPER) {
                    *value = (f32::from(*value) + (f32::from(paper) - f32::from(*value)) * FADED) as u8;
                }
            }
        }
    }
}
