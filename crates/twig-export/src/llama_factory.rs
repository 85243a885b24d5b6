//! LLaMA-Factory: chats as `sharegpt` JSON lines, pictures as files, and `dataset_info.json` naming the datasets.
//!
//! ```text
//! dataset_info.json                      twig_think_train, twig_reflect_train, …
//! think_train/00000-of-00001.jsonl       `file_name` may be a folder, all files of which are read
//! images/9e/9e3779b97f4a7c15-0-think-0-0-0.png
//! ```
//!
//! Each task and split is a dataset of its own, since LLaMA-Factory mixes datasets but does not filter rows:
//! `dataset_dir: EXPORT`, `dataset: twig_think_train`.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use serde_json::{Map, json};
use twig_shards::{ConversationTurn, SftRecord, TableReader, atomic};

use crate::{
    ExportError,
    folder::{ExportedFile, Written, json as json_text},
    format::{Format, Source},
    jsonl::LineFile,
    pictures::Pictures,
};

/// The chats of the table `sft`.
pub(crate) struct LlamaFactory;

#[derive(Serialize)]
struct Chat {
    id: String,
    conversations: Vec<Turn>,
    /// Paths relative to the export, which is LLaMA-Factory's `dataset_dir`.
    images: Vec<String>,
}

#[derive(Serialize)]
struct Turn {
    from: String,
    value: String,
}

impl Format for LlamaFactory {
    const NAME: &'static str = "llama-factory";
    const TABLE: Option<&'static str> = Some("sft");

    fn write_shard(&self, source: &Source, folder: &Path) -> Result<Written, ExportError> {
        let mut pictures = Pictures::new(folder);
        let mut files: BTreeMap<&str, LineFile> = BTreeMap::new();
        for row in TableReader::<SftRecord>::open(&source.path)? {
            let row = row?;
            let task = row.task.as_str();
            let chat = chat(row, &mut pictures)?;
            if !files.contains_key(task) {
                let (split, index, count) = (source.split, source.index, source.count);
                let name = format!("{task}_{split}/{index:05}-of-{count:05}.jsonl");
                files.insert(task, LineFile::create(folder, name)?);
            }
            if let Some(file) = files.get_mut(task) {
                file.push(&chat)?;
            }
        }
        let mut written = Written { pictures: pictures.count, ..Written::default() };
        for file in files.into_values() {
            written.files.extend(file.finish(source.split)?.files);
        }
        Ok(written)
    }

    fn finish(
        &self,
        files: &[ExportedFile],
        folder: &Path,
        _: &Path,
    ) -> Result<Vec<ExportedFile>, ExportError> {
        let datasets = files.iter().filter_map(|file| file.path.split_once('/'));
        let entries: BTreeMap<String, _> = datasets
            .map(|(dataset, _)| {
                let entry = json!({
                    "file_name": dataset,
                    "formatting": "sharegpt",
                    "columns": { "messages": "conversations", "images": "images" },
                });
                (format!("twig_{dataset}"), entry)
            })
            .collect();
        let path = "dataset_info.json".to_owned();
        let digest =
            atomic::write(&folder.join(&path), &json_text(&entries.into_iter().collect::<Map<_, _>>()))?;
        let (bytes, sha256) = (digest.bytes, digest.sha256);
        Ok(vec![ExportedFile { path, split: None, rows: 0, row_groups: None, bytes, sha256 }])
    }
}

fn chat(row: SftRecord, pictures: &mut Pictures) -> Result<Chat, ExportError> {
    // The reader has not checked ids of samples, and this one becomes a path.
    let id = row.id;
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') || id.len() < 2 {
        return Err(ExportError::BadId { id });
    }
    let images = row
        .images
        .iter()
        .enumerate()
        .map(|(number, picture)| pictures.write(&id, &format!("-{number}"), picture))
        .collect::<Result<_, _>>()?;
    let turn = |ConversationTurn { from, value }| Turn { from, value };
    Ok(Chat { id, conversations: row.conversations.into_iter().map(turn).collect(), images })
}
