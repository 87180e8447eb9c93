//! The smallest HTTP client that a till needs, and that a test can misuse: one request, one answer, then the end.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A till waits so long for an answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Posts JSON with a bearer secret.
///
/// # Errors
/// When no whole answer came; whether the request was acted on is then unknown.
pub async fn post(to: SocketAddr, path: &str, secret: &str, body: &[u8]) -> anyhow::Result<HttpAnswer> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {to}\r\nAuthorization: Bearer {secret}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    send(to, &[head.as_bytes(), body].concat()).await
}

/// Gets a page.
///
/// # Errors
/// When no whole answer came.
pub async fn get(from: SocketAddr, path: &str) -> anyhow::Result<HttpAnswer> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {from}\r\nConnection: close\r\n\r\n");
    send(from, head.as_bytes()).await
}

/// Sends these very bytes and reads the answer.
///
/// # Errors
/// When no whole answer came.
pub async fn send(to: SocketAddr, request: &[u8]) -> anyhow::Result<HttpAnswer> {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.context("connect")?;
        stream.write_all(request).await.context("send the request")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.context("read the answer")?;
        parse(&answer)
    };
    tokio::time::timeout(ANSWER_WAIT, exchange)
        .await
        .context("wait for the answer")?
}

fn parse(answer: &[u8]) -> anyhow::Result<HttpAnswer> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("the answer ended before its body")?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Ok(HttpAnswer {
        status: status.context("the answer has no status")?,
        body: if chunked { unchunk(body) } else { body.to_owned() },
    })
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(piece) = rest.get(..size).filter(|p| !p.is_empty()) else {
            break;
        };
        whole.push_str(piece);
        body = rest.get(size + 2..).unwrap_or("");
    }
    whole
}
