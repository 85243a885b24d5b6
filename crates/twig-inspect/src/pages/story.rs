use std::{collections::BTreeSet, fmt::Write};

use serde::Serialize;
use twig_model::{Grid, JudgeCriterion, Judgement, Region};
use twig_shards::{AttemptRecord, CallRow};

use crate::{Details, InspectError, pages::class_of};

/// A trajectory as templates show it.
#[derive(Debug, Serialize)]
pub(crate) struct Story {
    pub(crate) id: String,
    prompt: String,
    category: String,
    split: String,
    mode: String,
    reward: Option<i32>,
    class: &'static str,
    num_steps: u32,
    rows: u32,
    cols: u32,
    decodable: bool,
    attempts: Vec<AttemptStory>,
    #[serde(rename = "final")]
    finished: Links,
    judges: Vec<JudgeStory>,
    facts: Vec<Fact>,
    calls: Vec<CallStory>,
    cost: Option<String>,
}

/// Where the pictures of a canvas are found.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Links {
    /// The picture as it was stored.
    pub(crate) picture: String,
    /// A small copy.
    pub(crate) thumb: String,
    /// What its tokens decode to, if they can be decoded.
    pub(crate) decoded: Option<String>,
}

#[derive(Debug, Serialize)]
struct AttemptStory {
    region: String,
    region_number: usize,
    redo: u32,
    score: i32,
    accepted: bool,
    verdict: &'static str,
    thought: String,
    critique: String,
    /// The revised thought, where it is another one.
    revised: Option<String>,
    points: Vec<Points>,
    /// Outline of the region, in cells of the grid, as the path of an SVG.
    outline: String,
    picture: String,
    thumb: String,
    decoded: Option<String>,
    /// The canvas of the attempt before, for a redo.
    before: Option<String>,
    tokens: Option<String>,
}

#[derive(Debug, Serialize)]
struct Points {
    name: &'static str,
    value: i32,
}

#[derive(Debug, Serialize)]
struct JudgeStory {
    judge: String,
    model: String,
    region: String,
    score: i32,
    points: String,
}

#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
struct CallStory {
    role: &'static str,
    model: String,
    about: String,
    tokens: String,
    cost: String,
    took: String,
    raw: Option<String>,
    key: String,
}

impl Story {
    /// Tells a trajectory. `links` says where pictures are found: by position in `images`, or of the finished
    /// picture for `None`.
    pub(crate) fn new(
        details: &Details,
        decodable: bool,
        links: impl Fn(Option<u32>) -> Result<Links, InspectError>,
    ) -> Result<Self, InspectError> {
        let record = &details.record;
        let grid = details.schedule.geometry().grid;
        let mut attempts: Vec<AttemptStory> = Vec::with_capacity(record.steps.len());
        for attempt in &record.steps {
            let Some(region) = details.region(attempt) else { continue };
            let before = attempts.last().filter(|_| attempt.attempt > 0).map(|before| before.picture.clone());
            let links = links(Some(attempt.image_index))?;
            attempts.push(attempt_story(details, attempt, region, grid, links, before));
        }
        Ok(Self {
            id: record.id.clone(),
            prompt: record.prompt.clone(),
            category: record.category.clone(),
            split: details.split.clone(),
            mode: record.mode.as_str().replace('_', " "),
            reward: record.reward.map(twig_model::Score::get),
            class: record.reward.map_or("", |reward| class_of(reward.get())),
            num_steps: record.num_steps,
            rows: grid.rows,
            cols: grid.cols,
            decodable,
            attempts,
            finished: links(None)?,
            judges: judges(&details.judgements),
            facts: facts(details),
            calls: details.calls.iter().map(call_story).collect(),
            cost: cost(details.calls.iter().map(|call| call.cost_micro_usd).sum()),
        })
    }
}

fn attempt_story(
    details: &Details,
    attempt: &AttemptRecord,
    region: &Region,
    grid: Grid,
    links: Links,
    before: Option<String>,
) -> AttemptStory {
    let attempts_here =
        details.record.steps.iter().filter(|other| other.region_index == attempt.region_index);
    let is_last = attempts_here.count() as u32 == attempt.attempt + 1;
    let verdict = match (attempt.accepted, is_last) {
        (true, _) => "accepted",
        (false, false) => "to be redone",
        (false, true) => "kept, not accepted",
    };
    let ids = details.record.step_tokens.as_ref().and_then(|ids| ids.get(attempt.step as usize));
    AttemptStory {
        region: region.name.clone(),
        region_number: region.index + 1,
        redo: attempt.attempt,
        score: attempt.score.get(),
        accepted: attempt.accepted,
        verdict,
        thought: attempt.thought.clone(),
        critique: attempt.critique.clone(),
        revised: (attempt.revised_thought != attempt.thought).then(|| attempt.revised_thought.clone()),
        points: points(attempt),
        outline: outline_path(region, grid),
        picture: links.picture,
        thumb: links.thumb,
        decoded: links.decoded,
        before,
        tokens: ids.map(|ids| tokens_line(ids)),
    }
}

fn points(attempt: &AttemptRecord) -> Vec<Points> {
    let points = [
        ("colour", attempt.color_accuracy),
        ("objects", attempt.object_completeness),
        ("detail", attempt.detail_richness),
        ("places", attempt.spatial_relationships),
        ("coherence", attempt.visual_coherence),
    ];
    points.into_iter().map(|(name, value)| Points { name, value }).collect()
}

fn tokens_line(ids: &[u32]) -> String {
    let distinct: BTreeSet<u32> = ids.iter().copied().collect();
    let first: Vec<String> = ids.iter().take(12).map(u32::to_string).collect();
    format!("{} image tokens, {} distinct: {} …", ids.len(), distinct.len(), first.join(" "))
}

/// The border between the cells of a region and all others.
pub(crate) fn outline_path(region: &Region, grid: Grid) -> String {
    let cells: BTreeSet<u32> = region.cells().collect();
    let mut path = String::new();
    for &cell in &cells {
        let (y, x) = (cell / grid.cols, cell % grid.cols);
        let is_outside = |inside: bool, neighbour: u32| !inside || !cells.contains(&neighbour);
        if is_outside(y > 0, cell.wrapping_sub(grid.cols)) {
            let _ = write!(path, "M{x} {y}h1");
        }
        if is_outside(y + 1 < grid.rows, cell + grid.cols) {
            let _ = write!(path, "M{x} {}h1", y + 1);
        }
        if is_outside(x > 0, cell.wrapping_sub(1)) {
            let _ = write!(path, "M{x} {y}v1");
        }
        if is_outside(x + 1 < grid.cols, cell + 1) {
            let _ = write!(path, "M{} {y}v1", x + 1);
        }
    }
    path
}

/// One line for each judge and thing judged: the overall score, and the criteria where they are told.
fn judges(judgements: &[Judgement]) -> Vec<JudgeStory> {
    let overall = judgements.iter().filter(|judgement| judgement.criterion == JudgeCriterion::Overall);
    let told = |judgement: &Judgement| {
        let same = |other: &&Judgement| {
            other.judge == judgement.judge && other.region_index == judgement.region_index
        };
        let criteria = judgements.iter().filter(same).filter_map(|other| match other.criterion {
            JudgeCriterion::Overall => None,
            JudgeCriterion::Of(criterion) => {
                Some(format!("{} {}", criterion.as_str().replace('_', " "), other.score))
            }
            JudgeCriterion::Question | JudgeCriterion::Comparison => {
                other.about.as_ref().map(|about| format!("{about} {}", other.score))
            }
        });
        JudgeStory {
            judge: judgement.judge.clone(),
            model: judgement.model.clone(),
            region: judgement
                .region_index
                .map_or_else(|| "picture".to_owned(), |index| format!("region {}", index + 1)),
            score: judgement.score,
            points: criteria.collect::<Vec<_>>().join(" · "),
        }
    };
    overall.map(told).collect()
}

fn facts(details: &Details) -> Vec<Fact> {
    let record = &details.record;
    let mut facts = vec![
        Fact { name: "painter", value: record.painter.clone() },
        Fact { name: "source", value: record.source.clone() },
        Fact { name: "seed", value: record.seed.to_string() },
        Fact { name: "attempts", value: format!("{} at {} regions", record.attempts, record.num_steps) },
        Fact { name: "lowest score", value: record.min_step_score.get().to_string() },
    ];
    if let Some(ids) = &record.image_tokens {
        facts.push(Fact { name: "image tokens", value: tokens_line(ids) });
    }
    facts
}

/// Dollars, or `None` where no price is known.
pub(crate) fn cost(micro_usd: Option<u64>) -> Option<String> {
    micro_usd.map(|micro| format!("{:.4} $", micro as f64 / 1e6))
}

fn call_story(call: &CallRow) -> CallStory {
    let counted = |tokens: Option<u64>| tokens.map_or_else(|| "–".to_owned(), |tokens| tokens.to_string());
    let about = match (call.region_index, call.attempt) {
        (None, _) => "all regions".to_owned(),
        (Some(region), 0) => format!("region {}", region + 1),
        (Some(region), attempt) => format!("region {}, redo {attempt}", region + 1),
    };
    CallStory {
        role: call.role.as_str(),
        model: call.model.clone(),
        about,
        tokens: format!("{} / {}", counted(call.input_tokens), counted(call.output_tokens)),
        cost: cost(call.cost_micro_usd).unwrap_or_else(|| "unknown".to_owned()),
        took: if call.from_store { "from the store".to_owned() } else { format!("{} ms", call.latency_ms) },
        raw: call.raw_text.as_deref().map(pretty),
        key: call.answer_key.as_ref().map(|key| key.0.chars().take(16).collect()).unwrap_or_default(),
    }
}

/// JSON with line breaks; any other text as it is.
fn pretty(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| text.to_owned())
}
