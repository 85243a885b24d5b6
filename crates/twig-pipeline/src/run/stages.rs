//! The stages of a run, each partition by partition.

use std::{collections::BTreeSet, time::Instant};

use twig_shards::StageAccount;

use super::Run;
use crate::{
    error::RunError,
    events::Event,
    fingerprint::on_top_of,
    job::Stage,
    judgements, measures,
    part::PartRows,
    partition::Partition,
    prompts::{self, Pictures, PromptTable, Sample},
    release::{self, Parts, ReleaseRecord},
    settings::TokenScope,
    tokens::{self, Chosen},
    trajectories,
    work::{Done, Work},
};

impl Run<'_> {
    /// For each partition the fingerprint of its trajectories, and how many they are.
    pub(super) fn wanted(&self, table: &PromptTable, sample: &Sample) -> Vec<(String, u64)> {
        let samples = u64::from(self.settings.file.trajectories.samples_per_prompt);
        let base = trajectories::fingerprint(self);
        let of_partition = |partition| {
            let mine = table.of_partition(partition, sample);
            let retries = self.retries.of(Stage::Trajectories, partition);
            (base.clone().with_prompts(&mine).with_retries(retries).finish(), mine.len() as u64 * samples)
        };
        self.job.partitions().map(of_partition).collect()
    }

    pub(super) async fn trajectories(
        &self,
        wanted: &[(String, u64)],
        sample: &Sample,
        pictures: &Pictures,
    ) -> Result<Done, RunError> {
        let work =
            Work::begin(self, Stage::Trajectories, |partition| wanted[partition.index as usize].clone())?;
        if !work.todo.is_empty() {
            // Known from here on; a slow tokenizer takes some seconds for it.
            self.placeholder()?;
        }
        work.side_by_side(self, |todo| async move {
            let prompts = prompts::stage::committed(&self.job.folder, todo.partition, sample)?;
            trajectories::partition(self, todo.partition, &prompts, pictures, todo.fingerprint).await
        })
        .await
    }

    pub(super) async fn judgements(&self, trajectories: &[PartRows]) -> Result<Done, RunError> {
        let base = judgements::fingerprint(self);
        let work = Work::begin(self, Stage::Judgements, |partition| {
            let base = base.clone().with_retries(self.retries.of(Stage::Judgements, partition));
            on_top_of(&base, &trajectories[partition.index as usize])
        })?;
        work.side_by_side(self, |todo| {
            judgements::partition(
                self,
                todo.partition,
                &trajectories[todo.partition.index as usize],
                todo.fingerprint,
            )
        })
        .await
    }

    pub(super) async fn measures(&self, trajectories: &[PartRows]) -> Result<Done, RunError> {
        let (base, input) =
            (measures::fingerprint(), |partition: Partition| &trajectories[partition.index as usize]);
        let mut work = Work::begin(self, Stage::Measures, |partition| on_top_of(&base, input(partition)))?;
        for todo in std::mem::take(&mut work.todo) {
            self.check_stop()?;
            let committed =
                measures::partition(self, todo.partition, input(todo.partition), todo.fingerprint)?;
            work.commit(self, todo.partition, committed).await;
        }
        work.finish(self)
    }

    /// The trajectories whose pictures are encoded, unless it is all of them.
    pub(super) fn to_be_encoded(&self) -> Result<Option<Chosen>, RunError> {
        match self.settings.file.tokens.scope() {
            TokenScope::All => Ok(None),
            TokenScope::Selected => release::chosen(self).map(Some),
        }
    }

    pub(super) async fn tokens(
        &self,
        trajectories: &[PartRows],
        chosen: Option<&Chosen>,
    ) -> Result<Done, RunError> {
        let base = tokens::fingerprint(self);
        let nothing = BTreeSet::new();
        let wanted =
            |partition: Partition| chosen.map(|chosen| chosen.get(&partition.index).unwrap_or(&nothing));
        let mut work = Work::begin(self, Stage::Tokens, |partition| {
            let (whole, rows) = on_top_of(&base, &trajectories[partition.index as usize]);
            match wanted(partition) {
                None => (whole, rows),
                Some(wanted) => (tokens::with_chosen(&whole, wanted), wanted.len() as u64),
            }
        })?;
        for todo in std::mem::take(&mut work.todo) {
            self.check_stop()?;
            let committed = tokens::partition(
                self,
                todo.partition,
                &trajectories[todo.partition.index as usize],
                wanted(todo.partition),
                todo.fingerprint,
            )?;
            work.commit(self, todo.partition, committed).await;
        }
        work.finish(self)
    }

    pub(super) fn release(
        &self,
        parts: &Parts,
        accounts: &[StageAccount],
    ) -> Result<(ReleaseRecord, bool), RunError> {
        // The card counts what they say.
        self.tell_notices();
        let start = Instant::now();
        let rows: u64 = parts.trajectories.iter().map(|part| part.rows_out).sum();
        self.events.emit(Event::StageStarted {
            stage: "release".to_owned(),
            partitions: 1,
            skipped: 0,
            rows,
        });
        let (record, did) = release::release(self, parts, accounts)?;
        self.events.emit(Event::finished(&record.account, start.elapsed()));
        Ok((record, did))
    }
}
