//! What is measured at each pixel: its colour, and how restless its surroundings are.

use image::RgbImage;

use super::color;

/// L*, a*, b* and texture.
pub(super) type Feature = [f32; 4];

/// How much a unit of restlessness counts against a unit of colour.
const TEXTURE_WEIGHT: f32 = 1.5;

/// Half the side of the square over which texture is averaged, in pixels.
const TEXTURE_REACH: usize = 6;

pub(super) struct Features {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Slightly smoothed colours, along which pixels are joined.
    pub(super) smooth: Vec<[f32; 3]>,
    /// What patches are compared by.
    pub(super) of_pixels: Vec<Feature>,
}

impl Features {
    pub(super) fn of(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let lab = color::lab(picture.as_raw());
        let texture = texture(&lab, width, height);
        let of_pixels =
            lab.iter().zip(texture).map(|([l, a, b], t)| [*l, *a, *b, TEXTURE_WEIGHT * t]).collect();
        Self { width, height, smooth: smoothed(&lab, width, height), of_pixels }
    }
}

/// Each colour mixed 1 : 2 : 1 with its neighbours, in both directions.
fn smoothed(lab: &[[f32; 3]], width: usize, height: usize) -> Vec<[f32; 3]> {
    let mix = |a: [f32; 3], b: [f32; 3], c: [f32; 3]| -> [f32; 3] {
        std::array::from_fn(|at| 0.25 * a[at] + 0.5 * b[at] + 0.25 * c[at])
    };
    let mut across = Vec::with_capacity(lab.len());
    for row in lab.chunks_exact(width) {
        across.extend((0..width).map(|x| mix(row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)])));
    }
    let mut both = Vec::with_capacity(lab.len());
    for y in 0..height {
        let (above, below) = (y.saturating_sub(1) * width, (y + 1).min(height - 1) * width);
        both.extend((0..width).map(|x| mix(across[above + x], across[y * width + x], across[below + x])));
    }
    both
}

/// The mean difference in lightness to the right and lower neighbour around each pixel.
fn texture(lab: &[[f32; 3]], width: usize, height: usize) -> Vec<f32> {
    let mut steps = Vec::with_capacity(lab.len());
    for y in 0..height {
        let below = (y + 1).min(height - 1) * width;
        steps.extend((0..width).map(|x| {
            let here = lab[y * width + x][0];
            let right = lab[y * width + (x + 1).min(width - 1)][0];
            0.5 * ((here - right).abs() + (here - lab[below + x][0]).abs())
        }));
    }
    box_mean(&steps, width, height, TEXTURE_REACH)
}

/// The mean over a square of `2 · reach + 1` pixels, cut at the borders.
fn box_mean(values: &[f32], width: usize, height: usize, reach: usize) -> Vec<f32> {
    let across: Vec<f32> = values.chunks_exact(width).flat_map(|row| line_mean(row, reach)).collect();
    // Column by column would jump through memory: a running sum of whole rows does not.
    let mut sum = vec![0.0f32; width];
    let mut mean = Vec::with_capacity(values.len());
    let (mut first, mut end) = (0, 0);
    let row = |y: usize| &across[y * width..(y + 1) * width];
    for y in 0..height {
        while end < (y + reach + 1).min(height) {
            sum.iter_mut().zip(row(end)).for_each(|(sum, value)| *sum += value);
            end += 1;
        }
        while first < y.saturating_sub(reach) {
            sum.iter_mut().zip(row(first)).for_each(|(sum, value)| *sum -= value);
            first += 1;
        }
        let share = 1.0 / (end - first) as f32;
        mean.extend(sum.iter().map(|sum| sum * share));
    }
    mean
}

fn line_mean(line: &[f32], reach: usize) -> Vec<f32> {
    let mut mean = Vec::with_capacity(line.len());
    let (mut first, mut end, mut sum) = (0, 0, 0.0f32);
    for x in 0..line.len() {
        while end < (x + reach + 1).min(line.len()) {
            sum += line[end];
            end += 1;
        }
        while first < x.saturating_sub(reach) {
            sum -= line[first];
            first += 1;
        }
        mean.push(sum / (end - first) as f32);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_mean_is_the_mean_of_what_lies_in_the_box() {
        let (width, height, reach) = (7, 5, 2);
        let values: Vec<f32> = (0..width * height).map(|at| (at * at % 23) as f32).collect();
        let mean = box_mean(&values, width, height, reach);
        for y in 0..height {
            for x in 0..width {
                let within: Vec<f32> = (y.saturating_sub(reach)..(y + reach + 1).min(height))
                    .flat_map(|j| (x.saturating_sub(reach)..(x + reach + 1).min(width)).map(move |i| (i, j)))
                    .map(|(i, j)| values[j * width + i])
                    .collect();
                let wanted = within.iter().sum::<f32>() / within.len() as f32;
                assert!((mean[y * width + x] - wanted).abs() < 1e-4);
            }
        }
    }
}
