use twig_pipeline::{Status, StoreReport};

use super::{counted, line, reasons, sized};

/// How far a job has come, for people.
pub(crate) fn status(status: &Status) {
    let pilot = status.limit.map_or_else(String::new, |limit| format!(" (pilot of {})", counted(limit)));
    line(&format!("job `{}`, {} prompts{pilot}", status.job, counted(status.prompts)));
    line("");
    line(&format!(
        "{:13} {:>10} {:>9} {:>9}  {:>9}  {}",
        "stage", "partitions", "rows in", "rows out", "bytes", "rejected"
    ));
    for stage in &status.stages {
        let partitions = format!("{}/{}", stage.committed, stage.partitions);
        let row = format!(
            "{:13} {partitions:>10} {:>9} {:>9}  {:>9}  {}",
            stage.stage.as_str(),
            counted(stage.rows_in),
            counted(stage.rows_out),
            sized(stage.bytes),
            reasons(&stage.rejected),
        );
        line(row.trim_end());
    }
    for (role, by_model) in &status.bills.0 {
        for (model, bill) in by_model {
            // Teachers on this machine count nothing and cost nothing.
            if bill.priced == 0 && bill.input_tokens == 0 {
                continue;
            }
            let cost = match bill.priced {
                0 => "cost unknown".to_owned(),
                _ => format!("{:.2} USD", bill.usd()),
            };
            line(&format!(
                "{role:13} {model}: {} answers, {} tokens read, {} written, {} pictures, {cost}",
                counted(bill.answers),
                counted(bill.input_tokens),
                counted(bill.output_tokens),
                counted(bill.pictures),
            ));
        }
    }
    line("");
    match &status.release {
        None => line("release: none yet"),
        Some(release) => {
            let rows: Vec<String> =
                release.rows.iter().map(|(table, count)| format!("{table} {}", counted(*count))).collect();
            line(&format!("release: {}", rows.join(", ")));
        }
    }
}

/// What an answer store holds, for people.
pub(crate) fn answers(report: &StoreReport) {
    line(&format!(
        "{} answers in {}: {} texts, {} pictures, {} declined",
        counted(report.answers),
        sized(report.bytes),
        counted(report.texts),
        counted(report.pictures),
        counted(report.declined),
    ));
    for (model, count) in &report.models {
        line(&format!("{model:24} {}", counted(*count)));
    }
    line(&format!(
        "{} second answers, {} torn bytes: harmless",
        counted(report.duplicates),
        report.torn_bytes
    ));
    for (path, count) in &report.damaged {
        line(&format!("{} damaged records in {}: they are asked again", counted(*count), path.display()));
    }
    line(&format!("spent {:.2} USD over all runs", report.spent_usd));
}
