//! What is written down about a batch, so that a later run finds it again at the server.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Expected;

/// A batch that was sent, or is about to be: `answers/batches/<name>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BatchRecord {
    /// Our own name for it, which the server is given as metadata: a kill between sending and writing down the
    /// server's name loses nothing.
    pub(super) name: String,
    /// Whose batch.
    pub(super) identity: String,
    /// The door that its questions go to.
    pub(super) endpoint: String,
    /// The server's name, once it has given one.
    pub(super) batch_id: Option<String>,
    pub(super) questions: Vec<Question>,
}

/// A question in a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Question {
    /// The key of its answer, which is also its id in the batch.
    pub(super) key: String,
    /// What was put aside for it, in the ledger of which run, under which number.
    pub(super) reserved: Option<Reserved>,
}

/// Where the ledger has a reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserved {
    pub(crate) writer: String,
    pub(crate) call: u64,
    pub(crate) micro_usd: u64,
}

impl BatchRecord {
    /// Writes the record, and its hash behind it, so that a kill leaves the old one or the new one.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        if !folder.exists() {
            fs::create_dir_all(folder)?;
            File::open(folder.parent().unwrap_or(Path::new(".")))?.sync_all()?;
        }
        let path = self.path(folder);
        let unfinished = path.with_extension("tmp");
        let mut file = File::create(&unfinished)?;
        let json = serde_json::to_vec(self)?;
        file.write_all(&json)?;
        write!(file, "\n{}", blake3::hash(&json))?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        File::open(folder)?.sync_all()
    }

    /// Removes the record, and the answers that were fetched.
    pub(super) fn forget(&self, folder: &Path) -> io::Result<()> {
        match fs::remove_file(self.answers(folder)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_file(self.path(folder))
    }

    /// Its questions by key, as what is expected of it.
    pub(super) fn expected(&self) -> impl Iterator<Item = (String, Expected)> {
        self.questions.iter().map(|question| {
            let expected = Expected { batch: self.name.clone(), reserved: question.reserved.clone() };
            (question.key.clone(), expected)
        })
    }

    /// Where its answers are put when they are fetched.
    pub(super) fn answers(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.jsonl", self.name))
    }

    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.json", self.name))
    }

    /// Reads what [`BatchRecord::save`] has written.
    fn load(path: &Path) -> io::Result<Self> {
        let bytes = fs::read(path)?;
        let (json, hash) = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or((&bytes[..], &[][..]), |end| (&bytes[..end], &bytes[end + 1..]));
        let is_sound = hash == blake3::hash(json).to_hex().as_bytes();
        is_sound.then(|| serde_json::from_slice(json).ok()).flatten().ok_or_else(|| {
            let what = format!(
                "{} has changed since it was written: the questions of that batch are sent again",
                path.display()
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }
}

/// The batches of a teacher that earlier runs have left; and what is to be told of records that cannot be read.
pub(super) fn left_by_earlier_runs(
    folder: &Path,
    identity: &str,
) -> io::Result<(Vec<BatchRecord>, Vec<io::Error>)> {
    let (mut records, mut unreadable) = (Vec::new(), Vec::new());
    for path in paths(folder, "json")? {
        match BatchRecord::load(&path) {
            Ok(record) if record.identity == identity => records.push(record),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => unreadable.push(error),
            Err(error) => return Err(error),
        }
    }
    Ok((records, unreadable))
}

/// Forgets what was answered and is durable, `is_stored` by its key: a kill may have come between the two.
pub(crate) fn forget_answered(folder: &Path, is_stored: impl Fn(&str) -> bool) -> io::Result<()> {
    for mut record in fetched(folder)? {
        let before = record.questions.len();
        record.questions.retain(|question| !is_stored(&question.key));
        match record.questions.len() {
            0 => record.forget(folder)?,
            left if left < before => record.save(folder)?,
            _ => {}
        }
    }
    Ok(())
}

/// The keys of the questions whose answers were fetched, and may be durable.
pub(crate) fn fetched_keys(folder: &Path) -> io::Result<HashSet<String>> {
    let questions = fetched(folder)?.into_iter().flat_map(|record| record.questions);
    Ok(questions.map(|question| question.key).collect())
}

/// The batches in a folder whose answers were fetched, perhaps in part.
fn fetched(folder: &Path) -> io::Result<Vec<BatchRecord>> {
    let records = paths(folder, "json")?.into_iter().filter_map(|path| BatchRecord::load(&path).ok());
    Ok(records.filter(|record| record.answers(folder).exists()).collect())
}

/// The records in a folder that cannot be read.
pub(crate) fn damaged(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_damaged = |path: &PathBuf| {
        BatchRecord::load(path).is_err_and(|error| error.kind() == io::ErrorKind::InvalidData)
    };
    Ok(paths(folder, "json")?.into_iter().filter(is_damaged).collect())
}

/// Removes fetched answers whose record somebody has removed.
pub(crate) fn remove_orphans(folder: &Path) -> io::Result<()> {
    let answers = paths(folder, "jsonl")?.into_iter();
    answers.filter(|path| !path.with_extension("json").exists()).try_for_each(fs::remove_file)
}

/// The files in a folder with this ending: of records the oldest first.
fn paths(folder: &Path, wanted: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    let mut records: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == wanted)).collect();
    records.sort();
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_again_by_its_teacher() {
        let folder = tempfile::tempdir().unwrap();
        let reserved = Reserved { writer: "w".to_owned(), call: 3, micro_usd: 40 };
        let record = BatchRecord {
            name: "b-1".to_owned(),
            identity: "openai/1 host m {}".to_owned(),
            endpoint: "/v1/chat/completions".to_owned(),
            batch_id: None,
            questions: vec![
                Question { key: "ab".to_owned(), reserved: Some(reserved) },
                Question { key: "cd".to_owned(), reserved: None },
            ],
        };
        record.save(folder.path()).unwrap();
        let left = |identity: &str| left_by_earlier_runs(folder.path(), identity).unwrap();
        assert_eq!(left(&record.identity).0, std::slice::from_ref(&record));
        assert_eq!(left("somebody else").0, []);
        let path = record.path(folder.path());
        let sound = fs::read_to_string(&path).unwrap();
        fs::write(&path, sound.replace("\"ab\"", "\"ac\"")).unwrap();
        let (records, unreadable) = left(&record.identity);
        assert_eq!(records, []);
        assert_eq!(damaged(folder.path()).unwrap(), std::slice::from_ref(&path));
        let error = unreadable[0].to_string();
        assert!(error.contains("b-1.json has changed since it was written"), "{error}");
        fs::write(&path, sound).unwrap();
        assert_eq!(fetched_keys(folder.path()).unwrap(), HashSet::new());
        fs::write(record.answers(folder.path()), "").unwrap();
        let all = fetched_keys(folder.path()).unwrap();
        assert_eq!(all, HashSet::from(["ab".to_owned(), "cd".to_owned()]));
        forget_answered(folder.path(), |key| key == "cd").unwrap();
        assert_eq!(left(&record.identity).0[0].questions, record.questions[..1]);
        forget_answered(folder.path(), |key| key == "ab").unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
