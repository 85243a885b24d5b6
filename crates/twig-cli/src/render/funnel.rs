use std::collections::BTreeMap;

use twig_pipeline::{Example, Funnel};

use super::{counted, line, note};

/// Characters of a prompt that are shown.
const PROMPT_CHARS: usize = 60;

/// What a selection removes, for people: a table of the steps, examples below each.
pub(crate) fn funnel(funnel: &Funnel) {
    let width = funnel.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0).max(12);
    line(&format!("{:width$}  {:>9}  {:>9}  {:>9}", "step", "alone", "in order", "left"));
    line(&format!("{:width$}  {:>9}  {:>9}  {:>9}", "made so far", "", "", counted(funnel.rows)));
    for step in &funnel.steps {
        let numbers = [step.alone, step.in_order, step.left].map(counted);
        let [alone, in_order, left] = numbers;
        line(&format!("{:width$}  {alone:>9}  {in_order:>9}  {left:>9}", step.name));
        if step.in_order > 0 {
            line(&format!("    {}", by_category(&step.by_category)));
        }
        step.examples.iter().for_each(example);
    }
    line("");
    line(&format!("{} of {} are published:", counted(funnel.left), counted(funnel.rows)));
    for (category, rows) in &funnel.categories {
        let left = funnel.left_by_category.get(category).copied().unwrap_or(0);
        let share = 100.0 * left as f64 / (*rows).max(1) as f64;
        line(&format!("    {category:20} {:>9} of {:>9}  {share:5.1} %", counted(left), counted(*rows)));
    }
    for (about, words) in funnel.agreement.told() {
        line(&format!("agreement of {about}: {words}"));
    }
    if funnel.missing_partitions > 0 {
        note(&format!("{} partitions are not finished yet and not counted", funnel.missing_partitions));
    }
    funnel.warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
}

fn by_category(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> =
        counts.iter().map(|(category, count)| format!("{category} {}", counted(*count))).collect();
    counts.join(", ")
}

fn example(Example { id, prompt, reward, detail }: &Example) {
    let mut shown: String = prompt.chars().take(PROMPT_CHARS).collect();
    if shown.len() < prompt.len() {
        shown.push('…');
    }
    line(&format!("    {id}  reward {reward:>3}  {shown}  [{detail}]"));
}
