//! A run: the stages one after the other, each partition by partition.

mod accounts;
mod stages;
mod stop_cause;

use std::{
    ops::Deref,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;
use twig_shards::StageAccount;
use twig_teacher::{AnswerStore, Notices, PartitionAnswers, Purse, Shared, Stop};
use twig_tokens::TextTokenizer;

use self::accounts::check_chain;
pub(crate) use self::stop_cause::StopCause;
use crate::{
    bill::Bills,
    error::RunError,
    events::{Event, EventLog, Observer},
    free_disk::FreeDisk,
    job::{Job, Stage},
    on_finish,
    part::PartRecord,
    partition::Partition,
    places::Places,
    prompts::{self, PromptError, PromptTable},
    recipe::{self, Recipe},
    rejections::Rejections,
    release::{Parts, ReleaseRecord},
    retry::Retries,
    settings::Settings,
    work::Done,
};

/// How often notices and gauges of teachers are looked at.
const LOOK_AT_TEACHERS_EVERY: Duration = Duration::from_millis(500);
/// Damaged parts that a run makes anew before it gives up: a disk that damages more is broken.
const REPAIRS: usize = 16;

/// Everything that the stages of one run share.
pub(crate) struct Run<'a> {
    pub(crate) recipe: Recipe<'a>,
    pub(crate) job: Job,
    pub(crate) answers: Arc<AnswerStore>,
    pub(crate) text_tokenizer: Box<dyn TextTokenizer>,
    pub(crate) stop: Stop,
    pub(crate) events: EventLog<'a>,
    pub(crate) purse: Arc<Purse>,
    /// Places for units under way, over all open partitions.
    pub(crate) places: Arc<Places>,
    /// Permits to open a partition, which reads all of its answers: as many at once as there are cores, so that the
    /// first ones ask while the others are still being opened.
    opening: Semaphore,
    pub(crate) retries: Retries,
    pub(crate) rejections: Rejections,
    notices: Notices,
    cause: Arc<StopCause>,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// What went into each stage and what became of it, the release last.
    pub accounts: Vec<StageAccount>,
    /// What was published.
    pub release: ReleaseRecord,
    /// Whether this run had anything to do.
    pub did_something: bool,
    /// Lines without text in the prompt files.
    pub blank_lines: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs a job to its end, or as far as it gets. Whatever was done before stays and is not done again.
///
/// With a `limit` it is a pilot: a fair sample of so many prompts, of which a full run later asks nothing
/// again. On `stop`, questions under way are finished and kept, for at most `run.shutdown_secs`.
///
/// Stages that ask nobody compute in the thread that polls this, between questions: nothing else of the run waits for
/// it then, and whoever requests a stop must be on another.
pub async fn run(
    settings: &Settings,
    limit: Option<usize>,
    stop: Stop,
    observer: &dyn Observer,
) -> Result<RunSummary, RunError> {
    let outcome = go(settings, limit, stop, observer).await;
    if let Some(command) = &settings.file.run.on_finish
        && let Some(message) = on_finish::tell(command, settings, &outcome).await
    {
        observer.observe(&Event::Warning { message });
    }
    outcome
}

async fn go(
    settings: &Settings,
    limit: Option<usize>,
    stop: Stop,
    observer: &dyn Observer,
) -> Result<RunSummary, RunError> {
    let start = Instant::now();
    // Before anything is asked: a checkpoint that is not there shall cost nothing.
    let text_tokenizer = recipe::text_tokenizer(settings)?;
    let table = load_prompts(settings)?;
    let job = Job::open(settings, table.prompts.len(), limit.map(|limit| limit as u64))?;
    job.sweep()?;
    let events = EventLog::open(job.folder.path(), observer)
        .map_err(|source| RunError::io(job.folder.path(), source))?;
    let cause = Arc::new(StopCause::new(stop.clone()));
    let _free_disk =
        FreeDisk::watch(job.folder.path(), settings.file.run.min_free_disk_mb, Arc::clone(&cause))?;
    let answers = Arc::new(AnswerStore::open(&job.folder.answers(), &writer_name())?);
    let ledger = answers.ledger()?;
    let damaged_entries = ledger.damaged();
    let purse = Arc::new(Purse::new(ledger, settings.file.run.budget_usd));
    let notices = Notices::default();
    let mut recipe = Recipe::new(settings)?;
    let shared = Shared {
        purse: Some(Arc::clone(&purse)),
        notices: notices.clone(),
        stop: stop.clone(),
        batches: job.folder.answers().join("batches"),
    };
    recipe.teachers.connect(&settings.file, &shared, settings.file.run.replay)?;
    let (retries, rejections) =
        (Retries::load(&job.folder)?, Rejections::new(settings.file.run.max_rejected));
    let run = Run {
        recipe,
        job,
        answers,
        text_tokenizer,
        stop,
        events,
        purse,
        places: Places::new(settings.in_flight()),
        opening: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        retries,
        rejections,
        notices,
        cause,
    };
    run.events.emit(Event::RunStarted {
        job: settings.file.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        prompts: run.job.record.prompts,
        limit: limit.map(|limit| limit as u64),
    });
    if let Some(path) = &run.job.damaged {
        let message = format!("{} had changed since it was written; it was written again", path.display());
        run.events.emit(Event::Warning { message });
    }
    if damaged_entries > 0 {
        let message = format!(
            "{damaged_entries} entries of the ledger in {} are damaged; each counts as spent with the largest sum of \
             any other",
            run.job.folder.answers().display()
        );
        run.events.emit(Event::Warning { message });
    }
    let blank_lines = table.blank_lines;
    let outcome = tokio::select! {
        outcome = run.stages_and_repairs(table, limit) => outcome,
        () = run.shutdown_deadline() => Err(RunError::Interrupted),
        () = run.tell_of_teachers() => Err(RunError::Worker),
    };
    run.tell_notices();
    let outcome = match (run.job.finish_mirror(), outcome) {
        (Err(error), Ok(_) | Err(RunError::Interrupted)) => Err(error),
        (_, outcome) => outcome,
    };
    let outcome = outcome.map_err(|error| match error {
        RunError::Interrupted => run.cause.take().unwrap_or(RunError::Interrupted),
        error => error,
    });
    let (name, detail) = match &outcome {
        Ok(_) => ("done", None),
        Err(RunError::Interrupted) => ("interrupted", None),
        Err(error) => ("failed", Some(error.with_causes())),
    };
    run.events.emit(Event::RunFinished {
        outcome: name.to_owned(),
        detail,
        seconds: start.elapsed().as_secs_f64(),
    });
    let (accounts, release, did_something) = outcome?;
    Ok(RunSummary { accounts, release, did_something, blank_lines, elapsed: start.elapsed() })
}

fn load_prompts(settings: &Settings) -> Result<PromptTable, PromptError> {
    PromptTable::load(&settings.file.prompts, &settings.file.decontaminate, &settings.base)
}

/// A name for this run's segments of the answer store, used by no other run.
fn writer_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:016x}-{}", since.as_nanos() as u64, std::process::id())
}

impl<'a> Deref for Run<'a> {
    type Target = Recipe<'a>;

    fn deref(&self) -> &Recipe<'a> {
        &self.recipe
    }
}

impl Run<'_> {
    /// All stages. A part that is found damaged has lost its record; it is made anew, from the answers that are
    /// kept, and everything else stands.
    async fn stages_and_repairs(
        &self,
        table: PromptTable,
        limit: Option<usize>,
    ) -> Result<(Vec<StageAccount>, ReleaseRecord, bool), RunError> {
        let mut outcome = self.stages(table, limit).await;
        for _ in 0..REPAIRS {
            match outcome {
                Err(RunError::DamagedPart { path }) if !self.stop.is_requested() => {
                    let message =
                        format!("{} has changed since it was written; it is made anew", path.display());
                    self.events.emit(Event::Warning { message });
                }
                outcome => return outcome,
            }
            let table = load_prompts(self.settings)?;
            outcome = self.stages(table, limit).await;
        }
        outcome
    }

    async fn stages(
        &self,
        table: PromptTable,
        limit: Option<usize>,
    ) -> Result<(Vec<StageAccount>, ReleaseRecord, bool), RunError> {
        let (mut accounts, mut did_something) = (Vec::new(), false);
        let mut finished = |done: Done| {
            did_something |= done.did_something;
            accounts.push(done.account);
            done.parts
        };
        finished(prompts::stage::stage(self, &table).await?);
        let sample = table.sample(limit, self.settings.file.seed);
        let wanted = self.wanted(&table, &sample);
        // The prompts stand in their parts, and are read again partition by partition.
        let pictures = table.into_pictures();
        let trajectories = finished(self.trajectories(&wanted, &sample, &pictures).await?);
        let judgements = finished(self.judgements(&trajectories).await?);
        let measures = finished(self.measures(&trajectories).await?);
        let chosen = self.to_be_encoded()?;
        let tokens = finished(self.tokens(&trajectories, chosen.as_ref()).await?);
        let parts = Parts { trajectories, judgements, measures, tokens };
        check_chain(&parts, chosen.as_ref())?;
        let (release, published) = self.release(&parts, &accounts)?;
        accounts.extend([release.account.clone(), release.samples_account.clone()]);
        Ok((accounts, release, did_something || published))
    }

    /// Stops the run for an error; see [`StopCause`].
    pub(crate) fn stop_for(&self, error: RunError) {
        self.cause.stop_for(error);
    }

    /// An error where the run is to stop.
    fn check_stop(&self) -> Result<(), RunError> {
        if self.stop.is_requested() { Err(RunError::Interrupted) } else { Ok(()) }
    }

    /// Opens the answers of a partition, and says where they are damaged.
    pub(crate) async fn open_answers(&self, partition: Partition) -> Result<Arc<PartitionAnswers>, RunError> {
        let store = Arc::clone(&self.answers);
        // The semaphore is never closed.
        let _opening = self.opening.acquire().await.ok();
        // While a partition is opened, the others go on asking.
        let answers = self.blocking(move || Ok(store.partition(partition.index)?)).await?;
        let damaged = answers.found().damaged;
        if damaged > 0 {
            let folder = answers.folder().display();
            let message = format!("{damaged} damaged answers in {folder}; what they answered is asked again");
            self.events.emit(Event::Warning { message });
        }
        Ok(Arc::new(answers))
    }

    /// Passes on what teachers have to say, for as long as the run lasts.
    async fn tell_of_teachers(&self) {
        loop {
            tokio::time::sleep(LOOK_AT_TEACHERS_EVERY).await;
            self.tell_notices();
            self.events.watch_teachers(self.teachers.readings(), self.purse.spent_micro_usd());
        }
    }

    /// What teachers have taken, over all committed parts.
    pub(crate) fn bills(&self) -> Bills {
        let mut bills = Bills::default();
        for (stage, partition) in Stage::ALL
            .into_iter()
            .flat_map(|stage| self.job.partitions().map(move |partition| (stage, partition)))
        {
            // The records were read before; one that cannot be read now is missed here and nowhere else.
            if let Ok(Some(record)) = PartRecord::load(&self.job.folder, stage, partition) {
                bills.add(&record.bills);
            }
        }
        bills
    }

    fn tell_notices(&self) {
        for notice in self.notices.take() {
            self.events.emit(Event::Notice(notice));
        }
    }

    /// Waits for a stop, then for as long as questions under way may take.
    async fn shutdown_deadline(&self) {
        self.stop.requested().await;
        let shutdown_secs = self.settings.file.run.shutdown_secs;
        self.events.emit(Event::Stopping { shutdown_secs });
        tokio::time::sleep(Duration::from_secs(shutdown_secs)).await;
    }

    /// Runs `work` where blocking is allowed.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RunError> + Send + 'static,
    ) -> Result<T, RunError> {
        tokio::task::spawn_blocking(work).await.map_err(|_| RunError::Worker)?
    }
}
