//! Contact sheets: pictures side by side, regions outlined, words under them.

use twig_imaging::{Face, Rgb, RgbImage, fit_square};
use twig_model::Schedule;

/// A picture for a contact sheet.
#[derive(Debug, Clone)]
pub struct Exhibit {
    /// The picture.
    pub picture: RgbImage,
    /// Its regions.
    pub schedule: Schedule,
    /// What it is called.
    pub title: String,
    /// What is said of each region, with its score if there is one.
    pub notes: Vec<(Option<i32>, String)>,
}

/// Side of a picture on the sheet in pixels.
const SIDE: u32 = 288;
/// Space between cells.
const GUTTER: u32 = 16;
/// Lines of words under a picture.
const LINES: u32 = 20;
/// Height of a capital letter in pixels.
const LETTER: u32 = 8;
const INK: Rgb<u8> = Rgb([40, 40, 44]);
const PASSED: Rgb<u8> = Rgb([34, 130, 70]);
const FAULTY: Rgb<u8> = Rgb([200, 40, 40]);

/// Draws exhibits in rows of `columns`; regions scored below `accept_score` are outlined in red, others in green.
pub fn contact_sheet(exhibits: &[Exhibit], columns: u32, accept_score: i32) -> RgbImage {
    let columns = columns.max(1);
    let rows = (exhibits.len() as u32).div_ceil(columns).max(1);
    let (cell_width, cell_height) = (SIDE + GUTTER, SIDE + GUTTER + LINES * face(INK).line_height());
    let size = (columns * cell_width + GUTTER, rows * cell_height + GUTTER);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    for (index, exhibit) in exhibits.iter().enumerate() {
        let index = index as u32;
        let (left, top) = (GUTTER + index % columns * cell_width, GUTTER + index / columns * cell_height);
        draw(&mut sheet, exhibit, left, top, accept_score);
    }
    sheet
}

fn draw(sheet: &mut RgbImage, exhibit: &Exhibit, left: u32, top: u32, accept_score: i32) {
    let small = fit_square(&exhibit.picture, SIDE);
    for (x, y, pixel) in small.enumerate_pixels() {
        sheet.put_pixel(left + x, top + y, *pixel);
    }
    let color =
        |score: Option<i32>| score.map_or(INK, |score| if score < accept_score { FAULTY } else { PASSED });
    let grid = exhibit.schedule.geometry().grid;
    for (region, (score, _)) in exhibit.schedule.regions().iter().zip(&exhibit.notes) {
        let rows = region.rows(grid);
        let (first, last) = (rows.start * SIDE / grid.rows, rows.end * SIDE / grid.rows - 1);
        for thickness in 0..2 {
            for x in 0..SIDE {
                sheet.put_pixel(left + x, top + first + thickness, color(*score));
                sheet.put_pixel(left + x, top + last - thickness, color(*score));
            }
            for y in first..=last {
                sheet.put_pixel(left + thickness, top + y, color(*score));
                sheet.put_pixel(left + SIDE - 1 - thickness, top + y, color(*score));
            }
        }
    }
    let mut lines = in_lines(&exhibit.title, INK);
    for (index, (score, note)) in exhibit.notes.iter().enumerate() {
        let score_words = score.map_or_else(String::new, |score| format!(" {score}"));
        lines.extend(in_lines(&format!("{}:{score_words} {note}", index + 1), color(*score)));
    }
    for (line, (color, text)) in lines.iter().take(LINES as usize).enumerate() {
        let face = face(*color);
        face.draw(sheet, left, top + SIDE + 6 + line as u32 * face.line_height(), text);
    }
}

fn face(color: Rgb<u8>) -> Face {
    Face { size: LETTER, pen: 1.1, color }
}

fn in_lines(text: &str, color: Rgb<u8>) -> Vec<(Rgb<u8>, String)> {
    face(color).wrap(text, SIDE).into_iter().map(|line| (color, line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use twig_model::Geometry;

    #[test]
    fn a_sheet_holds_every_exhibit() {
        let exhibit = Exhibit {
            picture: RgbImage::from_pixel(384, 384, Rgb([10, 200, 10])),
            schedule: Schedule::bands(Geometry::JANUS, 3).unwrap(),
            title: "a green field".to_owned(),
            notes: vec![
                (Some(97), "Fine.".to_owned()),
                (Some(40), "Not fine.".to_owned()),
                (None, String::new()),
            ],
        };
        let sheet = contact_sheet(&vec![exhibit; 3], 2, 90);
        assert_eq!(sheet.dimensions(), (2 * 304 + 16, 2 * (304 + LINES * face(INK).line_height()) + 16));
        assert_eq!(*sheet.get_pixel(16, 16), PASSED);
        assert_eq!(*sheet.get_pixel(16, 16 + 100), FAULTY);
    }
}
