use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use tempfile::TempDir;
use twig_shards::{Manifest, MirrorError, Remote, mirror_flat_columns};

use crate::InspectError;

/// What is looked at: the folder of a job, whether or not it has a release yet, or a release by itself.
///
/// Of a job only committed parts are seen, those whose record stands; so it can be looked at during a run.
#[derive(Debug, Clone)]
pub struct Dataset {
    folder: PathBuf,
    job: Option<PathBuf>,
    release: Option<(PathBuf, Manifest)>,
    /// Where the small columns of a release in an object store lie for as long as somebody looks.
    mirror: Option<Arc<TempDir>>,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableFile {
    /// The split it belongs to; empty for parts of a stage, which are not split yet.
    pub split: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// What `job.json` tells about a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobFacts {
    /// Name of the job.
    pub name: String,
    /// Prompts of the last run.
    pub prompts: u64,
    /// The settings of the last run.
    pub settings: serde_json::Value,
}

impl Dataset {
    /// Finds out what lies in a folder.
    pub fn open(folder: &Path) -> Result<Self, InspectError> {
        let is_release = |path: &Path| path.join(Manifest::FILE_NAME).is_file();
        let is_job = |path: &Path| path.join("job.json").is_file();
        let load = |path: PathBuf| Manifest::load(&path).map(|manifest| (path, manifest));
        let (job, release) = if is_release(folder) {
            let above = folder.parent().filter(|above| folder.ends_with("release") && is_job(above));
            (above.map(Path::to_owned), Some(load(folder.to_owned())?))
        } else if is_release(&folder.join("release")) {
            (Some(folder.to_owned()), Some(load(folder.join("release"))?))
        } else if is_job(folder) {
            (Some(folder.to_owned()), None)
        } else {
            return Err(InspectError::Nothing { folder: folder.to_owned() });
        };
        Ok(Self { folder: folder.to_owned(), job, release, mirror: None })
    }

    /// The flat columns of a release in an object store: no pictures, no ids, nothing nested.
    pub fn fetch(url: &str) -> Result<Self, InspectError> {
        let place = std::env::temp_dir();
        let mirror = TempDir::with_prefix("twig-").map_err(|source| InspectError::Io {
            action: "make a folder in",
            path: place,
            source,
        })?;
        mirror_flat_columns(&Remote::open(url).map_err(MirrorError::from)?, mirror.path())?;
        let dataset = Self::open(mirror.path())?;
        Ok(Self { folder: url.into(), mirror: Some(Arc::new(mirror)), ..dataset })
    }

    /// Whether all columns are at hand, not the flat ones alone.
    pub fn is_whole(&self) -> bool {
        self.mirror.is_none()
    }

    /// The folder as it was given.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the job, if it is there.
    pub fn job(&self) -> Option<&Path> {
        self.job.as_deref()
    }

    /// The folder of the release and its manifest, if something is published.
    pub fn release(&self) -> Option<(&Path, &Manifest)> {
        self.release.as_ref().map(|(folder, manifest)| (folder.as_path(), manifest))
    }

    /// What `job.json` says, if it is there and can be read.
    pub fn job_facts(&self) -> Option<JobFacts> {
        let text = fs::read_to_string(self.job.as_ref()?.join("job.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// A name for titles: that of the job, or else of the folder.
    pub fn name(&self) -> String {
        let folder = || self.folder.file_name().map(|name| name.to_string_lossy().into_owned());
        self.job_facts().map(|facts| facts.name).or_else(folder).unwrap_or_else(|| "release".to_owned())
    }

    /// The file in which marks are kept: beside a release, since nothing in one may change.
    pub fn marks_file(&self) -> PathBuf {
        match (&self.job, &self.release) {
            (Some(job), _) => job.join("marks.jsonl"),
            (None, _) => {
                let mut name = self.folder.file_name().unwrap_or_default().to_owned();
                name.push("-marks.jsonl");
                self.folder.with_file_name(name)
            }
        }
    }

    /// The files of a table in order: of the release where there is one, else committed parts. Empty where there
    /// are none.
    pub fn files(&self, table: &str) -> Vec<TableFile> {
        self.tables().remove(table).unwrap_or_default()
    }

    /// Every table with its files.
    pub fn tables(&self) -> BTreeMap<String, Vec<TableFile>> {
        let mut tables = BTreeMap::new();
        if let Some(job) = &self.job {
            let mut add = |table: &str, files: Vec<TableFile>| {
                if !files.is_empty() {
                    tables.insert(table.to_owned(), files);
                }
            };
            add("prompts", parts(job, "prompts"));
            add("rejected", side_parts(job, "rejected"));
            add("calls", side_parts(job, "calls"));
            if self.release.is_none() {
                add("trajectories", parts(job, "trajectories"));
                add("judgements", parts(job, "judgements"));
            }
        }
        if let Some((release, manifest)) = &self.release {
            for config in &manifest.configs {
                let files = config.splits.iter().flat_map(|split| {
                    let file = |shard: &twig_shards::Shard| TableFile {
                        split: split.name.clone(),
                        path: release.join(&shard.path),
                    };
                    split.shards.iter().map(file).collect::<Vec<_>>()
                });
                tables.insert(config.name.clone(), files.collect());
            }
        }
        tables
    }

    /// The files of events, oldest first.
    pub fn event_files(&self) -> Vec<PathBuf> {
        let Some(job) = &self.job else { return Vec::new() };
        let aside = (1..).map(|number| job.join(format!("events-{number}.jsonl")));
        let last = job.join("events.jsonl");
        aside.take_while(|path| path.is_file()).chain(last.is_file().then_some(last.clone())).collect()
    }
}

/// The committed parts of a stage.
pub(crate) fn parts(job: &Path, stage: &str) -> Vec<TableFile> {
    let folder = job.join("stages").join(stage);
    parquet_files(&folder).filter(|path| path.with_extension("json").is_file()).map(unsplit).collect()
}

/// Tables that stand beside the parts of several stages: `{stage}-part-….parquet`, which count where the part's
/// record stands.
fn side_parts(job: &Path, table: &str) -> Vec<TableFile> {
    let is_committed = |path: &PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match stem.split_once("-part-") {
            Some((stage, part)) => job.join(format!("stages/{stage}/part-{part}.json")).is_file(),
            None => true,
        }
    };
    parquet_files(&job.join(table)).filter(is_committed).map(unsplit).collect()
}

fn unsplit(path: PathBuf) -> TableFile {
    TableFile { split: String::new(), path }
}

fn parquet_files(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_visible = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "parquet")
            && !path.file_name().unwrap_or_default().to_string_lossy().starts_with('.')
    };
    let mut files: Vec<PathBuf> = entries.filter(is_visible).collect();
    files.sort_unstable();
    files.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::write_release;

    #[test]
    fn a_release_is_found_in_its_jobs_folder_and_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Dataset::open(folder.path()), Err(InspectError::Nothing { .. })));
        write_release(&folder.path().join("release"), 3);
        let of_job = Dataset::open(folder.path()).unwrap();
        let alone = Dataset::open(&folder.path().join("release")).unwrap();
        assert_eq!(of_job.files("steps"), alone.files("steps"));
        assert_eq!(alone.job(), None);
        assert!(alone.marks_file().ends_with("release-marks.jsonl"));
        let splits: Vec<_> = alone.files("trajectories").into_iter().map(|file| file.split).collect();
        assert_eq!(splits, ["train", "validation"]);
    }

    #[test]
    fn a_release_in_a_store_is_summarised_like_one_here() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 6);
        let here = Dataset::open(folder.path()).unwrap();
        let there = Dataset::fetch(&format!("file://{}", folder.path().display())).unwrap();
        assert_eq!(crate::summary(&there).unwrap(), crate::summary(&here).unwrap());
        assert_eq!(crate::compare(&here, &there).unwrap().in_both, 6);
        assert!(here.is_whole() && !there.is_whole());
        let mirror = there.files("steps")[0].path.clone();
        drop(there);
        assert!(!mirror.exists(), "nothing is left behind");
    }

    #[test]
    fn only_committed_parts_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path();
        for name in ["stages/trajectories/part-0.parquet", "calls/trajectories-part-0.parquet", "job.json"] {
            fs::create_dir_all(job.join(name).parent().unwrap()).unwrap();
            fs::write(job.join(name), "").unwrap();
        }
        let dataset = Dataset::open(job).unwrap();
        assert!(dataset.tables().is_empty());
        fs::write(job.join("stages/trajectories/part-0.json"), "").unwrap();
        assert_eq!(dataset.tables().into_keys().collect::<Vec<_>>(), ["calls", "trajectories"]);
    }
}
