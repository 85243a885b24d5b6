//! The folder of a job: where everything lies, whose it is, and that only one run uses it at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use twig_shards::ShardError;

use crate::{
    error::RunError,
    mirror::Mirror,
    partition::{self, Partition},
    sealed,
    settings::{PipelineFile, Settings},
};

/// Version of the folder's format; a folder of another version is refused.
pub const FORMAT_VERSION: u32 = 1;

/// A stage that works partition by partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Files → prompts.
    Prompts,
    /// Prompts → trajectories: all that is paid for.
    Trajectories,
    /// Trajectories → scores.
    Judgements,
    /// Texts and pictures → the small numbers that selections compare.
    Measures,
    /// Pictures → image tokens.
    Tokens,
}

impl Stage {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 5] =
        [Self::Prompts, Self::Trajectories, Self::Judgements, Self::Measures, Self::Tokens];

    /// The name in folders, tables and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::Trajectories => "trajectories",
            Self::Judgements => "judgements",
            Self::Tokens => "tokens",
            Self::Measures => "measures",
        }
    }
}

/// The paths of a job's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFolder(PathBuf);

impl JobFolder {
    /// A folder that may or may not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Everything a teacher ever said.
    pub fn answers(&self) -> PathBuf {
        self.0.join("answers")
    }

    /// What is published.
    pub fn release(&self) -> PathBuf {
        self.0.join("release")
    }

    /// What the release was made from; written last.
    pub fn release_record(&self) -> PathBuf {
        self.0.join("stages/release.json")
    }

    /// What the selection of that release removed, step by step.
    pub fn selection_report(&self) -> PathBuf {
        self.0.join("stages/selection.json")
    }

    /// A partition's rows.
    pub fn part(&self, stage: Stage, partition: Partition) -> PathBuf {
        self.0.join(format!("stages/{}/{}.parquet", stage.as_str(), partition.file_stem()))
    }

    /// A partition's record: its presence is the commit.
    pub fn part_record(&self, stage: Stage, partition: Partition) -> PathBuf {
        self.0.join(format!("stages/{}/{}.json", stage.as_str(), partition.file_stem()))
    }

    /// A partition's rejected rows.
    pub fn rejected(&self, stage: Stage, partition: Partition) -> PathBuf {
        self.0.join(format!("rejected/{}-{}.parquet", stage.as_str(), partition.file_stem()))
    }

    /// A partition's provenance.
    pub fn calls(&self, stage: Stage, partition: Partition) -> PathBuf {
        self.0.join(format!("calls/{}-{}.parquet", stage.as_str(), partition.file_stem()))
    }

    /// Takes hold of the folder, so that no run uses it; until the lock is dropped.
    pub fn lock(&self) -> Result<JobLock, RunError> {
        lock(&self.0).map(JobLock)
    }

    /// Whose folder it is.
    pub(crate) fn job_file(&self) -> PathBuf {
        self.0.join("job.json")
    }

    /// What `job.json` says; `None` where no run has begun.
    pub fn record(&self) -> Result<Option<JobRecord>, RunError> {
        let path = self.job_file();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|source| RunError::io(&path, source))?,
        };
        match sealed::read(&text) {
            Some(record) => Ok(Some(record)),
            // Another version may have other fields, or seal them otherwise.
            None => match serde_json::from_str::<Versioned>(&text) {
                Ok(Versioned { format_version }) if format_version != FORMAT_VERSION => {
                    let why = format!(
                        "it has format version {format_version}, and this twig reads version {FORMAT_VERSION}"
                    );
                    Err(RunError::foreign(&self.0, why))
                }
                Ok(_) | Err(_) => Err(RunError::DamagedJob { path }),
            },
        }
    }

    /// Writes `job.json`.
    pub fn save(&self, record: &JobRecord) -> Result<(), RunError> {
        sealed::write(&self.job_file(), record)
    }

    /// N as the names of the parts tell it.
    fn partitions_of_parts(&self) -> Option<u32> {
        Stage::ALL.iter().find_map(|stage| {
            let entries = fs::read_dir(self.0.join("stages").join(stage.as_str())).ok()?;
            entries.flatten().find_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                name.strip_prefix("part-")?.split_once("-of-")?.1.split_once('.')?.0.parse().ok()
            })
        })
    }
}

/// A job's folder held against runs.
#[derive(Debug)]
pub struct JobLock(#[allow(dead_code, reason = "held, not read")] File);

#[derive(Deserialize)]
struct Versioned {
    format_version: u32,
}

/// `job.json`: whose folder it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Version of the folder's format.
    pub format_version: u32,
    /// Name of the job.
    pub name: String,
    /// N, fixed when the job began.
    pub partitions: u32,
    /// Prompts of the last run.
    pub prompts: u64,
    /// The pilot's limit of the last run, if it was one.
    pub limit: Option<u64>,
    /// The settings of the last run.
    pub settings: PipelineFile,
}

/// A job's folder, held by this run alone.
#[derive(Debug)]
pub(crate) struct Job {
    /// The paths.
    pub folder: JobFolder,
    /// What `job.json` says.
    pub record: JobRecord,
    /// The copy in an object store, if there is to be one.
    pub mirror: Option<Arc<Mirror>>,
    /// `job.json`, where it was damaged and has been written again.
    pub damaged: Option<PathBuf>,
    /// Holds the lock as long as the process lives; the system lets go of it however the process ends.
    _lock: File,
}

impl Job {
    /// Takes hold of the folder, making it if need be. Refuses a folder of another job, and one that is in
    /// use.
    pub(crate) fn open(
        settings: &Settings,
        num_prompts: usize,
        limit: Option<u64>,
    ) -> Result<Self, RunError> {
        let folder = JobFolder::new(&settings.file.output);
        let unusable = |source| RunError::OutputFolder { folder: folder.path().to_owned(), source };
        twig_shards::atomic::create_folders(folder.path()).map_err(|error| match error {
            ShardError::Io { source, .. } => unusable(source),
            error => error.into(),
        })?;
        let lock = lock(folder.path())?;
        let mirror = Mirror::open(settings, &folder)?.map(Arc::new);
        let usual = || settings.file.run.partitions.unwrap_or_else(|| partition::default_count(num_prompts));
        let (earlier, damaged) = match folder.record() {
            // Everything in it is known from elsewhere: it is written again.
            Err(RunError::DamagedJob { path }) => (None, Some(path)),
            earlier => (earlier?, None),
        };
        let partitions = match &earlier {
            None if damaged.is_some() => folder.partitions_of_parts().unwrap_or_else(usual),
            None => {
                refuse_foreign_files(folder.path())?;
                usual()
            }
            Some(earlier) => {
                check_same_job(settings, earlier, folder.path())?;
                earlier.partitions
            }
        };
        let prompts = limit.map_or(num_prompts as u64, |limit| limit.min(num_prompts as u64));
        let record = JobRecord {
            format_version: FORMAT_VERSION,
            name: settings.file.name.clone(),
            partitions,
            prompts,
            limit,
            settings: settings.file.clone(),
        };
        // First of all: a folder that is begun and does not say whose it is would be a stranger's.
        if earlier.as_ref() != Some(&record) {
            folder.save(&record)?;
        }
        for sub in ["answers", "rejected", "calls", "stages"] {
            twig_shards::atomic::create_folders(&folder.path().join(sub))?;
        }
        for stage in Stage::ALL {
            twig_shards::atomic::create_folders(&folder.path().join("stages").join(stage.as_str()))?;
        }
        Ok(Self { folder, record, damaged, mirror, _lock: lock })
    }

    /// Takes away what killed runs left half-written; this run holds the lock, so nobody is writing it.
    pub(crate) fn sweep(&self) -> Result<(), RunError> {
        let root = self.folder.path();
        let stages = Stage::ALL.map(|stage| root.join("stages").join(stage.as_str()));
        let others = [root.to_owned(), root.join("stages"), root.join("rejected"), root.join("calls")];
        for folder in stages.iter().chain(&others) {
            twig_shards::atomic::sweep(folder)?;
        }
        crate::release::sweep(&self.folder)
    }

    /// Sends the rest to the copy in the object store, whatever the run has come to.
    pub(crate) fn finish_mirror(&self) -> Result<(), RunError> {
        self.mirror.as_ref().map_or(Ok(()), |mirror| mirror.finish())
    }

    /// The partitions of this job, in order.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = Partition> + use<> {
        Partition::all(self.record.partitions)
    }
}

fn check_same_job(settings: &Settings, earlier: &JobRecord, folder: &Path) -> Result<(), RunError> {
    if earlier.name != settings.file.name {
        let why =
            format!("it belongs to the job `{}`, and this one is `{}`", earlier.name, settings.file.name);
        return Err(RunError::foreign(folder, why));
    }
    match settings.file.run.partitions {
        Some(wanted) if wanted != earlier.partitions => {
            let why =
                format!("it has {} partitions, and run.partitions asks for {wanted}", earlier.partitions);
            Err(RunError::foreign(folder, why))
        }
        Some(_) | None => Ok(()),
    }
}

/// A folder that holds something else is not taken over.
fn refuse_foreign_files(folder: &Path) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).map_err(|source| RunError::io(folder, source))? {
        let name = entry.map_err(|source| RunError::io(folder, source))?.file_name();
        let name = name.to_string_lossy();
        if name != ".lock" && !name.starts_with(".tmp-") {
            return Err(RunError::foreign(folder, format!("it is no job's folder (it holds `{name}`)")));
        }
    }
    Ok(())
}

/// Who this is, for others who want the folder.
fn holder() -> String {
    let host =
        fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.map_or_else(String::new, |host| format!(" on {}", host.trim()));
    let now = httpdate::fmt_http_date(std::time::SystemTime::now());
    format!("process {}{host}, since {now}", std::process::id())
}

/// Locks the folder for this process. The lock goes with the process, however it ends; the file stays.
fn lock(folder: &Path) -> Result<File, RunError> {
    let path = folder.join(".lock");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|source| RunError::io(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(RunError::InUse { folder: folder.to_owned(), holder: holder.trim().to_owned() });
        }
        Err(TryLockError::Error(source)) => return Err(RunError::io(&path, source)),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", holder()));
    written.map_err(|source| RunError::io(&path, source))?;
    Ok(file)
}
