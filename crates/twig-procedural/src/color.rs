//! Colours by name, and distances between colours as the eye sees them.
//!
//! Colours are compared in Oklab (Björn Ottosson, 2020), scaled so that lightness runs from 0 to 100; a
//! distance of 2 is just visible, one of 10 is a different colour.

use std::sync::OnceLock;

/// A colour in Oklab times 100: lightness, green–red, blue–yellow.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Lab {
    pub(crate) l: f32,
    pub(crate) a: f32,
    pub(crate) b: f32,
}

impl Lab {
    /// The colour of an sRGB pixel.
    pub(crate) fn of(rgb: [u8; 3]) -> Self {
        let linear = linear_of_srgb();
        let [r, g, b] = rgb.map(|value| linear[value as usize]);
        let long = cube_root(0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b);
        let medium = cube_root(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
        let short = cube_root(0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b);
        Self {
            l: 100.0 * (0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short),
            a: 100.0 * (1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short),
            b: 100.0 * (0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short),
        }
    }

    /// The nearest sRGB pixel.
    pub(crate) fn to_rgb(self) -> [u8; 3] {
        let (l, a, b) = (self.l / 100.0, self.a / 100.0, self.b / 100.0);
        let long = (l + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
        let medium = (l - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
        let short = (l - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
        [
            4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
            -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
            -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
        ]
        .map(srgb_of_linear)
    }

    /// Distance as the eye sees it.
    pub(crate) fn distance(self, other: Self) -> f32 {
        self.distance_squared(other).sqrt()
    }

    /// The square of [`Self::distance`], for comparisons in inner loops.
    pub(crate) fn distance_squared(self, other: Self) -> f32 {
        let (l, a, b) = (self.l - other.l, self.a - other.a, self.b - other.b);
        l * l + a * a + b * b
    }

    /// How far from grey.
    pub(crate) fn chroma(self) -> f32 {
        self.a.hypot(self.b)
    }
}

/// Cube root of a value within 0 to 1 by two Newton steps from a bit-level guess; exact to 10⁻⁵.
fn cube_root(value: f32) -> f32 {
    let mut root = f32::from_bits(value.to_bits() / 3 + 709_921_077);
    for _ in 0..2 {
        root = (2.0 * root + value / (root * root)) * (1.0 / 3.0);
    }
    root
}

fn linear_of_srgb() -> &'static [f32; 256] {
    static TABLE: OnceLock<[f32; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        std::array::from_fn(|value| {
            let value = value as f32 / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    })
}

fn srgb_of_linear(value: f32) -> u8 {
    let value =
        if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.max(0.0).powf(1.0 / 2.4) - 0.055 };
    (255.0 * value).round().clamp(0.0, 255.0) as u8
}

/// A colour that prompts name and figures are painted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Color {
    /// The word for it in thoughts.
    pub(crate) name: &'static str,
    /// Its sRGB value.
    pub(crate) rgb: [u8; 3],
    /// Other words for it in prompts.
    synonyms: &'static [&'static str],
}

impl Color {
    /// The colour that a word names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        COLORS.iter().find(|color| color.name == word || color.synonyms.contains(&word)).copied()
    }

    /// The named colour nearest to a measured one.
    pub(crate) fn nearest(lab: Lab) -> Self {
        let distance = |color: &&Self| color.lab().distance_squared(lab);
        *COLORS.iter().min_by(|x, y| distance(x).total_cmp(&distance(y))).expect("the list is not empty")
    }

    /// The colour in Oklab.
    pub(crate) fn lab(self) -> Lab {
        Lab::of(self.rgb)
    }
}

const fn color(name: &'static str, rgb: [u8; 3], synonyms: &'static [&'static str]) -> Color {
    Color { name, rgb, synonyms }
}

/// Every colour with a name; any two are at least 6 apart.
pub(crate) const COLORS: [Color; 27] = [
    color("red", [212, 36, 44], &["crimson", "scarlet", "ruby"]),
    color("orange", [240, 126, 28], &[]),
    color("yellow", [252, 214, 40], &["golden-yellow"]),
    color("gold", [198, 152, 30], &["golden"]),
    color("green", [58, 148, 66], &["emerald", "leaf-green"]),
    color("lime", [158, 208, 52], &["lime-green", "lime green"]),
    color("teal", [24, 138, 140], &[]),
    color("turquoise", [82, 206, 200], &["cyan", "aqua"]),
    color("blue", [40, 98, 208], &["cobalt"]),
    color("navy", [30, 42, 98], &["navy-blue", "indigo", "dark blue", "deep blue", "navy blue"]),
    color("purple", [126, 62, 170], &["violet"]),
    color("lavender", [188, 162, 226], &["lilac", "light purple", "pale purple"]),
    color("pink", [246, 132, 178], &["rose-pink", "magenta"]),
    color("maroon", [118, 24, 48], &["burgundy", "dark red", "deep red"]),
    color("brown", [124, 74, 38], &["mahogany"]),
    color("tan", [204, 160, 108], &["khaki", "light brown", "pale brown"]),
    color("beige", [228, 208, 170], &["cream", "ivory"]),
    color("black", [42, 42, 46], &["dark"]),
    color("gray", [136, 139, 144], &["grey", "silver", "charcoal"]),
    color("light blue", [142, 194, 246], &["sky blue", "pale blue", "baby blue"]),
    color("light green", [168, 224, 160], &["pale green", "mint green"]),
    color("light pink", [252, 200, 216], &["pale pink"]),
    color("dark green", [22, 82, 44], &["deep green", "forest green"]),
    color("dark brown", [74, 42, 22], &["deep brown"]),
    color("dark gray", [88, 90, 96], &["dark grey"]),
    color("dark purple", [78, 30, 108], &["deep purple"]),
    color("white", [247, 247, 247], &["snow-white", "pristine"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_values_of_oklab_come_out() {
        let red = Lab::of([255, 0, 0]);
        assert!((red.l - 62.8).abs() < 0.1 && (red.a - 22.5).abs() < 0.1 && (red.b - 12.6).abs() < 0.1);
        assert!((Lab::of([255; 3]).l - 100.0).abs() < 0.1);
    }

    #[test]
    fn a_pixel_survives_the_way_there_and_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [12, 200, 99], [240, 3, 129]] {
            let back = Lab::of(rgb).to_rgb();
            assert!(rgb.iter().zip(back).all(|(x, y)| x.abs_diff(y) <= 1), "{rgb:?} became {back:?}");
        }
    }

    #[test]
    fn no_two_named_colors_look_alike() {
        for (index, one) in COLORS.iter().enumerate() {
            for other in &COLORS[index + 1..] {
                let distance = one.lab().distance(other.lab());
                assert!(distance > 6.0, "{} and {} are {distance} apart", one.name, other.name);
            }
        }
    }
}
