use std::collections::BTreeMap;

use twig_model::Picture;
use twig_shards::{FinalImage, IndexedTable, Row, TableReader, TrajectoryListing, TrajectoryRecord};

use crate::{Dataset, InspectError};

/// Characters of an id that name a trajectory at least.
const SHORTEST_BEGINNING: usize = 4;

/// All trajectories of a dataset: their small columns in memory, everything else one read away.
///
/// # Memory
/// About 250 bytes a trajectory, of which the id and the prompt are the most.
pub struct Catalogue {
    files: Vec<IndexedTable>,
    splits: Vec<String>,
    categories: Vec<String>,
    entries: Vec<Entry>,
}

/// The small columns of a trajectory, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `{prompt id}-{sample index}`.
    pub id: Box<str>,
    /// The text that is drawn.
    pub prompt: Box<str>,
    /// Its category, as a position in [`Catalogue::categories`].
    pub category: u16,
    /// The split it belongs to, as a position in [`Catalogue::splits`].
    pub split: u8,
    /// Regions.
    pub num_steps: u16,
    /// Attempts over all regions.
    pub attempts: u16,
    /// Reward, 0 to 100, where there is one.
    pub reward: Option<u8>,
    /// Lowest score among the attempts that stay in the picture.
    pub min_step_score: u8,
    file: u32,
    row: u32,
}

impl Entry {
    /// Attempts beyond the first at a region.
    pub fn redos(&self) -> u16 {
        self.attempts.saturating_sub(self.num_steps)
    }
}

impl Catalogue {
    /// Reads the small columns of all trajectories, in the dataset's order.
    pub fn load(dataset: &Dataset) -> Result<Self, InspectError> {
        Self::load_first(dataset, usize::MAX)
    }

    /// Reads those of the first trajectories only, so that something can be shown at once.
    pub fn load_first(dataset: &Dataset, most: usize) -> Result<Self, InspectError> {
        let mut catalogue =
            Self { files: Vec::new(), splits: Vec::new(), categories: Vec::new(), entries: Vec::new() };
        let mut categories = Names::default();
        let mut splits = Names::default();
        for file in dataset.files("trajectories") {
            if catalogue.entries.len() >= most {
                break;
            }
            let split = splits.position(&file.split) as u8;
            let file_index = catalogue.files.len() as u32;
            catalogue.files.push(IndexedTable::open(&file.path)?);
            let rows = TableReader::<TrajectoryListing>::open(&file.path)?;
            for (row, listing) in rows.take(most - catalogue.entries.len()).enumerate() {
                let listing = listing?;
                catalogue.entries.push(Entry {
                    category: categories.position(&listing.category) as u16,
                    split,
                    num_steps: listing.num_steps as u16,
                    attempts: listing.attempts as u16,
                    reward: listing.reward.map(|reward| reward.get() as u8),
                    min_step_score: listing.min_step_score.get() as u8,
                    id: listing.id.into(),
                    prompt: listing.prompt.into(),
                    file: file_index,
                    row: row as u32,
                });
            }
        }
        catalogue.splits = splits.0;
        catalogue.categories = categories.0;
        Ok(catalogue)
    }

    /// The trajectories in the dataset's order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Names of categories, in the order in which they were met.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// Names of splits; an empty one where nothing is split yet.
    pub fn splits(&self) -> &[String] {
        &self.splits
    }

    /// The category's name.
    pub fn category(&self, entry: &Entry) -> &str {
        &self.categories[entry.category as usize]
    }

    /// The split's name.
    pub fn split(&self, entry: &Entry) -> &str {
        &self.splits[entry.split as usize]
    }

    /// The position of the trajectory with that id, or of the only one whose id begins so.
    pub fn find(&self, id: &str) -> Option<usize> {
        if let Some(position) = self.entries.iter().position(|entry| *entry.id == *id) {
            return Some(position);
        }
        let mut alike = self.entries.iter().enumerate().filter(|(_, entry)| entry.id.starts_with(id));
        match (id.len() >= SHORTEST_BEGINNING, alike.next(), alike.next()) {
            (true, Some((position, _)), None) => Some(position),
            _ => None,
        }
    }

    /// A trajectory with everything that its row holds.
    pub fn trajectory(&self, position: usize) -> Result<TrajectoryRecord, InspectError> {
        let entry = &self.entries[position];
        let rows = self.files[entry.file as usize].rows(&[entry.row as usize])?;
        rows.into_iter().next().ok_or_else(|| InspectError::Gone { id: entry.id.to_string() })
    }

    /// The rows at these positions, in their order; of each file once.
    pub fn rows<T: Row>(&self, positions: &[usize]) -> Result<Vec<T>, InspectError> {
        let mut by_file: BTreeMap<u32, Vec<(usize, usize)>> = BTreeMap::new();
        for (order, position) in positions.iter().enumerate() {
            let entry = &self.entries[*position];
            by_file.entry(entry.file).or_default().push((entry.row as usize, order));
        }
        let mut found: Vec<(usize, T)> = Vec::with_capacity(positions.len());
        for (file, mut wanted) in by_file {
            wanted.sort_unstable();
            wanted.dedup_by_key(|(row, _)| *row);
            let rows: Vec<usize> = wanted.iter().map(|(row, _)| *row).collect();
            let read = self.files[file as usize].rows::<T>(&rows)?;
            found.extend(wanted.into_iter().map(|(_, order)| order).zip(read));
        }
        found.sort_unstable_by_key(|(order, _)| *order);
        Ok(found.into_iter().map(|(_, row)| row).collect())
    }

    /// The finished picture of a trajectory.
    pub fn final_image(&self, position: usize) -> Result<Picture, InspectError> {
        let entry = &self.entries[position];
        let table = &self.files[entry.file as usize];
        let alone = table.rows::<FinalImage>(&[entry.row as usize])?;
        if let Some(picture) = alone.into_iter().next().and_then(|row| row.final_image) {
            return Ok(picture);
        }
        let last = self.trajectory(position)?.images.pop();
        last.ok_or_else(|| InspectError::Gone { id: entry.id.to_string() })
    }
}

/// Names by the order in which they were met.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn position(&mut self, name: &str) -> usize {
        if let Some(position) = self.0.iter().rposition(|known| known == name) {
            return position;
        }
        self.0.push(name.to_owned());
        self.0.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::write_release;

    #[test]
    fn trajectories_are_found_by_id_and_by_the_beginning_of_one() {
        let folder = tempfile::tempdir().unwrap();
        let all = write_release(folder.path(), 5);
        let catalogue = Catalogue::load(&Dataset::open(folder.path()).unwrap()).unwrap();
        let id = all[4].trajectory.id().to_string();
        assert_eq!(catalogue.find(&id), Some(4));
        assert_eq!(catalogue.find(&id[..id.len() - 2]), Some(4));
        assert_eq!(catalogue.find(""), None);
        let entry = &catalogue.entries()[3];
        assert_eq!((entry.redos(), entry.reward, catalogue.category(entry)), (1, Some(39), "numeracy"));
        let record = catalogue.trajectory(4).unwrap();
        assert_eq!(record.prompt, all[4].trajectory.prompt.text);
        assert_eq!(catalogue.final_image(2).unwrap(), all[2].trajectory.final_image);
    }

    #[test]
    fn rows_come_in_the_order_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 5);
        let catalogue = Catalogue::load(&Dataset::open(folder.path()).unwrap()).unwrap();
        let rows: Vec<FinalImage> = catalogue.rows(&[4, 0, 3]).unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, [4, 0, 3].map(|position: usize| &*catalogue.entries()[position].id));
    }
}
