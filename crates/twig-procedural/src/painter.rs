//! Paints layouts: backdrop, then figures from behind to front.

use twig_imaging::{Rgb, RgbImage};
use twig_model::Schedule;

use crate::{
    layout::{Area, Figure, Layout},
    sprite::sprite,
    template::Template,
};

/// What a washed-out region fades to, and how far.
const PAPER: [u8; 3] = [236, 236, 234];
const FADED: f32 = 0.76;

/// Paints a layout at a size in pixels.
pub(crate) fn paint(layout: &Layout, size: u32) -> RgbImage {
    let mut picture = ground(layout, size);
    for figure in &layout.figures {
        draw(&mut picture, figure, size);
    }
    picture
}

/// The backdrop with the shadows of what stands on its lower half.
pub(crate) fn ground(layout: &Layout, size: u32) -> RgbImage {
    let mut picture = layout.backdrop.render(size);
    for figure in layout.figures.iter().filter(|figure| layout.stands_on_the_ground(figure)) {
        shade(&mut picture, figure, size);
    }
    picture
}

/// Darkens an ellipse below a figure, as wide as its foot: well visible, and less than makes a figure.
fn shade(picture: &mut RgbImage, figure: &Figure, size: u32) {
    const DARKER: f32 = 0.95;
    // Which part of a figure is its foot, and how flat the ground is seen.
    const FOOT: f32 = 0.88;
    const FLAT: f32 = 0.16;
    let Area { x, y, w, h } = figure.area;
    let Some((from, to)) = Template::of(figure.look).extent_below(FOOT) else { return };
    let (from, to) = (from.max(figure.kept.0), to.min(figure.kept.1));
    let half = (to - from) * w * 0.5 + 0.012;
    let (middle, depth) = (x + f32::midpoint(from, to) * w, (half * FLAT).clamp(0.008, 0.022));
    let floor = y + h + 0.004;
    let pixels = |from: f32, to: f32| {
        let at = |place: f32| (place * size as f32).round().clamp(0.0, size as f32) as u32;
        at(from)..at(to)
    };
    for row in pixels(floor - depth, floor + depth) {
        for column in pixels(middle - half, middle + half) {
            let at = |pixel: u32| (pixel as f32 + 0.5) / size as f32;
            if ((at(column) - middle) / half).hypot((at(row) - floor) / depth) < 1.0 {
                let Rgb(pixel) = picture.get_pixel_mut(column, row);
                *pixel = pixel.map(|value| (f32::from(value) * DARKER) as u8);
            }
        }
    }
}

/// Pixels are snapped to this share of the picture, so that figures of nearly one size share a rendering.
const SNAP: f32 = 96.0;

fn draw(picture: &mut RgbImage, figure: &Figure, size: u32) {
    let area = figure.area;
    let snapped =
        |length: f32| ((length * SNAP).round().max(1.0) * size as f32 / SNAP).round().max(4.0) as u32;
    let figure_sprite = sprite(figure.look, snapped(area.w), snapped(area.h), size);
    let pad = figure_sprite.pad as i32;
    let (left, upper) =
        ((area.x * size as f32).round() as i32 - pad, (area.y * size as f32).round() as i32 - pad);
    let from = (figure.kept.0 * figure_sprite.width as f32) as u32;
    let until = (figure.kept.1 * figure_sprite.width as f32) as u32;
    let edge = size as i32;
    for row in 0..figure_sprite.height {
        let y = upper + row as i32;
        if !(0..edge).contains(&y) {
            continue;
        }
        for column in from..until {
            let x = left + column as i32;
            let [red, green, blue, alpha] = figure_sprite.rgba[(row * figure_sprite.width + column) as usize];
            if alpha == 0 || !(0..edge).contains(&x) {
                continue;
            }
            let Rgb(below) = picture.get_pixel_mut(x as u32, y as u32);
            let alpha = u32::from(alpha);
            for (under, over) in below.iter_mut().zip([red, green, blue]) {
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
