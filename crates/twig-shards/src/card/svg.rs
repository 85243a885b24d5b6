//! Plots as SVG: bars with their counts, in colours that hold on light and on dark pages.

use std::fmt::Write;

const BAR: &str = "#2f7d5b";
const INK: &str = "#30363d";
const PAPER: &str = "#f6f8fa";

/// Columns side by side, for counts over an ordered scale.
pub(super) fn histogram(title: &str, bars: &[(String, u64)]) -> String {
    const WIDTH: usize = 48;
    const HEIGHT: usize = 120;
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let mut plot = begin(bars.len() * WIDTH + 24, HEIGHT + 72, title);
    for (place, (label, count)) in bars.iter().enumerate() {
        let (left, height) = (12 + place * WIDTH, scaled(*count, most, HEIGHT));
        let top = 40 + HEIGHT - height;
        let middle = left + WIDTH / 2;
        let _ = write!(
            plot,
            r#"<rect x="{x}" y="{top}" width="{width}" height="{height}" fill="{BAR}"/>"#,
            x = left + 4,
            width = WIDTH - 8
        );
        text(&mut plot, middle, top - 4, "middle", &count.to_string());
        text(&mut plot, middle, HEIGHT + 58, "middle", label);
    }
    end(plot)
}

/// Rows below each other, for counts of things with names.
pub(super) fn bars(title: &str, bars: &[(String, u64)]) -> String {
    const LENGTH: usize = 280;
    const HEIGHT: usize = 22;
    const LABELS: usize = 150;
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let mut plot = begin(LABELS + LENGTH + 80, bars.len() * HEIGHT + 44, title);
    for (place, (label, count)) in bars.iter().enumerate() {
        let (top, length) = (36 + place * HEIGHT, scaled(*count, most, LENGTH));
        let _ = write!(
            plot,
            r#"<rect x="{LABELS}" y="{top}" width="{length}" height="{height}" fill="{BAR}"/>"#,
            height = HEIGHT - 6
        );
        text(&mut plot, LABELS - 8, top + 13, "end", label);
        text(&mut plot, LABELS + length + 6, top + 13, "start", &count.to_string());
    }
    end(plot)
}

/// At least one pixel for what is not nothing.
fn scaled(count: u64, most: u64, length: usize) -> usize {
    if count == 0 { 0 } else { ((count as f64 / most as f64 * length as f64).round() as usize).max(1) }
}

fn begin(width: usize, height: usize, title: &str) -> String {
    let mut plot = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{INK}"><rect width="{width}" height="{height}" rx="6" fill="{PAPER}"/>"#
    );
    text(&mut plot, 12, 20, "start", title);
    plot
}

fn text(plot: &mut String, x: usize, y: usize, anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = write!(plot, r#"<text x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>"#);
}

fn end(mut plot: String) -> String {
    plot.push_str("</svg>\n");
    plot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_and_the_highest_bar_fills_the_plot() {
        let plot =
            bars("a & b", &[("<script>".to_owned(), 4), ("none".to_owned(), 0), ("few".to_owned(), 1)]);
        assert!(plot.contains("a &amp; b") && plot.contains("&lt;script>") && !plot.contains("<script>"));
        let widths: Vec<&str> =
            plot.split(r#"width=""#).skip(3).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(widths, ["280", "0", "70"]);
        assert!(histogram("rewards", &[]).ends_with("</svg>\n"));
    }
}
