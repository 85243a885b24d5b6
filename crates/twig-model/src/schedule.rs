use serde::{Deserialize, Serialize};

use crate::{Geometry, Grid, Region, TokenSpan};

/// The regions of a picture in the order in which they are thought about and painted, S in the paper.
///
/// By construction the regions are disjoint and cover the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawSchedule", into = "RawSchedule")]
pub struct Schedule {
    geometry: Geometry,
    regions: Vec<Region>,
}

/// The serialised form of a schedule, checked on the way in.
#[derive(Clone, Serialize, Deserialize)]
struct RawSchedule {
    geometry: Geometry,
    regions: Vec<Region>,
}

/// A rectangle of grid cells that is to be a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridBox {
    /// What the region is called; named by its place where there is none.
    pub name: Option<String>,
    /// First row of cells, from the top.
    pub row: u32,
    /// First column of cells, from the left.
    pub column: u32,
    /// Height in cells.
    pub rows: u32,
    /// Width in cells.
    pub columns: u32,
}

/// Why regions do not make a schedule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScheduleError {
    /// No bands, or more bands than the grid has rows.
    #[error("{num_regions} regions do not fit: a grid of {rows} rows takes 1 to {rows} bands")]
    BandCount {
        /// What was asked for.
        num_regions: usize,
        /// Rows of the grid.
        rows: u32,
    },
    /// Bands whose heights are not those of the grid.
    #[error("the heights of the bands add up to {sum} rows; the grid has {rows}, and no band may have 0")]
    Heights {
        /// What they add up to.
        sum: u64,
        /// Rows of the grid.
        rows: u32,
    },
    /// A grid of regions finer than that of tokens.
    #[error("{rows} × {columns} regions do not fit a grid of {} × {} tokens", grid.rows, grid.cols)]
    GridShape {
        /// Rows of regions asked for.
        rows: u32,
        /// Columns of regions asked for.
        columns: u32,
        /// The grid of tokens.
        grid: Grid,
    },
    /// A box that is empty or reaches outside the grid.
    #[error("box {region} is empty or reaches outside the grid of {} × {} tokens", grid.rows, grid.cols)]
    BoxOutside {
        /// Position in the list.
        region: usize,
        /// The grid of tokens.
        grid: Grid,
    },
    /// A region without cells, or with runs that are not sorted.
    #[error("region {region} is empty or its token runs are not in raster order")]
    Malformed {
        /// Position in the schedule.
        region: usize,
    },
    /// A cell that no region or more than one region owns.
    #[error(
        "token {token} (row {}, column {}) is covered {times} times; every token must be covered once",
        token / cols,
        token % cols
    )]
    Coverage {
        /// Token index.
        token: u32,
        /// Columns of the grid.
        cols: u32,
        /// How often it is covered.
        times: u32,
    },
}

impl Schedule {
    /// `num_regions` horizontal bands, top to bottom, whose row counts differ by at most one.
    ///
    /// Three bands are the paper's default and carry its names: upper background, central content, lower
    /// background.
    pub fn bands(geometry: Geometry, num_regions: usize) -> Result<Self, ScheduleError> {
        let rows = geometry.grid.rows;
        let count = num_regions as u32;
        if count == 0 || count > rows {
            return Err(ScheduleError::BandCount { num_regions, rows });
        }
        let heights: Vec<u32> = (0..count).map(|k| rows * (k + 1) / count - rows * k / count).collect();
        Self::heights(geometry, &heights)
    }

    /// Horizontal bands of these heights in grid rows, top to bottom.
    pub fn heights(geometry: Geometry, heights: &[u32]) -> Result<Self, ScheduleError> {
        let Grid { rows, cols } = geometry.grid;
        let sum: u64 = heights.iter().map(|&height| u64::from(height)).sum();
        if sum != u64::from(rows) || heights.contains(&0) {
            return Err(ScheduleError::Heights { sum, rows });
        }
        let mut start = 0;
        let regions = heights.iter().enumerate().map(|(index, height)| {
            let span = TokenSpan { start, end: start + height * cols };
            start = span.end;
            Region { index, name: band_name(index as u32, heights.len() as u32), spans: vec![span] }
        });
        Self::new(geometry, regions.collect())
    }

    /// `rows` × `columns` rectangles whose sides differ by at most one cell, row by row.
    pub fn grid(geometry: Geometry, rows: u32, columns: u32) -> Result<Self, ScheduleError> {
        let grid = geometry.grid;
        if rows == 0 || columns == 0 || rows > grid.rows || columns > grid.cols {
            return Err(ScheduleError::GridShape { rows, columns, grid });
        }
        let edge = |at: u32, parts: u32, length: u32| length * at / parts;
        let boxes: Vec<GridBox> = (0..rows * columns)
            .map(|at| {
                let (i, j) = (at / columns, at % columns);
                let (row, column) = (edge(i, rows, grid.rows), edge(j, columns, grid.cols));
                GridBox {
                    name: None,
                    row,
                    column,
                    rows: edge(i + 1, rows, grid.rows) - row,
                    columns: edge(j + 1, columns, grid.cols) - column,
                }
            })
            .collect();
        Self::boxes(geometry, &boxes)
    }

    /// These rectangles, in this order. They must tile the grid.
    pub fn boxes(geometry: Geometry, boxes: &[GridBox]) -> Result<Self, ScheduleError> {
        let grid = geometry.grid;
        let mut parts = Vec::with_capacity(boxes.len());
        for (region, rectangle) in boxes.iter().enumerate() {
            let GridBox { name, row, column, rows, columns } = rectangle;
            let ends = (row.checked_add(*rows), column.checked_add(*columns));
            let (Some(bottom), Some(right)) = ends else {
                return Err(ScheduleError::BoxOutside { region, grid });
            };
            if *rows == 0 || *columns == 0 || bottom > grid.rows || right > grid.cols {
                return Err(ScheduleError::BoxOutside { region, grid });
            }
            let cells = (*row..bottom).flat_map(|y| (*column..right).map(move |x| y * grid.cols + x));
            parts.push((name.clone(), cells.collect()));
        }
        Self::from_parts(geometry, parts)
    }

    /// The regions that a label for each cell, in raster order, divides the grid into. They come in the order
    /// of their first cells, and are named by their places.
    pub fn from_labels(geometry: Geometry, labels: &[u32]) -> Result<Self, ScheduleError> {
        let mut found: Vec<u32> = Vec::new();
        let mut parts: Vec<(Option<String>, Vec<u32>)> = Vec::new();
        for (cell, label) in (0..).zip(labels) {
            match found.iter().position(|known| known == label) {
                Some(part) => parts[part].1.push(cell),
                None => {
                    found.push(*label);
                    parts.push((None, vec![cell]));
                }
            }
        }
        Self::from_parts(geometry, parts)
    }

    fn from_parts(geometry: Geometry, parts: Vec<(Option<String>, Vec<u32>)>) -> Result<Self, ScheduleError> {
        let count = parts.len() as u32;
        let mut names: Vec<String> = Vec::with_capacity(parts.len());
        let mut regions = Vec::with_capacity(parts.len());
        for (index, (name, cells)) in parts.into_iter().enumerate() {
            let mut region = Region::of_cells(index, String::new(), cells);
            let place = if region.is_band(geometry.grid) {
                band_name(index as u32, count)
            } else {
                place_name(&region, geometry.grid)
            };
            region.name = told_apart(name.unwrap_or(place), &names);
            names.push(region.name.clone());
            regions.push(region);
        }
        Self::new(geometry, regions)
    }

    fn new(geometry: Geometry, regions: Vec<Region>) -> Result<Self, ScheduleError> {
        for (position, region) in regions.iter().enumerate() {
            let sorted = region.spans.windows(2).all(|pair| pair[0].end < pair[1].start);
            let filled = region.spans.iter().all(|span| span.start < span.end);
            if region.index != position || region.spans.is_empty() || !sorted || !filled {
                return Err(ScheduleError::Malformed { region: position });
            }
        }
        let cols = geometry.grid.cols;
        let mut times = vec![0; geometry.grid.num_tokens() as usize];
        for token in regions.iter().flat_map(Region::cells) {
            match times.get_mut(token as usize) {
                Some(count) => *count += 1,
                None => return Err(ScheduleError::Coverage { token, cols, times: 1 }),
            }
        }
        match times.iter().position(|&count| count != 1) {
            Some(token) => Err(ScheduleError::Coverage { token: token as u32, cols, times: times[token] }),
            None => Ok(Self { geometry, regions }),
        }
    }

    /// The grid and the size of the picture it lies over.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The regions in order.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// K, the number of regions.
    pub fn num_regions(&self) -> usize {
        self.regions.len()
    }

    /// Whether every region continues the raster order where the one before it stopped.
    pub fn is_raster(&self) -> bool {
        let mut next = 0;
        self.regions.iter().all(|region| match region.raster_span() {
            Some(span) if span.start == next => {
                next = span.end;
                true
            }
            _ => false,
        })
    }

    /// Whether these are the uniform bands that [`Schedule::bands`] makes.
    pub fn is_uniform_bands(&self) -> bool {
        Self::bands(self.geometry, self.num_regions()).is_ok_and(|bands| bands == *self)
    }
}

fn band_name(index: u32, count: u32) -> String {
    match (index, count) {
        (0, 1) => "whole picture".to_owned(),
        (0, 2) => "upper half".to_owned(),
        (1, 2) => "lower half".to_owned(),
        (0, 3) => "upper background".to_owned(),
        (1, 3) => "central content".to_owned(),
        (2, 3) => "lower background".to_owned(),
        _ => format!("band {} of {count}", index + 1),
    }
}

/// Where the middle of a region lies on a board of nine fields.
fn place_name(region: &Region, grid: Grid) -> String {
    let count = u64::from(region.num_tokens()).max(1);
    let (mut down, mut across) = (0, 0);
    for cell in region.cells() {
        down += u64::from(cell / grid.cols);
        across += u64::from(cell % grid.cols);
    }
    // The middle of a cell is half a cell further than its index; in thirds of the grid.
    let third = |sum: u64, length: u32| 3 * (2 * sum + count) / (2 * count * u64::from(length.max(1)));
    let name = match (third(down, grid.rows), third(across, grid.cols)) {
        (0, 0) => "upper left",
        (0, 1) => "upper centre",
        (0, _) => "upper right",
        (1, 0) => "middle left",
        (1, 1) => "centre",
        (1, _) => "middle right",
        (_, 0) => "lower left",
        (_, 1) => "lower centre",
        (_, _) => "lower right",
    };
    name.to_owned()
}

/// The name, with a number where it is taken.
fn told_apart(name: String, taken: &[String]) -> String {
    // Among one more number than there are names, one is free.
    let numbers = 2..taken.len() + 3;
    let free = |name: &String| !taken.contains(name);
    std::iter::once(name.clone()).chain(numbers.map(|n| format!("{name} {n}"))).find(free).unwrap_or(name)
}

impl TryFrom<RawSchedule> for Schedule {
    type Error = ScheduleError;
    fn try_from(raw: RawSchedule) -> Result<Self, Self::Error> {
        Self::new(raw.geometry, raw.regions)
    }
}

impl From<Schedule> for RawSchedule {
    fn from(schedule: Schedule) -> Self {
        Self { geometry: schedule.geometry, regions: schedule.regions }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_bands_are_those_of_the_paper() {
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let spans: Vec<_> = schedule.regions().iter().map(|r| r.raster_span().unwrap().range()).collect();
        assert_eq!(spans, [0..192, 192..384, 384..576]);
        assert_eq!(schedule.regions()[1].rows(Geometry::JANUS.grid), 8..16);
        assert!(schedule.is_raster());
    }

    #[test]
    fn more_bands_than_rows_are_refused() {
        for num_regions in [0, 25] {
            assert_eq!(
                Schedule::bands(Geometry::JANUS, num_regions),
                Err(ScheduleError::BandCount { num_regions, rows: 24 })
            );
        }
    }

    #[test]
    fn a_hole_and_an_overlap_are_refused() {
        let mut schedule = serde_json::to_value(Schedule::bands(Geometry::JANUS, 2).unwrap()).unwrap();
        schedule["regions"][1]["spans"][0]["start"] = 300.into();
        let error = serde_json::from_value::<Schedule>(schedule.clone()).unwrap_err().to_string();
        assert_eq!(
            error,
            "token 288 (row 12, column 0) is covered 0 times; every token must be covered once"
        );
        schedule["regions"][1]["spans"][0]["start"] = 287.into();
        let error = serde_json::from_value::<Schedule>(schedule).unwrap_err().to_string();
        assert_eq!(
            error,
            "token 287 (row 11, column 23) is covered 2 times; every token must be covered once"
        );
    }

    proptest! {
        #[test]
        fn bands_tile_any_grid_evenly(rows in 1u32..64, cols in 1u32..64, share in 0.0f64..1.0) {
            let count = 1 + (share * f64::from(rows - 1)) as usize;
            let geometry = Geometry { grid: Grid { rows, cols }, image_size: rows * cols };
            let schedule = Schedule::bands(geometry, count).unwrap();
            prop_assert!(schedule.is_raster());
            let heights: Vec<u32> = schedule.regions().iter().map(|r| r.num_tokens() / cols).collect();
            prop_assert!(heights.iter().max().unwrap() - heights.iter().min().unwrap() <= 1);
            let json = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }

        /// Whatever labels cells have: each cell is in the region of its label, and everything derived agrees.
        #[test]
        fn any_labelling_is_a_schedule_and_its_derived_forms_agree(
            rows in 1u32..12,
            cols in 1u32..12,
            count in 1u32..6,
            seed: u64,
        ) {
            let grid = Grid { rows, cols };
            let geometry = Geometry { grid, image_size: rows * cols };
            let labels: Vec<u32> = (0..u64::from(rows * cols))
                .map(|cell| ((cell + 1).wrapping_mul(seed | 1) >> 33) as u32 % count)
                .collect();
            let schedule = Schedule::from_labels(geometry, &labels).unwrap();
            let mut names = std::collections::BTreeSet::new();
            for region in schedule.regions() {
                let cells: Vec<u32> = region.cells().collect();
                let label = labels[cells[0] as usize];
                let wanted: Vec<u32> = (0..).zip(&labels).filter(|(_, l)| **l == label).map(|(c, _)| c).collect();
                prop_assert_eq!(&cells, &wanted);
                prop_assert_eq!(region.num_tokens() as usize, cells.len());
                let mask = region.mask(grid);
                prop_assert!((0..).zip(&mask).all(|(cell, owned)| *owned == cells.contains(&cell)));
                let (down, across) = (region.rows(grid), region.columns(grid));
                prop_assert_eq!(down.start, cells.iter().map(|c| c / cols).min().unwrap());
                prop_assert_eq!(down.end, cells.iter().map(|c| c / cols).max().unwrap() + 1);
                prop_assert_eq!(across.start, cells.iter().map(|c| c % cols).min().unwrap());
                prop_assert_eq!(across.end, cells.iter().map(|c| c % cols).max().unwrap() + 1);
                let run = cells.windows(2).all(|pair| pair[1] == pair[0] + 1);
                prop_assert_eq!(region.raster_span().is_some(), run);
                prop_assert!(names.insert(region.name.clone()), "names tell regions apart");
            }
            let json = serde_json::to_string(&schedule).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schedule>(&json).unwrap(), schedule);
        }

        #[test]
        fn grids_tile_and_are_raster_only_as_bands(rows in 1u32..=24, columns in 1u32..=24) {
            let schedule = Schedule::grid(Geometry::JANUS, rows, columns).unwrap();
            prop_assert_eq!(schedule.num_regions(), (rows * columns) as usize);
            prop_assert!(schedule.regions().iter().all(|region| region.is_rectangle(Geometry::JANUS.grid)));
            // One row of cells a region is a run as well, and cells one by one are.
            prop_assert_eq!(schedule.is_raster(), columns == 1 || rows == 24);
        }

        #[test]
        fn any_boxes_tile_or_are_refused(boxes in proptest::collection::vec((0u32..5, 0u32..5, 0u32..6, 0u32..6), 0..6)) {
            let geometry = Geometry { grid: Grid { rows: 5, cols: 5 }, image_size: 25 };
            let boxes: Vec<GridBox> = boxes
                .into_iter()
                .map(|(row, column, rows, columns)| GridBox { name: None, row, column, rows, columns })
                .collect();
            if let Ok(schedule) = Schedule::boxes(geometry, &boxes) {
                prop_assert_eq!(schedule.regions().iter().map(Region::num_tokens).sum::<u32>(), 25);
            }
        }
    }

    #[test]
    fn heights_and_boxes_that_do_not_tile_are_refused_with_what_is_wrong() {
        let heights = |heights: &[u32]| Schedule::heights(Geometry::JANUS, heights).unwrap_err().to_string();
        let wanted = "the grid has 24, and no band may have 0";
        assert_eq!(heights(&[8, 8]), format!("the heights of the bands add up to 16 rows; {wanted}"));
        assert_eq!(heights(&[24, 0]), format!("the heights of the bands add up to 24 rows; {wanted}"));
        let part = |row, column, rows, columns| GridBox { name: None, row, column, rows, columns };
        let boxes = |boxes: &[GridBox]| Schedule::boxes(Geometry::JANUS, boxes).unwrap_err().to_string();
        assert_eq!(
            boxes(&[part(0, 0, 24, 12), part(0, 12, 12, 12)]),
            "token 300 (row 12, column 12) is covered 0 times; every token must be covered once"
        );
        assert!(boxes(&[part(0, 0, 25, 24)]).starts_with("box 0 is empty or reaches outside the grid"));
        assert!(boxes(&[part(0, u32::MAX, 1, 2)]).starts_with("box 0"));
    }

    #[test]
    fn places_read_as_words() {
        let place = |schedule: &Schedule, k: usize| {
            let region = &schedule.regions()[k];
            format!("{}: {}", region.name, region.place(Geometry::JANUS.grid))
        };
        let bands = Schedule::bands(Geometry::JANUS, 3).unwrap();
        assert_eq!(place(&bands, 1), "central content: from 33% to 67% of the height");
        let grid = Schedule::grid(Geometry::JANUS, 2, 2).unwrap();
        assert_eq!(
            place(&grid, 3),
            "lower right: from 50% to 100% of the height and from 50% to 100% of the width"
        );
        let mut labels = vec![0; 576];
        (0..12).for_each(|cell| labels[cell] = 1);
        let free = Schedule::from_labels(Geometry::JANUS, &labels).unwrap();
        assert_eq!(
            place(&free, 1),
            "centre: an irregular part of what lies from 0% to 100% of the height and from 0% to 100% of the width"
        );
    }
}
