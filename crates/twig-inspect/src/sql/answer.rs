use std::{fs::File, io::Write, path::Path};

use polars::prelude::{AnyValue, DataFrame, ParquetWriter, PolarsError};

use super::cell::{to_field, to_json, to_shown};

/// The rows that a query gave.
#[derive(Debug, Clone)]
pub struct Answer {
    frame: DataFrame,
}

/// Characters of a table's cell at most, where the terminal leaves that much.
const MAX_CELL: usize = 80;

impl Answer {
    pub(super) fn new(frame: DataFrame) -> Self {
        Self { frame }
    }

    /// Number of rows.
    pub fn num_rows(&self) -> usize {
        self.frame.height()
    }

    /// Names of the columns.
    pub fn columns(&self) -> Vec<String> {
        self.frame.get_column_names().iter().map(ToString::to_string).collect()
    }

    fn row(&self, row: usize) -> Vec<AnyValue<'_>> {
        self.frame.columns().iter().map(|column| column.get(row).unwrap_or(AnyValue::Null)).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Vec<AnyValue<'_>>> {
        (0..self.num_rows()).map(|row| self.row(row))
    }

    /// The rows as JSON values.
    pub(crate) fn values(&self) -> Vec<Vec<serde_json::Value>> {
        self.rows().map(|row| row.iter().map(to_json).collect()).collect()
    }

    /// The first rows as a table for a terminal of `width` characters: numbers to the right, long texts cut.
    pub fn table(&self, max_rows: usize, width: usize) -> String {
        let names = self.columns();
        let is_number: Vec<bool> =
            self.frame.columns().iter().map(|column| column.dtype().is_primitive_numeric()).collect();
        let shown: Vec<Vec<String>> =
            self.rows().take(max_rows).map(|row| row.iter().map(to_shown).collect()).collect();
        let cells_of = |column: usize| shown.iter().map(move |row: &Vec<String>| &row[column]);
        let wanted = names.iter().enumerate().map(|(column, name)| {
            cells_of(column).chain([name]).map(|cell| cell.chars().count()).max().unwrap_or(0)
        });
        let widths = fit(&wanted.map(|wanted| wanted.min(MAX_CELL)).collect::<Vec<_>>(), width);
        let line = |cells: &[String]| {
            let cells = cells.iter().zip(&widths).zip(&is_number);
            let padded = cells.map(|((cell, width), is_number)| padded(cell, *width, *is_number));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = line(&names);
        text.push_str(&line(&widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>()));
        text.extend(shown.iter().map(|row| line(row)));
        text
    }

    /// Writes comma-separated values with a head line.
    pub fn write_csv(&self, out: impl Write) -> Result<(), csv::Error> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(self.columns())?;
        for row in self.rows() {
            writer.write_record(row.iter().map(to_field))?;
        }
        writer.flush()?;
        Ok(())
    }

    /// Writes a JSON array of one object a row, a row a line.
    pub fn write_json(&self, mut out: impl Write) -> std::io::Result<()> {
        let names = self.columns();
        out.write_all(b"[")?;
        for (number, row) in self.rows().enumerate() {
            out.write_all(if number == 0 { b"\n" } else { b",\n" })?;
            let pairs = names.iter().cloned().zip(row.iter().map(to_json));
            serde_json::to_writer(&mut out, &pairs.collect::<serde_json::Map<_, _>>())?;
        }
        out.write_all(b"\n]\n")
    }

    /// Writes a Parquet file.
    pub fn write_parquet(&self, path: &Path) -> Result<(), PolarsError> {
        let file = File::create(path)?;
        ParquetWriter::new(file).finish(&mut self.frame.clone())?;
        Ok(())
    }
}

/// Widths that fit into a line, the widest columns cut first; none narrower than eight characters.
fn fit(wanted: &[usize], width: usize) -> Vec<usize> {
    let mut widths = wanted.to_vec();
    let room = width.saturating_sub(2 * wanted.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 8) else { break };
        *widest -= 1;
    }
    widths
}

fn padded(cell: &str, width: usize, to_the_right: bool) -> String {
    let length = cell.chars().count();
    if length > width {
        return cell.chars().take(width.saturating_sub(1)).chain(['…']).collect();
    }
    let space = " ".repeat(width - length);
    if to_the_right { space + cell } else { cell.to_owned() + &space }
}
