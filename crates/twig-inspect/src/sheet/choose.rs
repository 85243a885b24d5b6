//! Which trajectories a sheet shows, found by small columns.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use twig_shards::{Manifest, TableReader, TrajectorySummary};

use crate::InspectError;

/// Rows among which some are chosen where none is named: the order of a release is shuffled, so that its
/// beginning is a fair sample, and pictures are read only from there.
const CANDIDATES: usize = 96;

/// Where a trajectory stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) shard: PathBuf,
    /// Its row in the file, from 0.
    pub(super) row: usize,
}

/// The trajectories with these ids, in the order of the ids.
pub(super) fn by_id(release: &Path, manifest: &Manifest, ids: &[String]) -> Result<Vec<Place>, InspectError> {
    let mut found: BTreeMap<String, Place> = BTreeMap::new();
    for row in rows(release, manifest) {
        let (place, summary) = row?;
        if ids.contains(&summary.id) {
            found.insert(summary.id, place);
        }
    }
    let unknown: Vec<String> = ids.iter().filter(|id| !found.contains_key(*id)).cloned().collect();
    if unknown.is_empty() {
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    } else {
        Err(InspectError::UnknownIds { release: release.to_owned(), ids: unknown })
    }
}

/// Takes one of every category in turn until there are `count`. Within a category those with one redo come
/// first: they show a critique that changed something, and still fit into a line.
pub(super) fn some_of_every_category(
    release: &Path,
    manifest: &Manifest,
    count: usize,
) -> Result<Vec<Place>, InspectError> {
    let mut categories: BTreeMap<String, Vec<(u32, Place)>> = BTreeMap::new();
    for row in rows(release, manifest).take(CANDIDATES.max(count)) {
        let (place, summary) = row?;
        let redos = summary.attempts.saturating_sub(summary.num_steps);
        categories.entry(summary.category).or_default().push((redos.abs_diff(1), place));
    }
    if categories.is_empty() {
        return Err(InspectError::Empty { release: release.to_owned() });
    }
    let mut turns: Vec<_> = categories
        .into_values()
        .map(|mut places| {
            // Stable, so that what is alike stays in the release's order.
            places.sort_by_key(|(rank, _)| *rank);
            places.into_iter()
        })
        .collect();
    let mut chosen = Vec::new();
    while chosen.len() < count {
        let before = chosen.len();
        chosen.extend(turns.iter_mut().filter_map(|places| Some(places.next()?.1)));
        if chosen.len() == before {
            break;
        }
    }
    chosen.truncate(count);
    Ok(chosen)
}

/// The small columns of all trajectories, split by split and shard by shard.
fn rows(
    release: &Path,
    manifest: &Manifest,
) -> impl Iterator<Item = Result<(Place, TrajectorySummary), InspectError>> {
    let splits = manifest.config("trajectories").into_iter().flat_map(|config| &config.splits);
    let shards = splits.flat_map(|split| &split.shards).map(|shard| release.join(&shard.path));
    shards.flat_map(|shard| match TableReader::<TrajectorySummary>::open(&shard) {
        Ok(reader) => Box::new(reader.enumerate().map(move |(row, summary)| {
            let place = Place { shard: shard.clone(), row };
            summary.map(|summary| (place, summary)).map_err(InspectError::from)
        })) as Box<dyn Iterator<Item = _>>,
        Err(error) => Box::new(std::iter::once(Err(error.into()))),
    })
}
