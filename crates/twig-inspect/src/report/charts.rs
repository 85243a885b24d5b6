//! Charts as SVG. They are put together by hand, from numbers and words of this program alone.

use std::fmt::Write;

use crate::Distribution;

const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 110.0;

/// Bars of a distribution, with the bounds of its bins below.
pub(super) fn histogram(distribution: &Distribution) -> String {
    let bins = &distribution.histogram;
    let most = bins.iter().map(|bin| bin.count).max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / bins.len().max(1) as f64;
    let mut svg = open(WIDTH, HEIGHT + 16.0, &summary(distribution));
    for (number, bin) in bins.iter().enumerate() {
        // What is rare still shows.
        let height = if bin.count == 0 { 0.0 } else { (bin.count as f64 / most * HEIGHT).max(1.5) };
        let (x, y) = (number as f64 * step + 1.5, HEIGHT - height);
        let _ = write!(
            svg,
            "<rect class=\"bar-rect\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" rx=\"2\"><title>{} to {}: {}</title></rect>",
            step - 3.0,
            bin.from,
            bin.to,
            bin.count,
        );
    }
    let _ = write!(svg, "<path class=\"axis\" d=\"M0 {HEIGHT}H{WIDTH}\"/>");
    let (first, last) = (bins.first().map_or(0, |bin| bin.from), bins.last().map_or(0, |bin| bin.to));
    let _ = write!(svg, "<text x=\"0\" y=\"{0}\">{first}</text>", HEIGHT + 13.0);
    let _ =
        write!(svg, "<text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{last}</text></svg>", HEIGHT + 13.0);
    svg
}

fn summary(distribution: &Distribution) -> String {
    let Distribution { count, mean, min, max, .. } = distribution;
    format!("{count} values from {min} to {max}, mean {mean:.1}")
}

/// Bars with names of their own.
pub(super) fn bars(bars: &[(String, u64)]) -> String {
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1) as f64;
    let line = 20.0;
    let mut svg = open(WIDTH, line * bars.len() as f64, "bars");
    for (number, (name, count)) in bars.iter().enumerate() {
        let y = number as f64 * line;
        let width = (*count as f64 / most * (WIDTH - 100.0)).max(1.5);
        let _ = write!(svg, "<text x=\"34\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>", y + 14.0);
        let _ = write!(
            svg,
            "<rect class=\"bar-rect\" x=\"42\" y=\"{:.1}\" width=\"{width:.1}\" height=\"12\" rx=\"2\"/>",
            y + 4.0
        );
        let _ = write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\">{count}</text>", 48.0 + width, y + 14.0);
    }
    svg + "</svg>"
}

/// Counts of pairs of scores as a map of ten by ten: the first to the right, the second upwards; the line is where
/// both agree.
pub(super) fn heat_map(cells: &[[u64; 10]; 10], right: &str, up: &str) -> String {
    const SIDE: f64 = 24.0;
    let (left, size) = (22.0, 10.0 * SIDE);
    let most = cells.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let mut svg = open(size + left + 4.0, size + 34.0, &format!("{right} against {up}"));
    for (x, column) in cells.iter().enumerate() {
        for (y, count) in column.iter().enumerate().filter(|(_, count)| **count > 0) {
            let strength = 0.12 + 0.88 * (*count as f64).ln_1p() / most.ln_1p();
            let (px, py) = (left + x as f64 * SIDE, size - (y + 1) as f64 * SIDE);
            let _ = write!(
                svg,
                "<rect class=\"bar-rect\" x=\"{px:.1}\" y=\"{py:.1}\" width=\"23\" height=\"23\" rx=\"3\" opacity=\"{strength:.2}\"><title>{right} {x}0s, {up} {y}0s: {count}</title></rect>"
            );
        }
    }
    let _ =
        write!(svg, "<path class=\"axis\" stroke-dasharray=\"4 4\" d=\"M{left} {size}L{} 0\"/>", left + size);
    let _ = write!(svg, "<path class=\"axis\" d=\"M{left} 0V{size}H{}\" fill=\"none\"/>", left + size);
    let _ = write!(svg, "<text x=\"{left}\" y=\"{}\">0</text>", size + 14.0);
    let _ = write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">100</text>", left + size, size + 14.0);
    let middle = left + size / 2.0;
    let _ = write!(svg, "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{right}</text>", size + 28.0);
    let _ = write!(
        svg,
        "<text transform=\"translate(14 {}) rotate(-90)\" text-anchor=\"middle\">{up}</text></svg>",
        size / 2.0
    );
    svg
}

fn open(width: f64, height: f64, label: &str) -> String {
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_bin_that_holds_something_is_seen() {
        let svg = histogram(&Distribution::of_scores(&BTreeMap::from([(3, 1), (99, 100_000)])));
        assert_eq!(svg.matches("<rect").count(), 10);
        assert!(svg.contains("height=\"1.5\"") && svg.contains("height=\"110.0\""), "{svg}");
        let mut cells = [[0; 10]; 10];
        cells[9][8] = 3;
        assert_eq!(heat_map(&cells, "critic", "judge").matches("<rect").count(), 1);
    }
}
