//! The calls of the batch path: files up, a batch made and looked at, files down.

use std::{io::SeekFrom, path::Path, time::Duration};

use reqwest::{RequestBuilder, multipart};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    fs::File,
    io::{AsyncSeekExt, AsyncWriteExt},
};

use crate::openai::{
    client::{OpenAi, checked_body},
    failure::Failure,
};

/// Longest answer to a call that manages batches, in bytes.
const MAX_BODY: usize = 8 << 20;
/// Time that moving a file may take.
const FILE_TIMEOUT: Duration = Duration::from_hours(1);
const TIMEOUT: Duration = Duration::from_mins(2);

/// A batch as the server sees it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BatchState {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) output_file_id: Option<String>,
    pub(super) error_file_id: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<Value>,
    #[serde(default)]
    pub(super) errors: Option<Value>,
}

impl BatchState {
    /// Whether nothing more will come of it.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "expired" | "cancelled")
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct List {
    data: Vec<BatchState>,
    #[serde(default)]
    has_more: bool,
}

/// Sends a file of questions; returns the server's name for it.
pub(super) async fn upload(client: &OpenAi, name: &str, lines: Vec<u8>) -> Result<String, Failure> {
    let (http, base) = client.http();
    let file = multipart::Part::bytes(lines).file_name(format!("{name}.jsonl"));
    let form = multipart::Form::new().text("purpose", "batch").part("file", file);
    let request = http.post(format!("{base}/files")).multipart(form).timeout(FILE_TIMEOUT);
    Ok(answer::<Named>(client, request).await?.id)
}

/// Makes a batch of a file.
pub(super) async fn create(
    client: &OpenAi,
    file_id: &str,
    endpoint: &str,
    window_hours: u64,
    name: &str,
) -> Result<BatchState, Failure> {
    let (http, base) = client.http();
    let body = json!({
        "input_file_id": file_id,
        "endpoint": endpoint,
        "completion_window": format!("{window_hours}h"),
        "metadata": { "twig": name },
    });
    answer(client, http.post(format!("{base}/batches")).json(&body).timeout(TIMEOUT)).await
}

/// Looks at a batch.
pub(super) async fn look(client: &OpenAi, batch_id: &str) -> Result<BatchState, Failure> {
    let (http, base) = client.http();
    answer(client, http.get(format!("{base}/batches/{batch_id}")).timeout(TIMEOUT)).await
}

/// Looks for a batch that was made under our own name.
pub(super) async fn find(client: &OpenAi, name: &str) -> Result<Option<BatchState>, Failure> {
    let (http, base) = client.http();
    let is_ours =
        |batch: &BatchState| batch.metadata.as_ref().is_some_and(|metadata| metadata["twig"] == name);
    let mut after = String::new();
    loop {
        let request = http.get(format!("{base}/batches?limit=100{after}")).timeout(TIMEOUT);
        let List { data, has_more } = answer(client, request).await?;
        let next = data.last().filter(|_| has_more).map(|last| format!("&after={}", last.id));
        match (data.into_iter().find(is_ours), next) {
            (None, Some(next)) if next != after => after = next,
            (found, _) => return Ok(found),
        }
    }
}

/// Fetches a file, piece by piece, to byte `at` of `to`, where an earlier try may have left a part of it; returns the
/// byte behind it.
pub(super) async fn download(client: &OpenAi, file_id: &str, to: &Path, at: u64) -> Result<u64, Failure> {
    let (http, base) = client.http();
    let request = http.get(format!("{base}/files/{file_id}/content")).timeout(FILE_TIMEOUT);
    let mut response = request.send().await.map_err(|error| Failure::from_transport(&error))?;
    if !response.status().is_success() {
        checked_body(response, MAX_BODY).await.map_err(|failure| client.covered(failure))?;
        return Err(Failure::broken("the server gives no file", false));
    }
    let lost =
        |error: std::io::Error| Failure::broken(format!("cannot keep {}: {error}", to.display()), false);
    let mut file = File::options().create(true).truncate(false).write(true).open(to).await.map_err(lost)?;
    file.set_len(at).await.map_err(lost)?;
    file.seek(SeekFrom::Start(at)).await.map_err(lost)?;
    let mut ends_line = true;
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::from_transport(&error))? {
        file.write_all(&chunk).await.map_err(lost)?;
        ends_line = chunk.last().map_or(ends_line, |byte| *byte == b'\n');
    }
    if !ends_line {
        file.write_all(b"\n").await.map_err(lost)?;
    }
    file.sync_all().await.map_err(lost)?;
    file.stream_position().await.map_err(lost)
}

async fn answer<T: for<'de> Deserialize<'de>>(
    client: &OpenAi,
    request: RequestBuilder,
) -> Result<T, Failure> {
    let response = request.send().await.map_err(|error| Failure::from_transport(&error))?;
    let body = checked_body(response, MAX_BODY).await.map_err(|failure| client.covered(failure))?;
    serde_json::from_slice(&body).map_err(|error| {
        Failure::broken(format!("the answer is not what the interface promises: {error}"), true)
    })
}
