//! The stages of a run, each partition by partition.

use std::{collections::BTreeSet, time::Instant};

use twig_shards::StageAccount;

use super::Run;
use crate::{
    error::RunError,
    events::Event,
    fingerprint::{in_partition, on_top_of},
    job::Stage,
    judgements, measures,
    part::PartRecord,
    partition::Partition,
    prompts::PromptTable,
    release::{self, Parts, ReleaseRecord},
    settings::TokenScope,
    tokens::{self, Chosen},
    trajectories,
    work::Work,
};

impl Run<'_> {
    pub(super) async fn trajectories(
        &self,
        table: &PromptTable,
        limit: Option<usize>,
    ) -> Result<(Vec<PartRecord>, bool), RunError> {
        let prompts = match limit {
            Some(limit) => table.pilot(limit, self.settings.file.seed),
            None => table.prompts.clone(),
        };
        let samples = u64::from(self.settings.file.trajectories.samples_per_prompt);
        let base = trajectories::fingerprint(self);
        let work = Work::begin(self, Stage::Trajectories, |partition| {
            let mine = in_partition(&prompts, partition);
            let retries = self.retries.of(Stage::Trajectories, partition);
            (base.clone().with_prompts(mine).with_retries(retries).finish(), mine.len() as u64 * samples)
        })?;
        if !work.todo.is_empty() {
            // Known from here on; a slow tokenizer takes some seconds for it.
            tokio::task::block_in_place(|| self.placeholder())?;
        }
        work.side_by_side(self, |todo| {
            let mine = in_partition(&prompts, todo.partition);
            trajectories::partition(self, todo.partition, mine, &table.pictures, todo.fingerprint)
        })
        .await
    }

    pub(super) async fn judgements(
        &self,
        trajectories: &[PartRecord],
    ) -> Result<(Vec<PartRecord>, bool), RunError> {
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

    pub(super) fn measures(&self, trajectories: &[PartRecord]) -> Result<(Vec<PartRecord>, bool), RunError> {
        let (base, input) =
            (measures::fingerprint(), |partition: Partition| &trajectories[partition.index as usize]);
        let mut work = Work::begin(self, Stage::Measures, |partition| on_top_of(&base, input(partition)))?;
        for todo in std::mem::take(&mut work.todo) {
            self.check_stop()?;
            let committed = tokio::task::block_in_place(|| {
                measures::partition(self, todo.partition, input(todo.partition), todo.fingerprint)
            })?;
            work.commit(self, todo.partition, committed);
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

    pub(super) fn tokens(
        &self,
        trajectories: &[PartRecord],
        chosen: Option<&Chosen>,
    ) -> Result<(Vec<PartRecord>, bool), RunError> {
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
            let committed = tokio::task::block_in_place(|| {
                tokens::partition(
                    self,
                    todo.partition,
                    &trajectories[todo.partition.index as usize],
                    wanted(todo.partition),
                    todo.fingerprint,
                )
            })?;
            work.commit(self, todo.partition, committed);
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
        let rows: u64 = parts.trajectories.iter().map(|record| record.rows_out).sum();
        self.events.emit(Event::StageStarted {
            stage: "release".to_owned(),
            partitions: 1,
            skipped: 0,
            rows,
        });
        let (record, did) = tokio::task::block_in_place(|| release::release(self, parts, accounts))?;
        self.events.emit(Event::finished(&record.account, start.elapsed()));
        Ok((record, did))
    }
}
