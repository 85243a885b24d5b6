use std::collections::BTreeMap;

use twig_pipeline::{BatchPlan, CostPlan, Ping, PingReport, Plan};

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
    cost(&plan.cost);
    if let Some(plan) = &plan.batches {
        batches(plan);
    }
}

fn cost(cost: &CostPlan) {
    if cost.roles.is_empty() {
        return line("cost          nothing: every teacher runs on this machine");
    }
    let parts: Vec<String> = (cost.roles.iter())
        .map(|(role, range)| match range {
            Some((least, most)) if (most - least).abs() < 0.005 => format!("{role} {least:.2} USD"),
            Some((least, most)) => format!("{role} {least:.2} to {most:.2} USD"),
            None => format!("{role} unknown, its teacher has no prices"),
        })
        .collect();
    line(&format!("cost          {}", parts.join(", ")));
    let known = cost.roles.values().flatten();
    let (least, most) = known.fold((0.0, 0.0), |sum, range| (sum.0 + range.0, sum.1 + range.1));
    if most > 0.0 {
        line(&format!("              together {least:.2} to {most:.2} USD, {}", cost.assumed));
    }
}

fn batches(plan: &BatchPlan) {
    let range = |(least, most): (u64, u64)| match least == most {
        true => counted(least),
        false => format!("{} to {}", counted(least), counted(most)),
    };
    line(&format!(
        "batches       {} in a row for {} trajectories at a time, {} times: up to {} hours",
        range(plan.waves),
        counted(plan.together),
        counted(plan.rounds),
        range(plan.hours)
    ));
    if let Some(warning) = &plan.warning {
        line(&format!("              {warning}"));
    }
}

/// What came of asking the teachers, for people.
pub(crate) fn pings(pings: &BTreeMap<String, PingReport>) {
    if pings.is_empty() {
        return line("ping          no teacher is behind a network");
    }
    for (name, report) in pings {
        line(&match report {
            PingReport::Answered(Ping { model, latency_ms, supports }) => {
                format!("ping          {name}: {model}, {latency_ms} ms; {}", supports.join(", "))
            }
            PingReport::Failed { detail } => format!("ping          {name}: FAILED, {detail}"),
        });
    }
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
