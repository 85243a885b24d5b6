//! Groups on a lattice of cells that the relations of the prompt span.

use std::collections::BTreeMap;

use super::{Area, FIELD, Figure, GAP, figure, fill, fit, largest};
use crate::{
    dice::Dice,
    scene::{Group, Look, RelationKind, Scene},
};

/// Space between a figure and the one that it stands on.
const STACKED: f32 = 0.03;

/// All figures of a scene, column by column; what stands behind comes before what stands in front.
pub(super) fn lattice(scene: &Scene, dice: &mut Dice) -> Vec<Vec<Figure>> {
    let places = lattice_places(scene, dice);
    let range = |of: fn(&Place) -> i32| {
        let (low, high) =
            places.iter().map(of).fold((i32::MAX, i32::MIN), |(low, high), at| (low.min(at), high.max(at)));
        (low, (high - low + 1) as f32)
    };
    let ((first_column, columns), (first_row, rows)) =
        (range(|place| place.column), range(|place| place.row));
    let largest = largest(&scene.groups);
    let baseline = if rows < 1.5 { dice.between(-0.1, 0.0) } else { 0.0 };
    let mut figures = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let (w, h) = (FIELD.w / columns, FIELD.h / rows);
        let cell = Area {
            x: FIELD.x + w * (place.column - first_column) as f32 + GAP / 2.0,
            y: FIELD.y + h * (place.row - first_row) as f32 + baseline + GAP / 2.0,
            w: w - GAP,
            h: h - GAP,
        };
        let cell = if rows < 1.5 { Area { y: cell.y + 0.12, h: cell.h - 0.12, ..cell } } else { cell };
        let group = &scene.groups[index];
        let share = fill(group.look, largest);
        let (cell, share) = match place.depth {
            Depth::Alone => (cell, share * 0.96),
            Depth::Behind => (back_cell(cell), share.max(0.85)),
            Depth::InFront { right } => (front_cell(group.look, cell, right), 1.0),
        };
        let areas = share_cell(group, cell, share);
        figures.extend(areas.into_iter().map(|area| (place.depth.order(), figure(index, group.look, area))));
    }
    close_up(&mut figures, &places);
    figures.sort_by_key(|(order, figure)| (places[figure.group].column, *order));
    let column = |(_, figure): &(u32, Figure)| places[figure.group].column;
    figures
        .chunk_by(|one, other| column(one) == column(other))
        .map(|column| column.iter().map(|(_, figure)| *figure).collect())
        .collect()
}

#[derive(Clone, Copy)]
struct Place {
    column: i32,
    row: i32,
    depth: Depth,
}

#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Alone,
    Behind,
    InFront { right: bool },
}

impl Depth {
    fn order(self) -> u32 {
        match self {
            Self::Alone | Self::Behind => 0,
            Self::InFront { .. } => 1,
        }
    }
}

/// A cell for every group, relation by relation, then for those that are in none.
fn lattice_places(scene: &Scene, dice: &mut Dice) -> Vec<Place> {
    let mut places: BTreeMap<usize, Place> = BTreeMap::new();
    for relation in &scene.relations {
        let (subject, object) = (relation.subject, relation.object);
        if !places.contains_key(&subject) && !places.contains_key(&object) {
            let column = places.values().map(|place| place.column + 1).max().unwrap_or(0);
            places.insert(object, Place { column, row: 0, depth: Depth::Alone });
        }
        // The relation seen from the group that has its place already.
        let (anchored, wanted, kind) = if places.contains_key(&object) {
            (object, subject, relation.kind)
        } else {
            (subject, object, opposite(relation.kind))
        };
        if places.contains_key(&wanted) {
            continue;
        }
        let anchor = places[&anchored];
        let (mut column, mut row) = (anchor.column, anchor.row);
        let mut depth = Depth::Alone;
        match kind {
            RelationKind::LeftOf => column -= 1,
            RelationKind::RightOf => column += 1,
            RelationKind::Above => row -= 1,
            RelationKind::Below => row += 1,
            RelationKind::Beside => column += if dice.happens(0.5) { 1 } else { -1 },
            RelationKind::InFrontOf => {
                depth = Depth::InFront { right: dice.happens(0.5) };
                places.insert(anchored, Place { depth: Depth::Behind, ..anchor });
            }
            RelationKind::Behind => {
                depth = Depth::Behind;
                places
                    .insert(anchored, Place { depth: Depth::InFront { right: dice.happens(0.5) }, ..anchor });
            }
        }
        let paired =
            |place: &Place| depth != Depth::Alone && place.column == anchor.column && place.row == anchor.row;
        while places.values().any(|place| (place.column, place.row) == (column, row) && !paired(place)) {
            column += if kind == RelationKind::LeftOf { -1 } else { 1 };
        }
        places.insert(wanted, Place { column, row, depth });
    }
    for group in 0..scene.groups.len() {
        let column = places.values().map(|place| place.column + 1).max().unwrap_or(0);
        places.entry(group).or_insert(Place { column, row: 0, depth: Depth::Alone });
    }
    places.into_values().collect()
}

fn opposite(kind: RelationKind) -> RelationKind {
    match kind {
        RelationKind::LeftOf => RelationKind::RightOf,
        RelationKind::RightOf => RelationKind::LeftOf,
        RelationKind::Above => RelationKind::Below,
        RelationKind::Below => RelationKind::Above,
        RelationKind::Beside => RelationKind::Beside,
        RelationKind::InFrontOf => RelationKind::Behind,
        RelationKind::Behind => RelationKind::InFrontOf,
    }
}

/// Room for what stands behind: high in its cell.
fn back_cell(cell: Area) -> Area {
    Area { x: cell.x + 0.16 * cell.w, w: 0.68 * cell.w, y: cell.y, h: 0.82 * cell.h }
}

/// Room for what stands in front: low in its cell and to one side, over the edge of what is behind.
fn front_cell(look: Look, cell: Area, right: bool) -> Area {
    let (w, h) = (0.46 * cell.w, 0.52 * cell.h);
    let room = Area { x: cell.x, y: cell.bottom() - h, w, h };
    let fitted = fit(look, room, 1.0);
    let x = if right { cell.right() - fitted.w - 0.04 * cell.w } else { cell.x + 0.04 * cell.w };
    Area { x, ..fitted }
}

/// The areas of a group's members within its cell: up to three in a row.
fn share_cell(group: &Group, cell: Area, share: f32) -> Vec<Area> {
    let count = group.count as usize;
    let rows = count.div_ceil(3);
    let mut areas = Vec::with_capacity(count);
    for row in 0..rows {
        let members = count * (row + 1) / rows - count * row / rows;
        let (w, h) = (cell.w / members as f32, cell.h / rows as f32);
        for column in 0..members {
            let gap = if count > 1 { GAP } else { 0.0 };
            let part = Area {
                x: cell.x + w * column as f32 + gap / 2.0,
                y: cell.y + h * row as f32 + gap / 2.0,
                w: w - gap,
                h: h - gap,
            };
            areas.push(fit(group.look, part, share));
        }
    }
    areas
}

/// Moves what stands above others down onto them, and what lies below up to them.
fn close_up(figures: &mut [(u32, Figure)], places: &[Place]) {
    for index in 0..figures.len() {
        let place = places[figures[index].1.group];
        let under = |other: &Figure| {
            let below = places[other.group];
            below.column == place.column && below.row == place.row + 1
        };
        let floor = figures
            .iter()
            .filter(|(_, other)| under(other))
            .map(|(_, other)| other.area.y)
            .fold(f32::INFINITY, f32::min);
        if floor.is_finite() && places[figures[index].1.group].depth == Depth::Alone {
            let rows_above = figures[index].1.area;
            let shift = floor - STACKED - rows_above.bottom();
            figures[index].1.area.y += shift.clamp(0.0, 0.16);
        }
    }
}
