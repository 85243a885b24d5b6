//! The summary as text for a terminal: plain characters and block elements, no colour, about 80 columns.

use std::fmt::{self, Write};

use crate::{Distribution, Duplicates, Summary, pages::cost};

/// Characters of the longest bar.
const BAR_WIDTH: u64 = 32;

/// The summary as text of several lines; the last one ends with a line break.
pub fn render(summary: &Summary) -> String {
    let mut text = String::new();
    write(&mut text, summary).expect("writing to a string cannot fail");
    text
}

fn write(out: &mut String, summary: &Summary) -> fmt::Result {
    write_rows(out, summary)?;
    write_stages(out, summary)?;
    write_rewards(out, summary)?;
    write_distribution(out, "Scores of attempts", &summary.step_scores)?;
    write_attempts(out, summary)?;
    write_regions(out, summary)?;
    write_samples(out, summary)?;
    write_distribution(out, "Words of a thought", &summary.thought_words)?;
    write_duplicates(out, summary)?;
    write_calls(out, summary)?;
    write_warnings(out, summary)
}

fn write_rows(out: &mut String, summary: &Summary) -> fmt::Result {
    let mut splits: Vec<&str> = summary.rows.iter().map(|rows| rows.split.as_str()).collect();
    splits.sort_unstable();
    splits.dedup();
    write!(out, "{:<24}", "Rows")?;
    for split in &splits {
        write!(out, "{split:>14}")?;
    }
    writeln!(out)?;
    let mut configs: Vec<&str> = summary.rows.iter().map(|rows| rows.config.as_str()).collect();
    configs.dedup();
    for config in configs {
        write!(out, "  {config:<22}")?;
        for split in &splits {
            let found = summary.rows.iter().find(|rows| rows.config == config && rows.split == *split);
            write!(out, "{:>14}", grouped(found.map_or(0, |rows| rows.rows)))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_stages(out: &mut String, summary: &Summary) -> fmt::Result {
    if summary.stages.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<24}{:>14}{:>14}   rejected", "Stages", "in", "out")?;
    for stage in &summary.stages {
        let (rows_in, rows_out) = (grouped(stage.rows_in), grouped(stage.rows_out));
        let reasons =
            stage.rejected.iter().map(|(reason, count)| format!("{} {}", grouped(*count), reason.as_str()));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        let line = format!("  {:<22}{rows_in:>14}{rows_out:>14}   {reasons}", stage.stage);
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_rewards(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(
        out,
        "\n{:<24}{:>14}{:>8}{:>6}{:>6}   0 to 100",
        "Rewards by category", "rows", "mean", "min", "max"
    )?;
    for group in &summary.rewards {
        let Distribution { count, mean, min, max, .. } = group.rewards;
        let (count, outline) = (grouped(count), outline(&group.rewards));
        writeln!(out, "  {:<22}{count:>14}{mean:>8.1}{min:>6}{max:>6}   {outline}", group.category)?;
    }
    Ok(())
}

fn write_distribution(out: &mut String, title: &str, distribution: &Distribution) -> fmt::Result {
    let Distribution { count, mean, min, max, histogram } = distribution;
    writeln!(out, "\n{title}: {}, {min} to {max}, mean {mean:.1}", grouped(*count))?;
    let bars = histogram.iter().map(|bin| {
        let label =
            if bin.from == bin.to { bin.from.to_string() } else { format!("{}–{}", bin.from, bin.to) };
        (label, bin.count)
    });
    write_bars(out, &bars.collect::<Vec<_>>())
}

fn write_attempts(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "\nAttempts of a trajectory, over all its regions")?;
    let bars = summary.attempts.iter().map(|(attempts, count)| (attempts.to_string(), *count));
    write_bars(out, &bars.collect::<Vec<_>>())
}

fn write_regions(out: &mut String, summary: &Summary) -> fmt::Result {
    writeln!(out, "\n{:<24}{:>14}{:>14}", "Regions", "attempts", "accepted")?;
    for region in &summary.regions {
        let attempts = grouped(region.attempts);
        let share = percentage(region.accepted, region.attempts);
        let name = format!("{} {}", region.region_index + 1, region.region);
        writeln!(out, "  {name:<22}{attempts:>14}{share:>14}")?;
    }
    Ok(())
}

fn write_samples(out: &mut String, summary: &Summary) -> fmt::Result {
    if summary.samples.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<24}{:>14}{:>14}", "Training samples", "all", "default mix")?;
    for samples in &summary.samples {
        let (all, mix) = (grouped(samples.samples), grouped(samples.in_default_mix));
        let name = format!("{} {}", samples.task, samples.region_index + 1);
        writeln!(out, "  {name:<22}{all:>14}{mix:>14}")?;
    }
    Ok(())
}

fn write_duplicates(out: &mut String, summary: &Summary) -> fmt::Result {
    let Duplicates { prompts, prompts_of_the_same_words, repeated_thoughts } = summary.duplicates;
    writeln!(out, "\n{:<24}{:>14}{:>14}", "Duplicates", "all", "repeated")?;
    for (name, all, repeated) in [
        ("prompts (same words)", prompts, prompts_of_the_same_words),
        ("thoughts (same text)", summary.thought_words.count, repeated_thoughts),
    ] {
        writeln!(out, "  {name:<22}{:>14}{:>14}", grouped(all), grouped(repeated))?;
    }
    Ok(())
}

fn write_calls(out: &mut String, summary: &Summary) -> fmt::Result {
    if summary.calls.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<38}{:>10}{:>12}{:>12}{:>8}", "Calls", "answers", "tokens in", "tokens out", "cost")?;
    for calls in &summary.calls {
        let name = format!("{}: {}", calls.role, calls.model);
        let cost = cost(calls.micro_usd).unwrap_or_else(|| "unknown".to_owned());
        let [answers, read, written] = [calls.calls, calls.input_tokens, calls.output_tokens].map(grouped);
        writeln!(out, "  {name:<36}{answers:>10}{read:>12}{written:>12}{cost:>8}")?;
    }
    Ok(())
}

fn write_warnings(out: &mut String, summary: &Summary) -> fmt::Result {
    match summary.warnings.as_slice() {
        [] => writeln!(out, "\nNo warnings"),
        warnings => {
            writeln!(out, "\nWarnings")?;
            warnings.iter().try_for_each(|warning| writeln!(out, "  ! {warning}"))
        }
    }
}

fn write_bars(out: &mut String, bars: &[(String, u64)]) -> fmt::Result {
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for (label, count) in bars {
        let line = format!("  {label:>8} {}", bar(*count, most));
        writeln!(out, "{line} {}", grouped(*count))?;
    }
    Ok(())
}

/// A bar in eighths of a character; whatever is more than nothing shows.
fn bar(count: u64, most: u64) -> String {
    const PARTS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    if count == 0 {
        return String::new();
    }
    let eighths = (count * BAR_WIDTH * 8).div_ceil(most.max(1));
    let mut bar = "█".repeat((eighths / 8) as usize);
    if !eighths.is_multiple_of(8) {
        bar.push(PARTS[(eighths % 8) as usize]);
    }
    bar
}

/// A histogram as one character a bin, higher where there is more; a dot where there is nothing.
fn outline(distribution: &Distribution) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = distribution.histogram.iter().map(|bin| bin.count).max().unwrap_or(0).max(1);
    let height = |count: u64| match count {
        0 => '·',
        count => HEIGHTS[((count * 8).div_ceil(most) - 1) as usize],
    };
    distribution.histogram.iter().map(|bin| height(bin.count)).collect()
}

fn percentage(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.1} %", part as f64 / whole as f64 * 100.0) }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_is_rare_still_shows_and_what_is_not_there_does_not() {
        assert_eq!(bar(0, 1_000_000), "");
        assert_eq!(bar(1, 1_000_000), "▏");
        assert_eq!(bar(5, 5).chars().count() as u64, BAR_WIDTH);
        let scores = Distribution::of_scores(&BTreeMap::from([(5, 1), (95, 1_000)]));
        assert_eq!(outline(&scores), "▁········█");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(percentage(1, 3), "33.3 %");
    }
}
