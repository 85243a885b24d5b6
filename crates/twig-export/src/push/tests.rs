use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as UrlPath, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{head, post, put},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use twig_shards::{Remote, fixtures::write_release, verify};

use super::*;

fn release(folder: &Path) -> PathBuf {
    let release = folder.join("release");
    write_release(&release);
    release
}

fn nowhere() -> HubAccess {
    HubAccess { endpoint: "http://127.0.0.1:1".to_owned(), token: None, retry_secs: 0.0 }
}

fn push_to(release: &Path, target: &str, replace: bool) -> Result<Pushed, PushError> {
    push(release, target, replace, &nowhere(), &|_| {})
}

#[test]
fn a_store_gets_a_sound_release_and_a_second_push_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    let target = format!("file://{}/store/one", folder.path().display());
    let pushed = push_to(&release, &target, false).unwrap();
    let files = files_below(&release).unwrap();
    assert_eq!((pushed.sent, pushed.kept), (files.len() as u64, 0));
    let there = folder.path().join("store/one");
    assert_eq!(verify(&there).problems, []);
    assert_eq!(files_below(&there).unwrap(), files, "the marker is gone");
    let again = push_to(&release, &target, false).unwrap();
    assert_eq!((again.sent, again.kept), (0, files.len() as u64));
}

#[test]
fn an_interrupted_upload_is_gone_on_with_and_another_is_not_mixed_in() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    let there = folder.path().join("store");
    let target = format!("file://{}", there.display());
    // What an interrupted upload leaves: the marker and some files, here one of them spoilt in size.
    fs::create_dir_all(there.join("steps")).unwrap();
    fs::copy(release.join("SHA256SUMS"), there.join("_uploading")).unwrap();
    let shard = "steps/train-00000-of-00001.parquet";
    fs::copy(release.join(shard), there.join(shard)).unwrap();
    fs::write(there.join("manifest.json"), b"{").unwrap();
    let pushed = push_to(&release, &target, false).unwrap();
    assert_eq!(pushed.kept, 1, "the shard was there");
    assert_eq!(verify(&there).problems, []);

    let error = |replace| push_to(&release, &target, replace).unwrap_err();
    fs::write(there.join("SHA256SUMS"), b"another").unwrap();
    assert!(matches!(error(false), PushError::Occupied { .. }) && error(false).is_wrong_usage());
    fs::remove_file(there.join("SHA256SUMS")).unwrap();
    fs::write(there.join("_uploading"), b"another").unwrap();
    assert!(matches!(error(false), PushError::Busy { .. }));
    fs::write(there.join("steps/train-00000-of-00002.parquet"), b"old").unwrap();
    push_to(&release, &target, true).unwrap();
    assert_eq!(verify(&there).problems, [], "what the other release left is gone");
}

#[test]
fn places_that_cannot_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    for target in ["ftp://a/b", "hf://datasets/only-owner", "hf://datasets/a/../b", "hf://models/a/b", ""] {
        assert!(matches!(push_to(&release, target, false), Err(PushError::Target { .. })), "{target}");
    }
    assert!(matches!(push_to(&release, "hf://datasets/a/b", false), Err(PushError::NoToken { .. })));
    assert!(matches!(push_to(folder.path(), "file:///x", false), Err(PushError::Shards(_))));
    assert!(!Remote::is_url("hf://datasets/a/b"));
}

/// What the stand-in for the Hub holds. It follows the Hub's documentation, and is not the Hub.
#[derive(Default)]
struct StandIn {
    address: String,
    exists: bool,
    /// Large files by hash.
    objects: BTreeMap<String, Vec<u8>>,
    /// Parts of large files by hash and number.
    parts: BTreeMap<(String, u32), Vec<u8>>,
    /// Files of the last commit.
    committed: BTreeMap<String, Vec<u8>>,
    puts: u64,
    /// Puts after which further ones are forbidden.
    closes_after: Option<u64>,
    /// Large files that were put, or a part of them, in order.
    put: Vec<String>,
    /// Answers that are still to fail.
    failures: Vec<StatusCode>,
}

type Shared = Arc<Mutex<StandIn>>;

const TOKEN: &str = "hf_secret";
/// Larger files go in parts of this size.
const PART_BYTES: usize = 30_000;

/// The next failure that was ordered, for requests with the right token.
fn refusal(state: &Shared, headers: Option<&HeaderMap>) -> Option<Response> {
    let is_allowed = headers
        .is_none_or(|headers| headers.get("authorization").is_some_and(|value| value == "Bearer hf_secret"));
    if !is_allowed {
        return Some((StatusCode::UNAUTHORIZED, format!("the token {TOKEN} is not yours")).into_response());
    }
    state.lock().unwrap().failures.pop().map(|status| (status, "later").into_response())
}

async fn create(State(state): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&state, Some(&headers)) {
        return refusal;
    }
    let existed = std::mem::replace(&mut state.lock().unwrap().exists, true);
    if existed { StatusCode::CONFLICT } else { StatusCode::OK }.into_response()
}

async fn resolve(State(state): State<Shared>) -> StatusCode {
    let has_release = state.lock().unwrap().committed.contains_key("SHA256SUMS");
    if has_release { StatusCode::OK } else { StatusCode::NOT_FOUND }
}

async fn preupload(State(state): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = refusal(&state, Some(&headers)) {
        return refusal;
    }
    let files = body["files"].as_array().unwrap().iter().map(|file| {
        let path = file["path"].as_str().unwrap();
        let is_large = [".parquet", ".png"].iter().any(|ending| path.ends_with(ending));
        assert!(BASE64_STANDARD.decode(file["sample"].as_str().unwrap()).unwrap().len() <= 512);
        json!({ "path": path, "uploadMode": if is_large { "lfs" } else { "regular" } })
    });
    Json(json!({ "files": files.collect::<Vec<_>>() })).into_response()
}

async fn batch(State(state): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = refusal(&state, Some(&headers)) {
        return refusal;
    }
    let state = state.lock().unwrap();
    let objects = body["objects"].as_array().unwrap().iter().map(|object| {
        let (oid, size) = (object["oid"].as_str().unwrap(), object["size"].as_u64().unwrap() as usize);
        if state.objects.contains_key(oid) {
            return json!({ "oid": oid, "size": size });
        }
        let mut header = json!({});
        let mut href = format!("{}/put/{oid}", state.address);
        if size > PART_BYTES {
            header["chunk_size"] = json!(PART_BYTES.to_string());
            for number in 1..=size.div_ceil(PART_BYTES) {
                header[format!("{number:05}")] = json!(format!("{}/part/{oid}/{number}", state.address));
            }
            href = format!("{}/complete/{oid}", state.address);
        }
        json!({ "oid": oid, "size": size, "actions": { "upload": { "href": href, "header": header } } })
    });
    Json(json!({ "objects": objects.collect::<Vec<_>>() })).into_response()
}

/// Counts a put, or forbids it.
fn counted(state: &Shared, oid: &str) -> Option<Response> {
    let mut state = state.lock().unwrap();
    if state.closes_after.is_some_and(|most| state.puts >= most) {
        return Some(StatusCode::FORBIDDEN.into_response());
    }
    state.puts += 1;
    state.put.push(oid.to_owned());
    None
}

async fn put_object(
    State(state): State<Shared>,
    UrlPath(oid): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert!(!headers.contains_key("authorization"), "signed addresses get no token");
    if let Some(refusal) = refusal(&state, None).or_else(|| counted(&state, &oid)) {
        return refusal;
    }
    state.lock().unwrap().objects.insert(oid, body.to_vec());
    StatusCode::OK.into_response()
}

async fn put_part(
    State(state): State<Shared>,
    UrlPath((oid, number)): UrlPath<(String, u32)>,
    body: Bytes,
) -> Response {
    if let Some(refusal) = refusal(&state, None).or_else(|| counted(&state, &oid)) {
        return refusal;
    }
    state.lock().unwrap().parts.insert((oid, number), body.to_vec());
    ([("etag", format!("\"{number}\""))], StatusCode::OK).into_response()
}

async fn complete(
    State(state): State<Shared>,
    UrlPath(oid): UrlPath<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut state = state.lock().unwrap();
    let mut object = Vec::new();
    for part in body["parts"].as_array().unwrap() {
        let number = part["partNumber"].as_u64().unwrap() as u32;
        assert_eq!(part["etag"], format!("\"{number}\""));
        object.extend(state.parts.remove(&(oid.clone(), number)).unwrap());
    }
    state.objects.insert(oid, object);
    StatusCode::OK.into_response()
}

async fn commit(State(state): State<Shared>, headers: HeaderMap, body: String) -> Response {
    if let Some(refusal) = refusal(&state, Some(&headers)) {
        return refusal;
    }
    let mut state = state.lock().unwrap();
    let mut committed = BTreeMap::new();
    for line in body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let value = &line["value"];
        let path = || value["path"].as_str().unwrap().to_owned();
        match line["key"].as_str().unwrap() {
            "header" => assert!(value["summary"].is_string()),
            "file" => drop(
                committed.insert(path(), BASE64_STANDARD.decode(value["content"].as_str().unwrap()).unwrap()),
            ),
            "lfsFile" => {
                let object = state.objects[value["oid"].as_str().unwrap()].clone();
                assert_eq!(object.len() as u64, value["size"].as_u64().unwrap());
                committed.insert(path(), object);
            }
            other => panic!("a line of kind {other}"),
        }
    }
    state.committed = committed;
    StatusCode::OK.into_response()
}

/// The stand-in on a thread of its own, for as long as the test lasts.
fn stand_in() -> (Shared, HubAccess) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let state = Shared::new(Mutex::new(StandIn { address: address.clone(), ..StandIn::default() }));
    let router = Router::new()
        .route("/api/repos/create", post(create))
        .route("/datasets/me/birds/resolve/main/SHA256SUMS", head(resolve))
        .route("/api/datasets/me/birds/preupload/main", post(preupload))
        .route("/datasets/me/birds.git/info/lfs/objects/batch", post(batch))
        .route("/api/datasets/me/birds/commit/main", post(commit))
        .route("/put/{oid}", put(put_object))
        .route("/part/{oid}/{number}", put(put_part))
        .route("/complete/{oid}", post(complete))
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
        .with_state(state.clone());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (state, HubAccess { endpoint: address, token: Some(TOKEN.to_owned()), retry_secs: 0.01 })
}

fn push_to_hub(release: &Path, access: &HubAccess, replace: bool) -> Result<Pushed, PushError> {
    push(release, "hf://datasets/me/birds", replace, access, &|_| {})
}

#[test]
fn the_hub_gets_every_file_in_one_commit_in_spite_of_failures() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    let (state, access) = stand_in();
    state.lock().unwrap().failures = vec![
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::INTERNAL_SERVER_ERROR,
    ];
    let pushed = push_to_hub(&release, &access, false).unwrap();
    let wanted: BTreeMap<String, Vec<u8>> = files_below(&release)
        .unwrap()
        .into_iter()
        .map(|name| (name.clone(), fs::read(release.join(name)).unwrap()))
        .collect();
    assert!(state.lock().unwrap().committed == wanted, "what was committed is the release");
    assert!(wanted.values().any(|bytes| bytes.len() > 2 * PART_BYTES), "some go in parts");
    for (oid, object) in &state.lock().unwrap().objects {
        let found: String = Sha256::digest(object).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, *oid);
    }
    assert_eq!(pushed.bytes, wanted.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert!(matches!(push_to_hub(&release, &access, false), Err(PushError::Occupied { .. })));
    let puts = state.lock().unwrap().puts;
    let again = push_to_hub(&release, &access, true).unwrap();
    assert_eq!(state.lock().unwrap().puts, puts, "what is there is not sent again");
    assert!(again.kept > 0);
}

#[test]
fn an_upload_to_the_hub_that_broke_off_sends_no_file_again_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    let (state, access) = stand_in();
    push_to_hub(&release, &access, false).unwrap();
    let undisturbed = state.lock().unwrap().puts;
    let mut broke_off_between = 0;
    for closes_after in 1..undisturbed {
        let (state, access) = stand_in();
        state.lock().unwrap().closes_after = Some(closes_after);
        assert!(push_to_hub(&release, &access, false).is_err());
        let there: Vec<String> = {
            let mut state = state.lock().unwrap();
            assert!(state.committed.is_empty(), "nobody sees half a release");
            (state.closes_after, state.put) = (None, Vec::new());
            state.objects.keys().cloned().collect()
        };
        push_to_hub(&release, &access, false).unwrap();
        let state = state.lock().unwrap();
        assert!(there.iter().all(|oid| !state.put.contains(oid)), "after {closes_after} puts");
        for (name, bytes) in &state.committed {
            assert!(fs::read(release.join(name)).unwrap() == *bytes, "{name} after {closes_after} puts");
        }
        assert_eq!(state.committed.len(), files_below(&release).unwrap().len());
        broke_off_between += usize::from(!there.is_empty());
    }
    assert!(broke_off_between > 0);
}

#[test]
fn the_hub_saying_no_is_an_error_without_the_token() {
    let folder = tempfile::tempdir().unwrap();
    let release = release(folder.path());
    let (state, access) = stand_in();
    state.lock().unwrap().failures = vec![StatusCode::FORBIDDEN];
    let error = push_to_hub(&release, &access, false).unwrap_err();
    assert!(matches!(error, PushError::Refused { status: 403, .. }), "{error}");
    let wrong = HubAccess { token: Some("hf_secre".to_owned()), ..access };
    let error = push_to_hub(&release, &wrong, false).unwrap_err().to_string();
    assert!(error.contains("401") && !error.contains("hf_secre"), "{error}");
    assert!(matches!(
        push_to_hub(&release, &HubAccess { token: Some("x".to_owned()), ..nowhere() }, false),
        Err(PushError::Unreachable { .. })
    ));
}
