//! What happened in a run: one JSON object a line in `events.jsonl`, and the same for whoever watches.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twig_shards::StageAccount;
use twig_teacher::{Notice, Reading};

/// A file of events is put aside as `events-1.jsonl`, … when it has grown to this many bytes.
const ROTATE_BYTES: u64 = 256 << 20;

/// How often it is written down what teachers are doing.
const WRITE_TEACHERS_EVERY: Duration = Duration::from_mins(1);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began.
    RunStarted {
        /// Name of the job.
        job: String,
        /// Version of the program.
        version: String,
        /// Prompts of this run.
        prompts: u64,
        /// The pilot's limit, if there is one.
        limit: Option<u64>,
    },
    /// A stage began.
    StageStarted {
        /// Name of the stage.
        stage: String,
        /// Partitions in all.
        partitions: u32,
        /// Partitions that stand from an earlier run and are skipped.
        skipped: u32,
        /// Rows that the other partitions take in.
        rows: u64,
    },
    /// Rows went through; for watching only, never written to the file.
    #[serde(skip)]
    Progress {
        /// Rows finished since the last such event.
        rows: u64,
    },
    /// A partition of a stage was committed.
    PartCommitted {
        /// Name of the stage.
        stage: String,
        /// Which partition.
        partition: u32,
        /// Rows taken in.
        rows_in: u64,
        /// Rows given out.
        rows_out: u64,
        /// Rows rejected, by reason.
        rejected: BTreeMap<String, u64>,
        /// Questions asked of teachers, by role; answers from the store do not count.
        asked: BTreeMap<String, u64>,
        /// Seconds it took.
        seconds: f64,
    },
    /// A stage ended.
    StageFinished {
        /// Name of the stage.
        stage: String,
        /// Rows taken in, over all partitions.
        rows_in: u64,
        /// Rows given out.
        rows_out: u64,
        /// Rows rejected, by reason.
        rejected: BTreeMap<String, u64>,
        /// Seconds it took in this run.
        seconds: f64,
    },
    /// What teachers behind a network are doing, and who waits; shown all the time, written once a minute.
    Teachers {
        /// By name.
        readings: BTreeMap<String, Reading>,
        /// Dollars spent over all runs, in millionths.
        spent_micro_usd: u64,
    },
    /// Something the user should know.
    Warning {
        /// In words.
        message: String,
    },
    /// The run was asked to stop.
    Stopping {
        /// Seconds that questions under way have left.
        shutdown_secs: u64,
    },
    /// The run ended.
    RunFinished {
        /// `done`, `interrupted` or `failed`.
        outcome: String,
        /// In words, where it failed.
        detail: Option<String>,
        /// Seconds it took.
        seconds: f64,
    },
    /// A teacher behind a network has something to tell.
    #[serde(untagged)]
    Notice(Notice),
}

impl Event {
    /// The event of a stage that has ended.
    pub(crate) fn finished(account: &StageAccount, took: Duration) -> Self {
        Self::StageFinished {
            stage: account.stage.clone(),
            rows_in: account.rows_in,
            rows_out: account.rows_out,
            rejected: account.rejected.iter().map(|(reason, count)| (reason.to_string(), *count)).collect(),
            seconds: took.as_secs_f64(),
        }
    }
}

/// An event as it stands in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventLine {
    /// Milliseconds since 1970, UTC.
    pub unix_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Somebody who watches a run: a progress bar, a log, a test.
pub trait Observer: Send + Sync {
    /// Called for every event, from any thread; must not block for long.
    fn observe(&self, event: &Event);
}

/// Writes events to the job's file and passes them on to the observer.
pub(crate) struct EventLog<'a> {
    path: PathBuf,
    /// One line is written at a time; lines are short.
    file: Mutex<File>,
    /// When it was written down last what teachers are doing.
    teachers_written: Mutex<Instant>,
    observer: &'a dyn Observer,
}

impl<'a> EventLog<'a> {
    /// Opens `events.jsonl` in the job's folder for appending.
    pub(crate) fn open(folder: &Path, observer: &'a dyn Observer) -> io::Result<Self> {
        let path = folder.join("events.jsonl");
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        // A kill may have torn the last line; the next event begins a new one.
        if fs::read(&path)?.last().is_some_and(|byte| *byte != b'\n') {
            file.write_all(b"\n")?;
        }
        Ok(Self { path, file: Mutex::new(file), teachers_written: Mutex::new(Instant::now()), observer })
    }

    /// Records an event. Events are a convenience: where the disk is full they are lost, and the run's own
    /// writes tell the user.
    pub(crate) fn emit(&self, event: Event) {
        self.observer.observe(&event);
        match event {
            Event::Progress { .. } => {}
            event => self.write(event),
        }
    }

    fn write(&self, event: Event) {
        let unix_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        if let Ok(mut line) = serde_json::to_vec(&EventLine { unix_ms, event }) {
            line.push(b'\n');
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let written = file.write_all(&line).and_then(|()| self.rotate_if_large(&mut file));
            drop(file);
            if let Err(error) = written {
                let message = format!("cannot write {}: {error}", self.path.display());
                self.observer.observe(&Event::Warning { message });
            }
        }
    }

    /// Tells the observer that rows went through.
    pub(crate) fn progress(&self, rows: u64) {
        self.observer.observe(&Event::Progress { rows });
    }

    /// Tells the observer what teachers are doing, and writes it down now and then.
    pub(crate) fn watch_teachers(&self, readings: BTreeMap<String, Reading>, spent_micro_usd: u64) {
        if readings.is_empty() {
            return;
        }
        let event = Event::Teachers { readings, spent_micro_usd };
        self.observer.observe(&event);
        let is_due = {
            let mut written = self.teachers_written.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = written.elapsed() >= WRITE_TEACHERS_EVERY;
            if is_due {
                *written = Instant::now();
            }
            is_due
        };
        if is_due {
            self.write(event);
        }
    }

    fn rotate_if_large(&self, file: &mut File) -> io::Result<()> {
        if file.metadata()?.len() < ROTATE_BYTES {
            return Ok(());
        }
        let aside = (1..100_000)
            .map(|number| self.path.with_file_name(format!("events-{number}.jsonl")))
            .find(|path| !path.exists())
            .ok_or_else(|| io::Error::other("no free name"))?;
        fs::rename(&self.path, aside)?;
        *file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        Ok(())
    }
}

/// The last events of a job, oldest first; a torn last line is ignored.
pub(crate) fn last_events(folder: &Path, most: usize) -> Vec<EventLine> {
    let Ok(text) = fs::read_to_string(folder.join("events.jsonl")) else { return Vec::new() };
    let mut events: Vec<EventLine> =
        text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()).take(most).collect();
    events.reverse();
    events
}

/// How often another model has answered than before, over all runs of the job.
pub(crate) fn model_changes(folder: &Path) -> u64 {
    let files = std::iter::once(folder.join("events.jsonl")).chain(
        (1..).map(|number| folder.join(format!("events-{number}.jsonl"))).take_while(|path| path.exists()),
    );
    let changes = |path: PathBuf| {
        let lines = io::BufRead::lines(io::BufReader::new(File::open(path).ok()?));
        let is_change = |line: &String| {
            // Most lines are other events and need not be parsed.
            line.contains("model_changed")
                && serde_json::from_str::<EventLine>(line)
                    .is_ok_and(|line| matches!(line.event, Event::Notice(Notice::ModelChanged { .. })))
        };
        Some(lines.map_while(Result::ok).filter(is_change).count() as u64)
    };
    files.filter_map(changes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Observer for Nobody {
        fn observe(&self, _: &Event) {}
    }

    #[test]
    fn notices_of_teachers_stand_among_the_events_and_changes_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::open(folder.path(), &Nobody).unwrap();
        let changed = |to: &str| {
            let (teacher, from, to) = ("t".to_owned(), "m-1".to_owned(), to.to_owned());
            Event::Notice(Notice::ModelChanged { teacher, from, to })
        };
        log.emit(changed("m-2"));
        log.emit(Event::Warning { message: "no model_changed here".to_owned() });
        fs::rename(folder.path().join("events.jsonl"), folder.path().join("events-1.jsonl")).unwrap();
        let log = EventLog::open(folder.path(), &Nobody).unwrap();
        log.emit(changed("m-3"));
        assert_eq!(model_changes(folder.path()), 2);
        let text = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
        assert!(text.contains(r#""event":"model_changed","teacher":"t","from":"m-1","to":"m-3""#), "{text}");
        assert_eq!(last_events(folder.path(), 5)[0].event, changed("m-3"));
    }

    #[test]
    fn what_teachers_are_doing_is_written_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::open(folder.path(), &Nobody).unwrap();
        let written = || last_events(folder.path(), 9).len();
        let watch = || log.watch_teachers(BTreeMap::from([("t".to_owned(), Reading::default())]), 5);
        watch();
        assert_eq!(written(), 0);
        for _ in 0..2 {
            *log.teachers_written.lock().unwrap() -= WRITE_TEACHERS_EVERY;
            watch();
            watch();
        }
        assert_eq!(written(), 2);
        assert!(matches!(
            &last_events(folder.path(), 1)[0].event,
            Event::Teachers { spent_micro_usd: 5, .. }
        ));
    }
}
