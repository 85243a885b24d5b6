//! A server that reads a request and then does what its script says, byte by byte if need be.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What happens to one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// These bytes are sent, and the connection is closed.
    Send(Vec<u8>),
    /// The connection is reset before anything is sent.
    Reset,
    /// The head and half a body are sent, and nothing more; the connection stays open.
    Stall,
}

/// The server; its script is played once, its last act over and over.
pub(crate) struct Scripted {
    pub(crate) base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { base_url, requests }
    }

    /// The requests so far: head and body as text.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<VecDeque<Act>>>, seen: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    let act = {
        let mut script = script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    };
    match act {
        Act::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Act::Reset => {
            let _ = stream.set_zero_linger();
        }
        Act::Stall => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\"").await;
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut chunk = vec![0; 65_536];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= head.len() + 4 + length.unwrap_or(0) {
                return Some(request);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
    }
}

/// An answer with this status, these further head lines and this body.
pub(crate) fn answer(status: &str, head: &str, body: &[u8]) -> Act {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{head}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    Act::Send(bytes)
}

/// A sound answer to a chat call that says `text`.
pub(crate) fn says(text: &str) -> Act {
    let body = serde_json::json!({
        "model": "m-1", "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    });
    answer("200 OK", "content-type: application/json\r\n", body.to_string().as_bytes())
}
