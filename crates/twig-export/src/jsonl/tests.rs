use std::{collections::BTreeMap, fs};

use twig_imaging::{Rgb, RgbImage, encode_png, partial_canvas};
use twig_model::{Attempt, Critique, Geometry, Mode, Prompt, PromptId, Schedule, Step, Trajectory};
use twig_shards::{Config, Row, SCHEMA_VERSION, ShardWriter, atomic};

use super::*;

/// A trajectory whose second region was redone, with texts that need escaping.
fn trajectory(number: u64) -> ReleaseTrajectory {
    let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
    let picture = RgbImage::from_fn(384, 384, |x, y| Rgb([x as u8, y as u8, number as u8]));
    let attempt = |region_index: usize, accepted: bool| Attempt {
        thought: format!("A “red” vase\nbeside \"{number}\" \\ apples, region {region_index}."),
        critique: Critique {
            scores: CriterionScores::new([if accepted { 20 } else { 3 }, 20, 20, 20, 18]).unwrap(),
            comment: format!("The vase is {}.", if accepted { "red" } else { "blue" }),
            revised_thought: "A red vase.".to_owned(),
        },
        accepted,
        canvas: Picture::new(encode_png(&partial_canvas(&picture, &schedule, region_index + 1, Rgb([9; 3])))),
    };
    let steps = (0..3).map(|region_index| {
        let failed = (region_index == 1).then(|| attempt(1, false));
        Step { region_index, attempts: failed.into_iter().chain([attempt(region_index, true)]).collect() }
    });
    let trajectory = Trajectory {
        prompt: Prompt {
            id: PromptId::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            text: format!("{number} apples beside a red vase"),
            category: "numeracy".to_owned(),
            source: format!("sample.txt:{number}"),
        },
        sample_index: 1,
        mode: Mode::WholeImage,
        painter: "painter-1".to_owned(),
        seed: 7,
        steps: steps.collect(),
        schedule,
        final_image: Picture::new(encode_png(&picture)),
    };
    ReleaseTrajectory { trajectory, tokens: None, reward: Score::new(number as i64).unwrap() }
}

fn write_release(folder: &Path, splits: &[(&str, &[ReleaseTrajectory])]) {
    let splits = splits.iter().map(|(split, rows)| {
        let mut writer = ShardWriter::new(folder, split, 1 << 20);
        rows.iter().for_each(|row| writer.push(row.clone()).unwrap());
        Split { name: (*split).to_owned(), shards: writer.finish().unwrap() }
    });
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        program: "twig 0.0.0".to_owned(),
        settings_hash: "5e77".to_owned(),
        seed: 7,
        prefix_style: "janus".to_owned(),
        tokenizers: Vec::new(),
        text_tokenizer: None,
        templates: BTreeMap::new(),
        judges: Vec::new(),
        accounting: Vec::new(),
        configs: vec![Config { name: ReleaseTrajectory::TABLE.to_owned(), splits: splits.collect() }],
    };
    atomic::write(&folder.join(Manifest::FILE_NAME), manifest.to_json().as_bytes()).unwrap();
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

fn lines(path: &Path) -> Vec<TrajectoryLine> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_is_exported_is_what_was_released() {
    let folder = tempfile::tempdir().unwrap();
    let (release, out) = (folder.path().join("release"), folder.path().join("export"));
    let (train, validation): (Vec<_>, Vec<_>) =
        ((0..20).map(trajectory).collect(), (20..22).map(trajectory).collect());
    write_release(&release, &[("train", &train), ("validation", &validation)]);
    let summary = jsonl(&release, &out).unwrap();
    for (split, rows) in [("train", &train), ("validation", &validation)] {
        let lines = lines(&out.join(format!("{split}.jsonl")));
        assert_eq!(lines.len(), rows.len());
        lines.iter().zip(rows).for_each(|(line, row)| assert_same(&out, line, row));
    }
    assert_eq!(summary.pictures, 22 * 5);
    let files: Vec<_> = summary.files.iter().map(|file| (file.path.as_str(), file.rows)).collect();
    assert_eq!(files, [("train.jsonl", 20), ("validation.jsonl", 2)]);
    let digest = atomic::digest(&out.join("train.jsonl")).unwrap();
    assert_eq!((digest.bytes, &digest.sha256), (summary.files[0].bytes, &summary.files[0].sha256));
    let stored = fs::read(out.join(ExportSummary::FILE_NAME)).unwrap();
    assert_eq!(serde_json::from_slice::<ExportSummary>(&stored).unwrap(), summary);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary folder is left");
}

#[test]
fn nothing_is_overwritten_and_a_failure_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (release, out) = (folder.path().join("release"), folder.path().join("export"));
    let mut damaged = trajectory(1);
    damaged.trajectory.steps[2].attempts[0].canvas = Picture::new(*b"<svg/>");
    write_release(&release, &[("train", &[trajectory(0), damaged])]);
    assert!(matches!(jsonl(&release, &out), Err(ExportError::NotPng { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the release alone");
    fs::create_dir(&out).unwrap();
    assert!(matches!(jsonl(&release, &out), Err(ExportError::Exists { .. })));
    assert!(matches!(jsonl(&release, Path::new("/")), Err(ExportError::Exists { .. })));
}
