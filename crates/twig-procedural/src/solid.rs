//! Shapes: the outlines and shading of round, square, conical and other things.

use std::sync::OnceLock;

use crate::{color::Lab, scene::Shape, sprite::Sprite};

/// Width by height of a shape.
pub(crate) fn aspect(shape: Shape) -> f32 {
    match shape {
        Shape::Rectangular => 1.55,
        Shape::Oval => 1.45,
        Shape::Oblong => 2.3,
        Shape::Teardrop | Shape::Conical => 0.78,
        Shape::Cylindrical => 0.62,
        Shape::Crescent => 0.8,
        Shape::Diamond => 0.85,
        Shape::Triangular | Shape::Pyramidal => 1.1,
        Shape::Round
        | Shape::Square
        | Shape::Pentagonal
        | Shape::Hexagonal
        | Shape::Star
        | Shape::Spherical
        | Shape::Cubic => 1.0,
    }
}

/// Where the emblem sits on the shape: centre, 0 to 1, and its side as a share of the shorter side.
pub(crate) fn emblem(shape: Shape) -> (f32, f32, f32) {
    match shape {
        Shape::Triangular | Shape::Pyramidal => (0.5, 0.68, 0.44),
        Shape::Conical => (0.5, 0.66, 0.42),
        Shape::Teardrop => (0.5, 0.64, 0.5),
        Shape::Crescent => (0.24, 0.5, 0.36),
        Shape::Star => (0.5, 0.54, 0.4),
        Shape::Diamond => (0.5, 0.5, 0.48),
        Shape::Cubic => (0.4, 0.62, 0.46),
        Shape::Cylindrical => (0.5, 0.58, 0.68),
        Shape::Oblong | Shape::Rectangular => (0.5, 0.5, 0.72),
        Shape::Round
        | Shape::Square
        | Shape::Oval
        | Shape::Pentagonal
        | Shape::Hexagonal
        | Shape::Spherical => (0.5, 0.52, 0.58),
    }
}

/// Renders a shape in a colour, filling `width` × `height`, with soft edges.
pub(crate) fn render(shape: Shape, color: Lab, width: u32, height: u32) -> Sprite {
    const SAMPLES: [f32; 3] = [1.0 / 6.0, 0.5, 5.0 / 6.0];
    let mut sprite = Sprite::new(width, height);
    for y in 0..height {
        for x in 0..width {
            let mut hits = 0;
            let mut light = 0.0;
            for dy in SAMPLES {
                for dx in SAMPLES {
                    let u = (x as f32 + dx) / width as f32 * 2.0 - 1.0;
                    let v = (y as f32 + dy) / height as f32 * 2.0 - 1.0;
                    if let Some(shade) = shade(shape, u, v) {
                        hits += 1;
                        light += shade;
                    }
                }
            }
            if hits > 0 {
                let l = (color.l + light / hits as f32).clamp(5.0, 99.0);
                let [r, g, b] = Lab { l, ..color }.to_rgb();
                sprite.rgba[(y * width + x) as usize] = [r, g, b, (255 * hits / 9) as u8];
            }
        }
    }
    sprite
}

/// Light at a point of a shape, in steps of lightness; `None` outside. Coordinates run from −1 to 1, downwards.
fn shade(shape: Shape, u: f32, v: f32) -> Option<f32> {
    let inside = |yes: bool| yes.then_some(0.0);
    match shape {
        Shape::Round => inside(u.hypot(v) <= 1.0).map(|_| if u.hypot(v) > 0.86 { -8.0 } else { 0.0 }),
        Shape::Oval => inside(u.hypot(v) <= 1.0).map(|_| if u.hypot(v) > 0.88 { -8.0 } else { 0.0 }),
        Shape::Square | Shape::Rectangular => Some(if u.abs().max(v.abs()) > 0.9 { -8.0 } else { 0.0 }),
        Shape::Oblong => {
            // A bar with half-round ends; its aspect makes the ends circles.
            let end = (u.abs() - 1.0 + 1.0 / aspect(Shape::Oblong)).max(0.0) * aspect(Shape::Oblong);
            inside(end.hypot(v) <= 1.0).map(|_| if v > 0.55 { -8.0 } else { 0.0 })
        }
        Shape::Triangular => {
            inside(u.abs() <= f32::midpoint(v, 1.0)).map(|_| if v > 0.84 { -8.0 } else { 0.0 })
        }
        Shape::Pentagonal => polygon(5, u, v),
        Shape::Hexagonal => polygon(6, u, v),
        Shape::Diamond => {
            inside(u.abs() + v.abs() <= 1.0).map(|_| if u + v > 0.55 || u < v - 0.9 { -7.0 } else { 0.0 })
        }
        Shape::Teardrop => {
            let radius = if v < 0.25 {
                ((v + 1.0) / 1.25).powf(1.4)
            } else {
                (1.0 - ((v - 0.25) / 0.75).powi(2)).max(0.0).sqrt()
            };
            inside(u.abs() <= radius).map(|_| if u > 0.55 * radius { -7.0 } else { 0.0 })
        }
        Shape::Crescent => {
            let (outer, inner) =
                ((u - 0.25).hypot(v) <= 1.0 || u.hypot(v) <= 1.0, ((u - 0.75) / 0.95).hypot(v / 0.82) <= 1.0);
            inside(outer && !inner && u < 0.72)
        }
        Shape::Star => {
            let angle = (u.atan2(-v) / std::f32::consts::TAU * 5.0 + 0.5).rem_euclid(1.0) - 0.5;
            inside(u.hypot(v) <= 1.05 - 1.15 * angle.abs())
        }
        Shape::Spherical => {
            let square = u * u + v * v;
            inside(square <= 1.0)
                .map(|_| 10.0 - 22.0 * ((u + 0.35).powi(2) + (v + 0.35).powi(2)).min(1.6) / 1.6)
        }
        Shape::Cubic => cube(u, v),
        Shape::Cylindrical => {
            let lid = (v + 0.8) / 0.2;
            if u.hypot(lid) <= 1.0 {
                return Some(9.0);
            }
            let body = v > -0.8 && (v <= 0.8 || u.hypot((v - 0.8) / 0.2) <= 1.0);
            inside(body).map(|_| 3.0 - 11.0 * (u + 0.3).abs())
        }
        Shape::Conical => {
            let rim = v > 0.8 && u.hypot((v - 0.8) / 0.2) <= 1.0;
            let side = v <= 0.8 && u.abs() <= (v + 1.0) / 1.8;
            inside(rim || side).map(|_| 5.0 - 12.0 * (u / ((v + 1.05) / 1.8).min(1.0) + 0.3).abs())
        }
        Shape::Pyramidal => {
            // Two faces that meet in an edge right of the middle.
            let half = f32::midpoint(v, 1.0);
            let edge = 0.35 * half;
            let base = if u > 0.35 { 1.0 - 0.35 * (u - 0.35) / 0.65 } else { 1.0 };
            inside(u.abs() <= half && v <= base).map(|_| if u > edge { -15.0 } else { 4.0 })
        }
    }
}

/// A regular polygon that stands on its point-up side.
fn polygon(sides: u32, u: f32, v: f32) -> Option<f32> {
    let step = std::f32::consts::TAU / sides as f32;
    let angle = u.atan2(-v).rem_euclid(step) - step / 2.0;
    let distance = u.hypot(v) * angle.cos() / (step / 2.0).cos();
    (distance <= 1.0).then(|| if distance > 0.86 { -8.0 } else { 0.0 })
}

/// A cube seen from above and the right: front, top and side.
fn cube(u: f32, v: f32) -> Option<f32> {
    const DEPTH: f32 = 0.42;
    if u <= 1.0 - DEPTH && v >= -1.0 + DEPTH {
        return Some(0.0);
    }
    let rise = v + 1.0;
    let top = v < -1.0 + DEPTH && u >= -1.0 + DEPTH - rise && u <= 1.0 - rise;
    if top {
        return Some(9.0);
    }
    let run = 1.0 - u;
    let side = u > 1.0 - DEPTH && v >= -1.0 + run && v <= 1.0 - DEPTH + run;
    side.then_some(-14.0)
}

/// Whether two shapes are told apart at a glance: where they are laid over each other, a fifth or more of them
/// sticks out.
pub(crate) fn differ(one: Shape, other: Shape) -> bool {
    const COUNT: usize = Shape::ALL.len();
    static TABLE: OnceLock<[[bool; COUNT]; COUNT]> = OnceLock::new();
    let table =
        TABLE.get_or_init(|| Shape::ALL.map(|one| Shape::ALL.map(|other| likeness(one, other) < 0.8)));
    table[one as usize][other as usize]
}

/// Intersection over union of two shapes of the same area, centred on each other.
fn likeness(one: Shape, other: Shape) -> f32 {
    const STEPS: i32 = 40;
    let half_width = |shape: Shape| aspect(shape).sqrt();
    let covers = |shape: Shape, x: f32, y: f32| {
        let (u, v) = (x / half_width(shape), y * half_width(shape));
        u.abs() <= 1.0 && v.abs() <= 1.0 && shade(shape, u, v).is_some()
    };
    let (mut both, mut either) = (0, 0);
    for row in -STEPS..=STEPS {
        for column in -STEPS..=STEPS {
            let (x, y) = (column as f32 * 1.6 / STEPS as f32, row as f32 * 1.6 / STEPS as f32);
            let (first, second) = (covers(one, x, y), covers(other, x, y));
            both += i32::from(first && second);
            either += i32::from(first || second);
        }
    }
    both as f32 / either as f32
}
