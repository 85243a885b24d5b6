//! A stage under way: which partitions stand, which are to be done, and doing them side by side.

use std::{collections::BTreeMap, future::Future, pin::pin, time::Instant};

use futures::{Stream, StreamExt, stream};
use tokio::task::coop::consume_budget;
use twig_shards::StageAccount;

use crate::{
    error::RunError,
    events::Event,
    job::Stage,
    part::{Committed, PartRecord, PartRows},
    partition::Partition,
    run::Run,
};

/// A partition that is to be done.
pub(crate) struct Todo {
    pub(crate) partition: Partition,
    pub(crate) fingerprint: String,
    rows: u64,
}

/// The partitions of a stage.
pub(crate) struct Work {
    stage: Stage,
    start: Instant,
    /// One a partition, in order; `None` while it is to be done.
    parts: Vec<Option<PartRows>>,
    /// Of the partitions that stand.
    account: StageAccount,
    pub(crate) todo: Vec<Todo>,
    did_something: bool,
}

/// A stage that is done.
pub(crate) struct Done {
    /// One a partition, in order.
    pub(crate) parts: Vec<PartRows>,
    pub(crate) account: StageAccount,
    /// Whether this run did any of them.
    pub(crate) did_something: bool,
}

impl Work {
    /// Looks which partitions stand. `of` tells a partition's fingerprint and its rows.
    pub(crate) fn begin(
        run: &Run,
        stage: Stage,
        of: impl Fn(Partition) -> (String, u64),
    ) -> Result<Self, RunError> {
        let (mut parts, mut todo) = (Vec::new(), Vec::new());
        let mut account = StageAccount {
            stage: stage.as_str().to_owned(),
            rows_in: 0,
            rows_out: 0,
            rejected: BTreeMap::new(),
        };
        for partition in run.job.partitions() {
            let (fingerprint, rows) = of(partition);
            let standing = PartRecord::standing(&run.job.folder, stage, partition, &fingerprint)?;
            match &standing {
                Some(record) => add(&mut account, record),
                None => todo.push(Todo { partition, fingerprint, rows }),
            }
            parts.push(standing.as_ref().map(PartRows::from));
        }
        let to_come = todo.iter().map(|todo: &Todo| todo.rows).sum();
        run.rejections.begin(&run.job, stage, &account, to_come)?;
        run.events.emit(Event::StageStarted {
            stage: stage.as_str().to_owned(),
            partitions: run.job.record.partitions,
            skipped: run.job.record.partitions - todo.len() as u32,
            rows: to_come,
        });
        Ok(Self { stage, start: Instant::now(), parts, account, did_something: !todo.is_empty(), todo })
    }

    /// Notes that a partition is done.
    pub(crate) async fn commit(&mut self, run: &Run<'_>, partition: Partition, committed: Committed) {
        let Committed { record, asked, elapsed } = committed;
        run.events.emit(Event::PartCommitted {
            stage: self.stage.as_str().to_owned(),
            partition: partition.index,
            rows_in: record.rows_in,
            rows_out: record.rows_out,
            rejected: record.rejected.iter().map(|(reason, count)| (reason.to_string(), *count)).collect(),
            asked,
            seconds: elapsed.as_secs_f64(),
        });
        add(&mut self.account, &record);
        self.parts[partition.index as usize] = Some(PartRows::from(&record));
        run.hand_on(self.stage, partition).await;
    }

    /// Ends the stage.
    pub(crate) fn finish(self, run: &Run) -> Result<Done, RunError> {
        let account = balanced(self.account)?;
        run.events.emit(Event::finished(&account, self.start.elapsed()));
        let parts = self.parts.into_iter().flatten().collect();
        Ok(Done { parts, account, did_something: self.did_something })
    }

    /// Does the partitions of a stage that asks teachers, several at once: while the last answers of one come
    /// in, the next one already asks.
    ///
    /// After an error nothing new is asked, what is under way is finished and kept, and the error returned; but
    /// where one teacher takes no more questions, the others are asked all that does not need it.
    pub(crate) async fn side_by_side<F: Future<Output = Result<Committed, RunError>>>(
        mut self,
        run: &Run<'_>,
        do_partition: impl Fn(Todo) -> F,
    ) -> Result<Done, RunError> {
        let rows: u64 = self.todo.iter().map(|todo| todo.rows).sum();
        let each = rows as usize / self.todo.len().max(1);
        let open = run.settings.open_partitions(each).min(self.todo.len()).max(1);
        let mut done = stream::iter(std::mem::take(&mut self.todo))
            .map(|todo| {
                let (partition, committed) = (todo.partition, do_partition(todo));
                async move { (partition, committed.await) }
            })
            .buffer_unordered(open);
        let mut failed = false;
        while let Some((partition, committed)) = done.next().await {
            match committed {
                Ok(committed) => self.commit(run, partition, committed).await,
                Err(error) => {
                    failed = true;
                    run.stop_for(error);
                }
            }
        }
        drop(done);
        if failed { Err(RunError::Interrupted) } else { self.finish(run) }
    }
}

/// Counts a committed partition.
fn add(account: &mut StageAccount, record: &PartRecord) {
    account.rows_in += record.rows_in;
    account.rows_out += record.rows_out;
    for (reason, count) in &record.rejected {
        *account.rejected.entry(*reason).or_insert(0) += count;
    }
}

/// Every row that came in must have gone out or been rejected.
fn balanced(account: StageAccount) -> Result<StageAccount, RunError> {
    if account.balances() {
        Ok(account)
    } else {
        Err(RunError::Accounting(format!("stage {} does not balance: {account:?}", account.stage)))
    }
}

impl Run<'_> {
    /// Hands a committed part to the job's copy; waits where the store is slower than the run.
    async fn hand_on(&self, stage: Stage, partition: Partition) {
        if let Some(mirror) = self.job.mirror.clone()
            && let Err(error) = self.blocking(move || mirror.committed(stage, partition)).await
        {
            self.stop_for(error);
        }
    }

    /// Does the units of a partition side by side, and hands over their results in the order of the units,
    /// whatever order they finish in.
    ///
    /// Open partitions share the places of units under way, and the earliest goes first. A place is free again as
    /// soon as its unit is finished, so that a unit that takes long holds up nobody but its own partition, and that
    /// only when `in_flight` finished ones wait for it.
    ///
    /// After a stop or an error no further unit begins; those under way come to their next question and end
    /// there, so that every answer which was asked for is kept.
    pub(crate) async fn in_order<T, F: Future<Output = Result<T, RunError>>>(
        &self,
        partition: Partition,
        units: impl Stream<Item = F>,
        mut take: impl FnMut(T) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let mut units = pin!(units.peekable());
        let mut failed = false;
        {
            let begun = stream::unfold(units.as_mut(), |mut units| async move {
                let place = self.places.take(partition).await?;
                if self.stop.is_requested() {
                    return None;
                }
                let unit = units.next().await?;
                let unit = async move {
                    let result = unit.await;
                    drop(place);
                    result
                };
                Some((unit, units))
            });
            let mut results = pin!(begun.buffered(self.settings.in_flight()));
            while let Some(result) = results.next().await {
                // Many may have waited for one: connections are tended between them.
                consume_budget().await;
                if failed {
                    continue;
                }
                match result.and_then(&mut take) {
                    Ok(()) => self.events.progress(1),
                    Err(error) => {
                        failed = true;
                        self.stop_for(error);
                    }
                }
            }
        }
        // What stopped the run is kept by it; here it is enough that the partition is not done.
        if failed || units.as_mut().peek().await.is_some() { Err(RunError::Interrupted) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_went_missing_fails_the_run() {
        let account = |rows_out| StageAccount {
            stage: "judgements".to_owned(),
            rows_in: 8,
            rows_out,
            rejected: BTreeMap::from([(twig_model::RejectReason::Refused, 1)]),
        };
        assert_eq!(balanced(account(7)).unwrap().rows_out, 7);
        let lost = balanced(account(6)).unwrap_err();
        assert!(matches!(lost, RunError::Accounting(_)), "{lost}");
        assert_eq!(lost.exit_code(), 1);
    }
}
