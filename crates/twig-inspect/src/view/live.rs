//! A run that goes on, as its events and committed parts tell.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twig_shards::{TableReader, TrajectoryListing};

use crate::{Dataset, InspectError, dataset::parts, pages::grouped};

/// After the end of a run its panel stays for this long, and then only while nothing is published.
const LINGERS: Duration = Duration::from_mins(2);
/// Pictures shown of those committed last.
const PICTURES: usize = 10;
/// The end of the file of events that is read; that of a run is far smaller.
const TAIL_BYTES: u64 = 4 << 20;

/// What the panel shows.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    active: bool,
    title: String,
    line: String,
    trajectories: u64,
    stages: Vec<StageLine>,
    pictures: Vec<LastPicture>,
    errors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StageLine {
    name: String,
    percent: u64,
    text: String,
}

#[derive(Debug, Serialize)]
struct LastPicture {
    id: String,
    prompt: String,
}

/// An event, of which only what is shown is read.
#[derive(Debug, Deserialize)]
struct Line {
    unix_ms: u64,
    event: String,
    #[serde(flatten)]
    fields: BTreeMap<String, Value>,
}

impl Line {
    fn number(&self, name: &str) -> u64 {
        self.fields.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn counts(&self, name: &str) -> BTreeMap<String, u64> {
        let object = self.fields.get(name).and_then(Value::as_object);
        let pairs =
            object.into_iter().flatten().filter_map(|(key, value)| Some((key.clone(), value.as_u64()?)));
        pairs.collect()
    }
}

/// The last run of the job, if it is worth a panel.
pub(super) fn run(dataset: &Dataset) -> Result<Option<Run>, InspectError> {
    let lines = last_run(dataset);
    let Some(start) = lines.first() else { return Ok(None) };
    let end = lines.iter().rfind(|line| line.event == "run_finished");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let is_old = end.is_some_and(|end| now.saturating_sub(end.unix_ms) > LINGERS.as_millis() as u64);
    if is_old && dataset.release().is_some() {
        return Ok(None);
    }
    let job = dataset.job().map(|job| parts(job, "trajectories")).unwrap_or_default();
    let last = lines.last().map_or(start.unix_ms, |line| line.unix_ms);
    let (asked, cost) = (asked(&lines), cost(&lines));
    let seconds = end.map_or(now, |end| end.unix_ms).saturating_sub(start.unix_ms) / 1000;
    let mut line = vec![format!("{} prompts", grouped(start.number("prompts"))), clock(seconds)];
    if !asked.is_empty() {
        let total: u64 = asked.values().sum();
        let by_role: Vec<String> =
            asked.iter().map(|(role, count)| format!("{} {role}", grouped(*count))).collect();
        let rate = total as f64 / seconds.max(1) as f64;
        line.push(format!("asked {} ({rate:.1} a second)", by_role.join(", ")));
        line.push(
            cost.map_or_else(|| "cost unknown: no prices given".to_owned(), |cost| format!("{cost:.2} $")),
        );
    }
    if end.is_none() {
        line.push(format!("last event {} ago", clock(now.saturating_sub(last) / 1000)));
    }
    Ok(Some(Run {
        active: end.is_none(),
        title: title(start, end),
        line: line.join(" · "),
        trajectories: job.len() as u64,
        stages: stages(&lines),
        pictures: pictures(dataset)?,
        errors: errors(&lines, end),
    }))
}

/// The events of the last run.
fn last_run(dataset: &Dataset) -> Vec<Line> {
    let Some(path) = dataset.event_files().pop() else { return Vec::new() };
    let tail = end_of(&path).unwrap_or_default();
    let lines: Vec<Line> =
        String::from_utf8_lossy(&tail).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let start = lines.iter().rposition(|line| line.event == "run_started");
    start.map(|start| lines.into_iter().skip(start).collect()).unwrap_or_default()
}

/// The last [`TAIL_BYTES`] of a file, which may begin within a line.
fn end_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn title(start: &Line, end: Option<&Line>) -> String {
    let job = start.text("job");
    match end.map(|end| end.text("outcome")) {
        None => format!("{job} is running"),
        Some("done") => format!("{job} is done"),
        Some(outcome) => format!("{job} was {outcome}"),
    }
}

/// A stage's bar: partitions that stand, of all.
fn stages(lines: &[Line]) -> Vec<StageLine> {
    let started = lines.iter().filter(|line| line.event == "stage_started");
    let of_stage = |stage: &str, event: &str| -> Vec<&Line> {
        lines.iter().filter(|line| line.event == event && line.text("stage") == stage).collect()
    };
    let stage_line = |start: &Line| {
        let stage = start.text("stage");
        let committed = of_stage(stage, "part_committed");
        let finished = of_stage(stage, "stage_finished");
        let (all, skipped) = (start.number("partitions").max(1), start.number("skipped"));
        let stands = (skipped + committed.len() as u64).min(all);
        let rows: u64 = committed.iter().map(|line| line.number("rows_in")).sum();
        let rejected: u64 = committed.iter().flat_map(|line| line.counts("rejected").into_values()).sum();
        let last = committed.last().map_or(start.unix_ms, |line| line.unix_ms);
        let rate = rows as f64 / (last.saturating_sub(start.unix_ms) as f64 / 1000.0).max(0.001);
        // The release is made as a whole and commits no parts.
        let mut text = match finished.last() {
            Some(end) if stands == 0 => {
                let seconds = end.fields.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
                format!("{} rows in {seconds:.1} s", grouped(end.number("rows_out")))
            }
            _ => format!("{stands} of {all} partitions"),
        };
        if rows > 0 {
            text.push_str(&format!(", {} rows, {rate:.0} a second", grouped(rows)));
        }
        if rejected > 0 {
            text.push_str(&format!(", {} rejected", grouped(rejected)));
        }
        let percent = if finished.is_empty() { 100 * stands / all } else { 100 };
        StageLine { name: stage.to_owned(), percent, text }
    };
    started.map(stage_line).collect()
}

fn asked(lines: &[Line]) -> BTreeMap<String, u64> {
    let mut asked = BTreeMap::new();
    for (role, count) in lines.iter().flat_map(|line| line.counts("asked")) {
        *asked.entry(role).or_insert(0) += count;
    }
    asked.retain(|_, count| *count > 0);
    asked
}

/// Dollars spent, where events tell.
fn cost(lines: &[Line]) -> Option<f64> {
    let costs = lines.iter().filter_map(|line| line.fields.get("cost_micro_usd").and_then(Value::as_u64));
    let costs: Vec<u64> = costs.collect();
    (!costs.is_empty()).then(|| costs.iter().sum::<u64>() as f64 / 1e6)
}

fn errors(lines: &[Line], end: Option<&Line>) -> Vec<String> {
    let warnings = lines.iter().filter(|line| line.event == "warning").map(|line| line.text("message"));
    let mut errors: Vec<String> = warnings.map(str::to_owned).collect();
    errors.extend(end.map(|end| end.text("detail").to_owned()).filter(|detail| !detail.is_empty()));
    errors.split_off(errors.len().saturating_sub(5))
}

/// Trajectories of the part that was committed last.
fn pictures(dataset: &Dataset) -> Result<Vec<LastPicture>, InspectError> {
    let changed = |file: &crate::TableFile| fs::metadata(&file.path).and_then(|data| data.modified()).ok();
    // Only what the gallery holds can be shown: parts while nothing is published, else the release.
    let files = dataset.files("trajectories").into_iter().filter(|_| dataset.release().is_none());
    let Some(newest) = files.max_by_key(changed) else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for row in TableReader::<TrajectoryListing>::open(&newest.path)? {
        let row = row?;
        rows.push(LastPicture { id: row.id, prompt: row.prompt });
    }
    Ok(rows.split_off(rows.len().saturating_sub(PICTURES)))
}

fn clock(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
