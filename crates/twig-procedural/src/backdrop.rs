//! What is behind the figures: an upper and a lower half with soft detail, coloured row by row.
//!
//! Rows have one colour each, give or take [`DETAIL`]; that keeps figures apart from what is behind them.

use twig_imaging::{Rgb, RgbImage};

use crate::{
    color::{Color, Lab},
    dice::Dice,
    scene::{BackdropColors, Place},
};

/// Light that details add or take, in steps of lightness: well visible, far below a figure's contrast.
pub(crate) const DETAIL: f32 = 2.6;

/// How much darker than the wall the board at its foot is.
const SKIRTING_DARKER: f32 = 8.0;

/// A backdrop: two halves and the line between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backdrop {
    /// Where the halves meet, 0 to 1 from above.
    pub(crate) horizon: f32,
    pub(crate) upper: Half,
    pub(crate) lower: Half,
    phase: f32,
}

/// One half of a backdrop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Half {
    /// What it is called in thoughts: `a pale blue sky with soft clouds`.
    pub(crate) words: &'static str,
    from: [u8; 3],
    to: [u8; 3],
    detail: Detail,
    /// A colour that the prompt names for it.
    named: Option<Color>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Detail {
    Clouds,
    Tufts,
    Ripples,
    Planks,
    Stripes,
    Tiles,
    Specks,
}

const fn half(words: &'static str, from: [u8; 3], to: [u8; 3], detail: Detail) -> Half {
    Half { words, from, to, detail, named: None }
}

const BLUE_SKY: Half =
    half("a clear blue sky with soft clouds", [138, 196, 240], [178, 218, 246], Detail::Clouds);
const EVENING: Half =
    half("a warm evening sky with thin clouds", [250, 196, 152], [252, 222, 164], Detail::Clouds);
const LILAC_SKY: Half =
    half("a lilac sky with faint clouds", [186, 176, 236], [214, 198, 242], Detail::Clouds);
const GRASS: Half = half("short green grass", [164, 208, 116], [134, 188, 92], Detail::Tufts);
const SAND: Half = half("fine yellow sand", [244, 220, 158], [236, 204, 134], Detail::Specks);
const SEA: Half =
    half("calm blue water with small ripples", [112, 186, 224], [78, 154, 206], Detail::Ripples);
const SNOW: Half = half("smooth bluish snow", [198, 220, 246], [212, 230, 250], Detail::Specks);
const ROAD: Half = half("an even blue-grey road", [134, 150, 184], [118, 134, 170], Detail::Specks);
const HAZE: Half =
    half("a deep blue haze with soft clouds", [120, 180, 232], [104, 164, 222], Detail::Clouds);
const PEACH_WALL: Half =
    half("a plain peach wall with faint stripes", [252, 212, 176], [250, 206, 168], Detail::Stripes);
const MINT_WALL: Half =
    half("a plain mint wall with faint stripes", [182, 228, 196], [174, 222, 190], Detail::Stripes);
const LILAC_WALL: Half =
    half("a plain lilac wall with faint stripes", [212, 196, 240], [206, 190, 236], Detail::Stripes);
const BUTTER_WALL: Half =
    half("a plain butter-yellow wall with faint stripes", [250, 232, 160], [248, 226, 150], Detail::Stripes);
const SKY_WALL: Half =
    half("a plain light blue wall with faint stripes", [172, 212, 240], [164, 206, 236], Detail::Stripes);
const PLANK_FLOOR: Half = half("a floor of light planks", [222, 178, 124], [208, 162, 106], Detail::Planks);
const ROSE_FLOOR: Half = half("a rose carpet", [232, 170, 178], [222, 156, 166], Detail::Specks);
const TEAL_FLOOR: Half = half("a sea-green floor", [146, 202, 190], [130, 188, 176], Detail::Planks);
const TILED_WALL: Half = half("a wall of aqua tiles", [166, 220, 222], [158, 212, 216], Detail::Tiles);
const TILED_FLOOR: Half =
    half("a floor of terracotta tiles", [232, 170, 136], [222, 156, 120], Detail::Tiles);

impl Backdrop {
    /// A backdrop for a place, chosen by seed among those against which figures of these colours stand out. The
    /// lower half begins no further down than at `ground`.
    pub(crate) fn choose(
        place: Option<Place>,
        named: BackdropColors,
        figures: &[Lab],
        ground: f32,
        dice: &mut Dice,
    ) -> Self {
        let pairs = choices(place);
        let contrast = |(upper, lower): &(Half, Half)| {
            let halves = [upper.from, upper.to, lower.from, lower.to].map(Lab::of);
            let distances =
                figures.iter().flat_map(|figure| halves.iter().map(|half| half.distance(*figure)));
            distances.fold(f32::INFINITY, f32::min)
        };
        let best = pairs.iter().map(contrast).fold(0.0, f32::max);
        let good: Vec<_> = pairs.iter().filter(|pair| contrast(pair) >= best.min(14.0)).collect();
        let (upper, lower) = **dice.pick(&good).expect("the best pair is as good as the best");
        let horizon = dice.between(0.56, 0.64).min(ground);
        let (upper, lower) = (upper.tinted(named.upper), lower.tinted(named.lower));
        Self { horizon, upper, lower, phase: dice.between(0.0, 60.0) }
    }

    /// What is behind a picture's rows from `top` to `bottom` (0 to 1), in words.
    pub(crate) fn words(&self, top: f32, bottom: f32) -> String {
        let below = (bottom - self.horizon).max(0.0) / (bottom - top);
        if below < 0.15 {
            self.upper.described()
        } else if below > 0.85 {
            self.lower.described()
        } else {
            format!("{} meeting {}", self.upper.described(), self.lower.described())
        }
    }

    /// Paints the backdrop.
    pub(crate) fn render(&self, size: u32) -> RgbImage {
        let mut picture = RgbImage::new(size, size);
        let stride = size as usize * 3;
        for (row, pixels) in picture.as_flat_samples_mut().samples.chunks_exact_mut(stride).enumerate() {
            let y = row as f32 / size as f32;
            let (half, along) = if y < self.horizon {
                (&self.upper, y / self.horizon)
            } else {
                (&self.lower, (y - self.horizon) / (1.0 - self.horizon))
            };
            let above = self.horizon - y;
            let shades = half.shades(along, if self.is_skirting(above) { SKIRTING_DARKER } else { 0.0 });
            for (column, pixel) in pixels.chunks_exact_mut(3).enumerate() {
                let x = column as f32 * 100.0 / size as f32 + self.phase;
                let shade = if self.is_hill(x, above) { 2 } else { half.detail.at(x, y * 100.0) };
                pixel.copy_from_slice(&shades[shade].0);
            }
        }
        picture
    }
}

impl Backdrop {
    /// Whether a height above the horizon is that of the board between wall and floor.
    fn is_skirting(&self, above: f32) -> bool {
        const HEIGHT: f32 = 0.022;
        self.upper.detail == Detail::Stripes && (0.0..HEIGHT).contains(&above)
    }

    /// Whether a point above the horizon belongs to distant hills.
    fn is_hill(&self, x: f32, above: f32) -> bool {
        let outdoors = self.upper.detail == Detail::Clouds && self.lower.detail != Detail::Clouds;
        outdoors && above > 0.0 && above < 0.045 + 0.03 * (x / 9.0).sin() + 0.012 * (x / 4.1).cos()
    }
}

impl Half {
    /// This half in a colour that the prompt names: light, so that figures stand out from it.
    fn tinted(self, named: Option<Color>) -> Self {
        let Some(color) = named else { return self };
        let lab = color.lab();
        let light = |more: f32| Lab { l: 62.0 + 0.3 * lab.l + more, a: lab.a * 0.6, b: lab.b * 0.6 }.to_rgb();
        Self { from: light(0.0), to: light(-2.0), named, ..self }
    }

    /// Its name in thoughts, with its colour where the prompt names one.
    fn described(&self) -> String {
        let Some(color) = self.named else { return self.words.to_owned() };
        let thing = match self.detail {
            Detail::Clouds => "sky with soft clouds",
            Detail::Tufts => "stretch of grass",
            Detail::Ripples => "stretch of water",
            Detail::Planks | Detail::Specks => "ground",
            Detail::Stripes => "wall with faint stripes",
            Detail::Tiles => "wall of tiles",
        };
        format!("a light {} {thing}", color.name)
    }

    /// The row's colour as it is, lighter, and darker; all of them so much darker.
    fn shades(&self, along: f32, darker: f32) -> [Rgb<u8>; 3] {
        let (from, to) = (Lab::of(self.from), Lab::of(self.to));
        let mix = |x: f32, y: f32| x + (y - x) * along;
        let base = Lab { l: mix(from.l, to.l) - darker, a: mix(from.a, to.a), b: mix(from.b, to.b) };
        [0.0, DETAIL, -DETAIL].map(|light| Rgb(Lab { l: base.l + light, ..base }.to_rgb()))
    }
}

impl Detail {
    /// Which shade a point has: 0 as it is, 1 lighter, 2 darker. Coordinates run from 0 to 100.
    fn at(self, x: f32, y: f32) -> usize {
        match self {
            Self::Clouds => {
                let cloud = |cx: f32, cy: f32, r: f32| {
                    let dy = (y - cy) / r;
                    // Most rows of a sky cross no cloud.
                    dy.abs() < 1.0 && {
                        let dx = (x - cx).rem_euclid(90.0).min((cx - x).rem_euclid(90.0));
                        (dx / (2.4 * r)).hypot(dy) < 1.0
                    }
                };
                let any = cloud(12.0, 14.0, 5.0)
                    || cloud(22.0, 16.0, 3.6)
                    || cloud(60.0, 27.0, 4.2)
                    || cloud(50.0, 29.0, 3.0)
                    || cloud(75.0, 9.0, 3.2)
                    || cloud(30.0, 44.0, 3.4);
                usize::from(any)
            }
            Self::Tufts => {
                let (column, row) = ((x / 7.0).floor(), (y / 5.0).floor());
                let (dx, dy) = (x - column * 7.0 - 1.0 - hash(column, row) * 5.0, y - row * 5.0);
                if dx.abs() < 0.9 && dy > 1.4 + dx.abs() * 1.4 && dy < 4.2 { 2 } else { 0 }
            }
            Self::Ripples => {
                let line = (y + 0.7 * (x * 0.5).sin()).rem_euclid(6.0);
                usize::from(line < 0.9)
            }
            Self::Planks => {
                let row = (y / 7.0).floor();
                let seam = (x + row * 31.0).rem_euclid(44.0) < 0.6;
                if y - row * 7.0 < 0.7 || seam { 2 } else { 0 }
            }
            Self::Stripes => usize::from(x.rem_euclid(12.0) < 6.0),
            Self::Tiles => usize::from(x.rem_euclid(10.0) < 0.7 || y.rem_euclid(10.0) < 0.7),
            Self::Specks => {
                let (column, row) = ((x / 4.0).floor(), (y / 4.0).floor());
                let (dx, dy) = (x - column * 4.0 - 0.6 - hash(column, row) * 2.8, y - row * 4.0 - 2.0);
                if dx.hypot(dy) < 0.6 { 2 } else { 0 }
            }
        }
    }
}

/// A number within 0 to 1 that looks random.
fn hash(column: f32, row: f32) -> f32 {
    ((column * 127.1 + row * 311.7).sin() * 43_758.547).fract().abs()
}

fn choices(place: Option<Place>) -> Vec<(Half, Half)> {
    match place {
        Some(Place::Meadow) => vec![(BLUE_SKY, GRASS), (EVENING, GRASS), (LILAC_SKY, GRASS)],
        Some(Place::Beach) => vec![(BLUE_SKY, SAND), (LILAC_SKY, SAND)],
        Some(Place::Water) => vec![(EVENING, SEA), (BLUE_SKY, SEA), (LILAC_SKY, SEA)],
        Some(Place::Snow) => vec![(EVENING, SNOW), (BLUE_SKY, SNOW), (LILAC_SKY, SNOW)],
        Some(Place::Street) => vec![(EVENING, ROAD), (BLUE_SKY, ROAD), (LILAC_SKY, ROAD)],
        Some(Place::Sky) => vec![(BLUE_SKY, HAZE), (EVENING, LILAC_SKY)],
        Some(Place::Kitchen) => {
            vec![(TILED_WALL, TILED_FLOOR), (BUTTER_WALL, TILED_FLOOR), (TILED_WALL, PLANK_FLOOR)]
        }
        Some(Place::Room) => rooms().to_vec(),
        Some(Place::PlankFloor) => rooms().into_iter().filter(|(_, floor)| *floor == PLANK_FLOOR).collect(),
        None => [(BLUE_SKY, GRASS), (EVENING, GRASS), (BLUE_SKY, SAND), (LILAC_SKY, SNOW)]
            .into_iter()
            .chain(rooms())
            .collect(),
    }
}

fn rooms() -> [(Half, Half); 7] {
    [
        (PEACH_WALL, PLANK_FLOOR),
        (MINT_WALL, PLANK_FLOOR),
        (LILAC_WALL, ROSE_FLOOR),
        (BUTTER_WALL, TEAL_FLOOR),
        (SKY_WALL, PLANK_FLOOR),
        (PEACH_WALL, TEAL_FLOOR),
        (LILAC_WALL, TEAL_FLOOR),
    ]
}
