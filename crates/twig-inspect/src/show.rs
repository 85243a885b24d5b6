//! One trajectory for a terminal: region by region with its picture beside what was thought and said.

use std::fmt::Write;

use twig_imaging::{Rgb, fit_square};
use twig_shards::AttemptRecord;

use crate::{
    Details, InspectError, Pictures,
    outline::outline,
    terminal::{COLUMNS, LINES},
};

/// How a trajectory is shown.
#[derive(Debug, Clone, Copy)]
pub struct ShowOptions {
    /// How pictures are shown.
    pub pictures: Pictures,
    /// Whether text may be coloured.
    pub color: bool,
    /// Characters of a line.
    pub width: usize,
}

const GOOD: Rgb<u8> = Rgb([46, 180, 96]);
const BAD: Rgb<u8> = Rgb([230, 110, 30]);
/// Side of pictures that are sent to terminals with pixels; outlines are drawn at this size.
const SIDE: u32 = 384;

/// The trajectory as text with pictures in it.
pub fn show(details: &Details, options: ShowOptions) -> Result<String, InspectError> {
    let style = Style(options.color);
    let record = &details.record;
    let mut out = String::new();
    for line in wrap(&record.prompt, options.width) {
        let _ = writeln!(out, "{}", style.bold(&line));
    }
    let place =
        [record.category.as_str(), &details.split, &record.mode.as_str().replace('_', " "), &record.id];
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    let _ = writeln!(out, "{}", style.dim(&place.join(" · ")));
    let num_regions = details.schedule.num_regions();
    for (region, attempts) in details.regions() {
        for attempt in attempts {
            let redo = match attempt.attempt {
                0 => String::new(),
                redo => format!(", redo {redo}"),
            };
            let title = format!("{}/{num_regions} {}{redo}", region.index + 1, region.name);
            let _ = writeln!(out, "\n{}  {}", style.bold(&title), verdict(attempt, style));
            let text = texts(attempt, text_width(options), style);
            out.push_str(&beside(details, attempt, &text, options)?);
        }
    }
    out.push_str(&closing(details, style, options)?);
    Ok(out)
}

fn text_width(options: ShowOptions) -> usize {
    match options.pictures {
        Pictures::None => options.width.saturating_sub(2).max(20),
        _ => options.width.saturating_sub(COLUMNS as usize + 2).max(20),
    }
}

fn beside(
    details: &Details,
    attempt: &AttemptRecord,
    text: &[String],
    options: ShowOptions,
) -> Result<String, InspectError> {
    let (Some(canvas), Some(region)) = (details.canvas(attempt), details.region(attempt)) else {
        return Ok(String::new());
    };
    let (side, thickness) = match options.pictures {
        Pictures::Kitty | Pictures::Iterm | Pictures::Sixel => (SIDE, 4),
        Pictures::Blocks | Pictures::Blocks256 | Pictures::None => (2 * LINES, 1),
    };
    let mut picture = fit_square(&details.decode(canvas)?, side);
    let color = if attempt.accepted { GOOD } else { BAD };
    outline(&mut picture, region, details.schedule.geometry().grid, color, thickness);
    Ok(options.pictures.beside(&picture, text))
}

fn verdict(attempt: &AttemptRecord, style: Style) -> String {
    let score = attempt.score.get();
    if attempt.accepted {
        style.good(&format!("{score} accepted"))
    } else {
        style.bad(&format!("{score} not accepted"))
    }
}

fn texts(attempt: &AttemptRecord, width: usize, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    let mut paragraph = |label: &str, text: &str| {
        lines.push(style.dim(label));
        lines.extend(wrap(text, width));
    };
    paragraph("thought", &attempt.thought);
    paragraph("critique", &attempt.critique);
    if attempt.revised_thought != attempt.thought {
        paragraph("revised thought", &attempt.revised_thought);
    }
    let points = [
        ("colour", attempt.color_accuracy),
        ("objects", attempt.object_completeness),
        ("detail", attempt.detail_richness),
        ("places", attempt.spatial_relationships),
        ("whole", attempt.visual_coherence),
    ];
    let points: Vec<String> = points.iter().map(|(name, points)| format!("{name} {points}")).collect();
    lines.extend(wrap(&points.join(" · "), width).iter().map(|line| style.dim(line)));
    lines
}

fn closing(details: &Details, style: Style, options: ShowOptions) -> Result<String, InspectError> {
    let record = &details.record;
    let mut lines = Vec::new();
    if let Some(reward) = record.reward {
        lines.push(format!("reward {}", style.bold(&reward.get().to_string())));
    }
    let overall = |judgement: &&twig_model::Judgement| {
        judgement.criterion == twig_model::JudgeCriterion::Overall && judgement.region_index.is_none()
    };
    for judgement in details.judgements.iter().filter(overall) {
        lines.push(format!("{} gave {} ({})", judgement.judge, judgement.score, judgement.model));
    }
    lines.push(format!("painted by {}", record.painter));
    lines.push(format!("{} attempts at {} regions", record.attempts, record.num_steps));
    if !details.calls.is_empty() {
        let costs: Option<u64> = details.calls.iter().map(|call| call.cost_micro_usd).sum();
        let cost =
            costs.map_or_else(|| "cost unknown".to_owned(), |cost| format!("{:.4} $", cost as f64 / 1e6));
        lines.push(format!("{} calls, {cost}", details.calls.len()));
    }
    let mut out = format!("\n{}\n", style.bold("finished picture"));
    let Some(picture) = details.final_image() else { return Ok(out) };
    let picture = fit_square(&details.decode(picture)?, SIDE);
    out.push_str(&options.pictures.beside(&picture, &lines));
    Ok(out)
}

/// Lines of at most `width` characters, broken between words. Control characters, which could drive the
/// terminal, become spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let word: Vec<char> = word.chars().collect();
        for piece in word.chunks(width.max(1)) {
            let line = lines.last_mut().expect("there is always a line");
            let length = line.chars().count();
            if length > 0 && length + 1 + piece.len() > width {
                lines.push(piece.iter().collect());
            } else {
                if length > 0 {
                    line.push(' ');
                }
                line.extend(piece);
            }
        }
    }
    lines
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Style(bool);

impl Style {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("33", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalogue, Dataset, fixtures::write_release};

    #[test]
    fn a_trajectory_reads_from_its_prompt_to_its_reward() {
        let folder = tempfile::tempdir().unwrap();
        write_release(folder.path(), 4);
        let dataset = Dataset::open(folder.path()).unwrap();
        let catalogue = Catalogue::load(&dataset).unwrap();
        let details = Details::load(&dataset, &catalogue, 3).unwrap();
        let plain = ShowOptions { pictures: Pictures::None, color: false, width: 60 };
        insta::assert_snapshot!(show(&details, plain).unwrap());
        let pictured = ShowOptions { pictures: Pictures::Blocks, color: true, width: 100 };
        assert_eq!(show(&details, pictured).unwrap().matches('▀').count(), 5 * (COLUMNS * LINES) as usize);
    }

    #[test]
    fn a_text_cannot_drive_the_terminal() {
        assert_eq!(wrap("a\x1b[2Jb \x07c", 20), ["a [2Jb c"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
    }
}
