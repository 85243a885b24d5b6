//! Trajectories that are nearly the same: by the words of their prompts, and by their pictures' tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use twig_shards::{FinalTokens, TableReader};

use crate::{Catalogue, Dataset, InspectError, likeness::same_words, pages::grouped};

/// Clusters that are shown, the largest first.
const MAX_CLUSTERS: usize = 12;
/// Members of a cluster that are shown.
pub(super) const MAX_MEMBERS: usize = 8;
/// Trajectories whose tokens are compared; tokens of more are not held.
const MAX_COMPARED: usize = 100_000;
/// Share of equal tokens at equal places from which two pictures count as nearly the same.
const ALIKE: f64 = 0.9;
/// Bands of tokens by which candidates are found, and tokens of a band. Two pictures that share nine tenths of
/// their tokens share a band with a probability of 1 − (1 − 0.9¹²)¹² = 0.98.
const BANDS: usize = 12;
const BAND_TOKENS: usize = 12;
/// Pictures of a bucket that a further one is compared with.
const MAX_PER_BUCKET: usize = 4;

/// What was found.
pub(super) struct Found {
    pub(super) about: String,
    pub(super) shown: Vec<Members>,
}

/// A cluster.
pub(super) struct Members {
    kind: &'static str,
    pub(super) positions: Vec<usize>,
}

impl Members {
    pub(super) fn title(&self) -> String {
        format!("{} trajectories {}", self.positions.len(), self.kind)
    }
}

/// Looks for both kinds.
pub(super) fn find(dataset: &Dataset, catalogue: &Catalogue) -> Result<Found, InspectError> {
    let prompts = by_prompt(catalogue);
    let (pictures, compared) = by_picture(dataset, catalogue)?;
    let extra =
        |clusters: &[Vec<usize>]| -> u64 { clusters.iter().map(|cluster| cluster.len() as u64 - 1).sum() };
    let of_pictures = if compared == 0 {
        "pictures were not compared: the release holds no image tokens".to_owned()
    } else {
        format!(
            "{} pictures share nine tenths of their image tokens with another one (of {} compared)",
            grouped(extra(&pictures)),
            grouped(compared as u64)
        )
    };
    let about = format!(
        "{} prompts say in the same words what another one says; {of_pictures}. The largest clusters:",
        grouped(extra(&prompts))
    );
    let named = |kind: &'static str| move |positions: Vec<usize>| Members { kind, positions };
    let mut shown: Vec<Members> = pictures.into_iter().map(named("with nearly the same picture")).collect();
    shown.extend(prompts.into_iter().map(named("with prompts of the same words")));
    shown.sort_by_key(|members| std::cmp::Reverse(members.positions.len()));
    shown.truncate(MAX_CLUSTERS);
    Ok(Found { about, shown })
}

/// Trajectories of different prompts that consist of the same words, but for order and articles.
fn by_prompt(catalogue: &Catalogue) -> Vec<Vec<usize>> {
    let mut clusters: HashMap<u64, Vec<usize>> = HashMap::new();
    for (position, entry) in catalogue.entries().iter().enumerate() {
        clusters.entry(same_words(&entry.prompt)).or_default().push(position);
    }
    // Samples of one prompt are meant to be several.
    let prompts = |cluster: &Vec<usize>| {
        let ids =
            cluster.iter().map(|at| catalogue.entries()[*at].id.rsplit_once('-').map(|(prompt, _)| prompt));
        ids.collect::<BTreeSet<_>>().len()
    };
    let mut clusters: Vec<Vec<usize>> =
        clusters.into_values().filter(|cluster| prompts(cluster) > 1).collect();
    clusters.sort_unstable();
    clusters
}

/// Trajectories with nearly the same picture, and how many were compared.
fn by_picture(dataset: &Dataset, catalogue: &Catalogue) -> Result<(Vec<Vec<usize>>, usize), InspectError> {
    let mut tokens: Vec<(usize, Box<[u32]>)> = Vec::new();
    let mut position = 0;
    for file in dataset.files("trajectories") {
        for row in TableReader::<FinalTokens>::open(&file.path)? {
            let ids = row?.image_tokens;
            tokens.extend(ids.filter(|_| tokens.len() < MAX_COMPARED).map(|ids| (position, ids.into())));
            position += 1;
        }
    }
    debug_assert!(position == catalogue.entries().len(), "the catalogue has the order of the files");
    let mut clusters = Clusters::new(tokens.len());
    for band in 0..BANDS {
        let mut buckets: HashMap<[u32; BAND_TOKENS], Vec<usize>> = HashMap::new();
        for (index, (_, ids)) in tokens.iter().enumerate() {
            let bucket = buckets.entry(key(ids, band)).or_default();
            let alike = bucket.iter().find(|other| {
                clusters.root(**other) == clusters.root(index) || are_alike(ids, &tokens[**other].1)
            });
            match alike {
                Some(other) => clusters.join(*other, index),
                None if bucket.len() < MAX_PER_BUCKET => bucket.push(index),
                None => {}
            }
        }
    }
    let compared = tokens.len();
    let positions = |cluster: Vec<usize>| cluster.into_iter().map(|index| tokens[index].0).collect();
    Ok((clusters.of_several().into_iter().map(positions).collect(), compared))
}

/// The tokens of a band: places spread over the picture, other ones for each band.
fn key(ids: &[u32], band: usize) -> [u32; BAND_TOKENS] {
    std::array::from_fn(|number| {
        // Steps by a number that shares no factor with the 576 places of a grid.
        let place = (band * BAND_TOKENS + number) * 229 % ids.len().max(1);
        ids.get(place).copied().unwrap_or(0)
    })
}

fn are_alike(a: &[u32], b: &[u32]) -> bool {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    a.len() == b.len() && equal as f64 >= ALIKE * a.len() as f64
}

/// Which of many things belong together.
struct Clusters {
    parents: Vec<usize>,
}

impl Clusters {
    fn new(count: usize) -> Self {
        Self { parents: (0..count).collect() }
    }

    fn root(&self, mut index: usize) -> usize {
        while self.parents[index] != index {
            index = self.parents[index];
        }
        index
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parents[a.max(b)] = a.min(b);
    }

    fn of_several(&self) -> Vec<Vec<usize>> {
        let mut clusters: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.parents.len() {
            clusters.entry(self.root(index)).or_default().push(index);
        }
        clusters.into_values().filter(|cluster| cluster.len() > 1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_that_share_nine_tenths_of_their_tokens_are_alike() {
        let a: Vec<u32> = (0..576).collect();
        let mut b = a.clone();
        b[..57].fill(9_999);
        assert!(are_alike(&a, &b));
        b[..58].fill(9_999);
        assert!(!are_alike(&a, &b));
        let places: BTreeSet<u32> = (0..BANDS).flat_map(|band| key(&a, band)).collect();
        assert_eq!(places.len(), BANDS * BAND_TOKENS, "no place is looked at twice");
    }

    #[test]
    fn what_is_joined_stays_together() {
        let mut clusters = Clusters::new(6);
        for (a, b) in [(4, 5), (0, 2), (5, 2)] {
            clusters.join(a, b);
        }
        assert_eq!(clusters.of_several(), [vec![0, 2, 4, 5]]);
    }
}
