use std::collections::BTreeMap;

use twig_pipeline::Plan;

use super::{counted, line, reasons, sized};

/// What a run would do, for people.
pub(crate) fn plan(plan: &Plan) {
    line(&format!(
        "prompts       {} rows in {} files → {} prompts",
        counted(plan.rows),
        plan.files,
        counted(plan.prompts)
    ));
    if !plan.rejected.is_empty() {
        line(&format!("              rejected: {}", reasons(&plan.rejected)));
    }
    if plan.prompts_of_run < plan.prompts {
        line(&format!("              this run: a pilot of {}", counted(plan.prompts_of_run)));
    }
    let categories: Vec<String> =
        plan.categories.iter().map(|(category, count)| format!("{category} {}", counted(*count))).collect();
    line(&format!("categories    {}", categories.join(", ")));
    line(&format!("trajectories  {} in {} partitions", counted(plan.trajectories), plan.partitions));
    line(&format!("questions     {}", ranges(&plan.questions)));
    if plan.answered > 0 {
        line(&format!(
            "              {} were answered for what stands and are not asked again",
            counted(plan.answered)
        ));
    }
    line(&format!("samples       {}, before selection", ranges(&plan.samples)));
    let standing: Vec<String> = (plan.standing.iter())
        .map(|stage| format!("{} {}/{}", stage.stage.as_str(), stage.committed, plan.partitions))
        .collect();
    line(&format!("skipped       {}", standing.join(", ")));
    let disk: Vec<String> =
        plan.disk_bytes.iter().map(|(folder, bytes)| format!("{folder}/ {}", sized(*bytes))).collect();
    line(&format!("disk          {} ({})", disk.join(", "), plan.assumed));
    line("cost          unknown: no teacher of this pipeline file has a price");
}

/// `thinker 100, painter 100 to 400`.
fn ranges(counts: &BTreeMap<String, (u64, u64)>) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(name, (least, most))| match least == most {
            true => format!("{name} {}", counted(*least)),
            false => format!("{name} {} to {}", counted(*least), counted(*most)),
        })
        .collect();
    parts.join(", ")
}
