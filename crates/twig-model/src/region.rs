use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The rows and columns of image tokens; Janus-Pro has 24 × 24.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Grid {
    /// Rows of tokens, top to bottom.
    pub rows: u32,
    /// Tokens in a row, left to right.
    pub cols: u32,
}

impl Grid {
    /// Number of tokens; ids run in raster order, `index = cols · row + column`.
    pub fn num_tokens(self) -> u32 {
        self.rows * self.cols
    }
}

/// A token grid laid over a square picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Geometry {
    /// The token grid.
    pub grid: Grid,
    /// Side of the picture in pixels, a multiple of the grid's rows and of its columns.
    pub image_size: u32,
}

impl Geometry {
    /// Janus-Pro: 384 × 384 pixels, 24 × 24 tokens, 16 × 16 pixels a token.
    pub const JANUS: Self = Self { grid: Grid { rows: 24, cols: 24 }, image_size: 384 };

    /// Height of a token in pixels.
    pub fn cell_height(self) -> u32 {
        self.image_size / self.grid.rows
    }

    /// Width of a token in pixels.
    pub fn cell_width(self) -> u32 {
        self.image_size / self.grid.cols
    }
}

/// A half-open run of token indices in raster order, `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenSpan {
    /// First token index.
    pub start: u32,
    /// One past the last token index.
    pub end: u32,
}

impl TokenSpan {
    /// The span as a range that indexes a slice of ids.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Number of tokens in the span.
    pub fn num_tokens(self) -> u32 {
        self.end - self.start
    }
}

/// A visual region V_k: a set of token-grid cells in raster order, kept as runs of token indices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Position in the schedule, from 0.
    pub index: usize,
    /// What the region is called in prompts and tables, for example `central content`.
    pub name: String,
    /// Sorted, disjoint, non-adjacent, non-empty runs. Only [`Schedule`] makes regions, and checks this.
    spans: Vec<TokenSpan>,
}

impl Region {
    /// The runs of token indices, sorted and disjoint.
    pub fn spans(&self) -> &[TokenSpan] {
        &self.spans
    }

    /// The region as one raster run, if it is one: only then can a generator continue a sequence with it.
    pub fn raster_span(&self) -> Option<TokenSpan> {
        match self.spans.as_slice() {
            [span] => Some(*span),
            _ => None,
        }
    }

    /// Token indices in raster order.
    pub fn cells(&self) -> impl Iterator<Item = u32> + '_ {
        self.spans.iter().flat_map(|span| span.start..span.end)
    }

    /// Number of tokens.
    pub fn num_tokens(&self) -> u32 {
        self.spans.iter().map(|span| span.num_tokens()).sum()
    }

    /// First and one-past-last grid row that the region touches.
    pub fn rows(&self, grid: Grid) -> Range<u32> {
        let first = self.spans.first().map_or(0, |span| span.start / grid.cols);
        let last = self.spans.last().map_or(0, |span| (span.end - 1) / grid.cols + 1);
        first..last
    }
}

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
    /// A region without cells, or with runs that are not sorted.
    #[error("region {region} is empty or its token runs are not in raster order")]
    Malformed {
        /// Position in the schedule.
        region: usize,
    },
    /// A cell that no region or more than one region owns.
    #[error("token {token} is covered {times} times; every token must be covered once")]
    Coverage {
        /// Token index.
        token: u32,
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
        let Grid { rows, cols } = geometry.grid;
        let count = num_regions as u32;
        if count == 0 || count > rows {
            return Err(ScheduleError::BandCount { num_regions, rows });
        }
        let regions = (0..count)
            .map(|k| {
                let span = TokenSpan { start: rows * k / count * cols, end: rows * (k + 1) / count * cols };
                Region { index: k as usize, name: band_name(k, count), spans: vec![span] }
            })
            .collect();
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
        let mut times = vec![0; geometry.grid.num_tokens() as usize];
        for token in regions.iter().flat_map(Region::cells) {
            match times.get_mut(token as usize) {
                Some(count) => *count += 1,
                None => return Err(ScheduleError::Coverage { token, times: 1 }),
            }
        }
        match times.iter().position(|&count| count != 1) {
            Some(token) => Err(ScheduleError::Coverage { token: token as u32, times: times[token] }),
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
        assert_eq!(error, "token 288 is covered 0 times; every token must be covered once");
        schedule["regions"][1]["spans"][0]["start"] = 287.into();
        let error = serde_json::from_value::<Schedule>(schedule).unwrap_err().to_string();
        assert_eq!(error, "token 287 is covered 2 times; every token must be covered once");
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
    }
}
