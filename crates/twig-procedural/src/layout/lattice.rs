//! Groups on a lattice of cells that the relations of the prompt span.

use std::collections::BTreeMap;

use super::{Area, FIELD, Figure, GAP, figure, fill, fit, largest};
use crate::{
    dice::Dice,
    scene::{Group, Look, RelationKind, Scene},
    template::Template,
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
    let widest = |column: i32| -> f32 {
        let of_column = places.iter().zip(&scene.groups).filter(|(place, _)| place.column == column);
        of_column.map(|(_, group)| (group.count.min(3) as f32).sqrt()).fold(1.0, f32::max)
    };
    let column_extents =
        shared_out(FIELD.x, FIELD.w, (0..columns as i32).map(|at| widest(first_column + at)));
    let mut figures = Vec::new();
    for (index, place) in places.iter().enumerate() {
        let ((left, w), h) = (column_extents[(place.column - first_column) as usize], FIELD.h / rows);
        let cell = Area {
            x: left + GAP / 2.0,
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
    for relation in scene.relations.iter().filter(|relation| scene.touches(relation)) {
        let (upper, lower) = (places[relation.subject], places[relation.object]);
        if upper.column == lower.column && upper.row + 1 == lower.row {
            set_down(&mut figures, relation.subject, relation.object);
        }
    }
    for (front, place) in places.iter().enumerate() {
        if let Depth::InFront { right } = place.depth {
            let cell = (place.column, place.row);
            let back = places
                .iter()
                .position(|other| other.depth == Depth::Behind && (other.column, other.row) == cell);
            if let Some(back) = back {
                draw_over(&mut figures, front, back, right);
            }
        }
    }
    figures.sort_by_key(|(order, figure)| (places[figure.group].column, *order));
    let column = |(_, figure): &(u32, Figure)| places[figure.group].column;
    figures
        .chunk_by(|one, other| column(one) == column(other))
        .map(|column| column.iter().map(|(_, figure)| *figure).collect())
        .collect()
}

/// A stretch divided by weight: where each part begins, and its width.
fn shared_out(start: f32, width: f32, weights: impl Iterator<Item = f32>) -> Vec<(f32, f32)> {
    let weights: Vec<f32> = weights.collect();
    let unit = width / weights.iter().sum::<f32>();
    let mut from = start;
    let part = |weight: &f32| {
        let part = (from, weight * unit);
        from += part.1;
        part
    };
    weights.iter().map(part).collect()
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
            RelationKind::Above | RelationKind::On => row -= 1,
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
        RelationKind::Above | RelationKind::On => RelationKind::Below,
        RelationKind::Below => RelationKind::Above,
        RelationKind::Beside => RelationKind::Beside,
        RelationKind::InFrontOf => RelationKind::Behind,
        RelationKind::Behind => RelationKind::InFrontOf,
    }
}

/// Room for what stands behind: high in its cell.
fn back_cell(cell: Area) -> Area {
    Area { x: cell.x + 0.17 * cell.w, w: 0.66 * cell.w, y: cell.y, h: 0.76 * cell.h }
}

/// Room for what stands in front: low in its cell and to one side, over the edge of what is behind.
fn front_cell(look: Look, cell: Area, right: bool) -> Area {
    let (w, h) = (0.5 * cell.w, 0.56 * cell.h);
    let room = Area { x: cell.x, y: cell.bottom() - h, w, h };
    let fitted = fit(look, room, 1.0);
    let x = if right { cell.right() - fitted.w - 0.04 * cell.w } else { cell.x + 0.04 * cell.w };
    Area { x, ..fitted }
}

/// Moves the group in front sideways, and where that is not enough upwards, until it hides part of the group
/// behind, and leaves most of that to be seen.
fn draw_over(figures: &mut [(u32, Figure)], front: usize, back: usize, right: bool) {
    const HIDDEN: f32 = 0.15;
    const STEP: f32 = 0.012;
    let steps: Vec<(f32, f32)> = (0..26)
        .map(|step| (STEP * step as f32, 0.0))
        .chain((0..14).map(|step| (0.14, STEP * step as f32)))
        .collect();
    let of = |group: usize| -> Vec<Figure> {
        figures.iter().map(|(_, figure)| *figure).filter(|figure| figure.group == group).collect()
    };
    let (fronts, backs) = (of(front), of(back));
    let shifted = |(x, y): (f32, f32)| {
        let x = if right { -x } else { x };
        let moved = |figure: &Figure| Figure {
            area: Area { x: figure.area.x + x, y: figure.area.y - y, ..figure.area },
            ..*figure
        };
        fronts.iter().map(moved).collect::<Vec<_>>()
    };
    let far_enough = steps.into_iter().find(|step| hidden_share(&shifted(*step), &backs) >= HIDDEN);
    let Some(step) = far_enough else { return };
    let mut moved = shifted(step).into_iter();
    for (_, figure) in figures.iter_mut().filter(|(_, figure)| figure.group == front) {
        *figure = moved.next().unwrap_or(*figure);
    }
}

/// The share of some figures that others in front of them hide.
fn hidden_share(fronts: &[Figure], backs: &[Figure]) -> f32 {
    const STEPS: usize = 20;
    let at = |step: usize| (step as f32 + 0.5) / STEPS as f32;
    let (mut hidden, mut all) = (0, 0);
    for back in backs {
        let template = Template::of(back.look);
        let points = (0..STEPS * STEPS).map(|point| (at(point % STEPS), at(point / STEPS)));
        for (u, v) in points.filter(|(u, v)| template.covers(*u, *v)) {
            let (x, y) = (back.area.x + u * back.area.w, back.area.y + v * back.area.h);
            all += 1;
            hidden += i32::from(fronts.iter().any(|front| front.covers(x, y)));
        }
    }
    hidden as f32 / all.max(1) as f32
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

/// Moves the one figure of a group onto the one of another until they touch, and draws it after that.
fn set_down(figures: &mut [(u32, Figure)], upper: usize, lower: usize) {
    // How far the upper one stands into the lower, at most, and as a share of that.
    const DEPTH: (f32, f32) = (0.016, 0.1);
    let of = |group: usize| figures.iter().position(|(_, figure)| figure.group == group);
    let (Some(upper), Some(lower)) = (of(upper), of(lower)) else { return };
    let floor = figures[lower].1;
    let Some(space) = space_between(figures[upper].1, floor) else { return };
    let (order, figure) = &mut figures[upper];
    figure.area.y += (space + DEPTH.0.min(DEPTH.1 * floor.area.h)).clamp(-0.1, 0.3);
    *order = Depth::InFront { right: false }.order();
}

/// The least space between a figure and another below it, column by column; `None` where they share no column.
fn space_between(upper: Figure, lower: Figure) -> Option<f32> {
    const STEPS: usize = 48;
    let at = |step: usize| (step as f32 + 0.5) / STEPS as f32;
    let (above, below) = (Template::of(upper.look), Template::of(lower.look));
    let spaces = (0..STEPS).filter_map(|column| {
        let x = upper.area.x + at(column) * upper.area.w;
        let u = (x - lower.area.x) / lower.area.w;
        let foot = (0..STEPS).rev().find(|row| above.covers(at(column), at(*row)))?;
        let head = (0..STEPS).find(|row| below.covers(u, at(*row)))?;
        let y = |area: Area, step: f32| area.y + step / STEPS as f32 * area.h;
        Some(y(lower.area, head as f32) - y(upper.area, (foot + 1) as f32))
    });
    spaces.reduce(f32::min)
}
