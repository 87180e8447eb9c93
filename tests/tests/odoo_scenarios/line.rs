//! A line between the relay and Odoo that a scenario watches and cuts: it sees each request whole before Odoo does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Passing {
    /// Counts from 1.
    pub(crate) number: usize,
    /// `model.method`, or the service's own method such as `authenticate`.
    pub(crate) method: String,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Carried there and back.
    Carried,
    /// Cut before Odoo sees it.
    NeverArrives,
    /// Done and committed by Odoo, whose answer is lost.
    AnswerLost,
}

type Rule = dyn Fn(Passing) -> BoxFuture<'static, Fate> + Send + Sync;

/// A running line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where the relay calls.
    pub(crate) url: String,
    lost: Arc<AtomicUsize>,
}

impl Line {
    /// A line to `url` on this machine; `rule` decides about every request, and may do something first.
    pub(crate) async fn to<R>(url: &str, rule: R) -> Self
    where
        R: Fn(Passing) -> BoxFuture<'static, Fate> + Send + Sync + 'static,
    {
        let target = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let rule: Arc<Rule> = Arc::new(rule);
        let (count, lost) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let losses = Arc::clone(&lost);
        tokio::spawn(async move {
            while let Ok((relay, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                let (target, rule, losses) = (target.clone(), Arc::clone(&rule), Arc::clone(&losses));
                tokio::spawn(async move {
                    let fate = carry(relay, &target, number, &*rule).await;
                    losses.fetch_add(usize::from(fate != Some(Fate::Carried)), Ordering::Relaxed);
                });
            }
        });
        Self { url: here, lost }
    }

    /// How many requests or answers were lost.
    pub(crate) fn lost(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

async fn carry(mut relay: TcpStream, target: &str, number: usize, rule: &Rule) -> Option<Fate> {
    let request = whole(&mut relay).await?;
    let method = method(&request);
    let fate = rule(Passing { number, method }).await;
    if fate == Fate::NeverArrives {
        return Some(fate);
    }
    let mut odoo = TcpStream::connect(target).await.ok()?;
    odoo.write_all(&request).await.ok()?;
    // one request per connection: Odoo closes after its answer
    let mut answer = Vec::new();
    odoo.read_to_end(&mut answer).await.ok()?;
    if fate == Fate::Carried {
        relay.write_all(&answer).await.ok()?;
    }
    Some(fate)
}

/// A whole request, head and body.
async fn whole(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = end_of_head(&bytes)
            && bytes.len() >= end + length(&bytes[..end])
        {
            return Some(bytes);
        }
        let mut chunk = [0; 65_536];
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    Some(bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4)
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}

/// Both protocols say what they call: JSON-2 in its path, JSON-RPC in its arguments.
fn method(request: &[u8]) -> String {
    let end = end_of_head(request).unwrap_or(request.len());
    let head = String::from_utf8_lossy(&request[..end]);
    let path = head.split(' ').nth(1).unwrap_or_default();
    if let Some(call) = path.strip_prefix("/json/2/") {
        return call.replacen('/', ".", 1);
    }
    let body: Value = serde_json::from_slice(&request[end..]).unwrap_or(Value::Null);
    let args = &body["params"]["args"];
    match (args[3].as_str(), args[4].as_str()) {
        (Some(model), Some(method)) => format!("{model}.{method}"),
        _ => body["params"]["method"].as_str().unwrap_or_default().to_owned(),
    }
}
