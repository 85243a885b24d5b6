//! The same answers with as little work round them as can be, for benchmarks in which server and client share the
//! cores: HTTP/1.1 read and written by hand, one task a connection.

use std::{io, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::server::{Behaviour, Shared, chat_answer, counted, let_in, picture_answer, prompt_of_form};

/// Listens on 127.0.0.1 and serves until the process ends; returns the base URL.
pub(crate) async fn start(behaviour: Behaviour) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared::new(behaviour));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                // A client that goes away in the middle of a call is no concern of ours.
                let _ = serve(stream, &shared).await;
            });
        }
    });
    Ok(format!("http://{address}/v1"))
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 << 10);
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        let body = &buffer[request.head_len..request.len];
        let answer = answered(shared, &request.path, body).await;
        stream.write_all(&answer).await?;
        buffer.drain(..request.len);
        if request.is_last {
            break;
        }
    }
    Ok(())
}

/// Where a request ends in the buffer, and what it asks for.
struct Request {
    path: String,
    head_len: usize,
    len: usize,
    /// Whether the client wants the connection closed afterwards.
    is_last: bool,
}

/// Reads until a whole request stands in the buffer; `None` at the end of the connection.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head_len = end + 4;
            let head = String::from_utf8_lossy(&buffer[..end]);
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
            });
            let len = head_len + length.unwrap_or(0);
            let is_last = head.contains("connection: close");
            buffer.reserve(len.saturating_sub(buffer.len()));
            while buffer.len() < len {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            return Ok(Some(Request { path, head_len, len, is_last }));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// Head and body of the answer.
async fn answered(shared: &Shared, path: &str, body: &[u8]) -> Vec<u8> {
    if path == "/v1/stats" {
        return framed("200 OK", "", &counted(&shared.seen).to_string());
    }
    match let_in(shared).await {
        Err(refusal) => {
            let after = refusal.retry_after.map(|after| format!("retry-after: {after}\r\n"));
            framed(&refusal.status.to_string(), &after.unwrap_or_default(), &refusal.body)
        }
        Ok(_call) => {
            let answer = match path {
                "/v1/images/generations" => picture_answer(shared, body),
                "/v1/images/edits" => picture_answer(shared, prompt_of_form(body).as_bytes()),
                _ => chat_answer(shared, body),
            };
            framed("200 OK", "", &answer.to_string())
        }
    }
}

fn framed(status: &str, head: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{head}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
