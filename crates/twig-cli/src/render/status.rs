use twig_pipeline::Status;

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
