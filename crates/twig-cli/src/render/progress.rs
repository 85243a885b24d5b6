use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use indicatif::{ProgressBar, ProgressStyle};
use twig_pipeline::{Event, Notice, Observer, Reading};

use super::{counted, note};

/// Shows a run on a terminal: one bar a stage.
#[derive(Default)]
pub(crate) struct ProgressObserver {
    /// The bar of the stage under way; held for one update at a time.
    bar: Mutex<Option<ProgressBar>>,
}

impl Observer for ProgressObserver {
    fn observe(&self, event: &Event) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StageStarted { stage, rows, .. } => *bar = (*rows > 0).then(|| new_bar(stage, *rows)),
            Event::Progress { rows } => {
                if let Some(bar) = &*bar {
                    bar.inc(*rows);
                }
            }
            Event::StageFinished { .. } | Event::RunFinished { .. } => {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                }
                if let Some(line) = told(event) {
                    note(&line);
                }
            }
            Event::Teachers { readings, spent_micro_usd } => {
                if let Some(bar) = &*bar {
                    bar.set_prefix(teachers(readings, *spent_micro_usd));
                }
            }
            Event::RunStarted { .. }
            | Event::PartCommitted { .. }
            | Event::Notice(_)
            | Event::Warning { .. }
            | Event::Stopping { .. } => {
                if let Some(line) = told(event) {
                    match &*bar {
                        Some(bar) => bar.println(line),
                        None => note(&line),
                    }
                }
            }
        }
    }
}

/// What teachers behind a network are doing: calls under way, questions that wait, and money.
fn teachers(readings: &BTreeMap<String, Reading>, spent_micro_usd: u64) -> String {
    let mut text: Vec<String> = readings
        .iter()
        .map(|(name, reading)| {
            let batches = match reading.in_batches {
                0 => String::new(),
                count => format!(", {} in batches", counted(count as u64)),
            };
            format!("{name} {} under way, {} waiting{batches}", reading.under_way, reading.waiting)
        })
        .collect();
    if spent_micro_usd > 0 {
        text.push(format!("{:.2} USD", spent_micro_usd as f64 / 1e6));
    }
    text.join(" · ")
}

fn new_bar(stage: &str, rows: u64) -> ProgressBar {
    let template = "{msg:13} {bar:32} {human_pos}/{human_len}  {per_sec}  {eta}  {prefix}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(rows).with_style(style).with_message(stage.to_owned())
}

/// Shows a run where no terminal is: plain lines, stage by stage.
pub(crate) struct LineObserver;

impl Observer for LineObserver {
    fn observe(&self, event: &Event) {
        if let Some(line) = told(event) {
            note(&line);
        }
    }
}

/// The event as a line, if it is worth one.
fn told(event: &Event) -> Option<String> {
    match event {
        Event::RunStarted { job, prompts, limit, .. } => Some(match limit {
            Some(_) => format!("job `{job}`: pilot of {} prompts", counted(*prompts)),
            None => format!("job `{job}`: {} prompts", counted(*prompts)),
        }),
        Event::StageFinished { stage, rows_in, rows_out, rejected, seconds } => {
            let mut line = format!("{stage:13} {} in, {} out", counted(*rows_in), counted(*rows_out));
            if !rejected.is_empty() {
                line.push_str(&format!(", rejected: {}", super::reasons(rejected)));
            }
            line.push_str(&format!("  ({seconds:.1} s)"));
            Some(line)
        }
        Event::Warning { message } => Some(format!("warning: {message}")),
        Event::Notice(notice) => Some(noticed(notice)),
        Event::Stopping { shutdown_secs } => {
            Some(format!("stopping; what is under way has {shutdown_secs} s to finish"))
        }
        Event::StageStarted { .. }
        | Event::Progress { .. }
        | Event::Teachers { .. }
        | Event::PartCommitted { .. }
        | Event::RunFinished { .. } => None,
    }
}

/// What a teacher has to tell, as a line.
fn noticed(notice: &Notice) -> String {
    match notice {
        Notice::TeacherHeld { teacher, seconds, concurrency, detail } => format!(
            "`{teacher}` wants to be left alone: waiting {seconds:.1} s, then at most {concurrency} calls at once \
             ({detail})"
        ),
        Notice::TeacherDown { teacher, failures, outage_secs, detail } => format!(
            "`{teacher}` does not answer: {failures} calls in a row have failed, the last with: {detail}. One call \
             at a time looks whether it is back; after {outage_secs} s without an answer the run ends, and the same \
             command goes on later"
        ),
        Notice::TeacherBack { teacher, seconds } => {
            format!("`{teacher}` answers again, after {seconds:.0} s")
        }
        Notice::RetriesHeldBack { teacher, retries_per_hundred, detail } => format!(
            "warning: more than {retries_per_hundred} in a hundred calls to `{teacher}` break; further ones wait \
             longer before they are sent again ({detail})"
        ),
        Notice::TeacherEnded { teacher, detail } => {
            format!("`{teacher}` takes no more questions; the others finish what is under way ({detail})")
        }
        Notice::ModelChanged { teacher, from, to } => {
            format!("warning: behind `{teacher}` another model answers now: {to}, before {from}")
        }
        Notice::Batch { teacher, detail } => format!("`{teacher}`: {detail}"),
    }
}
