//! The release stage: selection, then shards, manifest and card. Asks no teacher anything, so trying another
//! selection costs seconds.
//!
//! Holds the small columns of every row (about 250 bytes each) during selection; pictures are streamed.

mod card;
mod order;
mod samples;
mod select;
mod write;

use std::{collections::BTreeMap, fs, path::Path};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
pub(crate) use select::chosen;
pub use select::{Example, Funnel, FunnelStep, Repeats, funnel};
use serde::{Deserialize, Serialize};
use twig_shards::{Manifest, Shard, StageAccount};

use crate::{
    error::RunError,
    events::Event,
    fingerprint::Fingerprint,
    job::{JobFolder, Stage},
    part::{FileRecord, PartRecord},
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
    pub(crate) trajectories: Vec<PartRecord>,
    pub(crate) judgements: Vec<PartRecord>,
    pub(crate) measures: Vec<PartRecord>,
    pub(crate) tokens: Vec<PartRecord>,
}

/// Publishes, unless the release that lies there is already the one wanted. The flag tells whether
/// anything was done.
pub(crate) fn release(
    run: &Run,
    parts: &Parts,
    accounts: &[StageAccount],
) -> Result<(ReleaseRecord, bool), RunError> {
    let fingerprint = fingerprint(run, parts, accounts)?;
    if let Some(record) = standing(run, &fingerprint)? {
        return Ok((record, false));
    }
    check_parts(run, parts)?;
    let selection = select::select(run)?;
    for message in &selection.funnel.warnings {
        run.events.emit(Event::Warning { message: message.clone() });
    }
    let building = run.job.folder.path().join(BUILDING);
    sweep(&run.job.folder)?;
    twig_shards::atomic::create_folders(&building)?;
    let written = write::shards(run, &selection, &building)?;
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
    stages.into_par_iter().try_for_each(|(stage, records)| {
        let parts: Vec<_> = run.job.partitions().zip(records).collect();
        parts
            .into_par_iter()
            .try_for_each(|(partition, record)| record.check_rows(&run.job.folder, stage, partition))
    })
}

fn fingerprint(run: &Run, parts: &Parts, accounts: &[StageAccount]) -> Result<String, RunError> {
    let hashes = |records: &[PartRecord]| -> Vec<String> {
        records.iter().map(|record| record.rows_file.sha256.clone()).collect()
    };
    Ok(Fingerprint::of(Stage::Prompts)
        .with("settings", &run.settings.hash())
        .with("program", &env!("CARGO_PKG_VERSION"))
        .with("text tokenizer", &run.text_tokenizer.fingerprint())
        .with("trajectories", &hashes(&parts.trajectories))
        .with("judgements", &hashes(&parts.judgements))
        .with("tokens", &hashes(&parts.tokens))
        .with("measures", &hashes(&parts.measures))
        .with("evaluation", &select::evaluation_digest(run.settings)?)
        .with("accounts", &accounts)
        .finish())
}

fn standing(run: &Run, fingerprint: &str) -> Result<Option<ReleaseRecord>, RunError> {
    let Ok(text) = fs::read_to_string(run.job.folder.release_record()) else { return Ok(None) };
    let Some(record) = sealed::read::<ReleaseRecord>(&text) else { return Ok(None) };
    let manifest = run.job.folder.release().join(Manifest::FILE_NAME);
    if record.fingerprint != fingerprint || !is_whole(&run.job.folder.release()) {
        return Ok(None);
    }
    let found = twig_shards::atomic::digest(&manifest)?.sha256;
    Ok((found == record.manifest_sha256).then_some(record))
}

/// Whether every file that the manifest names is there in full, and the card and checksums too.
fn is_whole(release: &Path) -> bool {
    let Ok(manifest) = Manifest::load(release) else { return false };
    let is_there = |shard: &Shard| {
        fs::metadata(release.join(&shard.path)).is_ok_and(|metadata| metadata.len() == shard.bytes)
    };
    manifest.shards().all(is_there)
        && ["README.md", "SHA256SUMS"].iter().all(|name| release.join(name).exists())
}
