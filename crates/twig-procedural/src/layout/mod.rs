//! Where the figures of a scene stand: a function of the scene, the schedule and the trajectory's seed.

mod lattice;
mod rows;
mod settle;

use twig_model::Schedule;

use crate::{
    artwork::Library,
    backdrop::Backdrop,
    color::Lab,
    dice::Dice,
    scene::{Group, Look, Scene},
    solid,
    sprite::Nature,
    surface,
    template::Template,
};

/// A scene with everything in its place. Coordinates run from 0 to 1, downwards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Layout {
    /// The figures, those behind before those in front.
    pub(crate) figures: Vec<Figure>,
    /// What is behind them.
    pub(crate) backdrop: Backdrop,
}

impl Layout {
    /// Whether a figure's foot is on the lower half of the backdrop and on no other figure.
    pub(crate) fn stands_on_the_ground(&self, figure: &Figure) -> bool {
        let floor = figure.area.bottom();
        let is_under = |other: &Figure| {
            (other.area.y..other.area.bottom() - 0.05).contains(&floor)
                && (other.area.x..other.area.right()).contains(&figure.area.center_x())
        };
        let in_front = |other: &Figure| other.area.bottom() > floor && is_under(other);
        floor > self.backdrop.horizon + 0.04 && !self.figures.iter().any(in_front)
    }
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

impl Figure {
    /// Whether the whole figure would cover a point of the picture.
    pub(crate) fn covers(&self, x: f32, y: f32) -> bool {
        let Area { x: left, y: top, w, h } = self.area;
        Template::of(self.look).covers((x - left) / w, (y - top) / h)
    }
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

/// Puts a scene in place.
pub(crate) fn arrange(scene: &Scene, schedule: &Schedule, trajectory_seed: u64) -> Layout {
    let mut dice = Dice::new(trajectory_seed, "layout");
    let scene = &dressed(scene, &mut Dice::new(trajectory_seed, "guises"));
    let mut units = if scene.relations.is_empty() {
        rows::rows(scene, &mut dice)
    } else {
        lattice::lattice(scene, &mut dice)
    };
    settle::settle(&mut units, schedule);
    let colors: Vec<_> = scene.groups.iter().map(|group| main_color(group.look)).collect();
    let ground = ground(&units);
    let dice = &mut Dice::new(trajectory_seed, "backdrop");
    let backdrop = Backdrop::choose(scene.place, scene.backdrop, &colors, ground, dice);
    Layout { figures: units.concat(), backdrop }
}

/// From where on there must be ground, so that what stands in the lower half of the picture stands on it.
fn ground(units: &[Vec<Figure>]) -> f32 {
    const HIGHEST: f32 = 0.46;
    // How far behind its foot the ground goes on.
    const DEPTH: f32 = 0.05;
    let feet = units.iter().flatten().map(|figure| figure.area.bottom() - DEPTH);
    feet.filter(|foot| *foot > HIGHEST).fold(1.0, f32::min).max(HIGHEST)
}

/// The scene with one of its guises for every group. What touches or hides another is told from it by its colour,
/// where it has a guise that is.
fn dressed(scene: &Scene, dice: &mut Dice) -> Scene {
    const ANOTHER_COLOR: f32 = 16.0;
    let mut dressed = scene.clone();
    for group in 0..scene.groups.len() {
        let nearby: Vec<Lab> = scene
            .relations
            .iter()
            .filter(|relation| relation.kind.is_close())
            .filter_map(|relation| match (relation.subject, relation.object) {
                (one, other) if other == group && one < group => Some(one),
                (one, other) if one == group && other < group => Some(other),
                _ => None,
            })
            .map(|other| main_color(dressed.groups[other].look))
            .collect();
        let guises = scene.groups[group].look.guises();
        let is_told =
            |look: &&Look| nearby.iter().all(|color| color.distance(main_color(**look)) > ANOTHER_COLOR);
        let told: Vec<Look> = guises.iter().filter(is_told).copied().collect();
        let look = dice.pick(if told.is_empty() { &guises } else { &told });
        dressed.groups[group].look = look.copied().unwrap_or(scene.groups[group].look);
    }
    dressed
}

fn main_color(look: Look) -> Lab {
    surface::target(look).unwrap_or_else(|| Nature::of(look.object).color)
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
