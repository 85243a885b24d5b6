//! The release stage: selection, then shards, manifest and card. Asks no teacher anything, so trying another
//! selection costs seconds.
//!
//! Holds the small columns of every row during selection (see `select/rows.rs`), and 32 bytes of every chosen row
//! after it; pictures are streamed.

mod card;
mod order;
mod samples;
mod select;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use select::Selection;
pub(crate) use select::chosen;
pub use select::{Example, Funnel, FunnelStep, Repeats, funnel};
use serde::{Deserialize, Serialize};
use twig_shards::{Manifest, Shard, ShardError, StageAccount};
use write::Wanted;

use crate::{
    error::RunError,
    events::Event,
    fingerprint::Fingerprint,
    job::{JobFolder, Stage},
    part::{FileRecord, PartRows},
    run::Run,
    sealed,
};

/// Where a release lies until it is whole.
const BUILDING: &str = ".tmp-release";
/// Where the one before it lies until the new one has its name.
const EARLIER: &str = ".tmp-release-before";

/// Takes away what a killed run has left of a release.
pub(crate) fn sweep(folder: &JobFolder) -> Result<(), RunError> {
    for name in [BUILDING, EARLIER] {
        let path = folder.path().join(name);
        if path.exists() {
            fs::remove_dir_all(&path).map_err(|source| RunError::io(&path, source))?;
        }
    }
    // Shards that were being written again.
    let tables = fs::read_dir(folder.release()).into_iter().flatten().flatten();
    for table in tables.map(|entry| entry.path()).filter(|path| path.is_dir()) {
        twig_shards::atomic::sweep(&table)?;
    }
    Ok(())
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// Hash of everything that shaped the release.
    pub fingerprint: String,
    /// SHA-256 of `manifest.json`.
    pub manifest_sha256: String,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// Training samples by task.
    pub samples: BTreeMap<String, u64>,
    /// What came in, went out and was removed.
    pub account: StageAccount,
    /// Training samples that the published trajectories could give, and those that were written.
    pub samples_account: StageAccount,
    /// The tables of what was not published, by their names in `rejected/`.
    #[serde(default)]
    pub rejected_files: BTreeMap<String, FileRecord>,
}

/// Tables of rows that a release leaves out, where there are any.
const REJECTED: [&str; 2] = ["release.parquet", "samples.parquet"];

/// The committed parts that a release is made from, stage by stage, in the order of partitions.
pub(crate) struct Parts {
    pub(crate) trajectories: Vec<PartRows>,
    pub(crate) judgements: Vec<PartRows>,
    pub(crate) measures: Vec<PartRows>,
    pub(crate) tokens: Vec<PartRows>,
}

/// Publishes, unless the release that lies there is already the one wanted. The flag tells whether
/// anything was done.
pub(crate) fn release(
    run: &Run,
    parts: &Parts,
    accounts: &[StageAccount],
) -> Result<(ReleaseRecord, bool), RunError> {
    let fingerprint = fingerprint(run, parts, accounts)?;
    let standing = standing(run, &fingerprint)?;
    if let Some(Standing { record, missing, .. }) = &standing
        && missing.is_empty()
    {
        return Ok((record.clone(), false));
    }
    check_parts(run, parts)?;
    let selection = select::select(run)?;
    for message in &selection.funnel.warnings {
        run.events.emit(Event::Warning { message: message.clone() });
    }
    if let Some(standing) = standing
        && standing.mend(run, &selection)?
    {
        return Ok((standing.record, true));
    }
    let building = run.job.folder.path().join(BUILDING);
    sweep(&run.job.folder)?;
    twig_shards::atomic::create_folders(&building)?;
    let target_bytes = u64::from(run.settings.file.release.shard_mb) * 1_000_000;
    let written = write::shards(run, &selection, &Wanted::All { folder: &building, target_bytes })?;
    let account = selection.account();
    let samples_account = written.samples.account();
    let accounts = accounts.iter().chain([&account, &samples_account]).cloned().collect();
    let manifest = write::manifest(run, accounts, written.configs);
    let facts = card::facts(run, &selection, &written.samples);
    twig_shards::publish(&building, &manifest, &facts)?;
    let manifest_sha256 = twig_shards::atomic::digest(&building.join(Manifest::FILE_NAME))?.sha256;
    put_in_place(run, &building)?;
    let record = ReleaseRecord {
        fingerprint,
        manifest_sha256,
        rows: manifest.configs.iter().map(|config| (config.name.clone(), config.rows())).collect(),
        samples: written.samples.by_task(),
        account,
        samples_account,
        rejected_files: rejected_files(&run.job.folder)?,
    };
    sealed::write(&run.job.folder.selection_report(), &selection.funnel)?;
    sealed::write(&run.job.folder.release_record(), &record)?;
    Ok((record, true))
}

fn rejected_files(folder: &JobFolder) -> Result<BTreeMap<String, FileRecord>, RunError> {
    let mut files = BTreeMap::new();
    for name in REJECTED {
        let path = folder.path().join("rejected").join(name);
        if path.exists() {
            files.insert(name.to_owned(), twig_shards::atomic::digest(&path)?.into());
        }
    }
    Ok(files)
}

/// Gives the new release its name in the place of the one before it. A kill between the two renames leaves none; the
/// next run makes it again, from what is there, without asking anybody.
fn put_in_place(run: &Run, building: &Path) -> Result<(), RunError> {
    let (release, earlier) = (run.job.folder.release(), run.job.folder.path().join(EARLIER));
    if release.exists() {
        fs::rename(&release, &earlier).map_err(|source| RunError::io(&release, source))?;
    }
    fs::rename(building, &release).map_err(|source| RunError::io(&release, source))?;
    twig_shards::atomic::sync_folder(run.job.folder.path())?;
    if earlier.exists() {
        fs::remove_dir_all(&earlier).map_err(|source| RunError::io(&earlier, source))?;
    }
    Ok(())
}

/// What is published must be what the stages have made.
fn check_parts(run: &Run, parts: &Parts) -> Result<(), RunError> {
    let stages = [
        (Stage::Trajectories, &parts.trajectories),
        (Stage::Judgements, &parts.judgements),
        (Stage::Tokens, &parts.tokens),
        (Stage::Measures, &parts.measures),
    ];
    stages.into_par_iter().try_for_each(|(stage, parts)| {
        let parts: Vec<_> = run.job.partitions().zip(parts).collect();
        parts.into_par_iter().try_for_each(|(partition, part)| part.check(&run.job.folder, stage, partition))
    })
}

fn fingerprint(run: &Run, parts: &Parts, accounts: &[StageAccount]) -> Result<String, RunError> {
    let hashes =
        |parts: &[PartRows]| -> Vec<String> { parts.iter().map(|part| part.file.sha256.clone()).collect() };
    Ok(Fingerprint::of(Stage::Prompts)
        .with("settings", &run.settings.hash())
        .with("program", &env!("CARGO_PKG_VERSION"))
        .with("text tokenizer", &run.text_tokenizer.fingerprint())
        .with("trajectories", &hashes(&parts.trajectories))
        .with("judgements", &hashes(&parts.judgements))
        .with("tokens", &hashes(&parts.tokens))
        .with("measures", &hashes(&parts.measures))
        .with("evaluation", &select::evaluation_digest(run.settings)?)
        .with("marks", &select::marks(run.settings)?)
        .with("accounts", &accounts)
        .finish())
}

/// The release that lies there and is the one wanted.
struct Standing {
    record: ReleaseRecord,
    manifest: Manifest,
    /// Shards that are not there in full, by their paths.
    missing: BTreeSet<String>,
}

fn standing(run: &Run, fingerprint: &str) -> Result<Option<Standing>, RunError> {
    let Ok(text) = fs::read_to_string(run.job.folder.release_record()) else { return Ok(None) };
    let Some(record) = sealed::read::<ReleaseRecord>(&text) else { return Ok(None) };
    let release = run.job.folder.release();
    let Ok(manifest) = Manifest::load(&release) else { return Ok(None) };
    let is_wanted = record.fingerprint == fingerprint
        && twig_shards::atomic::digest(&release.join(Manifest::FILE_NAME))?.sha256 == record.manifest_sha256
        && ["README.md", "SHA256SUMS"].iter().all(|name| release.join(name).exists());
    let is_missing = |shard: &&Shard| {
        fs::metadata(release.join(&shard.path)).map_or(true, |metadata| metadata.len() != shard.bytes)
    };
    let missing = manifest.shards().filter(is_missing).map(|shard| shard.path.clone()).collect();
    Ok(is_wanted.then_some(Standing { record, manifest, missing }))
}

impl Standing {
    /// Writes the missing shards again and no others; tells whether they came out as they were.
    fn mend(&self, run: &Run, selection: &Selection) -> Result<bool, RunError> {
        for path in &self.missing {
            let message = format!("release/{path} is missing or damaged; it is written again");
            run.events.emit(Event::Warning { message });
        }
        let release = run.job.folder.release();
        let wanted = Wanted::Missing { release: &release, manifest: &self.manifest, paths: &self.missing };
        match write::shards(run, selection, &wanted) {
            Ok(_) => Ok(true),
            // A shard that had been put together of others; the whole release is made again.
            Err(RunError::Shards(ShardError::Changed { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
