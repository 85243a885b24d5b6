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
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
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
/// A batch of rows a thread, and about 150 bytes a row for ids.
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

    use twig_imaging::{RgbImage, encode_png};
    use twig_model::{Picture, Score};

    use super::*;
    use crate::{
        fixtures::{self, Tables, write_release, write_tampered_release},
        release::files_below,
    };

    /// A release on disk: in `$TWIG_SAMPLE_RELEASE` where readers of other languages are to be tried on it.
    fn sample_release() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = std::env::var_os("TWIG_SAMPLE_RELEASE").map(PathBuf::from);
        let path = elsewhere.unwrap_or_else(|| folder.path().to_owned());
        (folder, path)
    }

    #[test]
    fn a_release_as_written_has_no_problems() {
        let (_folder, path) = sample_release();
        write_release(&path);
        let report = verify(&path);
        assert_eq!(report.problems, []);
        let files = files_below(&path).unwrap().len() as u64 - 1;
        assert_eq!((report.files, report.rows), (files, 8 + 27 + 24 + 35 + 8 + 16 + 3 + 3 + 8));
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

    /// What `verify` says of a release whose rows were changed before they were written.
    fn problems_of(tamper: impl Fn(&mut Tables)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        write_tampered_release(folder.path(), tamper, |_| {});
        verify(folder.path())
            .problems
            .iter()
            .map(|problem| format!("{} {}", problem.file, problem.what))
            .collect()
    }

    #[track_caller]
    fn assert_found(expected: &str, tamper: impl Fn(&mut Tables)) {
        let problems = problems_of(tamper);
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected:?} is not in {problems:#?}"
        );
    }

    #[test]
    fn trajectories_that_contradict_themselves_are_found() {
        assert_found("trajectories/train-00000-of-00001.parquet its id is also", |train| {
            train.trajectories[1].id = train.trajectories[3].id.clone();
        });
        assert_found("num_steps, attempts", |train| train.trajectories[0].attempts = 9);
        assert_found("min_step_score: should be 96", |train| {
            train.trajectories[0].min_step_score = Score::MAX;
        });
        assert_found("final_image: differs from the last canvas", |train| {
            train.trajectories[0].final_image = train.trajectories[1].final_image.clone();
        });
        assert_found("steps: entry 2 contradicts", |train| {
            train.trajectories[1].steps[2].token_end = Some(575);
        });
        assert_found("token 192 (row 8, column 0) is covered 0 times", |train| {
            let meta = &mut train.trajectories[1].meta;
            *meta = meta.replace("\"start\":192", "\"start\":193");
        });
        assert_found("image_tokens: 575 ids in place of 576", |train| {
            train.trajectories[2].image_tokens.as_mut().unwrap().pop();
        });
        assert_found("step_tokens: region 0 differs from image_tokens", |train| {
            train.trajectories[2].step_tokens.as_mut().unwrap()[0][7] ^= 1;
        });
        assert_found("images: the picture is 20 × 20 pixels in place of 384 × 384", |train| {
            let small = encode_png(&RgbImage::new(20, 20));
            train.trajectories[2].images[0] = Picture::new(small);
        });
        assert_found("images: the picture does not decode", |train| {
            let bytes = train.trajectories[2].images[0].bytes();
            train.trajectories[2].images[0] = Picture::new(&bytes[..bytes.len() / 2]);
        });
        assert_found("images: the picture is not a PNG", |train| {
            train.trajectories[2].images[0] = Picture::new(&b"GIF89a"[..]);
        });
        assert_found("its prompt is in the split", |train| {
            train.trajectories[0].id = fixtures::trajectory(6).id().to_string().replace("-0", "-5");
        });
    }

    #[test]
    fn rows_of_other_tables_that_break_a_rule_are_found() {
        assert_found("score: not the sum", |train| train.steps[0].color_accuracy += 1);
        assert_found("tokens: 191 ids in place of 192", |train| {
            train.steps[0].tokens.as_mut().unwrap().pop();
        });
        assert_found("its trajectory is not in this release", |train| {
            train.steps[0].id = "elsewhere".to_owned();
        });
        assert_found("its trajectory is in the split `validation`", |train| {
            train.judgements[0].trajectory_id = fixtures::trajectory(7).id().to_string();
        });
        assert_found("`color_accuracy` is scored 21", |train| train.judgements[1].score = 21);
        assert_found("ids: id 4096 in a codebook of 4096", |train| train.tokens[0].ids[0] = 4_096);
        assert_found("the manifest knows no tokenizer `other`", |train| {
            train.tokens[0].tokenizer = "other".to_owned();
        });
        assert_found("messages: 1 image parts for 2 images", |train| {
            let image = train.sft[0].images[0].clone();
            train.sft[0].images.push(image);
        });
        assert_found("conversations: 2 image tags for 1 images", |train| {
            train.sft[0].conversations[0].value.push_str("<image>");
        });
        assert_found("entries, num_tokens is 579", |train| {
            train.janus[0].labels.pop();
        });
        assert_found("vq_ids: an id that is neither -1", |train| train.janus[1].vq_ids[9] = 4_096);
        assert_found("vq_labels: neither -100", |train| train.janus[1].vq_labels[9] ^= 1);
        assert_found("labels: neither -100", |train| train.janus[0].labels[577] += 1);
        assert_found("images: 0 for 1 runs", |train| train.janus[0].images.clear());
        assert_found("chosen_score: not above", |train| {
            train.dpo[0].chosen_score = train.dpo[0].rejected_score;
        });
        assert_found("contradicts the region", |train| train.dpo[0].region_index = None);
        assert_found("prompt: 1 image parts for 0 images", |train| train.dpo[0].images.clear());
        assert_found("chosen_tokens: id 4096", |train| train.dpo[0].chosen_tokens[3] = 4_096);
        assert_found("not a question and two answers", |train| train.critique_dpo[0].rejected.clear());
        assert_found("so nothing is preferred", |train| {
            train.critique_dpo[0].rejected_score = train.critique_dpo[0].chosen_score;
        });
        assert_found("advantages: not those of the rewards [0]", |train| {
            train.grpo[0].advantages = twig_model::Advantage::new(0.5).into_iter().collect();
        });
        assert_found("trajectory_ids: one of another prompt", |train| {
            train.grpo[0].trajectory_ids = train.grpo[1].trajectory_ids.clone();
        });
        assert_found("janus/train-00000-of-00001.parquet its id is also", |train| {
            train.janus[0].id = train.janus[1].id.clone();
        });
    }

    #[test]
    fn manifest_card_and_folder_must_agree() {
        let folder = tempfile::tempdir().unwrap();
        let manifest =
            write_tampered_release(folder.path(), |_| {}, |manifest| manifest.accounting[0].rows_in = 11);
        let problems =
            |folder: &Path| verify(folder).problems.iter().map(Problem::to_string).collect::<Vec<_>>();
        assert_eq!(
            problems(folder.path()),
            ["manifest.json: stage `release` was given 11 rows, but rows out and rejected are not as many"]
        );

        write_release(folder.path());
        fs::write(folder.path().join("steps/more.parquet"), b"x").unwrap();
        assert_eq!(problems(folder.path()), ["steps/more.parquet: the manifest does not know this file"]);
        fs::rename(folder.path().join("steps/more.parquet"), folder.path().join("notes.txt")).unwrap();
        assert_eq!(problems(folder.path()), ["notes.txt: `SHA256SUMS` does not list it"]);
        fs::rename(folder.path().join("notes.txt"), folder.path().join(".notes")).unwrap();
        assert_eq!(problems(folder.path()), [""; 0], "hidden files are nobody's business");

        let shard = folder.path().join(&manifest.configs[1].splits[0].shards[0].path);
        fs::remove_file(&shard).unwrap();
        let found = problems(folder.path());
        assert!(found[0].starts_with("steps/train-00000-of-00001.parquet: cannot open "), "{found:?}");

        write_release(folder.path());
        let card = fs::read_to_string(folder.path().join("README.md")).unwrap();
        fs::write(folder.path().join("README.md"), card.replacen("num_examples: 6", "num_examples: 7", 1))
            .unwrap();
        assert_eq!(
            problems(folder.path()),
            [
                "README.md: `num_examples` differs from the rows of the manifest",
                "README.md: its SHA-256 is not the one in `SHA256SUMS`"
            ]
        );
        fs::remove_file(folder.path().join("manifest.json")).unwrap();
        assert_eq!(problems(folder.path()).len(), 1);
    }

    #[test]
    fn problems_are_counted_beyond_those_that_are_listed() {
        let mut problems = Problems::default();
        (0..1_003).for_each(|row| problems.add("file", Some(row), "wrong"));
        assert_eq!((problems.list.len(), problems.left_out), (1_000, 3));
    }
}
