//! Renders looks: the drawing of an object, recoloured, given a material or a shape, with a dark outline.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use resvg::tiny_skia::{Pixmap, Transform};

use crate::{
    artwork::{Library, ObjectId},
    color::Lab,
    scene::Look,
    surface,
};

/// A rendered figure: straight (not premultiplied) RGBA, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sprite {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Pixels of outline on each side, beyond the drawing.
    pub(crate) pad: u32,
    pub(crate) rgba: Vec<[u8; 4]>,
}

/// The colour of outlines.
const INK: [u8; 3] = [30, 22, 22];

impl Sprite {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pad: 0, rgba: vec![[0; 4]; (width * height) as usize] }
    }

    /// The figure on a dark rim of `pad` pixels that follows its silhouette.
    fn outlined(&self, pad: u32) -> Self {
        let reach = pad as i32;
        let disc: Vec<(i32, i32)> = (-reach..=reach)
            .flat_map(|dy| (-reach..=reach).map(move |dx| (dx, dy)))
            .filter(|(dx, dy)| dx * dx + dy * dy <= reach * reach + 1)
            .collect();
        let mut outlined = Self::new(self.width + 2 * pad, self.height + 2 * pad);
        outlined.pad = pad;
        for y in 0..outlined.height as i32 {
            for x in 0..outlined.width as i32 {
                let [r, g, b, alpha] = self.get(x - reach, y - reach);
                let rim = if alpha == 255 {
                    255
                } else {
                    disc.iter().map(|(dx, dy)| self.get(x - reach + dx, y - reach + dy)[3]).max().unwrap_or(0)
                };
                let over = u32::from(alpha);
                let mix = |color: u8, ink: u8| {
                    ((u32::from(color) * over + u32::from(ink) * (255 - over)) / 255) as u8
                };
                outlined.rgba[(y * outlined.width as i32 + x) as usize] =
                    [mix(r, INK[0]), mix(g, INK[1]), mix(b, INK[2]), rim];
            }
        }
        outlined
    }

    /// The other way round.
    pub(crate) fn mirror(&mut self) {
        for row in self.rgba.chunks_exact_mut(self.width as usize) {
            row.reverse();
        }
    }

    /// The pixel, transparent outside.
    pub(crate) fn get(&self, x: i32, y: i32) -> [u8; 4] {
        let inside = (0..self.width as i32).contains(&x) && (0..self.height as i32).contains(&y);
        if inside { self.rgba[(y * self.width as i32 + x) as usize] } else { [0; 4] }
    }
}

/// What is known of a drawing before it is rendered at a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nature {
    /// Where the drawing lies in its square: left, top, right, bottom, 0 to 1.
    pub(crate) extent: [f32; 4],
    /// Which pixels belong to the body that is recoloured.
    pub(crate) body: Body,
    /// The colour of the body in the drawing.
    pub(crate) color: Lab,
    /// Whether it is another picture the other way round.
    pub(crate) is_lopsided: bool,
}

impl Nature {
    /// Width by height.
    pub(crate) fn aspect(&self) -> f32 {
        let [left, top, right, bottom] = self.extent;
        (right - left) / (bottom - top)
    }

    /// What is known of an object, measured once.
    pub(crate) fn of(object: ObjectId) -> Self {
        static NATURES: OnceLock<Vec<OnceLock<Nature>>> = OnceLock::new();
        let natures = NATURES.get_or_init(|| (0..Library::get().len()).map(|_| OnceLock::new()).collect());
        *natures[object].get_or_init(|| Self::measure(object))
    }

    fn measure(object: ObjectId) -> Self {
        const SIDE: u32 = 96;
        let picture = rasterise(object, [0.0, 0.0, 1.0, 1.0], SIDE, SIDE);
        let (mut left, mut top, mut right, mut bottom) = (SIDE, SIDE, 0, 0);
        let mut colors = Vec::new();
        for (at, pixel) in picture.rgba.iter().enumerate().filter(|(_, pixel)| pixel[3] > 127) {
            let (x, y) = (at as u32 % SIDE, at as u32 / SIDE);
            (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x + 1), bottom.max(y + 1));
            colors.push(Lab::of([pixel[0], pixel[1], pixel[2]]));
        }
        let body = Body::of(&colors);
        let body_colors: Vec<Lab> = colors.iter().copied().filter(|color| body.contains(*color)).collect();
        let is_lopsided = differs_mirrored(&picture, left, right);
        let extent = [left, top, right, bottom].map(|side| side as f32 / SIDE as f32);
        Self { extent, body, color: median(&body_colors), is_lopsided }
    }
}

/// Whether a good part of the pixels between two columns are others when the picture is turned round.
fn differs_mirrored(picture: &Sprite, left: u32, right: u32) -> bool {
    const OTHER: i32 = 60;
    let (mut drawn, mut other) = (0, 0);
    for y in 0..picture.height as i32 {
        for x in left as i32..right as i32 {
            let [one, turned] = [x, (left + right) as i32 - 1 - x].map(|x| picture.get(x, y).map(i32::from));
            drawn += i32::from(one[3] > 127);
            let distance: i32 = one.iter().zip(turned).map(|(value, turned)| (value - turned).abs()).sum();
            other += i32::from(distance > OTHER && (one[3] > 127 || turned[3] > 127));
        }
    }
    10 * other > drawn
}

/// Which colours of a drawing are its body; the rest (eyes, whites, outlines) keeps its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Everything but near-white and near-black.
    Colorful,
    /// Everything but near-black, for drawings that are mostly white.
    NotBlack,
    /// Everything, for drawings that are mostly black.
    All,
}

impl Body {
    /// The first choice that covers most of the drawing.
    fn of(colors: &[Lab]) -> Self {
        let share = |body: Self| {
            colors.iter().filter(|color| body.contains(**color)).count() as f32 / colors.len() as f32
        };
        [Self::Colorful, Self::NotBlack].into_iter().find(|body| share(*body) > 0.5).unwrap_or(Self::All)
    }

    /// Whether a colour of the drawing belongs to the body.
    pub(crate) fn contains(self, color: Lab) -> bool {
        let white = color.l > 91.0 && color.chroma() < 4.0;
        let black = color.l < 42.0 && color.chroma() < 4.5;
        match self {
            Self::Colorful => !white && !black,
            Self::NotBlack => !black,
            Self::All => true,
        }
    }
}

/// The median of each channel; grey where there is none.
pub(crate) fn median(colors: &[Lab]) -> Lab {
    let channel = |of: fn(&Lab) -> f32| {
        let mut values: Vec<f32> = colors.iter().map(of).collect();
        let middle = values.len() / 2;
        if values.is_empty() { 50.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
    };
    if colors.is_empty() {
        return Lab { l: 50.0, a: 0.0, b: 0.0 };
    }
    Lab { l: channel(|c| c.l), a: channel(|c| c.a), b: channel(|c| c.b) }
}

/// Renders the part `extent` of an object's drawing at a size in pixels.
pub(crate) fn rasterise(object: ObjectId, extent: [f32; 4], width: u32, height: u32) -> Sprite {
    let tree = &Library::get().object(object).tree;
    let [left, top, right, bottom] = extent;
    let (tree_width, tree_height) = (tree.size().width(), tree.size().height());
    let scale_x = width as f32 / ((right - left) * tree_width);
    let scale_y = height as f32 / ((bottom - top) * tree_height);
    let transform = Transform::from_row(
        scale_x,
        0.0,
        0.0,
        scale_y,
        -left * tree_width * scale_x,
        -top * tree_height * scale_y,
    );
    let mut pixmap = Pixmap::new(width.max(1), height.max(1)).expect("neither side is 0");
    resvg::render(tree, transform, &mut pixmap.as_mut());
    let rgba = pixmap
        .pixels()
        .iter()
        .map(|pixel| {
            let color = pixel.demultiply();
            [color.red(), color.green(), color.blue(), color.alpha()]
        })
        .collect();
    Sprite { width: width.max(1), height: height.max(1), pad: 0, rgba }
}

/// The look at a size in pixels with its outline, for a picture of that size; rendered once and kept while
/// there is room.
pub(crate) fn sprite(look: Look, width: u32, height: u32, image_size: u32) -> Arc<Sprite> {
    static SPRITES: OnceLock<Mutex<Cache>> = OnceLock::new();
    let pad = (image_size / 192).max(1);
    let key = (look, width, height, pad);
    let cached = || SPRITES.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(sprite) = cached().sprites.get(&key) {
        return Arc::clone(sprite);
    }
    // Rendered outside the lock; two threads may render the same sprite, with the same result.
    let sprite = Arc::new(surface::paint(look, width, height).outlined(pad));
    cached().insert(key, Arc::clone(&sprite));
    sprite
}

type Key = (Look, u32, u32, u32);

/// Rendered sprites, first in first out, within [`Cache::MAX_PIXELS`].
#[derive(Default)]
struct Cache {
    sprites: HashMap<Key, Arc<Sprite>>,
    order: VecDeque<Key>,
    pixels: usize,
}

impl Cache {
    /// 64 MiB of RGBA.
    const MAX_PIXELS: usize = 16 << 20;

    fn insert(&mut self, key: Key, sprite: Arc<Sprite>) {
        if self.sprites.contains_key(&key) {
            return;
        }
        self.pixels += sprite.rgba.len();
        self.sprites.insert(key, sprite);
        self.order.push_back(key);
        while self.pixels > Self::MAX_PIXELS {
            let Some(oldest) = self.order.pop_front() else { return };
            self.pixels -= self.sprites.remove(&oldest).map_or(0, |sprite| sprite.rgba.len());
        }
    }
}
