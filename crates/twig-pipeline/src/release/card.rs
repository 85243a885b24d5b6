//! What the dataset card says beyond the manifest.

use twig_model::Role;
use twig_shards::{CardFacts, CardTeacher};

use super::{samples::SampleCounts, select::Selection};
use crate::{
    events,
    run::Run,
    settings::{PipelineFile, TeacherSettings, TokenScope, TokenizerSettings},
};

pub(super) fn facts(run: &Run, selection: &Selection, samples: &SampleCounts) -> CardFacts {
    let file = &run.settings.file;
    CardFacts {
        name: file.name.clone(),
        license: "cc-by-4.0".to_owned(),
        languages: vec!["en".to_owned()],
        teachers: teachers(run, selection),
        settings: settings(file)
            .into_iter()
            .chain(model_changes(run))
            .chain(losses(selection))
            .chain(agreement(selection))
            .collect(),
        categories: selection.categories.clone(),
        tasks: samples.by_region(),
        rewards: selection.rewards,
        cost: run.bills().told(),
        attributions: attributions(file),
        limits: limits(file),
    }
}

fn teachers(run: &Run, selection: &Selection) -> Vec<CardTeacher> {
    let file = &run.settings.file;
    let roles = [
        (Role::Thinker, &file.roles.thinker),
        (Role::Painter, &file.roles.painter),
        (Role::Critic, &file.roles.critic),
    ];
    let judges = file.judgements.judges.values().map(|judge| (Role::Judge, &judge.teacher));
    let painters: Vec<&str> = selection.painters.keys().map(String::as_str).collect();
    let model = |role, name: &str| match role {
        Role::Painter => painters.join(", "),
        Role::Thinker | Role::Critic | Role::Judge => run.teachers.model(name).to_owned(),
    };
    roles
        .into_iter()
        .chain(judges)
        .map(|(role, name)| CardTeacher {
            role: role.as_str().to_owned(),
            name: name.clone(),
            model: model(role, name),
        })
        .collect()
}

fn settings(file: &PipelineFile) -> Vec<(String, String)> {
    let trajectories = &file.trajectories;
    let select = |text: Option<&String>| text.map_or_else(|| "everything".to_owned(), Clone::clone);
    [
        ("mode", trajectories.mode.as_str().to_owned()),
        ("regions (K)", trajectories.schedule_words()),
        ("accept_score", trajectories.accept_score.to_string()),
        ("redo_rounds", trajectories.redo_rounds.to_string()),
        ("samples_per_prompt", trajectories.samples_per_prompt.to_string()),
        ("pictures encoded", scope(file).to_owned()),
        ("select.where", select(file.select.condition.as_ref())),
        ("select.gates", select(Some(&file.select.gates))),
        ("validation_share", file.release.validation_share.to_string()),
        ("prompt_drop", file.release.prompt_drop.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// How often a model behind a network, or its state, was another one than before: its answers may differ in kind.
fn model_changes(run: &Run) -> Option<(String, String)> {
    let is_remote = run.settings.file.teachers.values().any(|teacher| match teacher {
        TeacherSettings::OpenAi(_) => true,
        TeacherSettings::Procedural { .. } => false,
    });
    let changes = || events::model_changes(run.job.folder.path());
    is_remote.then(|| ("changes of model or system fingerprint".to_owned(), changes().to_string()))
}

fn scope(file: &PipelineFile) -> &'static str {
    match file.tokens.scope() {
        TokenScope::Selected => "those of the selected trajectories",
        TokenScope::All => "all",
    }
}

/// What is left of a picture after encoding and decoding, by tokenizer.
fn losses(selection: &Selection) -> impl Iterator<Item = (String, String)> {
    selection.psnr_millibels.iter().map(|(tokenizer, millibels)| {
        let decibels = |sum: i64, count: usize| sum as f64 / count.max(1) as f64 / 100.0;
        let mean = decibels(millibels.iter().map(|one| i64::from(*one)).sum(), millibels.len());
        let worst = decibels(millibels.iter().min().copied().map_or(0, i64::from), 1);
        let count = millibels.len();
        let value = format!("mean {mean:.2} dB, worst {worst:.2} dB, over {count} pictures");
        (format!("PSNR of `{tokenizer}`, encoded and decoded"), value)
    })
}

/// How far judges agree, and how well they know good pictures from bad ones.
fn agreement(selection: &Selection) -> impl Iterator<Item = (String, String)> {
    let told = selection.funnel.agreement.told();
    told.into_iter().map(|(about, words)| (format!("agreement: {about}"), words))
}

fn is_procedural(file: &PipelineFile) -> bool {
    file.teachers.get(&file.roles.painter).is_some_and(|teacher| match teacher {
        TeacherSettings::Procedural { .. } => true,
        TeacherSettings::OpenAi(_) => false,
    })
}

fn attributions(file: &PipelineFile) -> Vec<String> {
    let twemoji = "Pictures contain artwork of Twemoji, copyright Twitter, Inc and other contributors, \
                   licensed under CC-BY 4.0 (https://creativecommons.org/licenses/by/4.0/), recoloured, \
                   resized and composed.";
    if is_procedural(file) { vec![twemoji.to_owned()] } else { Vec::new() }
}

fn limits(file: &PipelineFile) -> Vec<String> {
    let mut limits = Vec::new();
    if let Some(TokenizerSettings::Patch {}) = file.tokens.tokenizers.first() {
        let patch = "The image token ids come from an embedded patch codebook, not from Janus-Pro's VQ-16.";
        limits.push(patch.to_owned());
    }
    if is_procedural(file) {
        let drawn = "The pictures are drawn by a program from flat artwork; they are no photographs and look \
                     like none. Thoughts and critiques follow fixed patterns.";
        limits.push(drawn.to_owned());
    }
    limits
}
