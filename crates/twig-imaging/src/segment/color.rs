//! Colours as CIE L*a*b* (D65), in which equal distances look about equally different.

use std::sync::OnceLock;

/// Steps of the table of cube roots; enough for errors far below a unit of L*.
const STEPS: usize = 4096;

/// From linear sRGB to CIE XYZ, each divided by that of white.
const XYZ: [[f32; 3]; 3] = [
    [0.412_453 / 0.950_456, 0.357_58 / 0.950_456, 0.180_423 / 0.950_456],
    [0.212_671, 0.715_16, 0.072_169],
    [0.019_334 / 1.088_754, 0.119_193 / 1.088_754, 0.950_227 / 1.088_754],
];

struct Tables {
    /// Linear light of an sRGB value.
    linear: [f32; 256],
    /// The function f of CIE 1976 at n / STEPS.
    f: Vec<f32>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let linear = std::array::from_fn(|value| {
            let v = value as f32 / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let f = |t: f32| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
        // One more than there are steps, for what rounding carries over 1.
        Tables { linear, f: (0..STEPS + 2).map(|step| f(step as f32 / STEPS as f32)).collect() }
    })
}

/// L*, a* and b* of sRGB pixels, three values a pixel.
pub(super) fn lab(rgb: &[u8]) -> Vec<[f32; 3]> {
    let Tables { linear, f } = tables();
    let f = |t: f32| {
        let at = t * STEPS as f32;
        let step = at as usize;
        f[step] + (f[step + 1] - f[step]) * (at - step as f32)
    };
    rgb.chunks_exact(3)
        .map(|pixel| {
            let rgb = [pixel[0], pixel[1], pixel[2]].map(|value| linear[usize::from(value)]);
            let [x, y, z] = XYZ.map(|row| f(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]));
            [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference values from the definition, as published tables of the sRGB primaries give them.
    #[test]
    fn the_primaries_have_their_published_coordinates() {
        let known: [([u8; 3], [f32; 3]); 5] = [
            ([0, 0, 0], [0.0, 0.0, 0.0]),
            ([255, 255, 255], [100.0, 0.0, 0.0]),
            ([255, 0, 0], [53.24, 80.09, 67.20]),
            ([0, 255, 0], [87.73, -86.18, 83.18]),
            ([0, 0, 255], [32.30, 79.19, -107.86]),
        ];
        for (rgb, wanted) in known {
            let [found] = lab(&rgb)[..] else { panic!() };
            for (found, wanted) in found.into_iter().zip(wanted) {
                assert!((found - wanted).abs() < 0.15, "{rgb:?}: {found} for {wanted}");
            }
        }
    }
}
