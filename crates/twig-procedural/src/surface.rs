//! Surfaces: recolouring that keeps whites, outlines and shading, and materials as procedural fills.

use std::collections::HashMap;

use crate::{
    artwork::Library,
    color::Lab,
    layout, pattern,
    scene::{Look, Shape, Texture},
    solid,
    sprite::{Body, Nature, Sprite, rasterise},
};

/// Paints a look at a size in pixels.
pub(crate) fn paint(look: Look, width: u32, height: u32) -> Sprite {
    let nature = Nature::of(look.object);
    let target = target(look);
    let mut sprite = if let Some(shape) = look.shape {
        shaped(look, shape, target, width, height)
    } else {
        let mut sprite = rasterise(look.object, nature.extent, width, height);
        if let Some(target) = target {
            recolor(&mut sprite, nature.body, nature.color, target);
        }
        sprite
    };
    if let Some(texture) = look.texture {
        apply(&mut sprite, texture, layout::aspect(look));
    }
    if let Some(pattern) = look.pattern {
        pattern::apply(&mut sprite, pattern, nature.body, layout::aspect(look));
    }
    if look.mirrored {
        sprite.mirror();
    }
    sprite
}

/// The colour that a look gives to the body of its drawing, if another than it has.
pub(crate) fn target(look: Look) -> Option<Lab> {
    let dye = Library::get().object(look.object).dye;
    let named = look.color.map(|color| color.rgb).or(look.texture.map(Texture::rgb));
    named.or(dye).map(Lab::of)
}

/// Gives the body the target colour, lighter and darker where the drawing is.
fn recolor(sprite: &mut Sprite, body: Body, from: Lab, to: Lab) {
    let mut known: HashMap<[u8; 3], [u8; 3]> = HashMap::new();
    for pixel in sprite.rgba.iter_mut().filter(|pixel| pixel[3] > 0) {
        let rgb = [pixel[0], pixel[1], pixel[2]];
        let painted = *known.entry(rgb).or_insert_with(|| {
            let lab = Lab::of(rgb);
            if !body.contains(lab) {
                return rgb;
            }
            let shade = (lab.l - from.l) * 0.45;
            Lab { l: (to.l + shade).clamp(8.0, 99.0), ..to }.to_rgb()
        });
        pixel[..3].copy_from_slice(&painted);
    }
}

/// The solid of that shape, with the object's drawing as its emblem.
fn shaped(look: Look, shape: Shape, target: Option<Lab>, width: u32, height: u32) -> Sprite {
    let nature = Nature::of(look.object);
    let ground = target.unwrap_or(Lab {
        l: 78.0 + 0.1 * nature.color.l,
        a: nature.color.a * 0.55,
        b: nature.color.b * 0.55,
    });
    let mut sprite = solid::render(shape, ground, width, height);
    let (center_x, center_y, room) = solid::emblem(shape);
    let side = room * width.min(height) as f32;
    let aspect = nature.aspect();
    let (w, h) = if aspect > 1.0 { (side, side / aspect) } else { (side * aspect, side) };
    let emblem = rasterise(look.object, nature.extent, w.max(2.0) as u32, h.max(2.0) as u32);
    let left = (center_x * width as f32 - w / 2.0) as u32;
    let top = (center_y * height as f32 - h / 2.0) as u32;
    for (at, pixel) in emblem.rgba.iter().enumerate() {
        let (x, y) = (left + at as u32 % emblem.width, top + at as u32 / emblem.width);
        if x < width && y < height {
            let below = &mut sprite.rgba[(y * width + x) as usize];
            let alpha = u32::from(pixel[3]);
            for channel in 0..3 {
                let mixed = u32::from(pixel[channel]) * alpha + u32::from(below[channel]) * (255 - alpha);
                below[channel] = (mixed / 255) as u8;
            }
        }
    }
    sprite
}

/// Modulates brightness with the grain of the material; its colour has been given before. The grain follows
/// the figure's own proportions, whatever those of the sprite.
fn apply(sprite: &mut Sprite, texture: Texture, aspect: f32) {
    let (across, down) = (100.0 * aspect.min(1.0), 100.0 / aspect.max(1.0));
    let (unit_x, unit_y) = (across / sprite.width as f32, down / sprite.height as f32);
    for (at, pixel) in sprite.rgba.iter_mut().enumerate().filter(|(_, pixel)| pixel[3] > 0) {
        let (x, y) = ((at as u32 % sprite.width) as f32 * unit_x, (at as u32 / sprite.width) as f32 * unit_y);
        let light = grain(texture, x, y, across);
        for channel in &mut pixel[..3] {
            let value = f32::from(*channel);
            let lit = if light > 0.0 { value + (255.0 - value) * light } else { value * (1.0 + light) };
            *channel = lit as u8;
        }
    }
}

/// Light added (positive) or taken (negative) at a point of a surface that is 100 units at its longer side.
fn grain(texture: Texture, x: f32, y: f32, width: f32) -> f32 {
    const TURN: f32 = std::f32::consts::TAU;
    match texture {
        Texture::Wooden => {
            let line = ((y + 3.0 * (x / 17.0).sin()) * TURN / 9.0).sin();
            if line > 0.75 { -0.28 } else { 0.05 * line }
        }
        Texture::Metallic => {
            let band = ((x + 0.6 * y) * TURN / 62.0).sin();
            if band > 0.0 { 0.45 * band } else { 0.22 * band }
        }
        Texture::Glass => {
            let streak = (x + y).rem_euclid(56.0);
            if (8.0..16.0).contains(&streak) || (20.0..23.0).contains(&streak) { 0.6 } else { 0.0 }
        }
        Texture::Fabric => {
            let weave = (x * TURN / 8.0).sin() * (y * TURN / 8.0).sin();
            0.16 * weave
        }
        Texture::Leather => {
            let (column, row) = ((x / 7.0).floor(), (y / 7.0).floor());
            let jitter = ((column * 12.989 + row * 78.233).sin() * 437.58).fract();
            let (dx, dy) = (x - column * 7.0 - 3.5 - jitter, y - row * 7.0 - 3.5 + jitter);
            if dx.hypot(dy) > 3.4 { -0.25 } else { 0.03 }
        }
        Texture::Plastic => {
            let gloss = (x - 0.26 * width).abs();
            if gloss < 4.0 { 0.55 } else { 0.0 }
        }
        Texture::Rubber => {
            let (dx, dy) = (x.rem_euclid(9.0) - 4.5, y.rem_euclid(9.0) - 4.5);
            if dx.hypot(dy) < 2.2 { 0.16 } else { 0.0 }
        }
        Texture::Fluffy => {
            let tuft =
                ((x * 0.9 + 4.0 * (y * 0.31).sin()) * 0.8).sin() * ((y + 3.0 * (x * 0.27).sin()) * 0.7).sin();
            if tuft > 0.35 { -0.13 } else { 0.0 }
        }
    }
}
