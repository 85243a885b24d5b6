//! Looking after a store while no run is going on: counting, copying out and in, and cleaning up.

use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use twig_model::{Answer, AnswerKey};

use super::{
    AnswerStore, BATCHES, IMPORTED, LEDGER, StoreError, StoreStats, ledger,
    partition::segments,
    record,
    segment::{self, Place},
};
use crate::batched;

/// What a store holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoreReport {
    /// Answers that can be used, second answers to the same question included.
    pub answers: u64,
    /// Of them texts.
    pub texts: u64,
    /// Of them pictures.
    pub pictures: u64,
    /// Of them questions that were declined.
    pub declined: u64,
    /// Answers by the model that gave them.
    pub models: BTreeMap<String, u64>,
    /// Second answers to the same question, which are never used.
    pub duplicates: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes of torn records at the ends of segments, left by kills; harmless.
    pub torn_bytes: u64,
    /// Segments with damaged records, and how many; what they answered is asked again.
    pub damaged: BTreeMap<PathBuf, u64>,
    /// Segments of the ledger with damaged entries, and how many; each counts as spent with the largest sum.
    pub damaged_ledger: BTreeMap<PathBuf, u64>,
    /// Damaged records of batches; the questions of those are sent again.
    pub damaged_batches: Vec<PathBuf>,
    /// Spent over all runs in US dollars, calls that were cut off at their reservation.
    pub spent_usd: f64,
}

impl AnswerStore {
    /// Counts what the store in `folder` holds.
    pub fn look(folder: &Path) -> Result<StoreReport, StoreError> {
        let mut report = StoreReport::default();
        let mut seen = HashSet::new();
        for path in all_segments(folder)? {
            report.bytes += fs::metadata(&path).map_err(|source| io_error(&path, source))?.len();
            let stats = walk(&path, |key, bytes, _| {
                let Some(reply) = record::from_bytes(bytes) else { return Ok(()) };
                match reply.answer {
                    Answer::Text(_) => report.texts += 1,
                    Answer::Picture(_) => report.pictures += 1,
                    Answer::Declined(_) => report.declined += 1,
                }
                *report.models.entry(reply.model).or_insert(0) += 1;
                report.duplicates += u64::from(!seen.insert(key));
                Ok(())
            })?;
            report.answers += stats.answers;
            report.torn_bytes += stats.torn_bytes;
            if stats.damaged > 0 {
                report.damaged.insert(path, stats.damaged);
            }
        }
        let (spent_micro_usd, damaged_ledger) = ledger::look(&folder.join(LEDGER))?;
        report.spent_usd = spent_micro_usd as f64 / 1e6;
        report.damaged_ledger = damaged_ledger;
        report.damaged_batches = damaged_batches(folder)?;
        Ok(report)
    }

    /// Writes the answers of the store in `folder` into one file; returns how many. Pictures are copied as they
    /// came.
    pub fn export(folder: &Path, file: &Path) -> Result<u64, StoreError> {
        let mut seen = HashSet::new();
        written(file, |out| {
            let mut count = 0;
            for path in all_segments(folder)? {
                walk(&path, |key, bytes, _| {
                    if seen.insert(key) {
                        count += 1;
                        out.write_all(&segment::frame(bytes))?;
                    }
                    Ok(())
                })?;
            }
            Ok(count)
        })
    }

    /// Takes over the answers in a file that [`AnswerStore::export`] wrote; returns how many. They answer
    /// whatever partition asks.
    pub fn import(folder: &Path, file: &Path) -> Result<u64, StoreError> {
        let imported = folder.join(IMPORTED);
        fs::create_dir_all(&imported).map_err(|source| io_error(&imported, source))?;
        let number = segments(&imported)?.len();
        let to = imported.join(format!("{number:05}.seg"));
        written(&to, |out| {
            let mut count = 0;
            walk(file, |_, bytes, _| {
                count += 1;
                out.write_all(&segment::frame(bytes))
            })?;
            Ok(count)
        })
    }

    /// Rewrites every partition with more than one segment, damage or a torn end into one sound segment, and what is
    /// damaged of the ledger, and removes damaged records of batches; returns the bytes that this freed. No run may be
    /// going on.
    pub fn prune(folder: &Path) -> Result<u64, StoreError> {
        ledger::mend(&folder.join(LEDGER))?;
        for path in damaged_batches(folder)? {
            fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
        }
        let size = |paths: &[PathBuf]| -> u64 {
            paths.iter().filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
        };
        let before = size(&all_segments(folder)?);
        for partition in partitions(folder)? {
            let paths = segments(&partition)?;
            let mut sound = paths.len() <= 1;
            for path in &paths {
                let stats = walk(path, |_, _, _| Ok(()))?;
                sound &= stats.damaged == 0 && stats.torn_bytes == 0;
            }
            if sound {
                continue;
            }
            let mut seen = HashSet::new();
            // The name comes before those of runs, so that its answers stay the first ones. A kill before the
            // others are removed leaves second answers, which are never used.
            let generation = paths.iter().filter(|path| is_pruned(path)).count();
            let to = partition.join(format!("0-pruned-{generation}.seg"));
            written(&to, |out| {
                for path in &paths {
                    walk(path, |key, bytes, _| {
                        if seen.insert(key) { out.write_all(&segment::frame(bytes)) } else { Ok(()) }
                    })?;
                }
                Ok(())
            })?;
            for path in paths {
                fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
            }
        }
        Ok(before.saturating_sub(size(&all_segments(folder)?)))
    }
}

fn is_pruned(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("0-pruned-"))
}

/// Writes a segment as a whole or not at all.
pub(super) fn written<T>(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let unfinished = path.with_extension("tmp");
    let io = |source| io_error(&unfinished, source);
    let mut out = BufWriter::new(File::create(&unfinished).map_err(io)?);
    out.write_all(segment::MAGIC).map_err(io)?;
    let result = fill(&mut out)?;
    let file = out.into_inner().map_err(|error| io(error.into_error()))?;
    file.sync_all().map_err(io)?;
    fs::rename(&unfinished, path).map_err(|source| io_error(path, source))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| io_error(folder, source))?;
    Ok(result)
}

/// Walks the sound answers of a segment.
fn walk(
    path: &Path,
    mut found: impl FnMut(AnswerKey, &[u8], Place) -> io::Result<()>,
) -> Result<StoreStats, StoreError> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    let mut failure = None;
    let stats = segment::records(path, &file, |bytes, place| match record::key_of(bytes) {
        Some(key) => {
            if failure.is_none() {
                failure = found(key, bytes, place).err();
            }
            true
        }
        None => false,
    })?;
    failure.map_or(Ok(stats), |source| Err(io_error(path, source)))
}

/// The folders of partitions, and that of imported answers, in order.
fn partitions(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| io_error(folder, source))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| io_error(folder, source))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("part-") || name == IMPORTED {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn all_segments(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut paths = Vec::new();
    for partition in partitions(folder)? {
        paths.extend(segments(&partition)?);
    }
    Ok(paths)
}

fn damaged_batches(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let folder = folder.join(BATCHES);
    batched::damaged(&folder).map_err(|source| io_error(&folder, source))
}

/// Forgets batches whose answers are in the store, which a kill may have left. Reads the whole store where answers of
/// batches were fetched, and nothing where there are none.
pub(super) fn forget_answered_batches(folder: &Path) -> Result<(), StoreError> {
    let batches = folder.join(BATCHES);
    let io = |source| io_error(&batches, source);
    batched::remove_orphans(&batches).map_err(io)?;
    let asked = batched::fetched_keys(&batches).map_err(io)?;
    if asked.is_empty() {
        return Ok(());
    }
    let mut stored = HashSet::new();
    for path in all_segments(folder)? {
        walk(&path, |key, _, _| {
            if asked.contains(&key.0) {
                stored.insert(key.0);
            }
            Ok(())
        })?;
    }
    batched::forget_answered(&batches, |key| stored.contains(key)).map_err(io)
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{answer_key, recorded::tests::text_reply, recorded::tests::think_request};

    async fn written_by(folder: &Path, writer: &str, prompts: &[&str]) {
        let store = AnswerStore::open(folder, writer).unwrap();
        let answers = store.partition(0).unwrap();
        for prompt in prompts {
            let key = answer_key("stub", &think_request(prompt));
            answers.put(key, text_reply(&format!("{writer}: {prompt}"))).await.unwrap();
        }
    }

    fn answer(folder: &Path, partition: u32, prompt: &str) -> Option<String> {
        let answers = AnswerStore::open(folder, "r").unwrap().partition(partition).unwrap();
        match answers.get(&answer_key("stub", &think_request(prompt))).unwrap()?.answer {
            Answer::Text(text) => Some(text),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_store_is_pruned_without_losing_an_answer() {
        let folder = tempfile::tempdir().unwrap();
        written_by(folder.path(), "a", &["cat", "dog"]).await;
        written_by(folder.path(), "b", &["cat", "owl"]).await;
        let torn = folder.path().join("part-00000/b-0.seg");
        let mut bytes = fs::read(&torn).unwrap();
        bytes.extend(b"torn");
        fs::write(&torn, bytes).unwrap();
        let report = AnswerStore::look(folder.path()).unwrap();
        assert_eq!((report.answers, report.duplicates, report.torn_bytes), (4, 1, 4));
        assert_eq!((report.texts, report.models["stub-1"]), (4, 4));
        assert!(AnswerStore::prune(folder.path()).unwrap() > 0);
        let report = AnswerStore::look(folder.path()).unwrap();
        assert_eq!((report.answers, report.duplicates, report.torn_bytes), (3, 0, 0));
        assert_eq!(answer(folder.path(), 0, "cat").unwrap(), "a: cat");
        assert_eq!(answer(folder.path(), 0, "owl").unwrap(), "b: owl");
        assert_eq!(AnswerStore::prune(folder.path()).unwrap(), 0, "a second time there is nothing to do");
    }

    #[tokio::test]
    async fn answers_go_from_one_job_to_another_whatever_their_partitions() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        written_by(from.path(), "a", &["cat", "dog"]).await;
        let file = to.path().join("answers.bin");
        assert_eq!(AnswerStore::export(from.path(), &file).unwrap(), 2);
        let store = to.path().join("answers");
        assert_eq!(AnswerStore::import(&store, &file).unwrap(), 2);
        assert_eq!(answer(&store, 17, "dog").unwrap(), "a: dog");
        assert_eq!(answer(&store, 17, "owl"), None);
        fs::write(&file, b"PAR1 something else").unwrap();
        assert!(matches!(AnswerStore::import(&store, &file), Err(StoreError::NotASegment { .. })));
    }
}
