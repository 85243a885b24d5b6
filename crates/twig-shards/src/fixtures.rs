//! Small made-up data for tests: trajectories with a redo, samples of every task, and a whole release. Other
//! crates see it with the feature `fixtures`.

#![allow(clippy::unwrap_used, missing_docs, reason = "for tests only; made-up data is what the code says")]

use std::{collections::BTreeMap, ops::Range, path::Path};

use twig_imaging::{Rgb, RgbImage, encode_png, partial_canvas};
use twig_model::{
    Advantage, AnswerKey, Attempt, CountMention, Criterion, CriterionScores, Critique, CritiquePair, DpoPair,
    Geometry, JanusSample, JudgeCriterion, Judgement, Mode, PairKind, Picture, Prompt, PromptGroup, PromptId,
    PromptMentions, RejectReason, SampleHead, SampleLayout, Schedule, Score, SftMessage, SftPart, SftSample,
    SpatialMention, Step, TaskKind, Trajectory, TrajectoryTokens,
};

use crate::{
    CardFacts, CardTeacher, Config, CritiqueDpoRecord, DpoRecord, GrpoRecord, ImageTokenizer, JanusRecord,
    Judge, Manifest, ReleaseTrajectory, Row, SCHEMA_VERSION, SftRecord, ShardWriter, Split, StageAccount,
    StepRow, TextTokenizer, TokensRow, TrajectoryRecord, publish,
};

const CODEBOOK_SIZE: u32 = 4_096;
const IMAGE_PLACEHOLDER: i32 = 300;
const PLACEHOLDER_COLOR: Rgb<u8> = Rgb([200, 180, 160]);

/// A deterministic trajectory; every third has a redo of its second region.
pub fn trajectory(number: u64) -> Trajectory {
    let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
    let picture = picture(number);
    let steps = (0..3).map(|region_index| {
        let num_attempts = if region_index == 1 && number.is_multiple_of(3) { 2 } else { 1 };
        let attempts = (0..num_attempts).map(|index| {
            let accepted = index + 1 == num_attempts;
            let shown = if accepted { &picture } else { &self::picture(number + 1_000) };
            let canvas = partial_canvas(shown, &schedule, region_index + 1, PLACEHOLDER_COLOR);
            Attempt {
                thought: format!("Region {region_index} of picture {number}, “näher” betrachtet."),
                critique: critique(if accepted { 19 } else { 7 }),
                accepted,
                canvas: png(&canvas),
            }
        });
        Step { region_index, attempts: attempts.collect() }
    });
    Trajectory {
        prompt: prompt(number),
        sample_index: (number % 2) as u32,
        mode: if number.is_multiple_of(2) { Mode::WholeImage } else { Mode::RegionByRegion },
        painter: "painter-1".to_owned(),
        seed: -(number as i64),
        steps: steps.collect(),
        schedule,
        final_image: png(&picture),
    }
}

pub fn prompt(number: u64) -> Prompt {
    Prompt {
        id: PromptId::from_hash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        text: format!("a <image> of {number} blue | birds"),
        category: ["color", "numeracy", "3d_spatial"][number as usize % 3].to_owned(),
        source: format!("sample.txt:{number}"),
    }
}

fn critique(points: i64) -> Critique {
    Critique {
        scores: CriterionScores::new([points, points, 20, 20, 18]).unwrap(),
        comment: "The birds are too dark.".to_owned(),
        revised_thought: "Brighter birds.".to_owned(),
    }
}

fn picture(number: u64) -> RgbImage {
    let shade = number as u8;
    RgbImage::from_fn(384, 384, |x, y| Rgb([(x / 8) as u8 ^ shade, (y / 8) as u8, shade.wrapping_mul(7)]))
}

fn png(picture: &RgbImage) -> Picture {
    Picture::new(encode_png(picture))
}

/// Ids for a trajectory: those of failed attempts differ from the finished picture's.
pub fn tokens(trajectory: &Trajectory) -> TrajectoryTokens {
    let id = |cell: u32, salt: u64| {
        ((u64::from(cell) * 2_654_435_761 + salt * 97) % u64::from(CODEBOOK_SIZE)) as u32
    };
    let salt = trajectory.prompt.id.hash() % 1_000;
    let attempt_ids = trajectory.attempts().map(|(step, _, attempt)| {
        let salt = if attempt.accepted { salt } else { salt + 1 };
        trajectory.schedule.regions()[step.region_index].cells().map(|cell| id(cell, salt)).collect()
    });
    TrajectoryTokens {
        tokenizer: "patches".to_owned(),
        final_ids: (0..576).map(|cell| id(cell, salt)).collect(),
        attempt_ids: attempt_ids.collect(),
    }
}

pub fn release_trajectory(number: u64) -> ReleaseTrajectory {
    let trajectory = trajectory(number);
    let reward = Score::new((number * 13 % 101) as i64).unwrap();
    ReleaseTrajectory { tokens: Some(tokens(&trajectory)), trajectory, reward }
}

pub fn judgements(release: &ReleaseTrajectory) -> Vec<Judgement> {
    let judgement = |criterion, region_index, score| Judgement {
        trajectory_id: release.trajectory.id().to_string(),
        region_index,
        judge: "pixels".to_owned(),
        model: "judge-1".to_owned(),
        prompt_hash: "ab12".to_owned(),
        criterion,
        about: None,
        score,
        answer_key: AnswerKey(format!("{score:064x}")),
    };
    vec![
        judgement(JudgeCriterion::Overall, None, release.reward.get()),
        judgement(JudgeCriterion::Of(Criterion::ColorAccuracy), None, 20),
        judgement(JudgeCriterion::Of(Criterion::ColorAccuracy), Some(2), 11),
    ]
}

fn head(release: &ReleaseTrajectory, task: TaskKind) -> SampleHead {
    let trajectory_id = release.trajectory.id().to_string();
    SampleHead {
        id: format!("{trajectory_id}-{}-1-0", task.as_str()),
        trajectory_id,
        prompt: release.trajectory.prompt.text.clone(),
        category: release.trajectory.prompt.category.clone(),
        task,
        region_index: 1,
        attempt: 0,
        accepted: true,
        in_default_mix: task != TaskKind::Reflect,
        reward: release.reward,
    }
}

pub fn sft_sample(release: &ReleaseTrajectory) -> SftSample {
    SftSample {
        head: head(release, TaskKind::Think),
        messages: vec![asked(&release.trajectory.prompt.text), answered("Brighter birds.")],
        images: vec![release.trajectory.steps[0].attempts[0].canvas.clone()],
        image_tokens: vec![release.tokens.as_ref().unwrap().final_ids.clone()],
    }
}

pub fn janus_samples(release: &ReleaseTrajectory) -> Vec<JanusSample> {
    let ids = &release.tokens.as_ref().unwrap().attempt_ids[0];
    let generate = JanusSample {
        head: head(release, TaskKind::Generate),
        layout: SampleLayout::Janus,
        input_ids: [vec![256, 65, 66], vec![257; ids.len()]].concat(),
        labels: vec![-100; 3 + ids.len()],
        vq_ids: vec![-1; 3].into_iter().chain(ids.iter().map(|&id| id as i32)).collect(),
        vq_labels: vec![-100; 3].into_iter().chain(ids.iter().map(|&id| id as i32)).collect(),
        prompt_len: 3,
        prompt_dropped: false,
        images: Vec::new(),
    };
    let think = JanusSample {
        head: head(release, TaskKind::Think),
        layout: SampleLayout::Chat,
        input_ids: [vec![256], vec![IMAGE_PLACEHOLDER; 576], vec![65, 66]].concat(),
        labels: [vec![-100; 577], vec![65, 66]].concat(),
        vq_ids: vec![-1; 579],
        vq_labels: vec![-100; 579],
        prompt_len: 0,
        prompt_dropped: false,
        images: vec![release.trajectory.steps[0].attempts[0].canvas.clone()],
    };
    vec![think, generate]
}

/// The pair of the redone region, if the trajectory has one.
pub fn dpo_pair(release: &ReleaseTrajectory) -> Option<DpoPair> {
    let ReleaseTrajectory { trajectory, tokens, .. } = release;
    let tokens = tokens.as_ref()?;
    let [failed, better] = trajectory.steps[1].attempts.as_slice() else { return None };
    let id = trajectory.id().to_string();
    Some(DpoPair {
        id: format!("{id}-redo-1-1-0"),
        kind: PairKind::Redo,
        trajectory_id: id.clone(),
        rejected_trajectory_id: id,
        caption: trajectory.prompt.text.clone(),
        category: trajectory.prompt.category.clone(),
        region_index: Some(1),
        prompt: vec![asked(&trajectory.prompt.text)],
        chosen: vec![answered("Brighter birds.")],
        rejected: vec![answered("Birds.")],
        images: vec![trajectory.steps[0].attempts[0].canvas.clone()],
        earlier_thoughts: vec![trajectory.steps[0].attempts[0].thought.clone()],
        prefix_tokens: tokens.attempt_ids[0].clone(),
        chosen_image: better.canvas.clone(),
        rejected_image: failed.canvas.clone(),
        chosen_tokens: tokens.attempt_ids[2].clone(),
        rejected_tokens: tokens.attempt_ids[1].clone(),
        chosen_score: better.critique.score(),
        rejected_score: failed.critique.score(),
    })
}

pub fn critique_pair(release: &ReleaseTrajectory) -> Option<CritiquePair> {
    let DpoPair { trajectory_id, caption, category, chosen_score, rejected_score, chosen_image, .. } =
        dpo_pair(release)?;
    Some(CritiquePair {
        id: format!("{trajectory_id}-critique-1-1-0"),
        trajectory_id,
        prompt: vec![asked(&caption)],
        caption,
        category,
        region_index: 1,
        attempt: 1,
        other_attempt: 0,
        chosen: vec![answered("SCORE: 96")],
        rejected: vec![answered("SCORE: 72")],
        images: vec![chosen_image],
        chosen_score,
        rejected_score,
    })
}

pub fn prompt_group(release: &ReleaseTrajectory) -> PromptGroup {
    let prompt = &release.trajectory.prompt;
    let birds = || "bird".to_owned();
    let spatial = SpatialMention { obj1: birds(), obj2: birds(), locality: "next to".to_owned() };
    let is_placed = release.reward.get() % 2 == 0;
    PromptGroup {
        id: prompt.id.clone(),
        prompt: prompt.text.clone(),
        category: prompt.category.clone(),
        task_type: "numeracy".to_owned(),
        mentions: PromptMentions {
            nouns: vec![birds()],
            attr_nouns: if is_placed { vec!["blue bird".to_owned()] } else { Vec::new() },
            spatial: is_placed.then_some(spatial),
            counts: if is_placed { Vec::new() } else { vec![CountMention { obj_name: birds(), num: 3 }] },
        },
        trajectory_ids: vec![release.trajectory.id().to_string()],
        rewards: vec![release.reward],
        advantages: Advantage::of_group(&[release.reward]),
    }
}

fn asked(prompt: &str) -> SftMessage {
    let question = SftPart::Text(format!("What comes next in {prompt}?"));
    SftMessage { role: "user", parts: vec![SftPart::Image, question] }
}

fn answered(text: &str) -> SftMessage {
    SftMessage { role: "assistant", parts: vec![SftPart::Text(text.to_owned())] }
}

/// The rows of one split of a release, as the records that are stored.
pub struct Tables {
    pub trajectories: Vec<TrajectoryRecord>,
    pub steps: Vec<StepRow>,
    pub judgements: Vec<Judgement>,
    pub tokens: Vec<TokensRow>,
    pub sft: Vec<SftRecord>,
    pub janus: Vec<JanusRecord>,
    pub dpo: Vec<DpoRecord>,
    pub critique_dpo: Vec<CritiqueDpoRecord>,
    pub grpo: Vec<GrpoRecord>,
}

impl Tables {
    fn new(releases: &[ReleaseTrajectory]) -> Self {
        let tokens = |release: &ReleaseTrajectory| {
            TokensRow::all_of(&release.trajectory.id().to_string(), release.tokens.as_ref().unwrap())
        };
        Self {
            trajectories: releases.iter().cloned().map(Row::into_record).collect(),
            steps: releases.iter().flat_map(StepRow::all_of).collect(),
            judgements: releases.iter().flat_map(judgements).collect(),
            tokens: releases.iter().flat_map(tokens).collect(),
            sft: releases.iter().map(|release| sft_sample(release).into_record()).collect(),
            janus: releases.iter().flat_map(janus_samples).map(Row::into_record).collect(),
            dpo: releases.iter().filter_map(dpo_pair).map(Row::into_record).collect(),
            critique_dpo: releases.iter().filter_map(critique_pair).map(Row::into_record).collect(),
            grpo: releases.iter().map(|release| prompt_group(release).into_record()).collect(),
        }
    }
}

/// A release of eight trajectories in two splits with all nine tables.
pub fn write_release(folder: &Path) -> Manifest {
    write_tampered_release(folder, |_| {}, |_| {})
}

/// The same with changes to the training split and to the manifest.
pub fn write_tampered_release(
    folder: &Path,
    tamper_rows: impl Fn(&mut Tables),
    tamper_manifest: impl Fn(&mut Manifest),
) -> Manifest {
    let tables = |numbers: Range<u64>| Tables::new(&numbers.map(release_trajectory).collect::<Vec<_>>());
    let (mut train, validation) = (tables(0..6), tables(6..8));
    tamper_rows(&mut train);
    let splits = [("train", train), ("validation", validation)];
    let mut manifest = manifest(vec![
        write_config(folder, &splits, |tables| tables.trajectories.clone()),
        write_config(folder, &splits, |tables| tables.steps.clone()),
        write_config(folder, &splits, |tables| tables.judgements.clone()),
        write_config(folder, &splits, |tables| tables.tokens.clone()),
        write_config(folder, &splits, |tables| tables.sft.clone()),
        write_config(folder, &splits, |tables| tables.janus.clone()),
        write_config(folder, &splits, |tables| tables.dpo.clone()),
        write_config(folder, &splits, |tables| tables.critique_dpo.clone()),
        write_config(folder, &splits, |tables| tables.grpo.clone()),
    ]);
    tamper_manifest(&mut manifest);
    publish(folder, &manifest, &card_facts()).unwrap();
    manifest
}

fn write_config<T: Row>(
    folder: &Path,
    splits: &[(&str, Tables)],
    rows_of: impl Fn(&Tables) -> Vec<T>,
) -> Config {
    let splits = splits.iter().map(|(split, tables)| {
        let mut writer = ShardWriter::new(folder, split, 1 << 20);
        for row in rows_of(tables) {
            writer.push(row).unwrap();
        }
        Split { name: (*split).to_owned(), shards: writer.finish().unwrap() }
    });
    Config { name: T::TABLE.to_owned(), splits: splits.collect() }
}

pub fn manifest(configs: Vec<Config>) -> Manifest {
    Manifest {
        schema_version: SCHEMA_VERSION,
        program: "twig 0.0.0".to_owned(),
        settings_hash: "5e77".to_owned(),
        seed: 7,
        prefix_style: "janus".to_owned(),
        tokenizers: vec![ImageTokenizer {
            name: "patches".to_owned(),
            fingerprint: "f00d".to_owned(),
            codebook_size: CODEBOOK_SIZE,
            grid: Geometry::JANUS.grid,
            image_size: 384,
            placeholder: 0,
        }],
        text_tokenizer: Some(TextTokenizer {
            name: "byte-level".to_owned(),
            fingerprint: "beef".to_owned(),
            is_janus: false,
            special_ids: BTreeMap::from([("<image_placeholder>".to_owned(), IMAGE_PLACEHOLDER as u32)]),
        }),
        templates: BTreeMap::from([("think".to_owned(), "7e47".to_owned())]),
        judges: vec![Judge { name: "pixels".to_owned(), prompt_hash: "ab12".to_owned(), weight: 1 }],
        accounting: vec![StageAccount {
            stage: "release".to_owned(),
            rows_in: 10,
            rows_out: 8,
            rejected: BTreeMap::from([(RejectReason::Filtered, 2)]),
        }],
        configs,
    }
}

pub fn card_facts() -> CardFacts {
    let counts =
        |pairs: &[(&str, u64)]| pairs.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
    CardFacts {
        name: "Birds, drawn: a small \"release\"".to_owned(),
        license: "cc-by-4.0".to_owned(),
        languages: vec!["en".to_owned()],
        teachers: vec![CardTeacher {
            role: "painter".to_owned(),
            name: "embedded".to_owned(),
            model: "painter|1".to_owned(),
        }],
        settings: vec![("accept_score".to_owned(), "90".to_owned())],
        categories: counts(&[("3d_spatial", 2), ("color", 3), ("numeracy", 3)]),
        tasks: counts(&[("generate 1", 8), ("think 1", 8)]),
        rewards: [1, 0, 2, 0, 0, 1, 1, 1, 0, 2],
        cost: None,
        attributions: vec!["Drawings from Twemoji, © Twitter and contributors, CC-BY 4.0.".to_owned()],
        limits: vec!["Made up for tests.".to_owned()],
    }
}
