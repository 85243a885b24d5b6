//! A server that speaks OpenAI's interface and answers what a build job asks: at once or after a fixed delay,
//! every answer a function of the request alone. For tests and benchmarks; no model is behind it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::stream;
use serde_json::{Value, json};

/// How the server behaves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviour {
    /// Time before every answer.
    pub(crate) delay: Duration,
    /// Bytes of a picture: it is padded to this size; 0 for as small as it comes.
    pub(crate) picture_bytes: usize,
    /// What is sent as every picture, whatever it is.
    pub(crate) picture: Option<Vec<u8>>,
    /// Calls after which the fingerprint is another one, over and over.
    pub(crate) calls_per_state: Option<u64>,
    /// The same picture for everybody.
    pub(crate) shared_picture: bool,
    /// Calls a second that are let in, out of a bucket of as many; refused with 429 and `Retry-After: 1`.
    pub(crate) calls_per_sec: Option<f64>,
    /// Share of the calls that are refused with 429 for no reason.
    pub stray_429: f64,
    /// Share of the calls that are answered with 500.
    pub(crate) broken: f64,
    /// Downloads that break off in the middle, before others come whole.
    pub(crate) torn_downloads: u64,
    /// Lines in place of the first answers of the first batch, with KEY for the name of the question.
    pub(crate) first_lines: &'static [&'static str],
    /// Score that critiques give, out of 20 on each criterion.
    pub(crate) points: u32,
    /// Critiques of what has this word in it go wrong, until the server has calmed down.
    pub(crate) upset_by: Option<&'static str>,
    /// How they go wrong.
    pub(crate) upset: Upset,
}

/// How a critique goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Upset {
    /// The model refuses.
    #[default]
    Refuses,
    /// The model does not keep to the form.
    Rambles,
    /// The server answers with this status.
    Fails(u16),
}

/// What the server has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Calls, refused ones included.
    pub(crate) calls: AtomicU64,
    /// Of them questions for pictures.
    pub(crate) pictures: AtomicU64,
    /// Calls that were refused with 429.
    pub(crate) refused: AtomicU64,
    /// Calls under way, now and at most.
    pub(crate) under_way: AtomicU64,
    /// Most calls under way at once.
    pub(crate) most_under_way: AtomicU64,
    /// Batches made.
    pub(crate) batches: AtomicU64,
    pub(crate) downloads: AtomicU64,
    /// Whether nothing is refused any more.
    pub(crate) calm: AtomicBool,
    /// When the first call came, and the calls of each tenth of a second since.
    by_tenth: Mutex<Option<(Instant, Vec<u64>)>>,
}

impl Seen {
    fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut by_tenth = self.by_tenth.lock().expect("no panic while it is held");
        let (first, tenths) = by_tenth.get_or_insert_with(|| (Instant::now(), Vec::new()));
        let tenth = first.elapsed().as_millis() as usize / 100;
        tenths.resize(tenths.len().max(tenth + 1), 0);
        tenths[tenth] += 1;
    }

    fn calls_by_tenth(&self) -> Vec<u64> {
        let by_tenth = self.by_tenth.lock().expect("no panic while it is held");
        by_tenth.as_ref().map(|(_, tenths)| tenths.clone()).unwrap_or_default()
    }
}

pub(crate) struct Shared {
    pub(crate) behaviour: Behaviour,
    pub(crate) seen: Arc<Seen>,
    bucket: Mutex<(f64, Instant)>,
    files: Mutex<HashMap<String, Vec<u8>>>,
    batches: Mutex<HashMap<String, Value>>,
    random: AtomicU64,
}

/// A running server.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// What it has seen.
    pub(crate) seen: Arc<Seen>,
}

impl Server {
    /// Starts a server on 127.0.0.1 in the current runtime.
    pub(crate) async fn start(port: u16, behaviour: Behaviour) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(behaviour));
        let seen = Arc::clone(&shared.seen);
        let app = Router::new()
            .route("/v1/chat/completions", post(chat))
            .route("/v1/images/generations", post(picture))
            .route("/v1/images/edits", post(edit))
            .route("/v1/files", post(upload))
            .route("/v1/files/{id}/content", get(download))
            .route("/v1/batches", post(batch).get(batches))
            .route("/v1/batches/{id}", get(look))
            .route("/stats", get(stats))
            .layer(DefaultBodyLimit::max(256 << 20))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, seen })
    }

    /// The base URL for pipeline files.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Shared {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        let bucket = behaviour.calls_per_sec.unwrap_or(0.0);
        Self {
            behaviour,
            seen: Arc::default(),
            bucket: Mutex::new((bucket, Instant::now())),
            files: Mutex::default(),
            batches: Mutex::default(),
            random: AtomicU64::new(1),
        }
    }
}

/// Why a call is not answered.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<&'static str>,
    pub(crate) body: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(after) = self.retry_after {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static(after));
        }
        (self.status, headers, self.body).into_response()
    }
}

/// Counts a call in for as long as it lives.
pub(crate) struct UnderWay(Arc<Seen>);

impl UnderWay {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.count_call();
        let now = seen.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        seen.most_under_way.fetch_max(now, Ordering::Relaxed);
        Self(Arc::clone(seen))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a call in after the delay, or refuses it at once.
pub(crate) async fn let_in(shared: &Shared) -> Result<UnderWay, Refusal> {
    let call = UnderWay::new(&shared.seen);
    let refused = |retry_after| {
        shared.seen.refused.fetch_add(1, Ordering::Relaxed);
        let body = json!({"error": {"message": "slow down", "type": "rate_limit_exceeded"}}).to_string();
        Refusal { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(retry_after), body }
    };
    if let Some(per_sec) = shared.behaviour.calls_per_sec {
        let mut bucket = shared.bucket.lock().expect("no panic while it is held");
        let filled = (bucket.0 + bucket.1.elapsed().as_secs_f64() * per_sec).min(per_sec);
        *bucket = (filled, Instant::now());
        if bucket.0 < 1.0 {
            return Err(refused("1"));
        }
        bucket.0 -= 1.0;
    }
    let drawn = draw(shared);
    if drawn < shared.behaviour.stray_429 {
        return Err(refused("0"));
    }
    if drawn < shared.behaviour.stray_429 + shared.behaviour.broken {
        let body = "broken".to_owned();
        return Err(Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, retry_after: None, body });
    }
    if !shared.behaviour.delay.is_zero() {
        tokio::time::sleep(shared.behaviour.delay).await;
    }
    Ok(call)
}

/// A number below 1: a counter, scattered.
fn draw(shared: &Shared) -> f64 {
    let count = shared.random.fetch_add(1, Ordering::Relaxed);
    let scattered = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((scattered ^ (scattered >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
}

async fn chat(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    match let_in(&shared).await {
        Ok(_call) if is_upset(&shared, &body) => upset(shared.behaviour.upset),
        Ok(_call) => Json(chat_answer(&shared, &body)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn picture(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.seen.pictures.fetch_add(1, Ordering::Relaxed);
    match let_in(&shared).await {
        Ok(_call) => Json(picture_answer(&shared, &body)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// A form with files; the answer depends on the prompt in it alone, not on the boundary between its parts.
async fn edit(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    shared.seen.pictures.fetch_add(1, Ordering::Relaxed);
    match let_in(&shared).await {
        Ok(_call) => Json(picture_answer(&shared, prompt_of_form(&body).as_bytes())).into_response(),
        Err(refused) => refused.into_response(),
    }
}

pub(crate) fn prompt_of_form(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let prompt = text.split("name=\"prompt\"").nth(1).unwrap_or_default().trim_start();
    prompt.split("\r\n").next().unwrap_or_default().to_owned()
}

fn upset(how: Upset) -> Response {
    let (content, refusal) = match how {
        Upset::Refuses => (Value::Null, "I would rather not.".into()),
        Upset::Rambles => ("Well, let me think.".into(), Value::Null),
        Upset::Fails(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            // As OpenAI says that an account is empty; a plain 429 is what a full bucket answers.
            let body = match status {
                StatusCode::TOO_MANY_REQUESTS => r#"{"error": {"code": "insufficient_quota"}}"#,
                _ => "something is wrong",
            };
            return (status, body).into_response();
        }
    };
    Json(json!({
        "id": "chatcmpl-no", "object": "chat.completion", "model": "stub-1",
        "choices": [{ "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": content, "refusal": refusal } }],
        "usage": { "prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250 },
    }))
    .into_response()
}

fn is_upset(shared: &Shared, body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let is_critique = text.contains("\"name\":\"critique\"");
    let upset = shared.behaviour.upset_by.is_some_and(|word| is_critique && text.contains(word));
    upset && !shared.seen.calm.load(Ordering::Relaxed)
}

async fn stats(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(counted(&shared.seen))
}

/// What the server has seen, as JSON.
pub(crate) fn counted(seen: &Seen) -> Value {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "calls": read(&seen.calls), "refused": read(&seen.refused),
        "most_under_way": read(&seen.most_under_way), "batches": read(&seen.batches),
        "calls_by_tenth": seen.calls_by_tenth(),
    })
}

/// The answer to a chat call, by the name of the schema that it asks for.
pub(crate) fn chat_answer(shared: &Shared, body: &[u8]) -> Value {
    let hash = fnv(body);
    let text = String::from_utf8_lossy(body);
    let points = shared.behaviour.points;
    let text_of = |region: u64| {
        format!("A calm view number {} of the scene, with a thing in it.", (hash >> 8) % 997 + region)
    };
    let scores = json!({
        "color_accuracy": points, "object_completeness": points, "detail_richness": points,
        "spatial_relationships": points, "visual_coherence": points,
    });
    let number_after = |words: &str| -> Option<u64> {
        text.split(words).nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let schema = text.split("\"json_schema\":{\"name\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let answer = match schema {
        Some("thoughts") => {
            let regions = number_after("divided into ").unwrap_or(3);
            json!({ "thoughts": (0..regions).map(text_of).collect::<Vec<_>>() })
        }
        Some("thought") => json!({ "thought": text_of(0) }),
        Some("critique") => {
            json!({ "scores": scores, "comment": "As it should be.", "revised_thought": text_of(1) })
        }
        Some("schedule") => {
            let (rows, count) = (number_after("a grid of "), number_after("Divide it into "));
            json!({ "regions": bands(rows.unwrap_or(24), count.unwrap_or(3)) })
        }
        Some("questions") => json!({ "questions": ["Is there a thing?", "Is the view calm?"] }),
        Some("inspection") => {
            let asked = (1..100).take_while(|number| text.contains(&format!("\\n{number}. "))).count();
            json!({ "answers": (0..asked).map(|number| number > 0).collect::<Vec<_>>() })
        }
        Some("comparison") => json!({ "better": "first", "comment": "It is calmer." }),
        _ => json!({ "scores": scores, "comment": "As it should be." }),
    };
    let says_yes = text.contains("\"logprobs\":true");
    let (content, logprobs) = if says_yes {
        let of = |token: &str, probability: f64| json!({ "token": token, "logprob": probability.ln() });
        let mut first = of("Yes", 0.6);
        first["top_logprobs"] = json!([of("Yes", 0.6), of("No", 0.2), of(" yes", 0.1), of("Perhaps", 0.1)]);
        ("Yes".to_owned(), json!({ "content": [first] }))
    } else {
        (answer.to_string(), Value::Null)
    };
    let state = shared.behaviour.calls_per_state.map_or_else(String::new, |calls| {
        (shared.seen.calls.load(Ordering::Relaxed) / calls.max(1)).to_string()
    });
    json!({
        "id": format!("chatcmpl-{hash:x}"), "object": "chat.completion", "model": "stub-1",
        "system_fingerprint": format!("fp_stub{state}"),
        "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": logprobs,
            "message": { "role": "assistant", "content": content } }],
        "usage": { "prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250 },
    })
}

/// Rectangles over the whole width that tile a grid of so many rows and 24 columns.
fn bands(rows: u64, count: u64) -> Vec<Value> {
    (0..count)
        .map(|band| {
            let (row, end) = (band * rows / count, (band + 1) * rows / count);
            json!({ "name": format!("band {band}"), "row": row, "column": 0, "rows": end - row, "columns": 24 })
        })
        .collect()
}

/// The answer to a picture call: one colour that follows from `body`.
pub(crate) fn picture_answer(shared: &Shared, body: &[u8]) -> Value {
    use base64::Engine;
    let hash = if shared.behaviour.shared_picture { 0 } else { fnv(body) };
    let mut picture = match &shared.behaviour.picture {
        Some(bytes) => bytes.clone(),
        None => png_of([hash as u8, (hash >> 8) as u8, (hash >> 16) as u8]),
    };
    // Readers ignore what follows the end of a PNG.
    picture.resize(picture.len().max(shared.behaviour.picture_bytes), 0);
    json!({ "created": 0, "data": [{ "b64_json": base64::engine::general_purpose::STANDARD.encode(picture) }] })
}

/// A picture of one colour, 64 × 64.
fn png_of(colour: [u8; 3]) -> Vec<u8> {
    use image::ImageEncoder;
    let mut png = Vec::new();
    let pixels = colour.repeat(64 * 64);
    image::codecs::png::PngEncoder::new(&mut png)
        .write_image(&pixels, 64, 64, image::ExtendedColorType::Rgb8)
        .expect("a small picture in memory");
    png
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Keeps the file of a form: what lies between its head and the boundary that follows.
async fn upload(State(shared): State<Arc<Shared>>, body: Bytes) -> Json<Value> {
    let text = String::from_utf8_lossy(&body);
    let file = text.split("filename=").nth(1).unwrap_or_default();
    let lines: String =
        file.lines().filter(|line| line.starts_with('{')).map(|line| format!("{line}\n")).collect();
    let id = format!("file-{:x}", fnv(lines.as_bytes()));
    shared.files.lock().expect("no panic while it is held").insert(id.clone(), lines.into_bytes());
    Json(json!({ "id": id, "object": "file", "purpose": "batch" }))
}

async fn download(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let file = shared.files.lock().expect("no panic while it is held").get(&id).cloned();
    let Some(bytes) = file else { return StatusCode::NOT_FOUND.into_response() };
    if shared.seen.downloads.fetch_add(1, Ordering::Relaxed) >= shared.behaviour.torn_downloads {
        return bytes.into_response();
    }
    let half = Bytes::copy_from_slice(&bytes[..bytes.len() / 2]);
    Body::from_stream(stream::iter([Ok(half), Err(std::io::Error::other("torn"))])).into_response()
}

/// Answers all questions of a batch; it is found completed at the second look.
async fn batch(State(shared): State<Arc<Shared>>, Json(asked): Json<Value>) -> Json<Value> {
    let input = asked["input_file_id"].as_str().unwrap_or_default();
    let lines =
        shared.files.lock().expect("no panic while it is held").get(input).cloned().unwrap_or_default();
    let mut output = String::new();
    let is_first = shared.seen.batches.load(Ordering::Relaxed) == 0;
    let first_lines = if is_first { shared.behaviour.first_lines } else { &[] };
    for (number, line) in String::from_utf8_lossy(&lines).lines().enumerate() {
        let question: Value = serde_json::from_str(line).unwrap_or_default();
        let body = question["body"].to_string();
        let answer = match question["url"].as_str() {
            Some("/v1/chat/completions") => chat_answer(&shared, body.as_bytes()),
            Some("/v1/images/edits") => {
                let prompt = question["body"]["prompt"].as_str().unwrap_or_default();
                picture_answer(&shared, prompt.as_bytes())
            }
            _ => picture_answer(&shared, body.as_bytes()),
        };
        shared.seen.calls.fetch_add(1, Ordering::Relaxed);
        let line = json!({ "custom_id": question["custom_id"],
            "response": { "status_code": 200, "body": answer }, "error": null });
        let key = question["custom_id"].as_str().unwrap_or_default();
        let line = first_lines.get(number).map_or(line.to_string(), |line| line.replace("KEY", key));
        output.push_str(&format!("{line}\n"));
    }
    let number = shared.seen.batches.fetch_add(1, Ordering::Relaxed);
    let (id, output_id) = (format!("batch-{number}"), format!("file-out-{number}"));
    shared.files.lock().expect("no panic while it is held").insert(output_id.clone(), output.into_bytes());
    let state = json!({ "id": id, "status": "in_progress", "metadata": asked["metadata"],
        "output_file_id": output_id, "error_file_id": null });
    shared.batches.lock().expect("no panic while it is held").insert(id, state.clone());
    Json(state)
}

async fn batches(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let all: Vec<Value> =
        shared.batches.lock().expect("no panic while it is held").values().cloned().collect();
    Json(json!({ "object": "list", "data": all }))
}

async fn look(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.batches.lock().expect("no panic while it is held").get_mut(&id) {
        Some(state) => {
            let seen = state.clone();
            state["status"] = "completed".into();
            Json(seen).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
