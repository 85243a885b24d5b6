//! Commits the prompts and the rejected lines.

use twig_model::{Prompt, Rejection};
use twig_shards::{RejectedRow, TableReader};

use super::{PromptTable, Sample};
use crate::{
    error::RunError,
    fingerprint::Fingerprint,
    job::{JobFolder, Stage},
    part::{OpenPart, PartRecord, PartRows},
    partition::Partition,
    run::Run,
    work::{Done, Work},
};

/// Commits the table, partition by partition. Always the whole table: a pilot samples from it.
pub(crate) async fn stage(run: &Run<'_>, table: &PromptTable) -> Result<Done, RunError> {
    let rejected = rejected_by_partition(table, run.job.record.partitions);
    let mut work = Work::begin(run, Stage::Prompts, |partition| {
        fingerprint(table, partition, &rejected[partition.index as usize])
    })?;
    for todo in std::mem::take(&mut work.todo) {
        let mut part = OpenPart::create(run, Stage::Prompts, todo.partition)?;
        for prompt in table.prompts.of_partition(todo.partition) {
            part.push([prompt])?;
        }
        for (prompt, rejection) in &rejected[todo.partition.index as usize] {
            let Prompt { id, text, category, .. } = prompt.clone();
            let stage = Stage::Prompts.as_str();
            part.reject(RejectedRow::new(id.to_string(), text, category, stage, rejection.clone()))?;
        }
        let committed = part.commit(&run.job.folder, todo.fingerprint)?;
        work.commit(run, todo.partition, committed).await;
    }
    work.finish(run)
}

/// The rejected lines of each partition.
pub(crate) fn rejected_by_partition(table: &PromptTable, partitions: u32) -> Vec<Vec<&(Prompt, Rejection)>> {
    let mut rejected = vec![Vec::new(); partitions as usize];
    for row in &table.rejected {
        rejected[Partition::of_prompt(&row.0.id, partitions).index as usize].push(row);
    }
    rejected
}

/// Fingerprint and rows of a partition.
pub(crate) fn fingerprint(
    table: &PromptTable,
    partition: Partition,
    rejected: &[&(Prompt, Rejection)],
) -> (String, u64) {
    let prompts: Vec<Prompt> = table.prompts.of_partition(partition).collect();
    let fingerprint = Fingerprint::of(Stage::Prompts).with_prompts(&prompts).with("rejected", &rejected);
    (fingerprint.finish(), (prompts.len() + rejected.len()) as u64)
}

/// The prompts of a committed partition, those of the sample.
pub(crate) fn committed(
    folder: &JobFolder,
    partition: Partition,
    sample: &Sample,
) -> Result<Vec<Prompt>, RunError> {
    let path = folder.part(Stage::Prompts, partition);
    match PartRecord::load(folder, Stage::Prompts, partition)? {
        Some(record) => PartRows::from(&record).check(folder, Stage::Prompts, partition)?,
        None => return Err(RunError::DamagedPart { path }),
    }
    let prompts = TableReader::<Prompt>::open(&path)?;
    let is_wanted = |prompt: &Result<Prompt, _>| prompt.as_ref().map_or(true, |prompt| sample.has(prompt));
    Ok(prompts.filter(is_wanted).collect::<Result<_, _>>()?)
}
