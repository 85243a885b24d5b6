//! Commits the prompts and the rejected lines.

use twig_model::{Prompt, Rejection};
use twig_shards::RejectedRow;

use super::PromptTable;
use crate::{
    error::RunError,
    fingerprint::{Fingerprint, in_partition},
    job::Stage,
    part::{OpenPart, PartRecord},
    partition::Partition,
    run::Run,
    work::Work,
};

/// Commits the table, partition by partition. Always the whole table: a pilot samples from it.
pub(crate) fn stage(run: &Run, table: &PromptTable) -> Result<(Vec<PartRecord>, bool), RunError> {
    let rejected = rejected_by_partition(table, run.job.record.partitions);
    let mut work = Work::begin(run, Stage::Prompts, |partition| {
        fingerprint(table, partition, &rejected[partition.index as usize])
    })?;
    for todo in std::mem::take(&mut work.todo) {
        let mut part = OpenPart::create(run, Stage::Prompts, todo.partition)?;
        for prompt in in_partition(&table.prompts, todo.partition) {
            part.push([prompt.clone()])?;
        }
        for (prompt, rejection) in &rejected[todo.partition.index as usize] {
            let Prompt { id, text, category, .. } = prompt.clone();
            let stage = Stage::Prompts.as_str();
            part.reject(RejectedRow::new(id.to_string(), text, category, stage, rejection.clone()))?;
        }
        let committed = part.commit(&run.job.folder, todo.fingerprint)?;
        work.commit(run, todo.partition, committed);
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
    let prompts = in_partition(&table.prompts, partition);
    let fingerprint = Fingerprint::of(Stage::Prompts).with_prompts(prompts).with("rejected", &rejected);
    (fingerprint.finish(), (prompts.len() + rejected.len()) as u64)
}
