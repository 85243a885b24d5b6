use std::{
    collections::HashMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use twig_model::{AnswerKey, AskError, Reply};

use super::{
    StoreError, StoreStats,
    committer::{Committer, SegmentWriter},
    record,
    segment::{self, Place},
};

/// The part of the time an answer took that it may wait for others to become durable with it.
const PATIENCE: u32 = 3;

/// The answers of one open partition: an index in memory over the segments of all writers.
#[derive(Debug)]
pub struct PartitionAnswers {
    folder: PathBuf,
    /// Short critical sections only: one look-up or one insert, no file access.
    index: Mutex<Index>,
    /// Answers of other jobs; the partition's own come first.
    imported: Arc<Index>,
    found: StoreStats,
    writer: Arc<SegmentWriter>,
    committer: Arc<Committer>,
}

impl PartitionAnswers {
    pub(super) fn open(
        folder: PathBuf,
        segment: &str,
        imported: Arc<Index>,
        committer: Arc<Committer>,
    ) -> Result<Self, StoreError> {
        remove_unfinished(&folder)?;
        let (index, found) = read_index(&folder)?;
        let writer = Arc::new(SegmentWriter::new(folder.join(segment)));
        Ok(Self { folder, index: Mutex::new(index), imported, found, writer, committer })
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What was found when the partition was opened.
    pub fn found(&self) -> StoreStats {
        self.found
    }

    /// The stored answer to a question, if there is a sound one.
    pub fn get(&self, key: &AnswerKey) -> Result<Option<Reply>, AskError> {
        let place = self.index.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let place = place.or_else(|| self.imported.get(key).cloned());
        let Some((file, place)) = place else { return Ok(None) };
        let record = segment::read(&file, place)
            .map_err(|source| AskError::Store { path: self.folder.display().to_string(), source })?;
        Ok(record.as_deref().and_then(record::from_bytes))
    }

    /// Makes an answer durable, then hands it out. Answers that arrive together share one `fsync`.
    pub async fn put(&self, key: AnswerKey, mut reply: Reply) -> Result<Reply, AskError> {
        let store_error = |source| AskError::Store { path: self.writer.path().display().to_string(), source };
        let record = record::to_bytes(&key, &reply).map_err(|error| store_error(error.into()))?;
        let patience = Duration::from_millis(reply.usage.latency_ms) / PATIENCE;
        let committed = self.committer.commit(Arc::clone(&self.writer), record, patience).await;
        let (file, place) = committed.map_err(store_error)?;
        self.index.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), (file, place));
        reply.key = Some(key);
        Ok(reply)
    }
}

/// Where answers stand, by their keys.
pub(super) type Index = HashMap<AnswerKey, (Arc<File>, Place)>;

/// Reads the index of all segments in a folder.
pub(super) fn read_index(folder: &Path) -> Result<(Index, StoreStats), StoreError> {
    let mut index = Index::new();
    let mut found = StoreStats::default();
    for path in segments(folder)? {
        let file = File::open(&path).map_err(|source| StoreError::Io { path: path.clone(), source })?;
        let file = Arc::new(file);
        found.add(segment::scan(&path, &file, |key, place| {
            // The first answer to a question stays the answer, whichever run wrote a second one.
            index.entry(key).or_insert_with(|| (Arc::clone(&file), place));
        })?);
    }
    Ok((index, found))
}

/// Takes away what a killed import or clean-up left half-written.
pub(super) fn remove_unfinished(folder: &Path) -> Result<(), StoreError> {
    for path in with_ending(folder, "tmp")? {
        fs::remove_file(&path).map_err(|source| StoreError::Io { path: path.clone(), source })?;
    }
    Ok(())
}

/// The segments in a partition's folder, by name, so that every run sees them in the same order.
pub(super) fn segments(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    with_ending(folder, "seg")
}

fn with_ending(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, StoreError> {
    let io_error = |source| StoreError::Io { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(io_error)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error)?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{AnswerStore, answer_key, recorded::tests::text_reply, recorded::tests::think_request};
    use twig_model::Answer;

    fn key(prompt: &str) -> AnswerKey {
        answer_key("stub", &think_request(prompt))
    }

    async fn written(folder: &Path, writer: &str, prompts: &[&str]) -> PathBuf {
        let store = AnswerStore::open(folder, writer).unwrap();
        let answers = store.partition(0).unwrap();
        for prompt in prompts {
            answers.put(key(prompt), text_reply(&format!("{writer}: {prompt}"))).await.unwrap();
        }
        folder.join(format!("part-00000/{writer}-0.seg"))
    }

    fn reopened(folder: &Path) -> PartitionAnswers {
        AnswerStore::open(folder, "reader").unwrap().partition(0).unwrap()
    }

    fn text(answers: &PartitionAnswers, prompt: &str) -> Option<String> {
        match answers.get(&key(prompt)).unwrap()?.answer {
            Answer::Text(text) => Some(text),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn segments_of_several_writers_are_one_store_and_the_first_answer_stays() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), "b", &["dog", "cat"]).await;
        written(folder.path(), "a", &["cat", "owl"]).await;
        let answers = reopened(folder.path());
        assert_eq!(text(&answers, "cat").unwrap(), "a: cat");
        assert_eq!(text(&answers, "dog").unwrap(), "b: dog");
        assert_eq!(answers.found().answers, 4);
    }

    #[tokio::test]
    async fn a_partition_can_be_opened_and_written_twice_in_one_run() {
        let folder = tempfile::tempdir().unwrap();
        let store = AnswerStore::open(folder.path(), "w").unwrap();
        for prompt in ["cat", "dog"] {
            let answers = store.partition(0).unwrap();
            answers.put(key(prompt), text_reply(prompt)).await.unwrap();
        }
        let answers = reopened(folder.path());
        assert_eq!(
            (text(&answers, "cat").as_deref(), text(&answers, "dog").as_deref()),
            (Some("cat"), Some("dog"))
        );
    }

    #[tokio::test]
    async fn a_tail_torn_at_any_byte_costs_the_last_answer_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "w", &["cat", "dog"]).await;
        let bytes = fs::read(&path).unwrap();
        let first_two_thirds = bytes.len() - (bytes.len() - segment::MAGIC.len()) / 2;
        for end in first_two_thirds..bytes.len() {
            fs::write(&path, &bytes[..end]).unwrap();
            let answers = reopened(folder.path());
            assert_eq!(text(&answers, "cat").as_deref(), Some("w: cat"));
            assert_eq!(text(&answers, "dog"), None, "torn at byte {end}");
            assert_eq!(answers.found().damaged, 0);
        }
    }

    #[tokio::test]
    async fn a_flipped_byte_is_noticed_and_the_answers_round_it_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "w", &["cat", "dog", "owl"]).await;
        let sound = fs::read(&path).unwrap();
        let record_len = (sound.len() - segment::MAGIC.len()) / 3;
        let begin = segment::MAGIC.len() + record_len;
        for position in begin..begin + record_len {
            let mut bytes = sound.clone();
            bytes[position] ^= 1;
            fs::write(&path, bytes).unwrap();
            let answers = reopened(folder.path());
            assert_eq!((answers.found().answers, answers.found().damaged), (2, 1), "byte {position}");
            assert_eq!(text(&answers, "dog"), None);
            assert_eq!(text(&answers, "owl").as_deref(), Some("w: owl"));
        }
    }

    #[tokio::test]
    async fn a_foreign_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "w", &["cat"]).await;
        File::create(&path).unwrap().write_all(b"PAR1 and something else").unwrap();
        let error = AnswerStore::open(folder.path(), "r").unwrap().partition(0).unwrap_err();
        assert!(matches!(error, StoreError::NotASegment { path: named } if named == path));
    }
}
