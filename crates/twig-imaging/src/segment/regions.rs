use std::borrow::Cow;

use image::RgbImage;
use twig_model::{Geometry, Grid, Schedule, ScheduleError};

use super::{
    features::{Feature, Features},
    forest::{Patches, patches},
    merge::{Part, borders, merge},
};
use crate::fit_square;

/// What regions that follow a picture look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentShape {
    /// Horizontal bands of different heights: raster spans, so that generators can be trained on them.
    Bands,
    /// Connected sets of cells of any form.
    Cells,
}

/// A label for each pixel, in raster order: at most `num_segments` connected segments, fewer only if the picture
/// has fewer patches that differ.
///
/// Takes 30 to 60 ms for 512 × 512 pixels on one core.
pub fn segment(picture: &RgbImage, num_segments: usize) -> Vec<u32> {
    let features = Features::of(picture);
    let patches = patches(&features);
    let parts = parts_of(&features.of_pixels, &patches.of_pixels, patches.count);
    let least = features.of_pixels.len() as f32 / (LEAST_SHARE * num_segments as f32);
    let merged = merge(parts, &borders(&patches.of_pixels, features.width), num_segments, least);
    patches.of_pixels.iter().map(|patch| merged[*patch as usize]).collect()
}

/// A segment is small if it has less than this fraction of its even share of the picture.
const LEAST_SHARE: f32 = 10.0;

/// `num_regions` regions of the token grid that follow the picture, fitted to the grid's size if it has another.
///
/// By construction they are disjoint, cover the grid and are connected; every one has at least a cell.
pub fn content_schedule(
    picture: &RgbImage,
    geometry: Geometry,
    num_regions: usize,
    shape: ContentShape,
) -> Result<Schedule, ScheduleError> {
    let Grid { rows, cols } = geometry.grid;
    let fits = match shape {
        ContentShape::Bands => num_regions <= rows as usize,
        ContentShape::Cells => num_regions <= (rows * cols) as usize,
    };
    if num_regions == 0 || !fits {
        return Err(ScheduleError::BandCount { num_regions, rows });
    }
    let size = (geometry.image_size, geometry.image_size);
    let picture = if picture.dimensions() == size {
        Cow::Borrowed(picture)
    } else {
        Cow::Owned(fit_square(picture, geometry.image_size))
    };
    let features = Features::of(&picture);
    match shape {
        ContentShape::Bands => Schedule::heights(geometry, &band_heights(&features, geometry, num_regions)),
        ContentShape::Cells => {
            Schedule::from_labels(geometry, &cell_labels(&features, geometry, num_regions))
        }
    }
}

/// Sums of features over what has each label.
fn parts_of(features: &[Feature], labels: &[u32], count: usize) -> Vec<Part> {
    let mut parts = vec![Part::default(); count];
    for (feature, label) in features.iter().zip(labels) {
        let part = &mut parts[*label as usize];
        part.size += 1.0;
        part.sum.iter_mut().zip(feature).for_each(|(sum, value)| *sum += value);
    }
    parts
}

/// Each cell speaks for the patch that most of it belongs to; cells are then merged as patches are.
fn cell_labels(features: &Features, geometry: Geometry, num_regions: usize) -> Vec<u32> {
    let grid = geometry.grid;
    let patches = patches(features);
    let cells = cells(features, &patches, geometry);
    let own: Vec<u32> = (0..grid.num_tokens()).collect();
    // A region of less than a twelfth of its even share is hardly worth a thought.
    let least = grid.num_tokens() as f32 / (12.0 * num_regions as f32);
    merge(cells, &borders(&own, grid.cols as usize), num_regions, least)
}

/// The mean features of each cell over its largest patch: what else reaches into the cell would blur it.
fn cells(features: &Features, patches: &Patches, geometry: Geometry) -> Vec<Part> {
    let grid = geometry.grid;
    let (width, height) = (geometry.cell_width() as usize, geometry.cell_height() as usize);
    (0..grid.num_tokens() as usize)
        .map(|cell| {
            let (top, left) = (cell / grid.cols as usize * height, cell % grid.cols as usize * width);
            let pixels = (top..top + height)
                .flat_map(|y| (left..left + width).map(move |x| (y, x)))
                .map(|(y, x)| y * features.width + x);
            let mut by_patch: Vec<(u32, Part)> = Vec::new();
            for pixel in pixels {
                let patch = patches.of_pixels[pixel];
                let at = by_patch.iter().position(|(name, _)| *name == patch).unwrap_or_else(|| {
                    by_patch.push((patch, Part::default()));
                    by_patch.len() - 1
                });
                let part = &mut by_patch[at].1;
                part.size += 1.0;
                part.sum.iter_mut().zip(&features.of_pixels[pixel]).for_each(|(sum, value)| *sum += value);
            }
            // The first of the largest, whatever the order of comparison.
            let largest = by_patch.iter().rev().max_by(|one, other| one.1.size.total_cmp(&other.1.size));
            let Part { size, sum } = largest.map_or(Part::default(), |(_, part)| *part);
            Part { size: 1.0, sum: sum.map(|sum| sum / size.max(1.0)) }
        })
        .collect()
}

/// Heights in rows of cells that describe each column of each band best by its mean; the best of all
/// divisions, found row by row.
fn band_heights(features: &Features, geometry: Geometry, num_regions: usize) -> Vec<u32> {
    let rows = geometry.grid.rows as usize;
    let cost = band_costs(features, geometry);
    // best[k][end]: the cost of dividing the first `end` rows into k + 1 bands, and where the last one starts.
    let mut best: Vec<Vec<(f64, usize)>> = vec![(0..=rows).map(|end| (cost[0][end], 0)).collect()];
    for k in 1..num_regions {
        let row = (0..=rows).map(|end| {
            let starts = (k..end).map(|start| (best[k - 1][start].0 + cost[start][end], start));
            starts.min_by(|one, other| one.0.total_cmp(&other.0)).unwrap_or((f64::INFINITY, 0))
        });
        let row = row.collect();
        best.push(row);
    }
    let mut heights = Vec::with_capacity(num_regions);
    let mut end = rows;
    for k in (0..num_regions).rev() {
        let start = best[k][end].1;
        heights.push((end - start) as u32);
        end = start;
    }
    heights.reverse();
    heights
}

/// What a band from one row of cells to another costs: the squared error of every column's mean.
fn band_costs(features: &Features, geometry: Geometry) -> Vec<Vec<f64>> {
    let (rows, cols) = (geometry.grid.rows as usize, geometry.grid.cols as usize);
    let (width, height) = (geometry.cell_width() as usize, geometry.cell_height() as usize);
    // Mean feature of each cell, then sums from the top and of squares.
    let mut sums = vec![[[0.0f64; 4]; 2]; (rows + 1) * cols];
    for row in 0..rows {
        for col in 0..cols {
            let mut mean = [0.0f64; 4];
            for y in row * height..(row + 1) * height {
                let start = y * features.width + col * width;
                for feature in &features.of_pixels[start..start + width] {
                    mean.iter_mut().zip(feature).for_each(|(mean, value)| *mean += f64::from(*value));
                }
            }
            let above = sums[row * cols + col];
            sums[(row + 1) * cols + col] = std::array::from_fn(|power| {
                std::array::from_fn(|at| {
                    above[power][at] + (mean[at] / (width * height) as f64).powi(power as i32 + 1)
                })
            });
        }
    }
    let error = |start: usize, end: usize| -> f64 {
        let count = (end - start) as f64;
        let of_column = |col: usize| -> f64 {
            let (top, bottom) = (&sums[start * cols + col], &sums[end * cols + col]);
            (0..4).map(|at| (bottom[1][at] - top[1][at]) - (bottom[0][at] - top[0][at]).powi(2) / count).sum()
        };
        (0..cols).map(of_column).sum::<f64>().max(0.0)
    };
    (0..=rows)
        .map(|start| {
            (0..=rows).map(|end| if end > start { error(start, end) } else { f64::INFINITY }).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;
    use proptest::prelude::*;

    /// A picture that a point is coloured in by what is there.
    fn picture(size: u32, color: impl Fn(f32, f32) -> [u8; 3]) -> RgbImage {
        RgbImage::from_fn(size, size, |x, y| Rgb(color(x as f32 / size as f32, y as f32 / size as f32)))
    }

    #[test]
    fn flat_areas_come_out_as_they_are() {
        let disc = |x: f32, y: f32| (x - 0.5).hypot(y - 0.5) < 0.3;
        let picture = picture(192, |x, y| if disc(x, y) { [220, 30, 30] } else { [40, 60, 200] });
        let labels = segment(&picture, 2);
        let wrong = labels
            .iter()
            .enumerate()
            .filter(|(at, label)| {
                let (x, y) = ((at % 192) as f32 / 192.0, (at / 192) as f32 / 192.0);
                (**label == labels[0]) == disc(x, y)
            })
            .count();
        assert!(wrong < 192 * 4, "{wrong} pixels are on the wrong side");
    }

    #[test]
    fn bands_end_where_the_picture_changes() {
        let picture = picture(384, |_, y| match y {
            0.0..0.25 => [150, 200, 250],
            0.25..0.375 => [90, 80, 70],
            _ => [60, 150, 60],
        });
        let schedule = content_schedule(&picture, Geometry::JANUS, 3, ContentShape::Bands).unwrap();
        let rows: Vec<_> =
            schedule.regions().iter().map(|region| region.rows(Geometry::JANUS.grid)).collect();
        assert_eq!(rows, [0..6, 6..9, 9..24]);
        assert!(schedule.is_raster());
    }

    #[test]
    fn cells_follow_a_thing_that_stands_on_the_grid() {
        let inside = |x: f32, y: f32| (0.25..0.75).contains(&x) && (0.5..0.75).contains(&y);
        let picture = picture(384, |x, y| if inside(x, y) { [230, 180, 20] } else { [30, 90, 60] });
        let schedule = content_schedule(&picture, Geometry::JANUS, 2, ContentShape::Cells).unwrap();
        let thing = &schedule.regions()[1];
        assert_eq!(thing.num_tokens(), 12 * 6);
        assert_eq!((thing.rows(Geometry::JANUS.grid), thing.columns(Geometry::JANUS.grid)), (12..18, 6..18));
        assert!(!schedule.is_raster());
        assert_eq!(thing.raster_span(), None);
    }

    /// Whether cells can be reached from each other through their sides.
    fn is_connected(cells: &[u32], cols: u32) -> bool {
        let mut left: std::collections::BTreeSet<u32> = cells.iter().copied().collect();
        let mut open: Vec<u32> = left.pop_first().into_iter().collect();
        while let Some(cell) = open.pop() {
            let right = (cell % cols + 1 < cols).then_some(cell + 1);
            let beside =
                [right, (cell % cols > 0).then(|| cell - 1), Some(cell + cols), cell.checked_sub(cols)];
            open.extend(beside.into_iter().flatten().filter(|near| left.remove(near)));
        }
        left.is_empty()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever the picture, its size and its form.
        #[test]
        fn regions_are_connected_and_as_many_as_asked_for(
            width in 1u32..200,
            height in 1u32..200,
            k in 1usize..12,
            seed: u32,
            coarse in 1u32..40,
        ) {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                let v = (x / coarse * 31 + y / coarse * 17 + 1).wrapping_mul(seed | 1).wrapping_mul(2_654_435_761);
                Rgb([(v >> 8) as u8, (v >> 16) as u8, (v >> 24) as u8])
            });
            for shape in [ContentShape::Bands, ContentShape::Cells] {
                let schedule = content_schedule(&picture, Geometry::JANUS, k, shape).unwrap();
                prop_assert_eq!(schedule.num_regions(), k);
                for region in schedule.regions() {
                    prop_assert!(is_connected(&region.cells().collect::<Vec<_>>(), 24));
                }
                prop_assert!(shape == ContentShape::Cells || schedule.is_raster());
            }
            let labels = segment(&picture, k);
            prop_assert_eq!(labels.len(), (width * height) as usize);
            prop_assert!(labels.iter().all(|label| (*label as usize) < k));
        }
    }
}
