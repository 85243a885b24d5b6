use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use twig_model::{Attempt, Critique, Picture, Step};
use twig_shards::{
    Manifest, ReleaseTrajectory, TableReader, atomic,
    fixtures::{write_release, write_tampered_release},
};

use super::*;

const FORMATS: [ExportFormat; 8] = [
    ExportFormat::Jsonl,
    ExportFormat::WebDataset,
    ExportFormat::Mds,
    ExportFormat::LlamaFactory,
    ExportFormat::Bagel,
    ExportFormat::Irg,
    ExportFormat::Codes,
    ExportFormat::Plain,
];

/// A made-up release, and where exports go.
struct Folders {
    folder: tempfile::TempDir,
    release: PathBuf,
    out: PathBuf,
}

impl Folders {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (release, out) = (folder.path().join("release"), folder.path().join("export"));
        write_release(&release);
        Self { folder, release, out }
    }

    fn export(&self, format: ExportFormat) -> ExportSummary {
        export(&self.release, &self.out, format).unwrap()
    }

    /// What lies beside the release.
    fn beside(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "release");
        names.sort_unstable();
        names
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// What an export says about a trajectory, put together from its line and its pictures, is the trajectory.
#[track_caller]
fn assert_same(out: &Path, line: &TrajectoryLine, release: &ReleaseTrajectory) {
    let trajectory = &release.trajectory;
    let picture = |name: &str| Picture::new(fs::read(out.join(name)).unwrap());
    let mut steps: Vec<Step> = Vec::new();
    for attempt in &line.steps {
        if attempt.attempt == 0 {
            steps.push(Step { region_index: attempt.region_index, attempts: Vec::new() });
        }
        let critique = Critique {
            scores: attempt.criteria,
            comment: attempt.critique.clone(),
            revised_thought: attempt.revised_thought.clone(),
        };
        assert_eq!(critique.score(), attempt.score);
        assert_eq!(attempt.region, trajectory.schedule.regions()[attempt.region_index].name);
        steps.last_mut().unwrap().attempts.push(Attempt {
            thought: attempt.thought.clone(),
            critique,
            accepted: attempt.accepted,
            canvas: picture(&attempt.image),
        });
    }
    assert!(steps == trajectory.steps, "the steps of {} come back changed", line.id);
    assert!(picture(&line.image) == trajectory.final_image);
    assert_eq!((&line.id, line.reward), (&trajectory.id().to_string(), release.reward));
    assert_eq!((&line.prompt, &line.category), (&trajectory.prompt.text, &trajectory.prompt.category));
    assert_eq!((line.mode.as_str(), &line.painter), (trajectory.mode.as_str(), &trajectory.painter));
}

#[test]
fn json_lines_are_what_was_released() {
    let folders = Folders::new();
    let summary = folders.export(ExportFormat::Jsonl);
    let manifest = Manifest::load(&folders.release).unwrap();
    for split in &manifest.config("trajectories").unwrap().splits {
        let mut lines: Vec<TrajectoryLine> = Vec::new();
        let mut rows: Vec<ReleaseTrajectory> = Vec::new();
        for (index, shard) in split.shards.iter().enumerate() {
            let name = format!("{}-{index:05}-of-{:05}.jsonl", split.name, split.shards.len());
            let text = fs::read_to_string(folders.out.join(name)).unwrap();
            lines.extend(text.lines().map(|line| serde_json::from_str::<TrajectoryLine>(line).unwrap()));
            rows.extend(TableReader::read_all(&folders.release.join(&shard.path)).unwrap());
        }
        assert_eq!(lines.len(), rows.len());
        lines.iter().zip(&rows).for_each(|(line, row)| assert_same(&folders.out, line, row));
    }
    assert_eq!(summary.files.iter().map(|file| file.rows).sum::<u64>(), 8);
    assert_eq!(summary.pictures, 8 + 27, "finished pictures and attempts");
}

#[test]
fn every_format_is_whole_repeatable_and_vouched_for() {
    for format in FORMATS {
        let folders = Folders::new();
        let summary = folders.export(format);
        assert_eq!(folders.beside(), ["export"], "no unfinished folder is left");
        let stored = fs::read(folders.out.join(ExportSummary::FILE_NAME)).unwrap();
        assert_eq!(serde_json::from_slice::<ExportSummary>(&stored).unwrap(), summary);
        for file in &summary.files {
            let digest = atomic::digest(&folders.out.join(&file.path)).unwrap();
            assert_eq!((digest.bytes, &digest.sha256), (file.bytes, &file.sha256), "{}", file.path);
        }
        let first = files(&folders.out);
        fs::remove_dir_all(&folders.out).unwrap();
        folders.export(format);
        assert!(first == files(&folders.out), "{} differs from itself", format.name());
    }
}

/// The first shard of a split of the table that a format is made of.
fn first_shard(release: &Path, format: ExportFormat, split: &str) -> PathBuf {
    let table = match format {
        ExportFormat::LlamaFactory | ExportFormat::Plain => "sft",
        ExportFormat::Mds => "janus",
        _ => "trajectories",
    };
    let manifest = Manifest::load(release).unwrap();
    let splits = &manifest.config(table).unwrap().splits;
    release.join(&splits.iter().find(|found| found.name == split).unwrap().shards[0].path)
}

#[test]
fn an_interrupted_export_is_gone_on_with() {
    for format in FORMATS {
        let folders = Folders::new();
        let name = format.name();
        let damaged = first_shard(&folders.release, format, "validation");
        let whole = fs::read(&damaged).unwrap();
        fs::write(&damaged, b"gone").unwrap();
        // One thread takes the shards in order, so that those before the damaged one are done.
        let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let interrupted = one_thread.install(|| export(&folders.release, &folders.out, format));
        assert!(matches!(interrupted, Err(ExportError::Shards(_))), "{name}");
        assert_eq!(folders.beside(), [".tmp-export.export"], "{name}: what is done stays");
        let records =
            || fs::read_dir(folders.folder.path().join(".tmp-export.export/.done")).unwrap().count();
        assert!(records() > 1, "{name}: the other shards are done");
        // A shard that is done is not read again: spoiling it goes unnoticed.
        let done = first_shard(&folders.release, format, "train");
        let bytes = fs::read(&done).unwrap();
        fs::write(&done, b"gone").unwrap();
        fs::write(&damaged, &whole).unwrap();
        let resumed = folders.export(format);
        let files_resumed = files(&folders.out);
        fs::write(&done, &bytes).unwrap();
        fs::remove_dir_all(&folders.out).unwrap();
        assert_eq!(resumed, folders.export(format), "{name}");
        assert!(files_resumed == files(&folders.out), "{name} differs from one that was not interrupted");
    }
}

#[test]
fn another_release_is_not_gone_on_with() {
    let folders = Folders::new();
    let growing = folders.folder.path().join(".tmp-export.export");
    fs::create_dir_all(growing.join(".done")).unwrap();
    fs::create_dir_all(growing.join("images")).unwrap();
    fs::write(growing.join("images/old.png"), b"old").unwrap();
    fs::write(growing.join(".done/identity.json"), b"{}").unwrap();
    folders.export(ExportFormat::Jsonl);
    assert!(!folders.out.join("images/old.png").exists());
}

#[test]
fn nothing_is_overwritten_and_bad_pictures_are_named() {
    let folders = Folders::new();
    fs::create_dir(&folders.out).unwrap();
    let refused = |out: &Path| export(&folders.release, out, ExportFormat::Jsonl).unwrap_err();
    assert!(matches!(refused(&folders.out), ExportError::Exists { .. }));
    assert!(matches!(refused(Path::new("/")), ExportError::Exists { .. }));
    fs::remove_dir(&folders.out).unwrap();
    fs::remove_dir_all(&folders.release).unwrap();
    let no_png = |tables: &mut twig_shards::fixtures::Tables| {
        tables.trajectories[1].images[0] = Picture::new(*b"<svg/>");
    };
    write_tampered_release(&folders.release, no_png, |_| {});
    for format in [ExportFormat::Jsonl, ExportFormat::WebDataset] {
        let error = export(&folders.release, &folders.out, format).unwrap_err();
        assert!(matches!(error, ExportError::NotPng { .. }), "{error}");
        assert!(!error.is_wrong_usage() && !folders.out.exists());
    }
}

#[test]
fn two_exports_do_not_write_the_same_folder() {
    let folders = Folders::new();
    let growing = folders.folder.path().join(".tmp-export.export");
    fs::create_dir(&growing).unwrap();
    let lock = fs::File::create(growing.join(".lock")).unwrap();
    lock.lock().unwrap();
    let error = export(&folders.release, &folders.out, ExportFormat::Codes).unwrap_err();
    assert!(matches!(error, ExportError::Busy { .. }) && error.is_wrong_usage(), "{error}");
    drop(lock);
    folders.export(ExportFormat::Codes);
}
