use std::collections::BTreeMap;

use twig_imaging::{DecodeLimits, RgbImage};
use twig_model::{Judgement, Picture, Region, Schedule};
use twig_shards::{AttemptRecord, CallRow, IndexedTable, ShardError, TrajectoryRecord};

use crate::{Catalogue, Dataset, InspectError};

/// A trajectory with what other tables know of it.
pub struct Details {
    /// Its row.
    pub record: TrajectoryRecord,
    /// Its regions.
    pub schedule: Schedule,
    /// The split it belongs to; empty before it is released.
    pub split: String,
    /// What judges gave it, in the table's order.
    pub judgements: Vec<Judgement>,
    /// The calls behind it, in the order of the stages; empty where the job's folder is not there.
    pub calls: Vec<CallRow>,
}

impl Details {
    /// Reads the trajectory at a position of the catalogue, its judgements and its calls.
    pub fn load(dataset: &Dataset, catalogue: &Catalogue, position: usize) -> Result<Self, InspectError> {
        let record = catalogue.trajectory(position)?;
        let split = catalogue.split(&catalogue.entries()[position]).to_owned();
        let malformed = |source| InspectError::Row { id: record.id.clone(), source };
        let schedule = record.schedule().map_err(malformed)?;
        let (judgements, calls) = (judgements(dataset, &record.id)?, calls(dataset, &record.id)?);
        Ok(Self { record, schedule, split, judgements, calls })
    }

    /// The region of an attempt.
    pub fn region(&self, attempt: &AttemptRecord) -> Option<&Region> {
        self.schedule.regions().get(attempt.region_index as usize)
    }

    /// The canvas after an attempt.
    pub fn canvas(&self, attempt: &AttemptRecord) -> Option<&Picture> {
        self.record.images.get(attempt.image_index as usize)
    }

    /// The finished picture.
    pub fn final_image(&self) -> Option<&Picture> {
        self.record.final_image.as_ref().or_else(|| self.record.images.last())
    }

    /// The attempts of each region, in the order of the schedule.
    pub fn regions(&self) -> Vec<(&Region, Vec<&AttemptRecord>)> {
        let mut by_region: BTreeMap<u32, Vec<&AttemptRecord>> = BTreeMap::new();
        for attempt in &self.record.steps {
            by_region.entry(attempt.region_index).or_default().push(attempt);
        }
        let regions = self.schedule.regions().iter();
        regions.filter_map(|region| Some((region, by_region.remove(&(region.index as u32))?))).collect()
    }

    /// The pixels of a picture of this trajectory.
    pub fn decode(&self, picture: &Picture) -> Result<RgbImage, InspectError> {
        decode(&self.record.id, picture)
    }
}

/// The pixels of a picture, or whose it is that has none.
pub(crate) fn decode(id: &str, picture: &Picture) -> Result<RgbImage, InspectError> {
    twig_imaging::decode(picture.bytes(), &DecodeLimits::default())
        .map_err(|source| InspectError::Picture { id: id.to_owned(), source })
}

fn judgements(dataset: &Dataset, id: &str) -> Result<Vec<Judgement>, ShardError> {
    let mut found = Vec::new();
    for file in dataset.files("judgements") {
        let is_of_it = |judgement: &Judgement| judgement.trajectory_id == id;
        found.extend(IndexedTable::open(&file.path)?.rows_where("id", id, is_of_it)?);
    }
    Ok(found)
}

fn calls(dataset: &Dataset, id: &str) -> Result<Vec<CallRow>, ShardError> {
    let prompt_id = id.rsplit_once('-').map_or(id, |(prompt, _)| prompt);
    let is_of_it = |call: &CallRow| call.trajectory_id.as_deref().is_none_or(|of| of == id);
    let mut found = Vec::new();
    for file in dataset.files("calls") {
        let of_prompt = |call: &CallRow| call.prompt_id.as_str() == prompt_id && is_of_it(call);
        found.extend(IndexedTable::open(&file.path)?.rows_where("prompt_id", prompt_id, of_prompt)?);
    }
    // Files are sorted by the stages' names; judging comes after making.
    found.sort_by_key(|call| call.stage == "judgements");
    Ok(found)
}
