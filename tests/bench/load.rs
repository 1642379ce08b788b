//! A client that costs less than the server: requests are bytes made before, answers are hardly looked at.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::stats::quantile;

/// What a load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Answers in a second, over all connections.
    pub(crate) per_second: f64,
    /// What 99 of 100 answers took at most, in milliseconds.
    pub(crate) p99_ms: f64,
}

/// Sends requests for `window`: a connection for each list, kept alive, one request at a time, from the list's start
/// again when it ends. Every answer has to have the status `expected`.
pub(crate) async fn run(address: SocketAddr, lists: &[Vec<Vec<u8>>], window: Duration, expected: u16) -> Result<Load> {
    let mut connections = JoinSet::new();
    for list in lists {
        let (connection, list) = (Connection::open(address).await?, list.clone());
        connections.spawn(repeat(connection, list, window, expected));
    }
    let started = Instant::now();
    let mut times_ms = Vec::new();
    while let Some(ended) = connections.join_next().await {
        times_ms.extend(ended??);
    }
    let per_second = times_ms.len() as f64 / started.elapsed().as_secs_f64();
    Ok(Load { per_second, p99_ms: quantile(&times_ms, 0.99) })
}

async fn repeat(mut connection: Connection, list: Vec<Vec<u8>>, window: Duration, expected: u16) -> Result<Vec<f64>> {
    let (started, mut times_ms) = (Instant::now(), Vec::new());
    for request in list.iter().cycle() {
        let asked = Instant::now();
        let status = connection.ask(request).await?;
        ensure!(status == expected, "answered with {status}: {}", String::from_utf8_lossy(&connection.answer));
        times_ms.push(asked.elapsed().as_secs_f64() * 1e3);
        if started.elapsed() >= window {
            break;
        }
    }
    Ok(times_ms)
}

/// A GET as this key's owner. `etag` makes it conditional.
pub(crate) fn get(path: &str, key: &str, etag: Option<&str>) -> Vec<u8> {
    let condition = etag.map(|etag| format!("If-None-Match: {etag}\r\n")).unwrap_or_default();
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n{condition}\r\n").into_bytes()
}

/// A POST of JSON as this key's owner.
pub(crate) fn post(path: &str, key: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A connection that is kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The last answer, head and body.
    answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("the API does not listen")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(16 << 10) })
    }

    /// Sends a request, reads the whole answer and gives its status.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let head_bytes = loop {
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let length: usize = self.header("content-length").map_or(Ok(0), str::parse)?;
        while self.answer.len() < head_bytes + length {
            self.read().await?;
        }
        // "HTTP/1.1 200 …"
        let status = self.answer.get(9..12).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        status.context("an answer without a status")
    }

    /// A field of the last answer's head.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.answer.split(|byte| *byte == b'\n').take_while(|line| line.len() > 1);
        lines.find_map(|line| {
            let (field, value) = str::from_utf8(line).ok()?.split_once(':')?;
            field.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    async fn read(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.answer).await? {
            0 => bail!("the connection was closed"),
            _ => Ok(()),
        }
    }
}
