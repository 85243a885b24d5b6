use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use tokio::{runtime::Runtime, sync::oneshot};

use super::*;
use crate::fixtures::{HOSTILE, write_hostile_release, write_release};

/// A viewer that answers for as long as the test goes on.
struct Server {
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    /// `127.0.0.1:PORT` and the path with the token.
    host: String,
    root: String,
}

struct Page {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Server {
    fn new(folders: &[&Path]) -> Self {
        let runtime = Runtime::new().unwrap();
        let datasets = folders.iter().map(|folder| Dataset::open(folder).unwrap()).collect();
        let viewer = runtime.block_on(Viewer::bind(datasets, 0)).unwrap();
        let address = viewer.address().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (host, token) = address.split_once('/').unwrap();
        let (host, root) = (host.to_owned(), format!("/{token}"));
        let (stop, stopped) = oneshot::channel();
        runtime.spawn(viewer.serve(async {
            let _ = stopped.await;
        }));
        Self { runtime, stop: Some(stop), host, root }
    }

    fn ask(&self, method: &str, path: &str, host: &str, json: &str) -> Page {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let length = json.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Page { status, head: head.to_lowercase(), body: answer[end + 4..].to_vec() }
    }

    fn get(&self, path: &str) -> Page {
        self.ask("GET", &format!("{}{path}", self.root), "127.0.0.1", "")
    }

    fn post(&self, path: &str, json: &str) -> Page {
        self.ask("POST", &format!("{}{path}", self.root), "localhost", json)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let runtime = std::mem::replace(&mut self.runtime, Runtime::new().unwrap());
        runtime.shutdown_background();
    }
}

#[test]
fn the_gallery_leads_to_trajectories_and_their_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let all = write_release(folder.path(), 8);
    let server = Server::new(&[folder.path()]);
    assert_eq!(server.get("/").status, 303);
    let gallery = server.get("/a/").text();
    assert!(gallery.contains("8 trajectories") && gallery.contains("7 green apples"), "{gallery}");
    let filtered = server.get("/a/cards?category=numeracy&sort=best&min=&q=green").text();
    assert_eq!(filtered.matches("class=\"tile").count(), 4);
    assert!(filtered.contains("4 of 8"), "{filtered}");
    assert_eq!(server.get("/a/cards?page=1").text().matches("class=\"tile").count(), 0);

    let id = all[3].trajectory.id().to_string();
    let page = server.get(&format!("/a/t/{id}?category=numeracy")).text();
    for expected in ["3 green apples", "The apples are red.", "redo 1", "Before and after", "2 of 4"] {
        assert!(page.contains(expected), "{expected}\n{page}");
    }
    let picture = server.get(&format!("/a/picture/{id}/final"));
    assert_eq!(picture.body, all[3].trajectory.final_image.bytes());
    assert!(picture.head.contains("content-type: image/png"));
    for path in [format!("/a/thumb/{id}"), format!("/a/thumb/{id}/2")] {
        assert!(server.get(&path).body.starts_with(&[0xff, 0xd8]), "{path} is no JPEG");
    }
    for missing in ["/a/t/no-such-0", "/b/", "/a/picture/x/final", "/a/nothing"] {
        assert!(matches!(server.get(missing).status, 404 | 500), "{missing}");
    }
}

#[test]
fn only_who_knows_the_token_and_asks_for_this_machine_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    write_release(folder.path(), 3);
    let server = Server::new(&[folder.path()]);
    assert!(server.host.starts_with("127.0.0.1:"));
    assert_eq!(server.root.len(), 33);
    assert_eq!(server.ask("GET", "/a/", "127.0.0.1", "").status, 404);
    assert_eq!(server.ask("GET", &format!("{}/a/", server.root), "evil.example", "").status, 403);
    let other = Server::new(&[folder.path()]);
    assert_ne!(server.root, other.root);
}

#[test]
fn marks_are_saved_and_filtered_by() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let all = write_release(&release, 8);
    let server = Server::new(&[&release]);
    let id = all[2].trajectory.id().to_string();
    let body = format!(r#"{{"id":"{id}","mark":"drop","note":"blurred"}}"#);
    assert_eq!(server.post("/a/mark", &body).status, 204);
    let saved = fs::read_to_string(folder.path().join("release-marks.jsonl")).unwrap();
    assert_eq!(saved, body + "\n");
    assert_eq!(server.get("/a/cards?mark=drop").text().matches("class=\"tile").count(), 1);
    assert_eq!(server.get("/a/cards?mark=unmarked").text().matches("class=\"tile").count(), 7);
    assert!(server.get(&format!("/a/t/{id}")).text().contains("value=\"blurred\""));
    for wrong in [r#"{"id":"no-such-0","mark":"keep"}"#, r#"{"id":"x","mark":"burn"}"#, "[]", ""] {
        assert!((400..500).contains(&server.post("/a/mark", wrong).status), "{wrong}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("release-marks.jsonl")).unwrap(), saved);
}

#[test]
fn texts_of_a_dataset_are_never_taken_for_the_pages_own() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let id = write_hostile_release(&release);
    let server = Server::new(&[&release, &release]);
    let note = serde_json::json!({ "id": id, "mark": null, "note": HOSTILE }).to_string();
    assert_eq!(server.post("/a/mark", &note).status, 204);
    let query = filter::encoded(HOSTILE);
    for path in [
        "/a/".to_owned(),
        format!("/a/?q={query}&category={query}&sort={query}&redos={query}"),
        format!("/a/cards?q={query}"),
        format!("/a/t/{id}?q={query}"),
        format!("/compare?sort={query}"),
    ] {
        let page = server.get(&path);
        let text = page.text();
        assert_eq!(page.status, 200, "{path}: {text}");
        assert!(
            !text.contains("<script>") && !text.contains("<img src=x") && !text.contains("' {{"),
            "{path}: {text}"
        );
        assert!(!text.contains("\" onmouseover") && !text.contains("{49}"), "{path}");
        assert!(
            page.head.contains("script-src 'self'") && page.head.contains("default-src 'none'"),
            "{path}"
        );
    }
    let missing = server.get("/a/t/%3Cscript%3E");
    assert!(missing.status == 404 && missing.head.contains("text/plain"));
}

#[test]
fn two_releases_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    write_release(&a, 8);
    write_release(&b, 6);
    let server = Server::new(&[&a, &b]);
    let page = server.get("/compare?sort=only").text();
    assert!(page.contains("8 trajectories, 6 in both"), "{page}");
    assert_eq!(page.matches("not there").count(), 2);
    assert_eq!(server.get("/b/").status, 200);
}

#[test]
fn a_run_is_followed_by_its_events() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("job.json"), r#"{"name":"trial","prompts":50,"settings":{}}"#).unwrap();
    let events = r#"{"unix_ms":1000,"event":"run_started","job":"trial","version":"1","prompts":50,"limit":null}
{"unix_ms":2000,"event":"stage_started","stage":"trajectories","partitions":4,"skipped":1,"rows":40}
{"unix_ms":12000,"event":"part_committed","stage":"trajectories","partition":2,"rows_in":20,"rows_out":18,"rejected":{"refused":2},"asked":{"thinker":60,"painter":20},"seconds":3.0}
{"unix_ms":12500,"event":"warning","message":"<b>slow</b>"}
{"torn"#;
    fs::write(folder.path().join("events.jsonl"), events).unwrap();
    let server = Server::new(&[folder.path()]);
    let panel = server.get("/a/live").text();
    for expected in [
        "trial is running",
        "50 prompts",
        "2 of 4 partitions, 20 rows, 2 a second, 2 rejected",
        "aria-valuenow=\"50\"",
        "20 painter, 60 thinker",
        "cost unknown",
        "&lt;b&gt;slow",
    ] {
        assert!(panel.contains(expected), "{expected}\n{panel}");
    }
    assert!(server.get("/a/").text().contains("no trajectories yet"));
}
