use std::{collections::BTreeSet, fs};

use tempfile::TempDir;
use twig_model::RejectReason;

use super::*;
use crate::{
    JanusRecord, Row as _, StepRow, TableReader, TrajectoryRecord,
    fixtures::{write_release, write_tampered_release},
    verify,
};

/// Two releases of the same eight trajectories, and where a new one goes.
struct Folders {
    folder: TempDir,
    sources: Vec<PathBuf>,
    out: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = ["a", "b"].map(|name| folder.path().join(name)).to_vec();
        for source in &sources {
            write_release(source);
        }
        let out = folder.path().join("out");
        Self { folder, sources, out }
    }

    fn derive(&self, action: &str, sources: usize, keep: Keep) -> Result<Derived, ShardError> {
        let derivation = Derivation {
            action,
            description: format!("twig {action}, with `--` in it"),
            name: None,
            sources: &self.sources[..sources],
            keep,
            shard_bytes: 1 << 30,
        };
        derive(&derivation, &self.out)
    }
}

fn rows<T: crate::Row>(release: &Path) -> Vec<T> {
    let manifest = Manifest::load(release).unwrap();
    let splits = manifest.config(T::TABLE).into_iter().flat_map(|config| &config.splits);
    let shards = splits.flat_map(|split| &split.shards);
    shards.flat_map(|shard| TableReader::read_all(&release.join(&shard.path)).unwrap()).collect()
}

fn ids(release: &Path) -> Vec<String> {
    rows::<ReleaseSummary>(release).into_iter().map(|row| row.id).collect()
}

fn filter(condition: &str) -> Filter {
    Filter::parse(condition, &ReleaseSummary::schema()).unwrap()
}

#[track_caller]
fn assert_sound(release: &Path) {
    assert_eq!(verify(release).problems, []);
}

#[test]
fn all_of_a_release_is_the_same_rows_copied() {
    let folders = Folders::new();
    let derived = folders.derive("filter", 1, Keep::All).unwrap();
    assert_eq!((derived.rows_in, derived.rows_out, derived.rewritten_groups), (8, 8, 0));
    let groups =
        Manifest::load(&folders.sources[0]).unwrap().shards().map(|shard| shard.row_groups).sum::<u64>();
    assert_eq!(derived.copied_groups, groups);
    assert_sound(&folders.out);
    assert!(rows::<TrajectoryRecord>(&folders.out) == rows::<TrajectoryRecord>(&folders.sources[0]));
    assert_eq!(rows::<JanusRecord>(&folders.out), rows::<JanusRecord>(&folders.sources[0]));
    assert_eq!(rows::<StepRow>(&folders.out), rows::<StepRow>(&folders.sources[0]));
}

#[test]
fn a_filter_takes_what_belongs_to_its_rows() {
    let folders = Folders::new();
    let derived = folders.derive("filter", 1, Keep::Where(&filter("reward >= 30"))).unwrap();
    assert_sound(&folders.out);
    let wanted: Vec<TrajectoryRecord> = rows(&folders.sources[0]);
    let wanted: Vec<_> =
        wanted.into_iter().filter(|row| row.reward.is_some_and(|reward| reward.get() >= 30)).collect();
    assert!(wanted.len() < 8 && wanted.len() as u64 == derived.rows_out);
    assert!(rows::<TrajectoryRecord>(&folders.out) == wanted, "pictures and all");
    let wanted: BTreeSet<_> = wanted.into_iter().map(|row| row.id).collect();
    let steps: BTreeSet<_> = rows::<StepRow>(&folders.out).into_iter().map(|row| row.id).collect();
    assert_eq!(steps, wanted);
    let manifest = Manifest::load(&folders.out).unwrap();
    let account = manifest.accounting.last().unwrap();
    assert_eq!((account.stage.as_str(), account.rows_out), ("filter", derived.rows_out));
    assert_eq!(account.rejected[&RejectReason::Filtered], 8 - derived.rows_out);
    let card = fs::read_to_string(folders.out.join("README.md")).unwrap();
    assert!(card.contains("| made by | twig filter, with `--` in it |"), "{card}");
    let facts = CardFacts::of_release(&folders.out, &manifest);
    assert_eq!(facts.categories.values().sum::<u64>(), derived.rows_out);
    assert_eq!(facts.rewards.iter().sum::<u64>(), derived.rows_out);
    assert_eq!(facts.tasks.values().sum::<u64>(), manifest.config("janus").unwrap().rows());
    assert_eq!(facts.attributions, crate::fixtures::card_facts().attributions);
}

#[test]
fn a_merge_takes_the_first_of_equal_rows() {
    let folders = Folders::new();
    let derived = folders.derive("merge", 2, Keep::All).unwrap();
    assert_eq!((derived.rows_in, derived.rows_out, derived.duplicates), (16, 8, 8));
    assert_sound(&folders.out);
    assert_eq!(ids(&folders.out), ids(&folders.sources[0]));
    let manifest = Manifest::load(&folders.out).unwrap();
    assert_eq!(manifest.accounting.last().unwrap().rejected[&RejectReason::DuplicatePrompt], 8);
    assert_eq!(manifest.accounting[0].rows_in, 20, "the stages before are added up");
}

#[test]
fn a_merge_of_parts_is_the_whole_and_splits_do_not_mix() {
    let folders = Folders::new();
    let halves = ["low", "high"].map(|name| folders.folder.path().join(name));
    for (half, condition) in halves.iter().zip(["reward < 40", "reward >= 40"]) {
        let filter = filter(condition);
        let derivation = Derivation {
            action: "filter",
            description: String::new(),
            name: Some("Half".to_owned()),
            sources: &folders.sources[..1],
            keep: Keep::Where(&filter),
            shard_bytes: 1 << 30,
        };
        derive(&derivation, half).unwrap();
    }
    let derivation = Derivation {
        action: "merge",
        description: "twig merge".to_owned(),
        name: None,
        sources: &halves,
        keep: Keep::All,
        shard_bytes: 1 << 30,
    };
    let derived = derive(&derivation, &folders.out).unwrap();
    assert_eq!((derived.rows_out, derived.duplicates, derived.rewritten_groups), (8, 0, 0));
    assert_sound(&folders.out);
    let sorted = |release: &Path| {
        let mut rows = rows::<TrajectoryRecord>(release);
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        rows
    };
    assert!(sorted(&folders.out) == sorted(&folders.sources[0]));
    assert!(fs::read_to_string(folders.out.join("README.md")).unwrap().contains("pretty_name: Half"));
}

#[test]
fn a_sample_draws_prompts_and_a_larger_one_contains_it() {
    let folders = Folders::new();
    let mut before = BTreeSet::new();
    for share in [0.01, 0.4, 0.7, 1.0] {
        folders.derive("sample", 1, Keep::Share { share, seed: 3 }).unwrap();
        assert_sound(&folders.out);
        let ids: BTreeSet<_> = ids(&folders.out).into_iter().collect();
        assert_eq!(ids.len(), ((8.0 * share).round() as usize).max(1));
        assert!(before.is_subset(&ids));
        before = ids;
        fs::remove_dir_all(&folders.out).unwrap();
    }
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let folders = Folders::new();
    let nothing = folders.derive("filter", 1, Keep::Where(&filter("reward > 100"))).unwrap_err();
    assert!(matches!(nothing, ShardError::Nothing { .. }) && nothing.is_wrong_usage());
    fs::remove_dir_all(&folders.sources[1]).unwrap();
    let other = |manifest: &mut Manifest| manifest.tokenizers[0].fingerprint = "other".to_owned();
    write_tampered_release(&folders.sources[1], |_| {}, other);
    let error = folders.derive("merge", 2, Keep::All).unwrap_err().to_string();
    assert!(error.ends_with("their image tokenizers differ, so their ids mean different things"), "{error}");
    assert_eq!(fs::read_dir(folders.folder.path()).unwrap().count(), 2, "the sources alone");
    let error = folders.derive("merge", 0, Keep::All).unwrap_err();
    assert!(matches!(error, ShardError::Nothing { .. }));
    fs::create_dir(&folders.out).unwrap();
    assert!(matches!(folders.derive("merge", 1, Keep::All), Err(ShardError::Exists { .. })));
}
