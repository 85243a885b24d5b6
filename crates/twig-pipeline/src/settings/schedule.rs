//! Where the regions of a picture lie: `trajectories.schedule`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twig_imaging::ContentShape;
use twig_model::{Geometry, GridBox, Mode, Schedule, ScheduleError};

use super::{PromptSource, TrajectorySettings};

/// Where the regions lie.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleSettings {
    /// `regions` horizontal bands of the same height: how TwiG-50K was made.
    #[default]
    Bands,
    /// Horizontal bands of these heights.
    Heights {
        /// Rows of tokens of each band, from the top; together 24.
        #[schemars(length(min = 1))]
        rows: Vec<u32>,
    },
    /// Rectangles of the same size, row by row. They are no raster spans: *generate* samples are left out and
    /// counted as `not_raster`.
    Grid {
        /// Regions below each other.
        #[schemars(range(min = 1, max = 24))]
        rows: u32,
        /// Regions beside each other.
        #[schemars(range(min = 1, max = 24))]
        columns: u32,
    },
    /// These rectangles, in this order; together they must cover the grid of 24 × 24 tokens without overlap.
    Boxes {
        /// The rectangles, in tokens.
        #[schemars(length(min = 1))]
        boxes: Vec<BoxSettings>,
    },
    /// The thinker proposes `regions` rectangles for each prompt. What does not tile the grid is asked again with
    /// what is wrong, then rejected.
    Proposed,
    /// `regions` regions that follow the picture. The picture must be there before it can be cut: with
    /// `mode: whole_image` and `redo_rounds: 0`, or with `prompts.source: pictures`.
    Content {
        /// What the regions look like.
        #[serde(default)]
        shape: ShapeName,
    },
}

/// What regions that follow the picture look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeName {
    /// Connected sets of cells of any form; no *generate* samples.
    #[default]
    Cells,
    /// Horizontal bands that end where the picture changes; *generate* samples as ever.
    Bands,
}

impl From<ShapeName> for ContentShape {
    fn from(shape: ShapeName) -> Self {
        match shape {
            ShapeName::Cells => Self::Cells,
            ShapeName::Bands => Self::Bands,
        }
    }
}

/// A rectangle of tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoxSettings {
    /// What the region is called in prompts and tables; by its place where it is left out.
    #[serde(default)]
    pub name: Option<String>,
    /// First row, from the top, from 0.
    pub row: u32,
    /// First column, from the left, from 0.
    pub column: u32,
    /// Height.
    pub rows: u32,
    /// Width.
    pub columns: u32,
}

impl From<BoxSettings> for GridBox {
    fn from(BoxSettings { name, row, column, rows, columns }: BoxSettings) -> Self {
        Self { name, row, column, rows, columns }
    }
}

impl TrajectorySettings {
    /// The regions of every picture; where they are found for each picture apart, as many bands.
    pub(crate) fn planned_schedule(&self) -> Result<Schedule, ScheduleError> {
        let geometry = Geometry::JANUS;
        match &self.schedule {
            ScheduleSettings::Bands | ScheduleSettings::Proposed | ScheduleSettings::Content { .. } => {
                Schedule::bands(geometry, self.regions)
            }
            ScheduleSettings::Heights { rows } => Schedule::heights(geometry, rows),
            ScheduleSettings::Grid { rows, columns } => Schedule::grid(geometry, *rows, *columns),
            ScheduleSettings::Boxes { boxes } => {
                let boxes: Vec<GridBox> = boxes.iter().cloned().map(GridBox::from).collect();
                Schedule::boxes(geometry, &boxes)
            }
        }
    }

    /// The schedule in words, for the card.
    pub(crate) fn schedule_words(&self) -> String {
        let count = self.regions;
        match &self.schedule {
            ScheduleSettings::Bands => format!("{count} uniform horizontal bands"),
            ScheduleSettings::Heights { rows } => format!("{} horizontal bands of {rows:?} rows", rows.len()),
            ScheduleSettings::Grid { rows, columns } => format!("{rows} × {columns} rectangles"),
            ScheduleSettings::Boxes { boxes } => format!("{} boxes", boxes.len()),
            ScheduleSettings::Proposed => format!("{count} boxes proposed by the thinker"),
            ScheduleSettings::Content { shape: ShapeName::Cells } => {
                format!("{count} free-form regions that follow the picture")
            }
            ScheduleSettings::Content { shape: ShapeName::Bands } => {
                format!("{count} horizontal bands that follow the picture")
            }
        }
    }
}

/// What is wrong with the regions of a document, with its place.
pub(super) fn problems(document: &Value) -> Vec<(&'static str, String)> {
    // What is of the wrong type the schema names.
    let Ok(settings) = serde_json::from_value::<TrajectorySettings>(document["trajectories"].clone())
        .or_else(|error| {
            if document["trajectories"].is_null() { Ok(TrajectorySettings::default()) } else { Err(error) }
        })
    else {
        return count_problem(document);
    };
    let mut found = Vec::new();
    if let Err(error) = settings.planned_schedule()
        && settings.regions > 0
    {
        let place = match settings.schedule {
            ScheduleSettings::Heights { .. } => "trajectories.schedule.rows",
            ScheduleSettings::Boxes { .. } => "trajectories.schedule.boxes",
            ScheduleSettings::Grid { .. } => "trajectories.schedule",
            ScheduleSettings::Bands | ScheduleSettings::Proposed | ScheduleSettings::Content { .. } => {
                "trajectories.regions"
            }
        };
        found.push((place, error.to_string()));
    }
    let source = serde_json::from_value::<PromptSource>(document["prompts"]["source"].clone());
    let are_pictures = source.is_ok_and(|source| source == PromptSource::Pictures);
    if are_pictures && settings.mode == Mode::RegionByRegion {
        let message = "existing pictures are whole; leave `mode` at `whole_image`";
        found.push(("trajectories.mode", message.to_owned()));
    }
    if matches!(settings.schedule, ScheduleSettings::Content { .. }) && !are_pictures {
        if settings.mode == Mode::RegionByRegion {
            let message = "regions that follow the picture need a picture, and region by region there is none when \
                           the first region is thought about; use `mode: whole_image`, or another schedule";
            found.push(("trajectories.schedule", message.to_owned()));
        }
        if settings.redo_rounds > 0 {
            let message = "a region that was cut from the finished picture is not painted again; use \
                           `redo_rounds: 0`, or another schedule";
            found.push(("trajectories.redo_rounds", message.to_owned()));
        }
    }
    found
}

/// Where other fields are wrong too, the number of bands can still be looked at.
fn count_problem(document: &Value) -> Vec<(&'static str, String)> {
    let kind = document["trajectories"]["schedule"]["kind"].as_str().unwrap_or("bands");
    match document["trajectories"]["regions"].as_u64() {
        // 0 is outside the range in the schema.
        Some(regions @ 1..) if kind == "bands" => {
            let error = Schedule::bands(Geometry::JANUS, regions as usize).err();
            error.map(|error| ("trajectories.regions", error.to_string())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
