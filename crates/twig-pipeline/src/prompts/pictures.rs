//! Existing pictures with their captions: Parquet, JSONL, WebDataset tars and folders.
//!
//! Every picture is read once to know its id, which is a hash of caption and bytes, and once more when its trajectory
//! is made; in between only its place is held, 40 bytes.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use twig_imaging::DecodeLimits;
use twig_model::{Picture, Prompt, PromptId, RejectReason, Rejection};

use super::{PromptError, PromptTable, Seen, normalised, read};
use crate::{error::RunError, settings::PromptSettings};

/// Endings of pictures in folders and tars.
const ENDINGS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Where the pictures of prompts lie. Empty where prompts are texts.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    files: Vec<Arc<Path>>,
    /// Column of pictures in Parquet files.
    column: String,
    /// By the prompt's hash, sorted.
    places: Vec<(u64, Place)>,
}

/// Where one picture lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    file: u32,
    within: Within,
}

#[derive(Debug, Clone, Copy)]
enum Within {
    /// All of the file.
    Whole,
    /// A run of bytes of a tar.
    Bytes { offset: u64, length: u64 },
    /// A row of a Parquet file.
    Row(usize),
}

/// A picture with its caption.
struct Pair {
    caption: String,
    category: Option<String>,
    /// File and line, row or member.
    source: String,
    bytes: Vec<u8>,
    within: Within,
}

impl Pictures {
    /// The picture of a prompt: `None` where prompts are texts, a rejection where it is not what it was.
    pub(crate) async fn read(&self, id: &PromptId) -> Result<Result<Option<Picture>, Rejection>, RunError> {
        let Ok(found) = self.places.binary_search_by_key(&id.hash(), |(id, _)| *id) else {
            return Ok(Ok(None));
        };
        let Place { file, within } = self.places[found].1;
        let (path, column) = (Arc::clone(&self.files[file as usize]), self.column.clone());
        let bytes = tokio::task::spawn_blocking(move || bytes_at(&path, &column, within));
        Ok(match bytes.await.map_err(|_| RunError::Worker)? {
            Ok(bytes) => Ok(Some(Picture::new(bytes))),
            Err(detail) => Err(Rejection::new(RejectReason::BadPicture, detail)),
        })
    }
}

fn bytes_at(path: &Path, column: &str, within: Within) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    match within {
        Within::Whole => read_file(path).map_err(|error| failed(&error)),
        Within::Bytes { offset, length } => {
            let read = || {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                let mut bytes = vec![0; length as usize];
                file.read_exact(&mut bytes).map(|()| bytes)
            };
            read().map_err(|error: std::io::Error| failed(&error))
        }
        Within::Row(row) => match twig_shards::read_picture(path, column, row) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(failed(&format!("row {row} is gone"))),
            Err(error) => Err(failed(&error)),
        },
    }
}

/// The bytes of a file; one byte more than may be decoded is enough to know that it is too large.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(DecodeLimits::default().max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl PromptTable {
    /// Reads pairs of pictures and captions. Of several equal pairs the first stays; a caption that several
    /// pictures have makes several prompts.
    pub(super) fn load_pictures(settings: &PromptSettings, base: &Path) -> Result<Self, PromptError> {
        let mut table = Self::default();
        table.pictures.column.clone_from(&settings.picture_field);
        let mut seen = Seen::new();
        for path in sources(&settings.files, base)? {
            table.files.push(path.clone());
            let before = table.rows_in();
            each_pair(&path, settings, |file, pair| {
                table.take_pair(file, pair, settings, &path, &mut seen);
            })?;
            if table.rows_in() == before {
                return Err(PromptError::Empty { path });
            }
        }
        table.prompts.sort();
        table.pictures.places.sort_unstable_by_key(|(id, _)| *id);
        Ok(table)
    }

    fn take_pair(
        &mut self,
        file: &Path,
        pair: Pair,
        settings: &PromptSettings,
        listed: &Path,
        seen: &mut Seen,
    ) {
        let text = normalised(&pair.caption);
        if text.is_empty() {
            self.blank_lines += 1;
            return;
        }
        let mut hasher = blake3::Hasher::new_derive_key("twig picture prompt, version 1");
        hasher.update(text.as_bytes()).update(blake3::hash(&pair.bytes).as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        let id = PromptId::from_hash(u64::from_be_bytes(first));
        let own = pair.category.filter(|category| !category.trim().is_empty());
        let category = settings.category.clone().or(own).unwrap_or_else(|| read::category_of(listed));
        let prompt = Prompt { id, text, category, source: pair.source };
        let chars = prompt.text.chars().count();
        if chars > settings.max_chars {
            let detail = format!("{chars} characters; {} are the most", settings.max_chars);
            return self.rejected.push((prompt, Rejection::new(RejectReason::TooLong, detail)));
        }
        let hash = prompt.id.hash();
        if !self.take_first(prompt, "picture and caption", seen) {
            return;
        }
        if self.pictures.files.last().is_none_or(|last| **last != *file) {
            self.pictures.files.push(Arc::from(file));
        }
        let place = Place { file: self.pictures.files.len() as u32 - 1, within: pair.within };
        self.pictures.places.push((hash, place));
    }
}

/// Files and folders that the patterns name.
fn sources(patterns: &[String], base: &Path) -> Result<Vec<PathBuf>, PromptError> {
    let mut sources = Vec::new();
    for pattern in patterns {
        let folder = base.join(pattern);
        if folder.is_dir() {
            sources.push(folder);
        } else {
            sources.extend(read::files(std::slice::from_ref(pattern), base)?);
        }
    }
    Ok(sources)
}

/// Hands every pair of one source to `take`, with the file that holds the picture.
fn each_pair(
    path: &Path,
    settings: &PromptSettings,
    take: impl FnMut(&Path, Pair),
) -> Result<(), PromptError> {
    if path.is_dir() {
        return from_folder(path, take);
    }
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("parquet") => from_parquet(path, settings, take),
        Some("jsonl") => from_jsonl(path, settings, take),
        Some("tar") => from_tar(path, settings, take),
        _ => Err(PromptError::NoPictures { path: path.to_owned() }),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn unreadable(path: &Path) -> impl Fn(std::io::Error) -> PromptError {
    move |source| PromptError::Unreadable { path: path.to_owned(), source }
}

fn from_parquet(
    path: &Path,
    settings: &PromptSettings,
    mut take: impl FnMut(&Path, Pair),
) -> Result<(), PromptError> {
    let malformed =
        |row: u64, message: String| PromptError::Malformed { path: path.to_owned(), line: row, message };
    let columns = [settings.text_field.as_str(), settings.category_field.as_str()];
    let rows = twig_shards::read_pictures(path, &settings.picture_field, &columns)
        .map_err(|error| malformed(0, error.to_string()))?;
    let name = name_of(path);
    for (row, found) in rows.enumerate() {
        let number = row as u64 + 1;
        let found = found.map_err(|error| malformed(number, error.to_string()))?;
        let mut texts = found.texts.into_iter();
        let caption = texts.next().flatten().unwrap_or_default();
        let bytes = found.picture.ok_or_else(|| malformed(number, "the picture is null".to_owned()))?;
        let category = texts.next().flatten();
        let source = format!("{name}:{number}");
        take(path, Pair { caption, category, source, bytes, within: Within::Row(row) });
    }
    Ok(())
}

fn from_jsonl(
    path: &Path,
    settings: &PromptSettings,
    mut take: impl FnMut(&Path, Pair),
) -> Result<(), PromptError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = name_of(path);
    let reader = BufReader::new(File::open(path).map_err(unreadable(path))?);
    for (line, text) in (1u64..).zip(reader.lines()) {
        let text = text.map_err(unreadable(path))?;
        let malformed = |message: String| PromptError::Malformed { path: path.to_owned(), line, message };
        if text.trim().is_empty() {
            continue;
        }
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| malformed(format!("not a JSON object: {error}")))?;
        let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let wanted = |name: &str, setting: &str| {
            let message = format!("no text in field `{name}`; name another with prompts.{setting}");
            field(name).ok_or_else(|| malformed(message))
        };
        let caption = wanted(&settings.text_field, "text_field")?;
        let relative = PathBuf::from(wanted(&settings.picture_field, "picture_field")?);
        if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            let message = format!("`{}` does not lie in the folder of this file", relative.display());
            return Err(malformed(message));
        }
        let picture = folder.join(relative);
        let bytes = read_file(&picture).map_err(unreadable(&picture))?;
        let (category, source) = (field(&settings.category_field), format!("{name}:{line}"));
        take(&picture, Pair { caption, category, source, bytes, within: Within::Whole });
    }
    Ok(())
}

/// Pictures of a folder, by name; the caption of `cat.png` stands in `cat.txt`.
fn from_folder(folder: &Path, mut take: impl FnMut(&Path, Pair)) -> Result<(), PromptError> {
    let entries = fs::read_dir(folder).map_err(unreadable(folder))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable(folder))?;
    paths.sort();
    for picture in paths.into_iter().filter(|path| is_picture(&name_of(path))) {
        let beside = picture.with_extension("txt");
        let caption = fs::read_to_string(&beside).map_err(unreadable(&beside))?;
        let bytes = read_file(&picture).map_err(unreadable(&picture))?;
        let source = format!("{}/{}", name_of(folder), name_of(&picture));
        take(&picture, Pair { caption, category: None, source, bytes, within: Within::Whole });
    }
    Ok(())
}

fn is_picture(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// A sample of a WebDataset that is being read: the members of one key, which stand together.
#[derive(Default)]
struct Sample {
    key: String,
    picture: Option<(Vec<u8>, Within)>,
    caption: Option<String>,
    category: Option<String>,
}

/// Members of one key make a sample: a picture, and a caption in `.txt` or in `.json`.
fn from_tar(
    path: &Path,
    settings: &PromptSettings,
    mut take: impl FnMut(&Path, Pair),
) -> Result<(), PromptError> {
    let failed = unreadable(path);
    let name = name_of(path);
    let mut archive = tar::Archive::new(BufReader::new(File::open(path).map_err(&failed)?));
    let mut sample = Sample::default();
    let mut give = |sample: Sample| {
        let Sample { key, picture, caption, category } = sample;
        if let (Some((bytes, within)), Some(caption)) = (picture, caption) {
            take(path, Pair { caption, category, source: format!("{name}:{key}"), bytes, within });
        }
    };
    for entry in archive.entries().map_err(&failed)? {
        let mut entry = entry.map_err(&failed)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let member = entry.path().map_err(&failed)?.to_string_lossy().into_owned();
        // The key ends at the first point of the last part of the name.
        let start = member.rfind('/').map_or(0, |slash| slash + 1);
        let Some(point) = member[start..].find('.').map(|point| start + point) else { continue };
        let (key, ending) = (&member[..point], &member[point + 1..]);
        if key != sample.key {
            give(std::mem::replace(&mut sample, Sample { key: key.to_owned(), ..Sample::default() }));
        }
        let within = Within::Bytes { offset: entry.raw_file_position(), length: entry.size() };
        let mut bytes = Vec::new();
        let most = DecodeLimits::default().max_bytes as u64;
        entry.by_ref().take(most + 1).read_to_end(&mut bytes).map_err(&failed)?;
        match ending {
            "txt" => sample.caption = Some(String::from_utf8_lossy(&bytes).into_owned()),
            "json" => {
                let value: Value =
                    serde_json::from_slice(&bytes).map_err(|error| PromptError::Malformed {
                        path: path.to_owned(),
                        line: 0,
                        message: format!("{member}: not a JSON object: {error}"),
                    })?;
                let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
                sample.caption = field(&settings.text_field).or(sample.caption.take());
                sample.category = field(&settings.category_field);
            }
            _ if is_picture(&member) => sample.picture = Some((bytes, within)),
            _ => {}
        }
    }
    give(sample);
    Ok(())
}
