//! Which trajectories a report shows.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::Catalogue;

/// Trajectories of the best, and as many of the worst.
const EXTREMES: usize = 6;
/// Trajectories with redone regions.
const REDONE: usize = 6;
/// Trajectories drawn without looking at scores.
const RANDOM: usize = 8;

/// Positions in the catalogue; none occurs twice.
pub(super) struct Chosen {
    pub(super) best: Vec<usize>,
    pub(super) worst: Vec<usize>,
    pub(super) redone: Vec<usize>,
    pub(super) random: Vec<usize>,
}

/// Chooses; the same dataset gives the same choice.
pub(super) fn choose(catalogue: &Catalogue) -> Chosen {
    let entries = catalogue.entries();
    let mut taken = HashSet::new();
    let mut shuffled: Vec<usize> = (0..entries.len()).collect();
    shuffled.sort_by_key(|&at| scattered(&entries[at].id));
    let mut take = |wanted: usize, candidates: Vec<usize>| -> Vec<usize> {
        let free: Vec<usize> = candidates.into_iter().filter(|at| !taken.contains(at)).collect();
        let chosen = of_every_category(catalogue, free, wanted);
        taken.extend(chosen.iter().copied());
        chosen
    };
    let judged = |at: &&usize| entries[**at].reward.is_some();
    let mut by_reward: Vec<usize> = shuffled.iter().filter(judged).copied().collect();
    by_reward.sort_by_key(|&at| entries[at].reward);
    let worst = take(EXTREMES, by_reward.clone());
    by_reward.reverse();
    let best = take(EXTREMES, by_reward);
    let mut redone: Vec<usize> = shuffled.iter().filter(|at| entries[**at].redos() > 0).copied().collect();
    redone.sort_by_key(|&at| Reverse(entries[at].reward));
    Chosen { best, worst, redone: take(REDONE, redone), random: take(RANDOM, shuffled) }
}

/// An order that has nothing to do with what is ordered.
fn scattered(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// The first of each category in turn, until there are enough.
fn of_every_category(catalogue: &Catalogue, candidates: Vec<usize>, wanted: usize) -> Vec<usize> {
    let mut by_category: BTreeMap<u16, VecDeque<usize>> = BTreeMap::new();
    for at in candidates {
        by_category.entry(catalogue.entries()[at].category).or_default().push_back(at);
    }
    let mut chosen = Vec::new();
    while chosen.len() < wanted && by_category.values().any(|queue| !queue.is_empty()) {
        chosen.extend(by_category.values_mut().filter_map(VecDeque::pop_front));
    }
    chosen.truncate(wanted);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, fixtures::write_release};

    #[test]
    fn nothing_is_shown_twice_and_extremes_are_extreme() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 16);
        let catalogue = Catalogue::load(&Dataset::open(folder.path()).unwrap()).unwrap();
        let chosen = choose(&catalogue);
        let reward = |at: &usize| catalogue.entries()[*at].reward.unwrap();
        assert!(chosen.worst.iter().map(reward).max() < chosen.best.iter().map(reward).min());
        let mut all = [chosen.best, chosen.worst, chosen.redone, chosen.random].concat();
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
    }
}
