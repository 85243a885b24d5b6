use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;
use twig_shards::{TableReader, TrajectoryListing};

use crate::{Dataset, Distribution, InspectError};

/// Two releases side by side: `a` is what was, `b` what is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Rows of each table in `a` and in `b`.
    pub rows: BTreeMap<String, [u64; 2]>,
    /// Trajectories that both hold, by id.
    pub in_both: u64,
    /// Trajectories that only one holds.
    pub only_in: [OnlyIn; 2],
    /// Those in both whose prompt reads differently.
    pub changed_prompts: u64,
    /// Rewards of all trajectories of each.
    pub rewards: [Distribution; 2],
    /// Of those in both: how many got a higher reward in `b`, the same, a lower one.
    pub reward_changes: RewardChanges,
    /// Mean rewards by category; `None` where one has none of it.
    pub categories: BTreeMap<String, [Option<CategoryMean>; 2]>,
    /// Attempts at a trajectory, on average.
    pub mean_attempts: [f64; 2],
}

/// The trajectories that only one of two releases holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OnlyIn {
    /// How many.
    pub count: u64,
    /// The first few ids, in alphabetical order.
    pub first: Vec<String>,
}

/// What became of the rewards of trajectories that are in both.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RewardChanges {
    /// Higher in `b`.
    pub higher: u64,
    /// The same.
    pub same: u64,
    /// Lower in `b`.
    pub lower: u64,
    /// Mean of `b` − `a`.
    pub mean: f64,
}

/// A category's trajectories.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CategoryMean {
    /// How many.
    pub count: u64,
    /// Mean of their rewards.
    pub reward: f64,
}

/// Ids that are listed of those in one release only.
const MAX_LISTED: usize = 10;

type Rows = BTreeMap<String, TrajectoryListing>;

/// Compares two releases by the small columns of their trajectories.
///
/// # Memory
/// Those columns of both, about 300 bytes a trajectory.
pub fn compare(a: &Dataset, b: &Dataset) -> Result<Comparison, InspectError> {
    let rows = [trajectories(a)?, trajectories(b)?];
    let [left, right] = &rows;
    let both: Vec<(&TrajectoryListing, &TrajectoryListing)> =
        left.iter().filter_map(|(id, row)| Some((row, right.get(id)?))).collect();
    Ok(Comparison {
        rows: table_rows(a, b),
        in_both: both.len() as u64,
        only_in: [only_in(left, right), only_in(right, left)],
        changed_prompts: both.iter().filter(|(a, b)| a.prompt != b.prompt).count() as u64,
        rewards: [rewards(left), rewards(right)],
        reward_changes: reward_changes(&both),
        categories: categories(&rows),
        mean_attempts: rows.each_ref().map(mean_attempts),
    })
}

fn trajectories(dataset: &Dataset) -> Result<Rows, InspectError> {
    let mut rows = Rows::new();
    for file in dataset.files("trajectories") {
        for row in TableReader::<TrajectoryListing>::open(&file.path)? {
            let row = row?;
            rows.insert(row.id.clone(), row);
        }
    }
    Ok(rows)
}

fn table_rows(a: &Dataset, b: &Dataset) -> BTreeMap<String, [u64; 2]> {
    let mut rows: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (side, dataset) in [a, b].into_iter().enumerate() {
        for config in dataset.release().into_iter().flat_map(|(_, manifest)| &manifest.configs) {
            rows.entry(config.name.clone()).or_default()[side] = config.rows();
        }
    }
    rows
}

fn only_in(these: &Rows, others: &Rows) -> OnlyIn {
    let ids = || these.keys().filter(|id| !others.contains_key(*id));
    OnlyIn { count: ids().count() as u64, first: ids().take(MAX_LISTED).cloned().collect() }
}

fn reward(row: &TrajectoryListing) -> i64 {
    row.reward.map_or(0, |reward| i64::from(reward.get()))
}

fn rewards(rows: &Rows) -> Distribution {
    let mut counts = BTreeMap::new();
    for row in rows.values() {
        *counts.entry(reward(row)).or_insert(0) += 1;
    }
    Distribution::of_scores(&counts)
}

fn reward_changes(both: &[(&TrajectoryListing, &TrajectoryListing)]) -> RewardChanges {
    let changes: Vec<i64> = both.iter().map(|(a, b)| reward(b) - reward(a)).collect();
    let count = |test: fn(i64) -> bool| changes.iter().filter(|change| test(**change)).count() as u64;
    RewardChanges {
        higher: count(|change| change > 0),
        same: count(|change| change == 0),
        lower: count(|change| change < 0),
        mean: changes.iter().sum::<i64>() as f64 / changes.len().max(1) as f64,
    }
}

fn categories(rows: &[Rows; 2]) -> BTreeMap<String, [Option<CategoryMean>; 2]> {
    let mut categories: BTreeMap<String, [(u64, i64); 2]> = BTreeMap::new();
    for (side, rows) in rows.iter().enumerate() {
        for row in rows.values() {
            let (count, sum) = &mut categories.entry(row.category.clone()).or_default()[side];
            *count += 1;
            *sum += reward(row);
        }
    }
    let mean = |(count, sum): (u64, i64)| {
        (count > 0).then(|| CategoryMean { count, reward: sum as f64 / count as f64 })
    };
    categories.into_iter().map(|(category, sides)| (category, sides.map(mean))).collect()
}

fn mean_attempts(rows: &Rows) -> f64 {
    rows.values().map(|row| f64::from(row.attempts)).sum::<f64>() / rows.len().max(1) as f64
}

/// The comparison as text for a terminal.
pub fn render_comparison(comparison: &Comparison) -> String {
    let mut text = String::new();
    write(&mut text, comparison).expect("writing to a string cannot fail");
    text
}

fn write(out: &mut String, comparison: &Comparison) -> std::fmt::Result {
    let line = |name: &str, a: String, b: String, change: String| {
        format!("  {name:<22}{a:>14}{b:>14}{change:>14}").trim_end().to_owned()
    };
    writeln!(out, "{:<24}{:>14}{:>14}{:>14}", "Rows", "A", "B", "change")?;
    for (table, [a, b]) in &comparison.rows {
        let change = *b as i64 - *a as i64;
        writeln!(out, "{}", line(table, a.to_string(), b.to_string(), signed(change as f64, 0)))?;
    }
    let [only_a, only_b] = &comparison.only_in;
    writeln!(out, "\nTrajectories")?;
    writeln!(
        out,
        "  in both {}, only in A {}, only in B {}",
        comparison.in_both, only_a.count, only_b.count
    )?;
    for (name, only) in [("A", only_a), ("B", only_b)] {
        if only.count > 0 {
            let more = if only.count as usize > only.first.len() { ", …" } else { "" };
            writeln!(out, "  only in {name}: {}{more}", only.first.join(", "))?;
        }
    }
    if comparison.changed_prompts > 0 {
        writeln!(out, "  in both under another prompt: {}", comparison.changed_prompts)?;
    }
    let RewardChanges { higher, same, lower, mean } = &comparison.reward_changes;
    writeln!(
        out,
        "  reward of those in both: {higher} higher, {same} the same, {lower} lower, on average {}",
        signed(*mean, 2)
    )?;
    let [a, b] = &comparison.rewards;
    writeln!(out, "\n{:<24}{:>14}{:>14}{:>14}", "Mean rewards", "A", "B", "change")?;
    for (category, [a, b]) in &comparison.categories {
        let shown = |mean: &Option<CategoryMean>| {
            mean.map_or_else(|| "–".to_owned(), |mean| format!("{:.1}", mean.reward))
        };
        let change = a.zip(*b).map_or_else(String::new, |(a, b)| signed(b.reward - a.reward, 1));
        writeln!(out, "{}", line(category, shown(a), shown(b), change))?;
    }
    let means = [a, b].map(|rewards| format!("{:.1}", rewards.mean));
    let [mean_a, mean_b] = means;
    writeln!(out, "{}", line("all", mean_a, mean_b, signed(b.mean - a.mean, 1)))?;
    let [a, b] = comparison.mean_attempts;
    writeln!(out, "\n  attempts a trajectory: {a:.2} in A, {b:.2} in B")?;
    writeln!(out, "\n{:<24}{:>14}{:>14}", "Rewards", "A", "B")?;
    let [a, b] = &comparison.rewards;
    for (a_bin, b_bin) in a.histogram.iter().zip(&b.histogram) {
        let name = format!("{}–{}", a_bin.from, a_bin.to);
        let change = signed(b_bin.count as f64 - a_bin.count as f64, 0);
        writeln!(out, "{}", line(&name, a_bin.count.to_string(), b_bin.count.to_string(), change))?;
    }
    Ok(())
}

/// A change with its sign; nothing for none.
fn signed(change: f64, digits: usize) -> String {
    let text = format!("{change:+.digits$}");
    if text.trim_start_matches(['+', '-']).chars().all(|c| matches!(c, '0' | '.')) {
        "·".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::write_release;

    #[test]
    fn two_releases_are_compared_by_id() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        write_release(&a, 8);
        write_release(&b, 6);
        let [a, b] = [a, b].map(|path| Dataset::open(&path).unwrap());
        let comparison = compare(&a, &b).unwrap();
        assert_eq!((comparison.in_both, comparison.only_in[0].count, comparison.only_in[1].count), (6, 2, 0));
        assert_eq!(comparison.reward_changes.same, 6);
        insta::assert_snapshot!(render_comparison(&comparison));
    }
}
