//! The check of a whole release: that every byte is the one that was written, and that what was written is a
//! release.
//!
//! [`files`] compares the folder with manifest and checksums, [`shard`] reads each shard once, in parallel and a
//! batch at a time; [`rows`] says what a row of each table must fulfil, [`relations`] what rows owe each other.
//! Nothing is repaired.

mod files;
mod pictures;
mod relations;
mod rows;
mod shard;

use std::{collections::BTreeMap, fmt, path::Path};

use rayon::prelude::*;

use crate::{Manifest, Shard};

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Files compared with their hashes.
    pub files: u64,
    /// Rows read.
    pub rows: u64,
    /// Different pictures decoded.
    pub pictures: u64,
    /// What is wrong, by file and row; at most 1,000 entries.
    pub problems: Vec<Problem>,
    /// Problems beyond those listed.
    pub left_out: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty() && self.left_out == 0
    }
}

/// Something wrong in a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, relative to the release.
    pub file: String,
    /// The row, counted from 0, where it is one row's.
    pub row: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Some(row) => write!(f, "{}, row {row}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Checks a release from its manifest down to its pixels; see the module for what that covers.
///
/// # Memory
/// A batch of rows a thread, and 64 bytes a row for ids.
pub fn verify(release: &Path) -> VerifyReport {
    let mut problems = Problems::default();
    let mut report = VerifyReport::default();
    match Manifest::load(release) {
        Ok(manifest) => verify_against(release, &manifest, &mut problems, &mut report),
        Err(error) => problems.add(Manifest::FILE_NAME, None, chain(&error)),
    }
    report.left_out = problems.left_out;
    report.problems = problems.list;
    report.problems.sort();
    report
}

fn verify_against(release: &Path, manifest: &Manifest, problems: &mut Problems, report: &mut VerifyReport) {
    problems.merge(files::check_manifest(manifest));
    problems.merge(files::check_card(release, manifest));
    let rules = rows::Rules::new(manifest);
    let shards: Vec<(&str, &str, &Shard)> = manifest
        .configs
        .iter()
        .flat_map(|config| config.splits.iter().map(move |split| (config.name.as_str(), split)))
        .flat_map(|(config, split)| {
            split.shards.iter().map(move |shard| (config, split.name.as_str(), shard))
        })
        .collect();
    let findings: Vec<shard::ShardFindings> = shards
        .par_iter()
        .map(|(config, split, shard)| shard::check(release, config, split, shard, &rules))
        .collect();
    let digests: BTreeMap<&str, &str> = shards
        .iter()
        .zip(&findings)
        .filter_map(|((_, _, shard), found)| Some((shard.path.as_str(), found.sha256.as_deref()?)))
        .collect();
    problems.merge(files::check_checksums(release, manifest, &digests, &mut report.files));
    report.rows = findings.iter().map(|found| found.rows).sum();
    report.pictures = rules.pictures.num_decoded();
    problems.merge(relations::check(&findings));
    for found in findings {
        problems.merge(found.problems);
    }
}

/// A bounded list of problems.
#[derive(Debug, Default)]
struct Problems {
    list: Vec<Problem>,
    left_out: u64,
}

impl Problems {
    /// More than anybody reads; damage as a rule repeats itself.
    const MAX: usize = 1_000;

    fn add(&mut self, file: &str, row: Option<u64>, what: impl Into<String>) {
        self.push(Problem { file: file.to_owned(), row, what: what.into() });
    }

    fn push(&mut self, problem: Problem) {
        if self.list.len() < Self::MAX {
            self.list.push(problem);
        } else {
            self.left_out += 1;
        }
    }

    fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        for problem in other.list {
            self.push(problem);
        }
    }
}

/// An error with its causes, for a report that is read without a debugger.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;
    use crate::{fixtures::write_release, release::files_below};

    /// A release on disk: in `$TWIG_SAMPLE_RELEASE` where readers of other languages are to be tried on it.
    fn sample_release() -> (Option<tempfile::TempDir>, PathBuf) {
        match std::env::var_os("TWIG_SAMPLE_RELEASE") {
            Some(path) => (None, PathBuf::from(path)),
            None => {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().to_owned();
                (Some(folder), path)
            }
        }
    }

    #[test]
    fn a_release_as_written_has_no_problems() {
        let (_folder, path) = sample_release();
        write_release(&path);
        let report = verify(&path);
        assert_eq!(report.problems, []);
        assert_eq!((report.files, report.rows), (14, 8 + 27 + 24 + 35 + 8 + 16));
        assert_eq!(report.pictures, 27);
    }

    #[test]
    fn a_flipped_byte_anywhere_is_found() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path());
        for (number, name) in files_below(folder.path()).unwrap().iter().enumerate() {
            let path = folder.path().join(name);
            let bytes = fs::read(&path).unwrap();
            // First, last, and some between, different in every file.
            let seeded = (1..4).map(|step| (number * 7_919 + step * 104_729) % bytes.len());
            for position in seeded.chain([0, bytes.len() - 1]) {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << (position % 8);
                fs::write(&path, flipped).unwrap();
                assert!(!verify(folder.path()).is_ok(), "{name}: a flip of byte {position} went unseen");
            }
            fs::write(&path, bytes).unwrap();
        }
        assert!(verify(folder.path()).is_ok());
    }
}
