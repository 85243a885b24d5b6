//! Figures in rows, in the order in which the prompt names them, for scenes without relations.

use super::{Area, FIELD, Figure, GAP, figure, fill, fit, largest};
use crate::{
    dice::Dice,
    scene::{Look, Scene},
};

/// All figures of a scene on one scale, row by row.
pub(super) fn rows(scene: &Scene, dice: &mut Dice) -> Vec<Vec<Figure>> {
    let looks: Vec<(usize, Look)> = scene
        .groups
        .iter()
        .enumerate()
        .flat_map(|(index, group)| (0..group.count).map(move |_| (index, group.look)))
        .collect();
    let num_rows = match looks.len() {
        0..=3 => 1,
        4..=8 => 2,
        9..=12 => 3,
        _ => 4,
    };
    let largest = largest(&scene.groups);
    let (width, height) = (FIELD.w / looks.len().div_ceil(num_rows).max(2) as f32, FIELD.h / num_rows as f32);
    let mut rows = vec![Vec::new(); num_rows];
    for (row, figures) in rows.iter_mut().enumerate() {
        let of_row = &looks[looks.len() * row / num_rows..looks.len() * (row + 1) / num_rows];
        // A single row stands on the ground, with room above it.
        let (head_room, drop) = if num_rows == 1 { (0.12, dice.between(-0.1, 0.0)) } else { (0.0, 0.0) };
        // What a row lacks in figures it has in space to both sides and between them.
        let space = FIELD.w / of_row.len().max(2) as f32 - width;
        let stride = width + space * dice.between(0.3, 1.0);
        let indent = (FIELD.w - stride * of_row.len() as f32) / 2.0;
        for (column, (group, look)) in of_row.iter().enumerate() {
            let cell = Area {
                x: FIELD.x + indent + stride * column as f32 + f32::midpoint(stride - width, GAP),
                y: FIELD.y + height * row as f32 + GAP / 2.0 + drop + head_room,
                w: width - GAP,
                h: height - GAP - head_room,
            };
            let area = fit(*look, cell, fill(*look, largest) * 0.94);
            figures.push(figure(*group, *look, area));
        }
    }
    rows
}
