//! Servers on this machine: started, asked a question, ended.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::chore::build_example;

/// Longest wait for a server to be ready.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// A server; ended when dropped.
pub(crate) struct Server {
    process: Child,
    /// `http://127.0.0.1:PORT/v1`.
    pub(crate) base_url: String,
}

impl Server {
    /// A program that prints its base URL as its first line.
    pub(crate) fn printing_its_address(command: &mut Command) -> Result<Self> {
        let mut process = spawned(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let mut base_url = String::new();
        BufReader::new(stdout).read_line(&mut base_url).context("the server says no address")?;
        ensure!(base_url.starts_with("http"), "the server did not start");
        Ok(Self { process, base_url: base_url.trim().to_owned() })
    }

    /// A program that listens on `port`; waits until a GET of `path` succeeds.
    pub(crate) fn listening(command: &mut Command, port: u16, path: &str) -> Result<Self> {
        let process = spawned(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        let mut server = Self { process, base_url: format!("http://127.0.0.1:{port}/v1") };
        let start = Instant::now();
        while !get(port, path).is_ok_and(|(status, _)| status == 200) {
            let ended = server.process.try_wait().context("cannot look at the server")?;
            if let Some(status) = ended {
                bail!("the server has ended before it was ready ({status})");
            }
            ensure!(start.elapsed() < READY_WITHIN, "the server is not ready after {READY_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub(crate) fn port(&self) -> Result<u16> {
        let port = self.base_url.trim_end_matches("/v1").rsplit(':').next();
        port.and_then(|port| port.parse().ok()).context("the server's address has no port")
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The JSON at a path of the server.
    pub(crate) fn json(&self, path: &str) -> Result<Value> {
        let (status, body) = get(self.port()?, path)?;
        ensure!(status == 200, "{path} answers with {status}: {body}");
        serde_json::from_str(&body).with_context(|| format!("{path} is no JSON"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawned(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// A port that is free at this moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr())?.port())
}

/// Status and body of a GET on 127.0.0.1.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, String)> {
    exchanged(port, &format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"))
}

/// Status and body of a POST of JSON.
pub(crate) fn post(port: u16, path: &str, body: &Value) -> Result<(u16, String)> {
    let body = body.to_string();
    let length = body.len();
    exchanged(
        port,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn exchanged(port: u16, request: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { bail!("no HTTP answer") };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok((status, body.to_owned()))
}

/// Builds the project's own stub server, with the features that everything else is built with.
pub(crate) fn build_stub() -> Result<PathBuf> {
    build_example("stub_server")
}

/// Starts the stub server.
pub(crate) fn stub(program: &Path, arguments: &[&str]) -> Result<Server> {
    Server::printing_its_address(Command::new(program).args(arguments))
}
