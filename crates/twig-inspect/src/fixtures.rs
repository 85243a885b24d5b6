//! A small made-up release for tests.

use std::{collections::BTreeMap, path::Path};

use twig_imaging::{Rgb, RgbImage, encode_png, partial_canvas};
use twig_model::{
    Attempt, CriterionScores, Critique, Geometry, JanusSample, Mode, Picture, Prompt, PromptId, RejectReason,
    SampleHead, SampleLayout, Schedule, Score, Step, TaskKind, Trajectory,
};
use twig_shards::{
    Config, Manifest, ReleaseTrajectory, Row, SCHEMA_VERSION, ShardWriter, Split, StageAccount, StepRow,
    atomic,
};

/// A deterministic trajectory; every third has a redo of its second region.
pub(crate) fn trajectory(number: u64) -> ReleaseTrajectory {
    let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
    let picture = RgbImage::from_fn(384, 384, |x, y| Rgb([(x / 2) as u8, (y / 2) as u8, number as u8 * 20]));
    let attempt = |region_index: usize, accepted: bool| Attempt {
        thought: ["Three green apples on a table, softly lit.", "Sky."][usize::from(region_index == 2)]
            .to_owned(),
        critique: Critique {
            scores: CriterionScores::new([if accepted { 20 } else { 3 }, 20, 20, 20, 18]).unwrap(),
            comment: if accepted { "All is well." } else { "The apples are red." }.to_owned(),
            revised_thought: "Three apples, all of them green.".to_owned(),
        },
        accepted,
        canvas: png(&partial_canvas(&picture, &schedule, region_index + 1, Rgb([128; 3]))),
    };
    let steps = (0..3).map(|region_index| {
        let has_redo = region_index == 1 && number.is_multiple_of(3);
        let failed = has_redo.then(|| attempt(region_index, false));
        Step { region_index, attempts: failed.into_iter().chain([attempt(region_index, true)]).collect() }
    });
    let trajectory = Trajectory {
        prompt: Prompt {
            id: PromptId::from_hash(number + 1),
            text: format!("{number} green apples"),
            category: ["color", "numeracy"][number as usize % 2].to_owned(),
            source: format!("sample.txt:{number}"),
        },
        sample_index: 0,
        mode: Mode::RegionByRegion,
        painter: "painter-1".to_owned(),
        seed: 7,
        steps: steps.collect(),
        schedule,
        final_image: png(&picture),
    };
    ReleaseTrajectory { trajectory, tokens: None, reward: Score::new((number * 13 % 101) as i64).unwrap() }
}

fn png(picture: &RgbImage) -> Picture {
    Picture::new(encode_png(picture))
}

fn janus_samples(release: &ReleaseTrajectory) -> Vec<JanusSample> {
    let sample = |task: TaskKind, region_index| JanusSample {
        head: SampleHead {
            id: format!("{}-{}-{region_index}-0", release.trajectory.id(), task.as_str()),
            trajectory_id: release.trajectory.id().to_string(),
            prompt: release.trajectory.prompt.text.clone(),
            category: release.trajectory.prompt.category.clone(),
            task,
            region_index,
            attempt: 0,
            accepted: true,
            in_default_mix: task == TaskKind::Think && region_index > 0,
            reward: release.reward,
        },
        layout: SampleLayout::Chat,
        input_ids: vec![1, 2],
        labels: vec![-100, 2],
        vq_ids: vec![-1; 2],
        vq_labels: vec![-100; 2],
        prompt_len: 0,
        prompt_dropped: false,
        images: Vec::new(),
    };
    let tasks = [TaskKind::Think, TaskKind::Reflect];
    tasks
        .into_iter()
        .flat_map(|task| (0..2).map(move |region| (task, region)))
        .map(|(t, r)| sample(t, r))
        .collect()
}

/// A text that would run if a page took it for its own.
pub(crate) const HOSTILE: &str =
    "</title><script>alert(1)</script><img src=x onerror=alert(2)>\" onmouseover='alert(3)' {{ 7*7 }}";

/// Writes a release whose every text is [`HOSTILE`].
pub(crate) fn write_hostile_release(folder: &Path) -> String {
    let mut release = trajectory(3);
    let text = || HOSTILE.to_owned();
    release.trajectory.prompt.text = text();
    release.trajectory.prompt.category = text();
    release.trajectory.prompt.source = text();
    release.trajectory.painter = text();
    for attempt in release.trajectory.steps.iter_mut().flat_map(|step| &mut step.attempts) {
        attempt.thought = text();
        attempt.critique.comment = text();
        attempt.critique.revised_thought = format!("{HOSTILE}!");
    }
    let id = release.trajectory.id().to_string();
    write_release_of(folder, &[release]);
    id
}

/// Writes a release of `rows` trajectories, the last of which is for validation, and gives them back.
pub(crate) fn write_release(folder: &Path, rows: u64) -> Vec<ReleaseTrajectory> {
    let all: Vec<ReleaseTrajectory> = (0..rows).map(trajectory).collect();
    write_release_of(folder, &all);
    all
}

fn write_release_of(folder: &Path, all: &[ReleaseTrajectory]) {
    let rows = all.len() as u64;
    let (train, validation) = all.split_at(all.len().saturating_sub(1));
    let splits = [("train", train), ("validation", validation)];
    let rejected = BTreeMap::from([(RejectReason::Filtered, 2)]);
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
        accounting: vec![StageAccount {
            stage: "release".to_owned(),
            rows_in: rows + 2,
            rows_out: rows,
            rejected,
        }],
        configs: vec![
            write(folder, &splits, |release| vec![release.clone()]),
            write(folder, &splits, StepRow::all_of),
            write(folder, &splits, janus_samples),
        ],
    };
    atomic::write(&folder.join(Manifest::FILE_NAME), manifest.to_json().as_bytes()).unwrap();
}

fn write<T: Row>(
    folder: &Path,
    splits: &[(&str, &[ReleaseTrajectory])],
    rows_of: impl Fn(&ReleaseTrajectory) -> Vec<T>,
) -> Config {
    let splits = splits.iter().map(|(split, releases)| {
        let mut writer = ShardWriter::new(folder, split, 1 << 20);
        releases.iter().flat_map(&rows_of).for_each(|row| writer.push(row).unwrap());
        Split { name: (*split).to_owned(), shards: writer.finish().unwrap() }
    });
    Config { name: T::TABLE.to_owned(), splits: splits.filter(|split| !split.shards.is_empty()).collect() }
}
