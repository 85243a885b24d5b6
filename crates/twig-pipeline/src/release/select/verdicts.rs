//! The removed rows once more, with their prompts and with what removed them in words.

use std::collections::{BTreeMap, HashMap};

use twig_model::{Rejection, TrajectoryId};
use twig_shards::{RejectedRow, TableReader, TrajectorySummary};

use super::{
    Repeats, TrajectoryKey,
    funnel::Example,
    rows::Candidates,
    steps::{Cause, Removal, Step, Steps},
};
use crate::{
    error::RunError,
    job::{JobFolder, Stage},
    partition::Partition,
};

/// Hands over every removed row, in the order of the candidates, with the step that removed it.
pub(super) fn each(
    folder: &JobFolder,
    candidates: &Candidates,
    steps: &Steps,
    removals: &[Option<Removal>],
    mut take: impl FnMut(u8, Example, RejectedRow) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let of = folder.record()?.map_or(0, |record| record.partitions);
    let mut start = 0;
    for rows in candidates.rows.chunk_by(|a, b| a.partition == b.partition) {
        let removals = &removals[start..start + rows.len()];
        start += rows.len();
        let removed: HashMap<TrajectoryKey, (&Removal, i32)> = rows
            .iter()
            .zip(removals)
            .filter_map(|(row, removal)| Some((row.key, (removal.as_ref()?, row.reward.get()))))
            .collect();
        if removed.is_empty() {
            continue;
        }
        let partition = Partition { index: rows[0].partition, of };
        for summary in TableReader::<TrajectorySummary>::open(&folder.part(Stage::Trajectories, partition))? {
            let summary = summary?;
            let malformed = |error: twig_shards::Malformed| RunError::Accounting(error.to_string());
            let prompt = summary.prompt_id().map_err(malformed)?.hash();
            let key = TrajectoryKey { prompt, sample_index: summary.sample_index };
            let Some((removal, reward)) = removed.get(&key) else { continue };
            let detail = detail(candidates, steps, removal);
            let TrajectorySummary { id, prompt, category, .. } = summary;
            let example =
                Example { id: id.clone(), prompt: prompt.clone(), reward: *reward, detail: detail.clone() };
            let rejection = Rejection::new(removal.reason(), detail);
            take(removal.step, example, RejectedRow::new(id, prompt, category, "release", rejection))?;
        }
    }
    Ok(())
}

/// What removed a row, in words.
fn detail(candidates: &Candidates, steps: &Steps, removal: &Removal) -> String {
    let step = &steps.all[removal.step as usize];
    match (removal.cause, step) {
        (Cause::Gate | Cause::Where, Step::Gate(_, clause) | Step::Where(_, clause)) => clause.clone(),
        (Cause::Evaluation(index, similarity), _) => {
            let share = 100.0 * similarity;
            format!("its picture looks like {} ({share:.0} % of the hash)", steps.evaluation_name(index))
        }
        (Cause::Near(row, similarity), step) => {
            let kept = TrajectoryId::from(candidates.rows[row as usize].key);
            let share = 100.0 * similarity;
            let what = match step {
                Step::NearPictures(_) => "of the picture's hash is that",
                _ => "of the thoughts are those",
            };
            format!("{share:.0} % {what} of {kept}, which stays")
        }
        (Cause::Gate | Cause::Where | Cause::Mark | Cause::Quota, step) => step.name(),
    }
}

/// The clusters of near duplicates, by the id of the one that stays.
pub(super) fn repeats(candidates: &Candidates, removals: &[Option<Removal>]) -> Vec<Repeats> {
    let mut clusters: BTreeMap<TrajectoryKey, Vec<(String, f32)>> = BTreeMap::new();
    for (row, removal) in candidates.rows.iter().zip(removals) {
        if let Some(Removal { cause: Cause::Near(kept, similarity), .. }) = removal {
            let id = TrajectoryId::from(row.key).to_string();
            clusters.entry(candidates.rows[*kept as usize].key).or_default().push((id, *similarity));
        }
    }
    let cluster = |(kept, removed)| Repeats { kept: TrajectoryId::from(kept).to_string(), removed };
    clusters.into_iter().map(cluster).collect()
}
