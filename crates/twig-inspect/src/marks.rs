use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::InspectError;

/// Whether a row is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It goes.
    Drop,
}

impl Verdict {
    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Drop => "drop",
        }
    }
}

/// What somebody who looked at a trajectory left behind: one line of the file of marks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Id of the trajectory.
    pub id: String,
    /// Keep, drop, or no word on that.
    pub mark: Option<Verdict>,
    /// In words; empty where there is nothing to say.
    #[serde(default)]
    pub note: String,
}

/// The marks of a dataset: a file of JSON lines, one object a marked trajectory, sorted by id.
///
/// ```json
/// {"id":"00f1c2…-0","mark":"drop","note":"the cup is cut off"}
/// ```
///
/// Every change writes the file anew, as a whole or not at all, so that it can be read at any time. Where a line
/// for an id occurs twice, which we never write, the last one counts.
#[derive(Debug)]
pub struct Marks {
    path: PathBuf,
    by_id: BTreeMap<String, Mark>,
}

/// Characters of a note at most.
const MAX_NOTE: usize = 2_000;

impl Marks {
    /// Reads the marks; none where the file is not there.
    pub fn load(path: &Path) -> Result<Self, InspectError> {
        let io = |source| InspectError::Io { action: "read", path: path.to_owned(), source };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.map_err(io)?,
        };
        let mut by_id = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let mark: Mark = serde_json::from_str(line).map_err(|error| {
                io(std::io::Error::other(format!("line {} is no mark: {error}", number + 1)))
            })?;
            by_id.insert(mark.id.clone(), mark);
        }
        Ok(Self { path: path.to_owned(), by_id })
    }

    /// The mark of a trajectory.
    pub fn get(&self, id: &str) -> Option<&Mark> {
        self.by_id.get(id)
    }

    /// Sets a mark and saves all; one that says nothing is taken away.
    pub fn set(&mut self, mut mark: Mark) -> Result<(), InspectError> {
        mark.note = mark.note.trim().chars().take(MAX_NOTE).collect();
        if mark.mark.is_none() && mark.note.is_empty() {
            self.by_id.remove(&mark.id);
        } else {
            self.by_id.insert(mark.id.clone(), mark);
        }
        let lines: String = self.by_id.values().map(line).collect();
        twig_shards::atomic::write(&self.path, lines.as_bytes())?;
        Ok(())
    }

    /// Where they are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn line(mark: &Mark) -> String {
    serde_json::to_string(mark).expect("texts under text keys are always JSON") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_and_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marks.jsonl");
        let mut marks = Marks::load(&path).unwrap();
        let mark = |id: &str, mark, note: &str| Mark { id: id.to_owned(), mark, note: note.to_owned() };
        marks.set(mark("b-0", Some(Verdict::Drop), " cut off\n")).unwrap();
        marks.set(mark("a-0", Some(Verdict::Keep), "")).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"id\":\"a-0\",\"mark\":\"keep\",\"note\":\"\"}\n{\"id\":\"b-0\",\"mark\":\"drop\",\"note\":\"cut off\"}\n"
        );
        marks.set(mark("a-0", None, "")).unwrap();
        let again = Marks::load(&path).unwrap();
        assert_eq!(again.get("a-0"), None);
        assert_eq!(again.get("b-0").unwrap().mark, Some(Verdict::Drop));
        fs::write(&path, "{\"id\":7}\n").unwrap();
        assert!(Marks::load(&path).is_err());
    }
}
