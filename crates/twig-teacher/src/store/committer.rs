use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::segment::{self, Place};

/// Records that may wait for the disk at once; a further one waits in its caller. Whoever waits holds its record
/// anyway, so that a long queue takes no more memory than a short one.
const QUEUE_LEN: usize = 16_384;
/// Records taken from the queue at a time.
const MAX_BATCH: usize = 1_024;
/// Time in which further records may come along before those that are waited for are written: at least, and at most.
/// A sync has its price, and whoever has waited long for an answer can wait a little longer.
const GATHER: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(100));
/// Where no further record that is waited for comes for so long, or so many have come, waiting on would gain nothing.
const QUIET: Duration = Duration::from_millis(10);
const ENOUGH: usize = 256;
/// Time after which records are written that nobody waits for.
const UNHURRIED_WITHIN: Duration = Duration::from_millis(200);
/// Bytes that are gathered before they are written; longer records go as they are.
const BUFFER_LEN: usize = 256 << 10;

/// The thread that writes: takes whatever records have arrived, appends them, syncs each segment once, and
/// only then tells the callers. Under load one sync serves many answers (group commit).
#[derive(Debug)]
pub(super) struct Committer {
    queue: Option<mpsc::SyncSender<Pending>>,
    thread: Option<JoinHandle<()>>,
}

/// The file of a record that is durable, and its place there.
type Committed = io::Result<(Arc<File>, Place)>;

struct Pending {
    segment: Arc<SegmentWriter>,
    record: Vec<u8>,
    patience: Duration,
    /// Whoever waits for it; nobody where it may become durable later.
    done: Option<oneshot::Sender<Committed>>,
}

impl Committer {
    pub(super) fn start() -> Self {
        let (queue, incoming) = mpsc::sync_channel(QUEUE_LEN);
        let thread = thread::Builder::new()
            .name("answer-store".to_owned())
            .spawn(move || run(&incoming))
            .expect("a thread can be started at the beginning of a run");
        Self { queue: Some(queue), thread: Some(thread) }
    }

    /// Appends `record` to the segment; returns once it is durable. `patience` is how long it may wait for others.
    pub(super) async fn commit(
        &self,
        segment: Arc<SegmentWriter>,
        record: Vec<u8>,
        patience: Duration,
    ) -> Committed {
        let gone = || io::Error::other("the thread that writes answers has ended");
        let (done, durable) = oneshot::channel();
        let mut pending = Pending { segment, record, patience, done: Some(done) };
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        loop {
            match queue.try_send(pending) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(gone()),
                Err(mpsc::TrySendError::Full(returned)) => {
                    pending = returned;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        durable.await.map_err(|_| gone())?
    }
}

impl Committer {
    /// Appends `record` with the next batch; nobody waits for it to be durable. Where the queue is full the caller's
    /// thread waits for the disk.
    pub(super) fn post(&self, segment: Arc<SegmentWriter>, record: Vec<u8>) {
        if let Some(queue) = &self.queue {
            let _ = queue.send(Pending { segment, record, patience: UNHURRIED_WITHIN, done: None });
        }
    }
}

impl Drop for Committer {
    /// Writes what is still queued before it ends.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(incoming: &mpsc::Receiver<Pending>) {
    let mut unhurried = Vec::new();
    loop {
        let mut batch = match incoming.recv_timeout(UNHURRIED_WITHIN) {
            Ok(first) if first.done.is_none() && unhurried.len() < MAX_BATCH => {
                unhurried.push(first);
                continue;
            }
            Ok(first) => gathered(first, incoming, thread::sleep),
            Err(mpsc::RecvTimeoutError::Disconnected) if unhurried.is_empty() => return,
            Err(mpsc::RecvTimeoutError::Disconnected | mpsc::RecvTimeoutError::Timeout) => Vec::new(),
        };
        batch.append(&mut unhurried);
        // Segments of several partitions are open at once; each is synced once a batch.
        while let Some(segment) = batch.first().map(|pending| Arc::clone(&pending.segment)) {
            let (mine, others) =
                batch.into_iter().partition(|pending| Arc::ptr_eq(&pending.segment, &segment));
            batch = others;
            commit_to(&segment, mine);
        }
    }
}

/// A record that somebody waits for, with those that come along in the meantime; the least patient one says how long
/// that is.
fn gathered(
    first: Pending,
    incoming: &mpsc::Receiver<Pending>,
    mut pause: impl FnMut(Duration),
) -> Vec<Pending> {
    let patience = |pending: &Pending| pending.patience.clamp(GATHER.0, GATHER.1);
    let (mut left, mut waited_for) = (patience(&first), 1);
    let mut batch = vec![first];
    while !left.is_zero() && waited_for < ENOUGH {
        let (before, next) = (waited_for, left.min(QUIET));
        pause(next);
        left -= next;
        for pending in incoming.try_iter().take(MAX_BATCH) {
            if pending.done.is_some() {
                waited_for += 1;
                left = left.min(patience(&pending));
            }
            batch.push(pending);
        }
        if waited_for == before {
            break;
        }
    }
    batch
}

fn commit_to(segment: &SegmentWriter, batch: Vec<Pending>) {
    let records: Vec<&[u8]> = batch.iter().map(|pending| pending.record.as_slice()).collect();
    match segment.append(&records) {
        Ok((file, places)) => {
            for (pending, place) in batch.into_iter().zip(places) {
                if let Some(done) = pending.done {
                    let _ = done.send(Ok((Arc::clone(&file), place)));
                }
            }
        }
        Err(error) => {
            for pending in batch {
                if let Some(done) = pending.done {
                    let _ = done.send(Err(io::Error::new(error.kind(), error.to_string())));
                }
            }
        }
    }
}

/// This run's segment of one partition; the file is made when the first answer comes.
#[derive(Debug)]
pub(super) struct SegmentWriter {
    path: PathBuf,
    /// Only the committer's thread writes; the lock is never waited for.
    open: Mutex<Option<OpenSegment>>,
}

#[derive(Debug)]
struct OpenSegment {
    file: Arc<File>,
    len: u64,
}

impl SegmentWriter {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: Mutex::new(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the records and syncs. After a failed write the segment is cut back to where it was, so that
    /// the records which are written next stand behind whole ones.
    fn append(&self, records: &[&[u8]]) -> io::Result<(Arc<File>, Vec<Place>)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let segment = match &mut *open {
            Some(segment) => segment,
            none => none.insert(OpenSegment::create(&self.path)?),
        };
        let mut places = Vec::with_capacity(records.len());
        let mut len = segment.len;
        let mut write = || {
            let expected = records.iter().map(|record| record.len() + segment::FRAME_LEN).sum::<usize>();
            let mut file = io::BufWriter::with_capacity(expected.min(BUFFER_LEN), segment.file.as_ref());
            for record in records {
                let (head, place) = segment::framed(record, len);
                file.write_all(&head)?;
                file.write_all(record)?;
                len = place.end();
                places.push(place);
            }
            file.flush()?;
            segment.file.sync_data()
        };
        if let Err(error) = write() {
            // Best effort: a torn tail is ignored by readers too, but nothing may follow it.
            if segment.file.set_len(segment.len).is_err() {
                *open = None;
            }
            return Err(error);
        }
        segment.len = len;
        Ok((Arc::clone(&segment.file), places))
    }
}

impl OpenSegment {
    fn create(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = OpenOptions::new().read(true).append(true).create_new(true).open(path)?;
        if let Err(error) = file.write_all(segment::MAGIC).and_then(|()| file.sync_all()) {
            // Without its magic it is no segment; the next answer tries again under the same name.
            let _ = fs::remove_file(path);
            return Err(error);
        }
        // The names must survive a power cut too: that of the segment, and that of a new partition's folder.
        File::open(folder)?.sync_all()?;
        if let Some(answers) = folder.parent() {
            File::open(answers)?.sync_all()?;
        }
        Ok(Self { file: Arc::new(file), len: segment::MAGIC.len() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(patience_ms: u64, is_waited_for: bool) -> Pending {
        let done = is_waited_for.then(|| oneshot::channel().0);
        let segment = Arc::new(SegmentWriter::new(PathBuf::new()));
        Pending { segment, record: Vec::new(), patience: Duration::from_millis(patience_ms), done }
    }

    /// Milliseconds that a patient record waits where so many like `other` come in each pause.
    fn waited(in_each_pause: usize, other: fn() -> Pending) -> u128 {
        let (queue, incoming) = mpsc::channel();
        let mut waited = Duration::ZERO;
        let batch = gathered(pending(1_000, true), &incoming, |pause| {
            waited += pause;
            for _ in 0..in_each_pause {
                queue.send(other()).unwrap();
            }
        });
        assert_eq!(incoming.try_iter().count(), 0);
        assert_eq!(batch.len(), 1 + in_each_pause * waited.as_millis().div_ceil(QUIET.as_millis()) as usize);
        waited.as_millis()
    }

    #[test]
    fn a_record_waits_as_long_as_others_come_that_wait_too() {
        assert_eq!(waited(0, || pending(1_000, true)), 10);
        assert_eq!(waited(2, || pending(1_000, false)), 10, "nobody waits for these");
        assert_eq!(waited(2, || pending(1_000, true)), 100);
        assert_eq!(waited(2, || pending(5, true)), 15, "others have less patience");
        assert_eq!(waited(100, || pending(1_000, true)), 30, "enough");
    }
}
