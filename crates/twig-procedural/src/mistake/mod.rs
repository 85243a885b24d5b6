//! The mistakes of the painter: which ones it makes on a layout, and what they are called.

mod kind;

pub use self::kind::{Mistake, MistakeKind};
use crate::{
    artwork::Library,
    color::{COLORS, Color},
    dice::Dice,
    layout::{Area, FIELD, Figure, Layout, fit},
    nouns::plural,
    scene::{Look, Scene, Shape, Texture},
    settings::Faults,
};

/// A mistake before it is painted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slip {
    pub(crate) kind: MistakeKind,
    pub(crate) words: String,
    change: Change,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// Figures at these places get these looks, in these areas.
    Replace(Vec<(usize, Figure)>),
    /// Figures at these places are left out.
    Remove(Vec<usize>),
    /// One more figure.
    Add(Figure),
    /// A region fades.
    WashOut(usize),
}

impl Slip {
    /// The region that fades, if this is that kind of mistake.
    pub(crate) fn faded_region(&self) -> Option<usize> {
        match self.change {
            Change::WashOut(region) => Some(region),
            Change::Replace(_) | Change::Remove(_) | Change::Add(_) => None,
        }
    }
}

/// The layout with mistakes in it.
pub(crate) fn with_slips<'a>(layout: &Layout, slips: impl IntoIterator<Item = &'a Slip>) -> Layout {
    let mut figures: Vec<Option<Figure>> = layout.figures.iter().copied().map(Some).collect();
    let mut added = Vec::new();
    for slip in slips {
        match &slip.change {
            Change::Replace(changed) => changed.iter().for_each(|(at, figure)| figures[*at] = Some(*figure)),
            Change::Remove(places) => places.iter().for_each(|at| figures[*at] = None),
            Change::Add(figure) => added.push(*figure),
            Change::WashOut(_) => {}
        }
    }
    Layout { figures: figures.into_iter().flatten().chain(added).collect(), ..layout.clone() }
}

/// Rolls the dice: the mistakes that a painter makes on this layout.
///
/// `regions` are those being painted; a fade takes one of them.
pub(crate) fn slips(
    scene: &Scene,
    layout: &Layout,
    regions: &[usize],
    faults: &Faults,
    dice: &mut Dice,
) -> Vec<Slip> {
    let mut painter = Clumsy { scene, layout, touched: vec![false; layout.figures.len()], taken: Vec::new() };
    let mut slips = Vec::new();
    for kind in MistakeKind::ALL {
        // Rolled for every kind, so that changing one rate leaves the other mistakes as they are.
        let mut own = Dice::new(dice.next(), kind.as_str());
        if own.happens(kind.rate(faults)) {
            let change = painter.change(kind, regions, &mut own);
            slips.extend(change.map(|(change, words)| Slip { kind, words, change }));
        }
    }
    slips
}

struct Clumsy<'a> {
    scene: &'a Scene,
    layout: &'a Layout,
    /// Figures that have been changed already; each is changed once.
    touched: Vec<bool>,
    /// Where figures have been added.
    taken: Vec<Area>,
}

impl Clumsy<'_> {
    fn change(&mut self, kind: MistakeKind, regions: &[usize], dice: &mut Dice) -> Option<(Change, String)> {
        match kind {
            MistakeKind::WrongColor => self.recolor(dice),
            MistakeKind::WrongShape => self.reshape(dice),
            MistakeKind::WrongTexture => self.retexture(dice),
            MistakeKind::MissingObject => self.omit(dice),
            MistakeKind::WrongCount => self.miscount(dice),
            MistakeKind::ExtraObject => self.intrude(dice),
            MistakeKind::WrongSide => self.swap(dice),
            MistakeKind::CutOff => self.cut(dice),
            MistakeKind::WashedOut => {
                let region = *dice.pick(regions)?;
                Some((Change::WashOut(region), format!("region {} is faded", region + 1)))
            }
        }
    }

    /// An untouched group that fulfils a condition, marked as touched, with the places of its figures.
    fn pick_group(&mut self, dice: &mut Dice, wanted: impl Fn(&Look) -> bool) -> Option<(usize, Vec<usize>)> {
        let members = |group: usize| -> Vec<usize> {
            (0..self.layout.figures.len()).filter(|at| self.layout.figures[*at].group == group).collect()
        };
        let candidates: Vec<(usize, Vec<usize>)> = (0..self.scene.groups.len())
            .map(|group| (group, members(group)))
            .filter(|(group, members)| {
                wanted(&self.scene.groups[*group].look)
                    && !members.is_empty()
                    && members.iter().all(|at| !self.touched[*at])
            })
            .collect();
        let picked = dice.pick(&candidates)?.clone();
        picked.1.iter().for_each(|at| self.touched[*at] = true);
        Some(picked)
    }

    fn replace(&self, places: Vec<usize>, look: impl Fn(Look) -> Look) -> Change {
        let changed = |at: usize| {
            let figure = self.layout.figures[at];
            let look = look(figure.look);
            let area =
                if look.shape == figure.look.shape { figure.area } else { fit(look, figure.area, 1.0) };
            (at, Figure { look, area, ..figure })
        };
        Change::Replace(places.into_iter().map(changed).collect())
    }

    fn recolor(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let others = |right: Color| {
            COLORS.into_iter().filter(|color| color.lab().distance(right.lab()) > 18.0).collect()
        };
        self.remake(
            dice,
            |look| look.color,
            others,
            |look, color| Look { color: Some(color), ..look },
            |color| color.name,
        )
    }

    fn reshape(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let others =
            |right| Shape::ALL.into_iter().filter(|shape| crate::solid::differ(*shape, right)).collect();
        self.remake(
            dice,
            |look| look.shape,
            others,
            |look, shape| Look { shape: Some(shape), ..look },
            Shape::name,
        )
    }

    fn retexture(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let right = |look: &Look| look.texture.filter(|_| look.color.is_none());
        let others = |right| Texture::ALL.into_iter().filter(|texture| *texture != right).collect();
        self.remake(
            dice,
            right,
            others,
            |look, texture| Look { texture: Some(texture), ..look },
            Texture::name,
        )
    }

    /// Some group painted otherwise: what it should be, what it may be instead, how it then looks, what that is called.
    fn remake<T: Copy>(
        &mut self,
        dice: &mut Dice,
        right: impl Fn(&Look) -> Option<T>,
        others: impl Fn(T) -> Vec<T>,
        look: impl Fn(Look, T) -> Look,
        name: impl Fn(T) -> &'static str,
    ) -> Option<(Change, String)> {
        let (group, places) = self.pick_group(dice, |look| right(look).is_some())?;
        let right = right(&self.scene.groups[group].look)?;
        let wrong = *dice.pick(&others(right))?;
        let noun = &self.scene.groups[group].noun;
        let words = format!("the {noun} is {} where it should be {}", name(wrong), name(right));
        Some((self.replace(places, |right| look(right, wrong)), words))
    }

    fn omit(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let (group, places) = self.pick_group(dice, |_| true)?;
        Some((Change::Remove(places), format!("the {} is missing", self.scene.groups[group].noun)))
    }

    fn miscount(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let counts: Vec<u32> = self.scene.groups.iter().map(|group| group.count).collect();
        let looks: Vec<Look> = self.scene.groups.iter().map(|group| group.look).collect();
        let (group, places) = self.pick_group(dice, |look| {
            looks.iter().zip(&counts).any(|(other, count)| other == look && *count > 1)
        })?;
        let (noun, count) = (plural(&self.scene.groups[group].noun), counts[group]);
        let first = self.layout.figures[*places.first()?];
        if dice.happens(0.5)
            && let Some(area) = self.free_area(first.look, first.area.w.max(first.area.h), dice)
        {
            let change = Change::Add(Figure { area, ..first });
            return Some((change, format!("there are {} {noun} where {count} are wanted", count + 1)));
        }
        let change = Change::Remove(vec![*dice.pick(&places)?]);
        Some((change, format!("there are {} {noun} where {count} are wanted", count - 1)))
    }

    fn intrude(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let library = Library::get();
        let object = dice.below(library.len());
        if self.scene.groups.iter().any(|group| library.are_alike(group.look.object, object)) {
            return None;
        }
        let look = Look::natural(object);
        let side = dice.between(0.2, 0.28);
        let area = self.free_area(look, side, dice)?;
        let figure = Figure { group: usize::MAX, look, area, kept: (0.0, 1.0) };
        Some((
            Change::Add(figure),
            format!("there is a {} that nobody asked for", library.object(object).name),
        ))
    }

    /// A place for one more figure, clear of all others.
    fn free_area(&mut self, look: Look, side: f32, dice: &mut Dice) -> Option<Area> {
        const TRIES: usize = 40;
        for attempt in 0..TRIES {
            let side = side * (1.0 - 0.4 * attempt as f32 / TRIES as f32);
            let x = dice.between(FIELD.x, FIELD.right() - side);
            let y = dice.between(FIELD.y, FIELD.bottom() - side);
            let area = fit(look, Area { x, y, w: side, h: side }, 1.0);
            let clear = |other: Area| !area.is_near(other, 0.02);
            if self.layout.figures.iter().all(|figure| clear(figure.area))
                && self.taken.iter().all(|other| clear(*other))
            {
                self.taken.push(area);
                return Some(area);
            }
        }
        None
    }

    /// Two single figures of different looks change places.
    fn swap(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let figures = &self.layout.figures;
        let single = |at: usize| !self.touched[at] && self.scene.groups[figures[at].group].count == 1;
        let pairs: Vec<(usize, usize)> = (0..figures.len())
            .flat_map(|first| (first + 1..figures.len()).map(move |second| (first, second)))
            .filter(|(first, second)| {
                single(*first)
                    && single(*second)
                    && !Library::get().are_alike(figures[*first].look.object, figures[*second].look.object)
            })
            .collect();
        let (first, second) = *dice.pick(&pairs)?;
        let (one, other) = (figures[first], figures[second]);
        (self.touched[first], self.touched[second]) = (true, true);
        let put = |figure: Figure, area: Area| Figure { area: fit(figure.look, area, 1.0), ..figure };
        let nouns = [one, other].map(|figure| self.scene.groups[figure.group].noun.as_str());
        let change = Change::Replace(vec![(first, put(other, one.area)), (second, put(one, other.area))]);
        Some((change, format!("the {} and the {} have changed places", nouns[0], nouns[1])))
    }

    fn cut(&mut self, dice: &mut Dice) -> Option<(Change, String)> {
        let free: Vec<usize> = (0..self.layout.figures.len()).filter(|at| !self.touched[*at]).collect();
        let at = *dice.pick(&free)?;
        self.touched[at] = true;
        let kept = if dice.happens(0.5) { (0.0, 0.55) } else { (0.45, 1.0) };
        let figure = Figure { kept, ..self.layout.figures[at] };
        let noun = &self.scene.groups[figure.group].noun;
        Some((Change::Replace(vec![(at, figure)]), format!("a side of the {noun} is cut off")))
    }
}
