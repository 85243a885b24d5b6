//! The numbers of a report: counted by SQL where tables are joined, else from the catalogue.

use std::{collections::BTreeMap, fs};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twig_model::Agreement;
use twig_shards::StageAccount;

use super::charts;
use crate::{
    Catalogue, Dataset, Distribution, InspectError, ModelCalls, SqlSession, calls,
    pages::{cost, grouped},
    summary,
};

/// All of them, as the template shows them.
pub(super) struct Figures {
    pub(super) subtitle: String,
    pub(super) program: String,
    pub(super) tiles: Vec<Tile>,
    pub(super) warnings: Vec<String>,
    pub(super) funnel: Vec<Stage>,
    pub(super) charts: Vec<Charts>,
    pub(super) tables: Vec<Table>,
}

#[derive(Serialize)]
pub(super) struct Tile {
    name: &'static str,
    value: String,
}

#[derive(Serialize)]
pub(super) struct Stage {
    name: String,
    percent: f64,
    text: String,
    rejected: String,
}

#[derive(Serialize)]
pub(super) struct Charts {
    title: &'static str,
    about: String,
    drawn: Vec<Chart>,
}

#[derive(Serialize)]
struct Chart {
    title: String,
    about: String,
    svg: minijinja::Value,
}

#[derive(Serialize)]
pub(super) struct Table {
    title: &'static str,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Asks the tables of one dataset.
struct Asked<'a> {
    dataset: &'a Dataset,
    session: &'a mut SqlSession,
}

impl Asked<'_> {
    /// The rows of an answer; none where one of the tables is not there.
    fn rows(&mut self, tables: &[&str], query: &str) -> Result<Vec<Vec<Value>>, InspectError> {
        if tables.iter().any(|table| !self.session.tables().contains_key(*table)) {
            return Ok(Vec::new());
        }
        let answer = self.session.query(query);
        let failed = |mistake| InspectError::Sql { folder: self.dataset.folder().to_owned(), mistake };
        Ok(answer.map_err(failed)?.values())
    }
}

impl Figures {
    pub(super) fn gather(
        dataset: &Dataset,
        catalogue: &Catalogue,
        session: &mut SqlSession,
    ) -> Result<Self, InspectError> {
        let mut asked = Asked { dataset, session };
        let manifest = dataset.release().map(|(_, manifest)| manifest);
        let stages = manifest.map(|manifest| manifest.accounting.clone()).unwrap_or_default();
        let warnings = match manifest {
            Some(_) => summary(dataset)?.warnings,
            None => Vec::new(),
        };
        let calls = calls::by_model(dataset)?;
        let charts = vec![
            rewards(catalogue, &mut asked)?,
            critics(&mut asked)?,
            calibration(catalogue, &mut asked)?,
            attempts(catalogue),
        ];
        Ok(Self {
            subtitle: subtitle(dataset, catalogue),
            program: manifest.map_or_else(|| "twig".to_owned(), |manifest| manifest.program.clone()),
            tiles: tiles(catalogue, &calls),
            warnings: warnings.iter().map(ToString::to_string).collect(),
            funnel: funnel(&stages),
            charts: charts.into_iter().filter(|group| !group.drawn.is_empty()).collect(),
            tables: [agreement(dataset), rejections(&mut asked)?, timings(&mut asked)?, costs(&calls)]
                .into_iter()
                .filter(|table| !table.rows.is_empty())
                .collect(),
        })
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn whole(value: &Value) -> u64 {
    number(value) as u64
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn subtitle(dataset: &Dataset, catalogue: &Catalogue) -> String {
    let mut parts = vec![format!("{} categories", catalogue.categories().len())];
    if let Some((_, manifest)) = dataset.release() {
        let rows =
            manifest.configs.iter().map(|config| format!("{} {}", grouped(config.rows()), config.name));
        parts.push(format!("rows: {}", rows.collect::<Vec<_>>().join(", ")));
    } else {
        parts.push("not released yet: committed parts of a run".to_owned());
    }
    parts.join(" · ")
}

fn tiles(catalogue: &Catalogue, calls: &[ModelCalls]) -> Vec<Tile> {
    let entries = catalogue.entries();
    let count = entries.len() as f64;
    let attempts: u64 = entries.iter().map(|entry| u64::from(entry.attempts)).sum();
    let redone = entries.iter().filter(|entry| entry.redos() > 0).count();
    let rewards: Vec<f64> = entries.iter().filter_map(|entry| entry.reward).map(f64::from).collect();
    let mean = rewards.iter().sum::<f64>() / rewards.len().max(1) as f64;
    let mut tiles = vec![
        Tile { name: "trajectories", value: grouped(entries.len() as u64) },
        Tile { name: "attempts at regions", value: grouped(attempts) },
        Tile {
            name: "with redone regions",
            value: format!("{:.0} %", redone as f64 / count.max(1.0) * 100.0),
        },
    ];
    if !rewards.is_empty() {
        tiles.push(Tile { name: "mean reward", value: format!("{mean:.1}") });
    }
    if !calls.is_empty() {
        let num_calls = calls.iter().map(|calls| calls.calls).sum();
        // Unknown as soon as one of them is.
        let spent: Option<u64> = calls.iter().map(|calls| calls.micro_usd).sum();
        tiles.push(Tile { name: "calls to teachers", value: grouped(num_calls) });
        tiles.push(Tile { name: "cost", value: cost(spent).unwrap_or_else(|| "unknown".to_owned()) });
    }
    tiles
}

fn funnel(stages: &[StageAccount]) -> Vec<Stage> {
    // Several samples are made of each trajectory, so they are on a scale of their own.
    let most = |of_samples: bool| {
        let alike = stages.iter().filter(|stage| (stage.stage == StageAccount::SAMPLES) == of_samples);
        alike.map(|stage| stage.rows_in).max().unwrap_or(0).max(1) as f64
    };
    let (most_rows, most_samples) = (most(false), most(true));
    let stage = |stage: &StageAccount| {
        let reasons = stage.rejected.iter().map(|(reason, count)| format!("{} {reason}", grouped(*count)));
        let reasons: Vec<String> = reasons.collect();
        let most = if stage.stage == StageAccount::SAMPLES { most_samples } else { most_rows };
        Stage {
            name: stage.stage.clone(),
            percent: stage.rows_out as f64 / most * 100.0,
            text: format!("{} in, {} out", grouped(stage.rows_in), grouped(stage.rows_out)),
            rejected: if reasons.is_empty() {
                String::new()
            } else {
                format!("rejected: {}", reasons.join(", "))
            },
        }
    };
    stages.iter().map(stage).collect()
}

fn chart(title: String, counts: &BTreeMap<i64, u64>) -> Chart {
    let distribution = Distribution::of_scores(counts);
    Chart {
        title,
        about: format!("{} · mean {:.1}", grouped(distribution.count), distribution.mean),
        svg: minijinja::Value::from_safe_string(charts::histogram(&distribution)),
    }
}

/// Scores of finished pictures by judge and category; where no judgement was made, rewards by category.
fn rewards(catalogue: &Catalogue, asked: &mut Asked) -> Result<Charts, InspectError> {
    let rows = asked.rows(
        &["judgements", "trajectories"],
        "select judge, category, score, count(*) as n from \
         (select id, judge, score from judgements where criterion = 'overall' and region_index is null) as j \
         join (select id, category from trajectories) as t using (id) group by judge, category, score",
    )?;
    let mut counts: BTreeMap<(String, String), BTreeMap<i64, u64>> = BTreeMap::new();
    for row in &rows {
        let [judge, category, score, n] = row.as_slice() else { continue };
        for shown in [text(category), String::new()] {
            *counts.entry((text(judge), shown)).or_default().entry(whole(score) as i64).or_default() +=
                whole(n);
        }
    }
    if rows.is_empty() {
        for entry in catalogue.entries() {
            let Some(reward) = entry.reward else { continue };
            let of = counts.entry(("reward".to_owned(), catalogue.category(entry).to_owned())).or_default();
            *of.entry(reward.into()).or_default() += 1;
        }
    }
    let titled = |((judge, category), counts): (&(String, String), &BTreeMap<i64, u64>)| {
        let category = if category.is_empty() { "all categories" } else { category };
        chart(format!("{judge}: {category}"), counts)
    };
    let about = "What judges gave finished pictures, 0 to 100.".to_owned();
    Ok(Charts { title: "Scores by judge and category", about, drawn: counts.iter().map(titled).collect() })
}

/// Where regions differ from picture to picture, there is no chart for each.
const MAX_CHARTS: usize = 24;

fn critics(asked: &mut Asked) -> Result<Charts, InspectError> {
    let rows = asked.rows(
        &["steps"],
        "select region_index, region, kind, score, count(*) as n from steps group by region_index, region, kind, score",
    )?;
    let mut counts: BTreeMap<(u64, String, String), BTreeMap<i64, u64>> = BTreeMap::new();
    for row in &rows {
        let [index, region, kind, score, n] = row.as_slice() else { continue };
        let of = counts.entry((whole(index), text(region), text(kind))).or_default();
        *of.entry(whole(score) as i64).or_default() += whole(n);
    }
    let titled = |((index, region, kind), counts): (&(u64, String, String), &BTreeMap<i64, u64>)| {
        let redo = if kind == "redo" { ", redone" } else { "" };
        chart(format!("{} {region}{redo}", index + 1), counts)
    };
    let about =
        "What the critic gave attempts, by region; first attempts and those after a reflection.".to_owned();
    Ok(Charts {
        title: "Scores of attempts",
        about,
        drawn: counts.iter().take(MAX_CHARTS).map(titled).collect(),
    })
}

/// How far critic and judge agree: region by region where regions were judged, else the weakest region against the
/// whole picture.
fn calibration(catalogue: &Catalogue, asked: &mut Asked) -> Result<Charts, InspectError> {
    let rows = asked.rows(
        &["judgements", "steps"],
        "select critic, score, count(*) as n from \
         (select id, region_index, attempt, score as critic from steps) as s \
         join (select id, region_index, max(attempt) as attempt from steps group by id, region_index) as l \
         using (id, region_index, attempt) \
         join (select id, region_index, score from judgements where criterion = 'overall' and region_index is not null) as j \
         using (id, region_index) group by critic, score",
    )?;
    let mut pairs: Vec<(f64, f64, u64)> = Vec::new();
    for row in &rows {
        if let [critic, judge, n] = row.as_slice() {
            pairs.push((number(critic), number(judge), whole(n)));
        }
    }
    let (right, up, about) = if pairs.is_empty() {
        let judged = catalogue.entries().iter().filter_map(|entry| Some((entry, entry.reward?)));
        pairs = judged.map(|(entry, reward)| (entry.min_step_score.into(), reward.into(), 1)).collect();
        ("weakest region", "reward", "the critic's lowest score against the reward of the finished picture")
    } else {
        ("critic", "judge", "scores of the same region by the critic and by judges")
    };
    let mut cells = [[0; 10]; 10];
    for (x, y, n) in &pairs {
        let bin = |score: f64| ((score / 10.0) as usize).min(9);
        cells[bin(*x)][bin(*y)] += n;
    }
    let chart = Chart {
        title: format!("{right} against {up}"),
        about: correlation(&pairs).map_or_else(String::new, |r| format!("correlation {r:.2}")),
        svg: minijinja::Value::from_safe_string(charts::heat_map(&cells, right, up)),
    };
    let charts = if pairs.is_empty() { Vec::new() } else { vec![chart] };
    let about = format!("Calibration: {about}. On the dashed line both say the same.");
    Ok(Charts { title: "Do critic and judge agree?", about, drawn: charts })
}

/// Pearson's; `None` where one of both never changes.
fn correlation(pairs: &[(f64, f64, u64)]) -> Option<f64> {
    let count: f64 = pairs.iter().map(|(_, _, n)| *n as f64).sum();
    let mean = |value: fn(&(f64, f64, u64)) -> f64| {
        pairs.iter().map(|pair| value(pair) * pair.2 as f64).sum::<f64>() / count
    };
    let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
        pairs.iter().map(|(a, b, n)| of(a - x, b - y) * *n as f64).sum()
    };
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    (spread > 0.0).then(|| sum(&|a, b| a * b) / spread)
}

fn attempts(catalogue: &Catalogue) -> Charts {
    let mut counts: BTreeMap<u16, u64> = BTreeMap::new();
    for entry in catalogue.entries() {
        *counts.entry(entry.attempts).or_default() += 1;
    }
    let bars: Vec<(String, u64)> = counts.iter().map(|(attempts, n)| (attempts.to_string(), *n)).collect();
    let chart = Chart {
        title: "attempts a trajectory".to_owned(),
        about: "over all its regions".to_owned(),
        svg: minijinja::Value::from_safe_string(charts::bars(&bars)),
    };
    let charts = if bars.is_empty() { Vec::new() } else { vec![chart] };
    Charts { title: "Attempts", about: String::new(), drawn: charts }
}

/// How far judges agree with each other and with known mistakes, as the selection has found.
fn agreement(dataset: &Dataset) -> Table {
    #[derive(Deserialize)]
    struct Selection {
        #[serde(default)]
        agreement: Agreement,
    }
    let text = dataset.job().and_then(|job| fs::read_to_string(job.join("stages/selection.json")).ok());
    let selection: Option<Selection> = text.and_then(|text| serde_json::from_str(&text).ok());
    let told = selection.map(|selection| selection.agreement.told()).unwrap_or_default();
    Table {
        title: "How far judges agree",
        head: vec!["who", "how far"],
        rows: told.into_iter().map(|(about, words)| vec![about, words]).collect(),
    }
}

fn rejections(asked: &mut Asked) -> Result<Table, InspectError> {
    let rows = asked.rows(
        &["rejected"],
        "select reason, stage, category, count(*) as n from rejected group by reason, stage, category \
         order by n desc, reason, category limit 40",
    )?;
    let row = |row: &Vec<Value>| {
        let name = format!("{} ({})", text(&row[0]), text(&row[1]));
        vec![name, text(&row[2]), grouped(whole(&row[3]))]
    };
    Ok(Table {
        title: "Rejected rows",
        head: vec!["reason (stage)", "category", "rows"],
        rows: rows.iter().map(row).collect(),
    })
}

fn timings(asked: &mut Asked) -> Result<Table, InspectError> {
    let has_seconds = asked.session.tables().get("events").is_some_and(|columns| {
        ["stage", "seconds", "rows_in"].iter().all(|name| columns.iter().any(|column| column.name == *name))
    });
    let tables: &[&str] = if has_seconds { &["events"] } else { return Ok(no_timings()) };
    let rows = asked.rows(
        tables,
        "select stage, count(*) as runs, max(rows_in) as rows_in, max(rows_out) as rows_out, sum(seconds) as seconds, \
         min(unix_ms) as began from events where event = 'stage_finished' group by stage order by began",
    )?;
    let row = |row: &Vec<Value>| {
        let seconds = number(&row[4]);
        let rate = number(&row[2]) / seconds.max(1e-3);
        vec![
            text(&row[0]),
            grouped(whole(&row[2])),
            grouped(whole(&row[3])),
            format!("{seconds:.1}"),
            format!("{rate:.0}"),
        ]
    };
    Ok(Table { rows: rows.iter().map(row).collect(), ..no_timings() })
}

fn no_timings() -> Table {
    let head = vec!["stage", "rows in", "rows out", "seconds", "rows a second"];
    Table { title: "Time by stage, over all runs", head, rows: Vec::new() }
}

fn costs(calls: &[ModelCalls]) -> Table {
    let row = |calls: &ModelCalls| {
        vec![
            format!("{}: {}", calls.role, calls.model),
            grouped(calls.calls),
            grouped(calls.from_store),
            grouped(calls.input_tokens),
            grouped(calls.output_tokens),
            format!("{:.0}", calls.median_ms),
            cost(calls.micro_usd).unwrap_or_else(|| "unknown".to_owned()),
        ]
    };
    let head = vec!["role: model", "calls", "from the store", "tokens in", "tokens out", "median ms", "cost"];
    Table { title: "Calls and cost", head, rows: calls.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlation_is_one_where_both_agree_and_none_where_one_stands_still() {
        let agree = [(10.0, 20.0, 3), (50.0, 60.0, 1), (90.0, 100.0, 7)];
        assert!((correlation(&agree).unwrap() - 1.0).abs() < 1e-9);
        let opposed = [(0.0, 100.0, 2), (100.0, 0.0, 2)];
        assert!((correlation(&opposed).unwrap() + 1.0).abs() < 1e-9);
        assert_eq!(correlation(&[(10.0, 5.0, 1), (10.0, 9.0, 1)]), None);
    }
}
