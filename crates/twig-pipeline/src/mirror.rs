//! The job's copy in an object store, `run.mirror`.
//!
//! Stages work in the folder on this machine. A run first takes over what is in the copy and not here. Then every
//! committed part follows, on a thread of its own: the partition's answers, rows, rejected rows, calls, and last
//! its record, on the condition that nobody else has written that meanwhile. At the end go the other answers,
//! `job.json`, the events and what the release was made from; the release itself is uploaded by the caller. Answers
//! of partitions that are still open follow every minute, once there are enough of them: what is added to a file
//! cannot be added to an object, which is sent whole.
//!
//! So a job whose machine is lost goes on at another one. Lost are the last answers of partitions that were open.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use twig_shards::{Remote, RemoteError, RemoteObject, files_below};

use crate::{
    error::RunError,
    job::{JobFolder, JobRecord, Stage},
    partition::Partition,
    retry::RETRIES,
    settings::Settings,
};

/// Folders of a job that are copied, apart from its release.
const FOLDERS: [&str; 4] = ["answers", "stages", "rejected", "calls"];
/// Committed parts that wait to be sent; a run that is faster than its store waits there.
const WAITING: usize = 64;
/// How often answers of open partitions are looked after.
const ANSWERS_EVERY: Duration = Duration::from_mins(1);
/// A file of answers is sent again once it has grown by this part of itself: all times together then send it at most
/// nine times over, and what is lost with a machine is at most this part, or those of a minute.
const GROWN_BY: u64 = 8;

/// The copy of a job, and the thread that sends to it.
#[derive(Debug)]
pub(crate) struct Mirror {
    copy: Arc<Copy>,
    /// `None` once the run is at its end, or the thread has failed.
    parts: Mutex<Option<SyncSender<Vec<String>>>>,
    thread: Mutex<Option<JoinHandle<Result<(), RemoteError>>>>,
    /// Whether a part was committed after the thread had failed.
    is_behind: AtomicBool,
}

impl Mirror {
    /// Takes over what the copy holds and this machine does not, and begins to send. `None` where the job has no
    /// copy. The folder must be locked.
    pub(crate) fn open(settings: &Settings, folder: &JobFolder) -> Result<Option<Self>, RunError> {
        let Some(address) = &settings.file.run.mirror else { return Ok(None) };
        let copy = Copy::open(address, folder.path()).map_err(RunError::Mirror)?;
        copy.check_owner(settings, folder)?;
        copy.take_over().map_err(RunError::Mirror)?;
        let copy = Arc::new(copy);
        let (parts, waiting) = sync_channel::<Vec<String>>(WAITING);
        let sending = Arc::clone(&copy);
        let thread = thread::spawn(move || {
            sending.send_parts()?;
            sending.follow(&waiting)
        });
        let (parts, thread) = (Mutex::new(Some(parts)), Mutex::new(Some(thread)));
        Ok(Some(Self { copy, parts, thread, is_behind: AtomicBool::new(false) }))
    }

    /// Hands over what belongs to a part that was committed; waits where the store is slower than the run. An error is
    /// that of an earlier part.
    pub(crate) fn committed(&self, stage: Stage, partition: Partition) -> Result<(), RunError> {
        let mut names = self.copy.below(&format!("answers/part-{:05}", partition.index));
        names.extend(names_of(stage.as_str(), &partition.file_stem()));
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match parts.map(|parts| parts.send(names)) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => {
                self.is_behind.store(true, Ordering::Relaxed);
                self.end()
            }
        }
    }

    /// Sends the rest: what no commit has taken along.
    pub(crate) fn finish(&self) -> Result<(), RunError> {
        self.end()?;
        if self.is_behind.load(Ordering::Relaxed) {
            self.copy.send_parts().map_err(RunError::Mirror)?;
        }
        self.copy.send_rest().map_err(RunError::Mirror)
    }

    /// Waits until everything handed over is sent.
    fn end(&self) -> Result<(), RunError> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread.map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(sent)) => sent.map_err(RunError::Mirror),
            Some(Err(_)) => Err(RunError::Worker),
        }
    }
}

/// Both sides of the copying.
#[derive(Debug)]
struct Copy {
    remote: Remote,
    folder: PathBuf,
    /// What the store holds, as far as this run knows.
    there: Mutex<BTreeMap<String, RemoteObject>>,
}

impl Copy {
    fn open(address: &str, folder: &Path) -> Result<Self, RemoteError> {
        let remote = Remote::open(address)?;
        let there = remote.list()?.into_iter().map(|object| (object.name.clone(), object)).collect();
        Ok(Self { remote, folder: folder.to_owned(), there: Mutex::new(there) })
    }

    /// The copy must be of the same job, cut into as many partitions.
    fn check_owner(&self, settings: &Settings, folder: &JobFolder) -> Result<(), RunError> {
        let Some(found) = self.remote.read_text("job.json").map_err(RunError::Mirror)? else { return Ok(()) };
        let foreign = |why: String| RunError::foreign(folder.path(), format!("its copy {why}"));
        let record: JobRecord = serde_json::from_str(&found.text)
            .map_err(|error| foreign(format!("has a job.json that cannot be read ({error})")))?;
        if record.name != settings.file.name {
            return Err(foreign(format!("belongs to the job `{}`", record.name)));
        }
        match folder.record()? {
            Some(here) if here.partitions != record.partitions => {
                Err(foreign(format!("has {} partitions in place of {}", record.partitions, here.partitions)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Fetches what is not here, and answers of which more is there. What is here stays: whether it still fits,
    /// fingerprints tell.
    fn take_over(&self) -> Result<(), RemoteError> {
        let there = self.there().clone();
        // A part's record comes after its rows, so that a fetch that breaks off leaves no record without them.
        let (records, others): (Vec<_>, Vec<_>) = there
            .values()
            .filter(|object| is_copied(&object.name))
            .partition(|object| is_record(&object.name));
        for object in others.into_iter().chain(records) {
            let path = self.folder.join(&object.name);
            let here = fs::metadata(&path).map(|found| found.len()).ok();
            if here.is_none_or(|here| is_appended(&object.name) && here < object.size) {
                self.remote.download(&object.name, &path)?;
            }
        }
        Ok(())
    }

    /// Says whose copy it is: without that nobody could take over what follows.
    fn send_owner(&self) -> Result<(), RemoteError> {
        let is_there = self.there().contains_key("job.json");
        if is_there { Ok(()) } else { self.send("job.json") }
    }

    /// Sends committed parts that the store does not have as they are here.
    fn send_parts(&self) -> Result<(), RemoteError> {
        self.send_owner()?;
        for record in self.below("stages").into_iter().filter(|name| is_record(name)) {
            let Some((stage, stem)) = record_parts(&record) else { continue };
            let text = read(&self.folder.join(&record))?;
            let found = self.remote.read_text(&record)?;
            if found.is_some_and(|found| found.text == text) {
                continue;
            }
            for name in names_of(stage, stem) {
                self.send(&name)?;
            }
        }
        Ok(())
    }

    /// Sends what is handed over, and every now and then the answers of partitions that are still open.
    fn follow(&self, parts: &Receiver<Vec<String>>) -> Result<(), RemoteError> {
        let mut looked = Instant::now();
        loop {
            match parts.recv_timeout(ANSWERS_EVERY.saturating_sub(looked.elapsed())) {
                Ok(names) => {
                    self.send_owner()?;
                    names.iter().try_for_each(|name| self.send(name))?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.send_grown_answers()?;
                    looked = Instant::now();
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn send_grown_answers(&self) -> Result<(), RemoteError> {
        self.send_owner()?;
        for name in self.below("answers") {
            let here = fs::metadata(self.folder.join(&name)).map_or(0, |found| found.len());
            let known = self.there().get(&name).map(|object| object.size);
            if known.is_none_or(|known| here >= known + known / GROWN_BY) {
                self.send(&name)?;
            }
        }
        Ok(())
    }

    fn send_rest(&self) -> Result<(), RemoteError> {
        let mut names = self.below("answers");
        names
            .extend(["stages/release.json", "stages/selection.json", "job.json", RETRIES].map(str::to_owned));
        names.extend(self.below("").into_iter().filter(|name| name.starts_with("events")));
        names.iter().try_for_each(|name| self.send(name))
    }

    /// Sends one file, if there is one: records on condition, what only grows where it has grown.
    fn send(&self, name: &str) -> Result<(), RemoteError> {
        let path = self.folder.join(name);
        let Ok(size) = fs::metadata(&path).map(|found| found.len()) else { return Ok(()) };
        if is_record(name) {
            return self.send_record(name, &read(&path)?);
        }
        let known = self.there().get(name).map(|object| object.size);
        if is_appended(name) && known.is_some_and(|known| known >= size) {
            return Ok(());
        }
        self.remote.upload(name, &path)?;
        self.note(name, size, String::new());
        Ok(())
    }

    /// Writes a record, unless it is there already; one that somebody else has written meanwhile is left alone.
    fn send_record(&self, name: &str, text: &str) -> Result<(), RemoteError> {
        let found = self.remote.read_text(name)?;
        if let Some(found) = &found {
            if found.text == text {
                return Ok(());
            }
            let seen = self.there().get(name).map(|object| object.version.clone());
            if seen != Some(found.version()) {
                return Err(RemoteError::Conflict { url: self.remote.url_of(name) });
            }
        }
        let version = self.remote.write_text(name, text, found.as_ref())?;
        self.note(name, text.len() as u64, version);
        Ok(())
    }

    fn note(&self, name: &str, size: u64, version: String) {
        let object = RemoteObject { name: name.to_owned(), size, version };
        self.there().insert(name.to_owned(), object);
    }

    fn there(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, RemoteObject>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of the files in a folder and below it, from the job's folder on.
    fn below(&self, folder: &str) -> Vec<String> {
        // A folder that is not there has no files.
        let names = files_below(&self.folder.join(folder)).unwrap_or_default();
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        names.into_iter().map(|name| format!("{prefix}{name}")).collect()
    }
}

/// The files of a part, its record last.
fn names_of(stage: &str, stem: &str) -> [String; 4] {
    [
        format!("stages/{stage}/{stem}.parquet"),
        format!("rejected/{stage}-{stem}.parquet"),
        format!("calls/{stage}-{stem}.parquet"),
        format!("stages/{stage}/{stem}.json"),
    ]
}

/// Stage and partition of a part's record.
fn record_parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("stages/")?.strip_suffix(".json")?.split_once('/')
}

fn is_record(name: &str) -> bool {
    name == "job.json" || (name.starts_with("stages/") && ending(name) == Some("json"))
}

/// Answers and the ledger are only ever added to.
fn is_appended(name: &str) -> bool {
    name.starts_with("answers/") && ending(name) == Some("seg")
}

fn ending(name: &str) -> Option<&str> {
    Path::new(name).extension()?.to_str()
}

/// Whether a name in the store is that of a file of a job; names are somebody else's and must not lead elsewhere.
fn is_copied(name: &str) -> bool {
    let is_inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let folder = name.split('/').next().unwrap_or_default();
    is_inside && (["job.json", RETRIES].contains(&name) || (FOLDERS.contains(&folder) && name.contains('/')))
}

fn read(path: &Path) -> Result<String, RemoteError> {
    fs::read_to_string(path).map_err(|source: io::Error| {
        twig_shards::ShardError::Io { action: "read", path: path.to_owned(), source }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn copy(store: &Path, folder: &Path) -> Copy {
        Copy::open(&format!("file://{}", store.display()), folder).unwrap()
    }

    #[test]
    fn answers_are_not_sent_before_it_is_said_whose_they_are() {
        let [store, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        write(folder.path(), "answers/part-00000/a.seg", "one answer");
        write(folder.path(), "job.json", "{}");
        copy(store.path(), folder.path()).send_grown_answers().unwrap();
        for name in ["job.json", "answers/part-00000/a.seg"] {
            assert!(store.path().join(name).exists(), "{name}");
        }
    }

    #[test]
    fn what_one_machine_sends_another_takes_over() {
        let [store, one, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let sending = copy(store.path(), one.path());
        for name in names_of("tokens", "part-00000-of-00001") {
            write(one.path(), &name, &name);
        }
        write(one.path(), "answers/part-00000/a.seg", "one answer");
        write(one.path(), "job.json", "{}");
        write(one.path(), "ids/x", "a cache");
        sending.send_parts().unwrap();
        sending.send_rest().unwrap();

        write(other.path(), "answers/part-00000/a.seg", "one");
        write(other.path(), "job.json", "mine");
        copy(store.path(), other.path()).take_over().unwrap();
        let text = |name: &str| fs::read_to_string(other.path().join(name)).unwrap();
        for name in names_of("tokens", "part-00000-of-00001") {
            assert_eq!(text(&name), name);
        }
        assert_eq!(text("answers/part-00000/a.seg"), "one answer", "the longer one");
        assert_eq!(text("job.json"), "mine", "what is here stays");
        assert!(!other.path().join("ids").exists());
    }

    #[test]
    fn answers_of_open_partitions_follow_once_they_have_grown() {
        let [store, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let sending = copy(store.path(), folder.path());
        let name = "answers/part-00000/a.seg";
        for (here, there) in [(80, 80), (89, 80), (90, 90)] {
            write(folder.path(), name, &"x".repeat(here));
            sending.send_grown_answers().unwrap();
            assert_eq!(fs::metadata(store.path().join(name)).unwrap().len(), there);
        }
    }

    #[test]
    fn a_record_that_somebody_else_wrote_is_left_alone() {
        let [store, folder] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let record = "stages/tokens/part-00000-of-00001.json";
        write(store.path(), record, "first");
        let sending = copy(store.path(), folder.path());
        sending.send_record(record, "second").unwrap();
        sending.send_record(record, "third").unwrap();
        write(store.path(), record, "somebody else's, and longer");
        assert!(matches!(sending.send_record(record, "fourth"), Err(RemoteError::Conflict { .. })));
        sending.send_record(record, "somebody else's, and longer").unwrap();
    }

    #[test]
    fn names_of_a_store_do_not_lead_out_of_the_folder() {
        assert!(is_copied("job.json") && is_copied("stages/tokens/part-00000-of-00001.json"));
        for name in ["release/README.md", "../x", "answers/../../x", "/etc/passwd", "stages", "events.jsonl"]
        {
            assert!(!is_copied(name), "{name}");
        }
    }
}
