//! The Hugging Face Hub over its documented HTTP interface: files above a size or of a binary kind go to its large
//! file storage one by one, and one commit at the end names them all.
//!
//! Large files are known by their hash, so one that an interrupted upload has sent is not sent again. Sources:
//! the Hub's API documentation (`/api/datasets/…/preupload`, `/commit`) and Git LFS' batch interface.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::stream;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use twig_shards::atomic::{self, FileDigest};

use super::{PushError, Pushed, Upload};

/// How the Hub is reached.
#[derive(Clone)]
pub struct HubAccess {
    /// `https://huggingface.co`, or what `HF_ENDPOINT` says.
    pub endpoint: String,
    /// A token with write access.
    pub token: Option<String>,
    /// Seconds before the first further try; doubled for each.
    pub retry_secs: f64,
}

impl HubAccess {
    /// From `HF_ENDPOINT` and `HF_TOKEN`, as Hugging Face's own tools do.
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".to_owned());
        Self { endpoint, token: variable("HF_TOKEN"), retry_secs: 1.0 }
    }
}

/// Tries of one request.
const TRIES: u32 = 5;
/// Bytes that are read from a file at once while it is sent.
const PIECE_BYTES: u64 = 1 << 20;
/// Bytes of a file's beginning by which the Hub tells text from the rest.
const SAMPLE_BYTES: u64 = 512;
/// Files asked about at once.
const BATCH: usize = 100;

pub(super) fn push(
    upload: &Upload,
    repository: &str,
    access: &HubAccess,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Pushed, PushError> {
    let (name, revision) = repository.split_once('@').unwrap_or((repository, "main"));
    let is_name = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if name.split('/').count() != 2 || !name.split('/').all(is_name) || !is_name(revision) {
        return Err(PushError::Target { target: format!("hf://datasets/{repository}") });
    }
    let Some(token) = access.token.clone() else {
        return Err(PushError::NoToken { repository: name.to_owned() });
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hub = Hub {
        client: Client::new(),
        endpoint: access.endpoint.trim_end_matches('/').to_owned(),
        token,
        name: name.to_owned(),
        revision: revision.to_owned(),
        retry_secs: access.retry_secs,
    };
    thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime needs nothing but a file descriptor").block_on(hub.push(upload, tell))
        });
        pushing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

struct Hub {
    client: Client,
    endpoint: String,
    token: String,
    /// `OWNER/NAME`.
    name: String,
    revision: String,
    retry_secs: f64,
}

/// A file on its way.
struct Sending {
    name: String,
    digest: FileDigest,
}

impl Hub {
    async fn push(&self, upload: &Upload, tell: &(dyn Fn(&str) + Sync)) -> Result<Pushed, PushError> {
        let place = format!("hf://datasets/{}@{}", self.name, self.revision);
        self.create(upload.replace, &place).await?;
        let files: Vec<Sending> = upload
            .files
            .iter()
            .map(|name| {
                Ok(Sending { name: name.clone(), digest: atomic::digest(&upload.folder.join(name))? })
            })
            .collect::<Result<_, PushError>>()?;
        let mut pushed = Pushed { place, sent: 0, bytes: 0, kept: 0 };
        let mut lines =
            vec![json!({ "key": "header", "value": { "summary": "Upload by twig", "description": "" } })];
        for batch in files.chunks(BATCH) {
            let modes = self.preupload(upload, batch).await?;
            let (large, small): (Vec<&Sending>, Vec<&Sending>) =
                batch.iter().partition(|file| modes.get(&file.name).is_some_and(|mode| mode == "lfs"));
            for file in &small {
                let path = upload.folder.join(&file.name);
                let content = std::fs::read(&path).map_err(|source| PushError::Io { path, source })?;
                let content = BASE64_STANDARD.encode(content);
                let value = json!({ "path": file.name, "encoding": "base64", "content": content });
                lines.push(json!({ "key": "file", "value": value }));
                pushed.sent += 1;
                pushed.bytes += file.digest.bytes;
            }
            self.send_large(upload, &large, &mut pushed, tell).await?;
            for Sending { name, digest: FileDigest { bytes, sha256 } } in large {
                let value = json!({ "path": name, "algo": "sha256", "oid": sha256, "size": bytes });
                lines.push(json!({ "key": "lfsFile", "value": value }));
            }
        }
        self.commit(&lines).await?;
        Ok(pushed)
    }

    /// Makes the repository; one that is there must be empty of releases unless they may be replaced.
    async fn create(&self, replace: bool, place: &str) -> Result<(), PushError> {
        let (owner, name) = self.name.split_once('/').unwrap_or_default();
        let body = json!({ "type": "dataset", "organization": owner, "name": name });
        let create =
            || self.request(Method::POST, &format!("{}/api/repos/create", self.endpoint)).json(&body);
        let made = self.send("create the repository", &create, &[StatusCode::CONFLICT]).await?;
        if made.status() == StatusCode::CONFLICT && !replace {
            let sums =
                format!("{}/datasets/{}/resolve/{}/SHA256SUMS", self.endpoint, self.name, self.revision);
            let look = || self.request(Method::HEAD, &sums);
            let missing = [StatusCode::NOT_FOUND];
            let found = self.send("look into the repository", &look, &missing).await?;
            if found.status() != StatusCode::NOT_FOUND {
                return Err(PushError::Occupied { place: place.to_owned() });
            }
        }
        Ok(())
    }

    /// How the Hub wants each file: `lfs` or `regular`.
    async fn preupload(
        &self,
        upload: &Upload,
        files: &[Sending],
    ) -> Result<BTreeMap<String, String>, PushError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            path: String,
            upload_mode: String,
        }
        let described = files.iter().map(|file| {
            let sample = sample(&upload.folder.join(&file.name))?;
            Ok(json!({ "path": file.name, "size": file.digest.bytes, "sample": BASE64_STANDARD.encode(sample) }))
        });
        let body = json!({ "files": described.collect::<Result<Vec<_>, PushError>>()? });
        let url = format!("{}/api/datasets/{}/preupload/{}", self.endpoint, self.name, self.revision);
        let answer =
            self.send("announce files", &|| self.request(Method::POST, &url).json(&body), &[]).await?;
        let mut answer: Value = self.json("announce files", answer).await?;
        let answers: Vec<Answer> = serde_json::from_value(answer["files"].take()).unwrap_or_default();
        Ok(answers.into_iter().map(|answer| (answer.path, answer.upload_mode)).collect())
    }

    /// Sends large files to where the Hub says; those that it has need no sending.
    async fn send_large(
        &self,
        upload: &Upload,
        files: &[&Sending],
        pushed: &mut Pushed,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<(), PushError> {
        if files.is_empty() {
            return Ok(());
        }
        let objects: Vec<Value> = files
            .iter()
            .map(|file| json!({ "oid": file.digest.sha256, "size": file.digest.bytes }))
            .collect();
        let body = json!({
            "operation": "upload", "transfers": ["basic", "multipart"], "objects": objects, "hash_algo": "sha256",
        });
        let url = format!("{}/datasets/{}.git/info/lfs/objects/batch", self.endpoint, self.name);
        let ask = || {
            let request = self.request(Method::POST, &url).json(&body);
            request.header("Accept", "application/vnd.git-lfs+json")
        };
        let answer = self.send("ask where files go", &ask, &[]).await?;
        let answer = self.json("ask where files go", answer).await?;
        for file in files {
            let objects = answer["objects"].as_array().into_iter().flatten();
            let Some(object) =
                objects.into_iter().find(|object| object["oid"] == file.digest.sha256.as_str())
            else {
                return Err(self.refused(
                    &format!("send {}", file.name),
                    200,
                    "it names no place for the file",
                ));
            };
            let actions = &object["actions"];
            match actions["upload"]["href"].as_str() {
                None => pushed.kept += 1,
                Some(href) => {
                    tell(&file.name);
                    self.send_file(&upload.folder.join(&file.name), file, href, &actions["upload"]["header"])
                        .await?;
                    pushed.sent += 1;
                    pushed.bytes += file.digest.bytes;
                    self.confirm(file, &actions["verify"]).await?;
                }
            }
        }
        Ok(())
    }

    /// Sends one file whole, or in parts where the Hub names addresses for them.
    async fn send_file(
        &self,
        path: &Path,
        file: &Sending,
        href: &str,
        header: &Value,
    ) -> Result<(), PushError> {
        let action = format!("send {}", file.name);
        let size = file.digest.bytes;
        let part_bytes = header["chunk_size"].as_str().and_then(|text| text.parse::<u64>().ok());
        let Some(part_bytes) =
            part_bytes.or_else(|| header["chunk_size"].as_u64()).filter(|bytes| *bytes > 0)
        else {
            self.put(&action, path, 0, size, href, header).await?;
            return Ok(());
        };
        let addresses =
            header.as_object().into_iter().flatten().filter(|(name, _)| name.parse::<u32>().is_ok());
        let mut addresses: Vec<(u32, &str)> =
            addresses.filter_map(|(name, address)| Some((name.parse().ok()?, address.as_str()?))).collect();
        addresses.sort_unstable();
        let mut parts = Vec::new();
        for (number, address) in addresses {
            let begin = u64::from(number.saturating_sub(1)) * part_bytes;
            let length = part_bytes.min(size.saturating_sub(begin));
            let sent = self.put(&action, path, begin, length, address, &Value::Null).await?;
            let tag = sent.headers().get("etag").and_then(|tag| tag.to_str().ok()).unwrap_or_default();
            parts.push(json!({ "partNumber": number, "etag": tag }));
        }
        let body = json!({ "oid": file.digest.sha256, "parts": parts });
        let complete = || {
            let request = self.client.post(href).json(&body);
            request.header("Accept", "application/vnd.git-lfs+json")
        };
        self.send(&action, &complete, &[]).await?;
        Ok(())
    }

    /// Sends a range of a file; the address is signed, so it must not get the token.
    async fn put(
        &self,
        action: &str,
        path: &Path,
        begin: u64,
        length: u64,
        address: &str,
        header: &Value,
    ) -> Result<Response, PushError> {
        let request = || {
            let mut request = self.client.put(address).header("Content-Length", length);
            for (name, value) in header.as_object().into_iter().flatten() {
                if let Some(value) = value.as_str() {
                    request = request.header(name, value);
                }
            }
            request.body(reqwest::Body::wrap_stream(pieces(path, begin, length)))
        };
        self.send(action, &request, &[]).await
    }

    /// Tells the Hub that a file is there, where it wants to be told.
    async fn confirm(&self, file: &Sending, verify: &Value) -> Result<(), PushError> {
        let Some(href) = verify["href"].as_str() else { return Ok(()) };
        let body = json!({ "oid": file.digest.sha256, "size": file.digest.bytes });
        self.send(&format!("confirm {}", file.name), &|| self.request(Method::POST, href).json(&body), &[])
            .await?;
        Ok(())
    }

    async fn commit(&self, lines: &[Value]) -> Result<(), PushError> {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let url = format!("{}/api/datasets/{}/commit/{}", self.endpoint, self.name, self.revision);
        let commit = || {
            let request = self.request(Method::POST, &url).header("Content-Type", "application/x-ndjson");
            request.body(body.clone())
        };
        self.send("commit", &commit, &[]).await?;
        Ok(())
    }

    fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// Sends a request, again where that can help: the connection broke, too many requests, the server failed.
    /// Statuses in `taken` are answers too.
    async fn send(
        &self,
        action: &str,
        request: &(dyn Fn() -> RequestBuilder + Sync),
        taken: &[StatusCode],
    ) -> Result<Response, PushError> {
        let mut wait = Duration::from_secs_f64(self.retry_secs);
        for try_number in 1.. {
            let is_last = try_number == TRIES;
            match request().send().await {
                Ok(answer) if answer.status().is_success() || taken.contains(&answer.status()) => {
                    return Ok(answer);
                }
                Ok(answer) => {
                    let status = answer.status();
                    let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                    if is_last || !is_passing {
                        let message = answer.text().await.unwrap_or_default();
                        return Err(self.refused(action, status.as_u16(), &message));
                    }
                }
                Err(source) if is_last => {
                    return Err(PushError::Unreachable {
                        action: action.to_owned(),
                        source: source.without_url(),
                    });
                }
                Err(_) => {}
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        unreachable!("the last try has returned")
    }

    async fn json(&self, action: &str, answer: Response) -> Result<Value, PushError> {
        let failed = |source: reqwest::Error| PushError::Unreachable { action: action.to_owned(), source };
        answer.json().await.map_err(failed)
    }

    /// An error with the beginning of the Hub's message, and never with the token.
    fn refused(&self, action: &str, status: u16, message: &str) -> PushError {
        let message = message.replace(&self.token, "…").chars().take(300).collect();
        PushError::Refused { action: action.to_owned(), status, message }
    }
}

/// The beginning of a file.
fn sample(path: &Path) -> Result<Vec<u8>, PushError> {
    let mut sample = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SAMPLE_BYTES).read_to_end(&mut sample))
        .map_err(|source| PushError::Io { path: path.to_owned(), source })?;
    Ok(sample)
}

/// A range of a file in small pieces.
fn pieces(
    path: &Path,
    begin: u64,
    length: u64,
) -> impl futures::Stream<Item = std::io::Result<Bytes>> + use<> {
    let path = path.to_owned();
    let opened = File::open(&path).and_then(|mut file| file.seek(SeekFrom::Start(begin)).map(|_| file));
    stream::unfold((Some(opened), length), |(file, left)| async move {
        let mut file = match file? {
            Ok(file) => file,
            Err(error) => return Some((Err(error), (None, 0))),
        };
        if left == 0 {
            return None;
        }
        let mut piece = Vec::new();
        let read = (&mut file).take(left.min(PIECE_BYTES)).read_to_end(&mut piece);
        match read {
            Ok(0) => Some((Err(std::io::ErrorKind::UnexpectedEof.into()), (None, 0))),
            Ok(count) => Some((Ok(piece.into()), (Some(Ok(file)), left - count as u64))),
            Err(error) => Some((Err(error), (None, 0))),
        }
    })
}
