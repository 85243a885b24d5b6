//! Where the figures of a scene stand: a function of the scene, the schedule and the trajectory's seed.

use std::collections::BTreeMap;

use twig_model::Schedule;

use crate::{
    artwork::Library,
    backdrop::Backdrop,
    dice::Dice,
    scene::{Group, Look, RelationKind, Scene},
    solid,
    sprite::Nature,
};

/// A scene with everything in its place. Coordinates run from 0 to 1, downwards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The figures, those behind before those in front.
    pub(crate) figures: Vec<Figure>,
    /// What is behind them.
    pub(crate) backdrop: Backdrop,
}

/// One figure in its place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    /// The group it belongs to, an index into [`Scene::groups`].
    pub(crate) group: usize,
    /// What it looks like.
    pub(crate) look: Look,
    /// Where it stands.
    pub(crate) area: Area,
    /// The share of its width that is painted, from one place to another; all of it unless cut off.
    pub(crate) kept: (f32, f32),
}

/// A rectangle of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) w: f32,
    pub(crate) h: f32,
}

impl Area {
    pub(crate) fn right(self) -> f32 {
        self.x + self.w
    }

    pub(crate) fn bottom(self) -> f32 {
        self.y + self.h
    }

    /// The middle from left to right.
    pub(crate) fn center_x(self) -> f32 {
        self.x + self.w / 2.0
    }

    /// Whether two rectangles come closer than `gap`.
    pub(crate) fn is_near(self, other: Self, gap: f32) -> bool {
        self.x < other.right() + gap
            && other.x < self.right() + gap
            && self.y < other.bottom() + gap
            && other.y < self.bottom() + gap
    }
}

/// The part of the picture that figures may take; the margin shows the backdrop.
pub(crate) const FIELD: Area = Area { x: 0.065, y: 0.06, w: 0.87, h: 0.88 };

/// Space between figures that stand beside each other.
const GAP: f32 = 0.03;

/// Space between a figure and the one that it stands on.
const STACKED: f32 = 0.03;

/// Puts a scene in place.
pub(crate) fn arrange(scene: &Scene, schedule: &Schedule, trajectory_seed: u64) -> Layout {
    let mut dice = Dice::new(trajectory_seed, "layout");
    let mut figures =
        if scene.relations.is_empty() { flow(scene, &mut dice) } else { lattice(scene, &mut dice) };
    if schedule.num_regions() <= 6 {
        settle(&mut figures, schedule, scene);
    }
    let colors: Vec<_> = scene.groups.iter().map(|group| main_color(group.look)).collect();
    let backdrop =
        Backdrop::choose(scene.place, scene.backdrop, &colors, &mut Dice::new(trajectory_seed, "backdrop"));
    Layout { figures, backdrop }
}

fn main_color(look: Look) -> crate::color::Lab {
    let named = look.color.map(|color| color.rgb).or(look.texture.map(crate::scene::Texture::rgb));
    named.map_or_else(|| Nature::of(look.object).color, crate::color::Lab::of)
}

/// Width by height of a look.
pub(crate) fn aspect(look: Look) -> f32 {
    let own = look.shape.map_or_else(|| Nature::of(look.object).aspect(), solid::aspect);
    let (wider, taller) = look.size.map_or((1.0, 1.0), crate::scene::Size::factors);
    own * wider / taller
}

/// How much of its cell a look takes, at most 1.
fn fill(look: Look, largest: f32) -> f32 {
    (bulk(look) / largest).clamp(0.5, 1.0)
}

fn bulk(look: Look) -> f32 {
    let (wider, taller) = look.size.map_or((1.0, 1.0), crate::scene::Size::factors);
    Library::get().object(look.object).scale * f32::max(wider, taller)
}

/// The largest rectangle of that shape within a cell, standing on its floor in the middle, `share` of its size.
pub(crate) fn fit(look: Look, cell: Area, share: f32) -> Area {
    let aspect = aspect(look);
    let (w, h) = if aspect > cell.w / cell.h { (cell.w, cell.w / aspect) } else { (cell.h * aspect, cell.h) };
    let (w, h) = (w * share, h * share);
    Area { x: cell.center_x() - w / 2.0, y: cell.bottom() - h, w, h }
}

fn figure(group: usize, look: Look, area: Area) -> Figure {
    Figure { group, look, area, kept: (0.0, 1.0) }
}

fn largest(groups: &[Group]) -> f32 {
    groups.iter().map(|group| bulk(group.look)).fold(0.1, f32::max)
}

/// Figures in rows, in the order in which the prompt names them.
fn flow(scene: &Scene, dice: &mut Dice) -> Vec<Figure> {
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
    let mut figures = Vec::with_capacity(looks.len());
    for row in 0..num_rows {
        let of_row = &looks[looks.len() * row / num_rows..looks.len() * (row + 1) / num_rows];
        let height = FIELD.h / num_rows as f32;
        // A single row stands on the ground, where there is room above it.
        let drop = if num_rows == 1 { dice.between(-0.1, 0.0) } else { 0.0 };
        let width = FIELD.w / of_row.len().max(2) as f32;
        let indent = (FIELD.w - width * of_row.len() as f32) / 2.0;
        for (column, (group, look)) in of_row.iter().enumerate() {
            let cell = Area {
                x: FIELD.x + indent + width * column as f32 + GAP / 2.0,
                y: FIELD.y + height * row as f32 + GAP / 2.0 + drop,
                w: width - GAP,
                h: height - GAP,
            };
            let cell = if num_rows == 1 { Area { y: cell.y + 0.12, h: cell.h - 0.12, ..cell } } else { cell };
            let mut area = fit(*look, cell, fill(*look, largest) * 0.94);
            area.y -= (cell.h - area.h) * dice.between(0.0, 0.3).min(0.08 / cell.h);
            figures.push(figure(*group, *look, area));
        }
    }
    figures
}

/// Groups on a lattice of cells that the relations of the prompt span.
fn lattice(scene: &Scene, dice: &mut Dice) -> Vec<Figure> {
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
    figures.sort_by_key(|(order, _)| *order);
    figures.into_iter().map(|(_, figure)| figure).collect()
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

/// Shifts figures a little so that none reaches just a sliver into a region.
fn settle(figures: &mut [Figure], schedule: &Schedule, scene: &Scene) {
    const SLIVER: f32 = 0.15;
    let rows = schedule.geometry().grid.rows as f32;
    let borders: Vec<f32> = schedule.regions()[1..]
        .iter()
        .map(|region| region.rows(schedule.geometry().grid).start as f32 / rows)
        .collect();
    let tied = |group: usize| {
        scene.relations.iter().any(|relation| {
            let vertical = matches!(relation.kind, RelationKind::Above | RelationKind::Below);
            !vertical
                && !matches!(
                    relation.kind,
                    RelationKind::LeftOf | RelationKind::RightOf | RelationKind::Beside
                )
                && (relation.subject == group || relation.object == group)
        })
    };
    for index in 0..figures.len() {
        let area = figures[index].area;
        if tied(figures[index].group) {
            continue;
        }
        for border in &borders {
            let above = (border - area.y) / area.h;
            let shift = if (0.0..SLIVER).contains(&above) {
                border - area.y + 0.008
            } else if (1.0 - SLIVER..1.0).contains(&above) {
                border - area.bottom() - 0.008
            } else {
                continue;
            };
            let moved = Area { y: area.y + shift, ..area };
            let free = figures
                .iter()
                .enumerate()
                .all(|(other, figure)| other == index || !figure.area.is_near(moved, GAP));
            let within = moved.y >= 0.03 && moved.bottom() <= 0.97;
            if free && within {
                figures[index].area = moved;
            }
            break;
        }
    }
}
