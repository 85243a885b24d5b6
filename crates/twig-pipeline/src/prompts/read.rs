//! Reads prompt files: text, JSONL, CSV, Parquet.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde_json::Value;
use twig_shards::{Remote, RemoteError};

use super::stored;
use crate::settings::PromptSettings;

/// Why prompts cannot be read. Each names the file, and the line where there is one.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// A pattern is not one, or nothing fits it.
    #[error("no prompt file fits `{pattern}` (looked from {base}); check the path, or pass --prompts")]
    NoFile {
        /// As given.
        pattern: String,
        /// The folder it is relative to.
        base: String,
    },
    /// The file system failed.
    #[error("cannot read prompt file {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// The object store failed.
    #[error("cannot read prompt files from {address}")]
    Store {
        /// As given.
        address: String,
        /// What the store said.
        #[source]
        source: RemoteError,
    },
    /// Bytes that are no UTF-8.
    #[error("{path}, line {line}: not UTF-8; convert the file (for example with iconv) and try again")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// No text in the whole file.
    #[error("{path} holds no prompt")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A line that is not what its file's ending says.
    #[error("{path}, line {line}: {message}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// An ending that tells no format of pictures.
    #[error("{path}: pictures with captions are read from .parquet, .jsonl and .tar files and from folders")]
    NoPictures {
        /// The file.
        path: PathBuf,
    },
    /// An ending that tells no format.
    #[error("{path}: prompts are read from .txt, .jsonl, .csv and .parquet files")]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
}

/// A prompt as it stands in its file.
pub(super) struct RawPrompt {
    pub(super) text: String,
    pub(super) category: String,
    pub(super) source: String,
}

/// What reading a file came to.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) filled: u64,
    pub(super) blank: u64,
}

/// The files that the patterns name, each once, in the order of patterns and names; of object stores, copies.
pub(crate) fn files(patterns: &[String], base: &Path) -> Result<Vec<PathBuf>, PromptError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let found =
            if Remote::is_url(pattern) { stored::files(pattern)? } else { files_here(pattern, base)? };
        for path in found {
            if !files.contains(&path) {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// The files on this machine that a pattern names.
fn files_here(pattern: &str, base: &Path) -> Result<Vec<PathBuf>, PromptError> {
    if base.join(pattern).is_file() {
        return Ok(vec![base.join(pattern)]);
    }
    let none = || PromptError::NoFile {
        pattern: pattern.to_owned(),
        base: if base.as_os_str().is_empty() { ".".to_owned() } else { base.display().to_string() },
    };
    let paths = glob::glob(&pattern_from(base, pattern)).map_err(|_| none())?;
    let found = paths
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PromptError::Unreadable { path: error.path().to_owned(), source: error.into() })?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// The pattern below `base`, whose own name is taken as it is.
fn pattern_from(base: &Path, pattern: &str) -> String {
    if base.as_os_str().is_empty() || Path::new(pattern).is_absolute() {
        return pattern.to_owned();
    }
    Path::new(&glob::Pattern::escape(&base.to_string_lossy())).join(pattern).to_string_lossy().into_owned()
}

/// Hands every prompt of one file to `take`.
pub(super) fn file(
    path: &Path,
    settings: &PromptSettings,
    mut take: impl FnMut(RawPrompt),
) -> Result<Rows, PromptError> {
    let fallback = settings.category.clone().unwrap_or_else(|| category_of(path));
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let mut rows = Rows::default();
    let mut push = |line: u64, text: String, category: Option<String>| {
        if text.trim().is_empty() {
            rows.blank += 1;
            return;
        }
        rows.filled += 1;
        let category = match &settings.category {
            Some(fixed) => fixed.clone(),
            None => category.filter(|c| !c.trim().is_empty()).unwrap_or_else(|| fallback.clone()),
        };
        take(RawPrompt { text, category, source: format!("{name}:{line}") });
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("txt") => each_line(path, |line, text| {
            push(line, text.to_owned(), None);
            Ok(())
        })?,
        Some("jsonl") => each_line(path, |line, text| {
            if text.trim().is_empty() {
                push(line, String::new(), None);
                return Ok(());
            }
            let (text, category) = from_json(text, settings)?;
            push(line, text, category);
            Ok(())
        })?,
        Some("csv") => csv(path, settings, &mut push)?,
        Some("parquet") => parquet(path, settings, &mut push)?,
        _ => return Err(PromptError::UnknownFormat { path: path.to_owned() }),
    }
    if rows.filled == 0 { Err(PromptError::Empty { path: path.to_owned() }) } else { Ok(rows) }
}

/// The file's stem without `_train`, `_val` or `_test`.
pub(super) fn category_of(path: &Path) -> String {
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let cut = ["_train", "_val", "_test"].iter().find_map(|suffix| stem.strip_suffix(suffix));
    cut.unwrap_or(&stem).to_owned()
}

/// Lines without their ends (LF or CRLF) and without a byte order mark.
fn each_line(path: &Path, mut take: impl FnMut(u64, &str) -> Result<(), String>) -> Result<(), PromptError> {
    let unreadable = |source| PromptError::Unreadable { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut bytes = Vec::new();
    let mut line = 0;
    loop {
        bytes.clear();
        line += 1;
        if reader.read_until(b'\n', &mut bytes).map_err(unreadable)? == 0 {
            return Ok(());
        }
        let text =
            std::str::from_utf8(&bytes).map_err(|_| PromptError::NotUtf8 { path: path.to_owned(), line })?;
        let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        take(line, text.trim_end_matches(['\r', '\n'])).map_err(|message| PromptError::Malformed {
            path: path.to_owned(),
            line,
            message,
        })?;
    }
}

fn from_json(line: &str, settings: &PromptSettings) -> Result<(String, Option<String>), String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not a JSON object: {error}"))?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let text = field(&settings.text_field).ok_or_else(|| {
        format!("no text in field `{}`; name another with prompts.text_field", settings.text_field)
    })?;
    Ok((text, field(&settings.category_field)))
}

fn csv(
    path: &Path,
    settings: &PromptSettings,
    push: &mut impl FnMut(u64, String, Option<String>),
) -> Result<(), PromptError> {
    let malformed = |line, message: String| PromptError::Malformed { path: path.to_owned(), line, message };
    let opened = || {
        let mut file = BufReader::new(File::open(path)?);
        if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            file.consume(3);
        }
        Ok(file)
    };
    let file = opened().map_err(|source| PromptError::Unreadable { path: path.to_owned(), source })?;
    let mut reader = csv::Reader::from_reader(file);
    let headers = reader.headers().map_err(|error| malformed(1, error.to_string()))?.clone();
    let column = |name: &str| headers.iter().position(|header| header.trim() == name);
    let prompt = column(&settings.text_field).ok_or_else(|| {
        malformed(1, format!("no column `{}`; name another with prompts.text_field", settings.text_field))
    })?;
    let category = column(&settings.category_field);
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            match error.kind() {
                csv::ErrorKind::Utf8 { .. } => PromptError::NotUtf8 { path: path.to_owned(), line },
                _ => malformed(line, error.to_string()),
            }
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |index: usize| record.get(index).map(str::to_owned);
        push(line, field(prompt).unwrap_or_default(), category.and_then(field));
    }
    Ok(())
}

fn parquet(
    path: &Path,
    settings: &PromptSettings,
    push: &mut impl FnMut(u64, String, Option<String>),
) -> Result<(), PromptError> {
    let malformed = |message: String| PromptError::Malformed { path: path.to_owned(), line: 0, message };
    let columns = [settings.text_field.as_str(), settings.category_field.as_str()];
    let rows =
        twig_shards::read_text_columns(path, &columns).map_err(|error| malformed(error.to_string()))?;
    let mut row = 0;
    for values in rows {
        let mut values = values.map_err(|error| malformed(error.to_string()))?.into_iter();
        row += 1;
        push(row, values.next().flatten().unwrap_or_default(), values.next().flatten());
    }
    Ok(())
}
