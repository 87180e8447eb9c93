//! The terminal's side: it takes a request, acknowledges, answers, and says when it is ready again.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::frame::{Frames, pos_frame, terminal_frame};
use super::{Behaviour, body};

/// Money that the terminal moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The command that moved it.
    pub command: String,
    /// The terminal's own number.
    pub number: u64,
    /// The gateway's number, which no other payment has, at whatever terminal.
    pub gateway: u64,
    /// What the till called it.
    pub invoice: String,
    /// Cents.
    pub amount: i64,
    /// The terminal's clock.
    pub at: String,
    /// Brand as the terminal writes it.
    pub brand: String,
    /// Last four digits.
    pub last4: String,
}

/// One gateway stands behind all terminals, and counts for all of them.
fn gateway_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(200_073_800_031);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One terminal; clones are the same terminal.
#[derive(Debug, Clone, Default)]
pub struct Terminal {
    state: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    script: VecDeque<Behaviour>,
    card: Option<(String, String)>,
    at: Option<String>,
    approvals: Vec<Approval>,
    answers: HashMap<String, Value>,
    requests: u64,
}

impl Terminal {
    /// Behaves like this for the next requests, one each; well after that.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.lock().script.extend(behaviours);
    }

    /// The card that the next customers hold.
    pub fn insert_card(&self, brand: &str, last4: &str) {
        self.lock().card = Some((brand.to_owned(), last4.to_owned()));
    }

    /// Sets its clock, such as `2026-11-14T10:32:12`.
    pub fn set_clock(&self, at: &str) {
        self.lock().at = Some(at.to_owned());
    }

    /// All money that it moved.
    #[must_use]
    pub fn approvals(&self) -> Vec<Approval> {
        self.lock().approvals.clone()
    }

    /// How many requests it saw.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its clock shows.
    pub(super) fn clock(&self) -> String {
        self.lock().clock()
    }

    pub(super) fn behave(&self) -> Behaviour {
        let mut inner = self.lock();
        inner.requests += 1;
        inner.script.pop_front().unwrap_or(Behaviour::Approve)
    }

    /// The answer to one request. The same request again (same `EcrId` and `requestId`: a till that lost the answer)
    /// gets the same answer and moves nothing.
    pub(super) fn answer(&self, request: &Value, behaviour: &Behaviour) -> Value {
        let mut inner = self.lock();
        let key = format!(
            "{}/{}/{}",
            request["EcrId"], request["requestId"], request["command"]
        );
        if let Some(answer) = inner.answers.get(&key) {
            return answer.clone();
        }
        let number = 31 + inner.approvals.len() as u64;
        let answer = match (request["command"].as_str().unwrap_or(""), behaviour) {
            ("Sale" | "Refund" | "Void", Behaviour::Decline) => {
                body::declined(request, number, gateway_number())
            }
            ("Sale" | "Refund" | "Void", Behaviour::Cancel) => {
                body::failed(request, "APP001", "TRANSACTION CANCELLED BY USER")
            }
            ("Sale" | "Refund" | "Void", _) => {
                let approval = inner.approve(request, behaviour, number);
                body::approved(request, &approval, behaviour)
            }
            _ => body::pong(request),
        };
        inner.answers.insert(key, answer.clone());
        answer
    }
}

impl Inner {
    fn clock(&self) -> String {
        self.at.clone().unwrap_or_else(|| "2026-11-14T10:32:12".into())
    }

    fn approve(&mut self, request: &Value, behaviour: &Behaviour, number: u64) -> Approval {
        let transaction = &request["data"]["transaction"];
        let command = request["command"].as_str().unwrap_or("").to_owned();
        let voided = transaction["tranNo"].as_str().and_then(|n| n.parse().ok());
        let earlier = voided
            .and_then(|n: u64| self.approvals.iter().find(|a| a.number == n))
            .cloned();
        let asked = match command.as_str() {
            "Sale" => body::cents(&transaction["baseAmount"]) + body::cents(&transaction["tipAmount"]),
            "Refund" => body::cents(&transaction["totalAmount"]),
            _ => earlier.as_ref().map_or(0, |e| e.amount),
        };
        let less = if let Behaviour::Partial(less) = behaviour {
            *less
        } else {
            0
        };
        let (brand, last4) = self
            .card
            .clone()
            .unwrap_or_else(|| ("VISA".into(), "1111".into()));
        let invoice = transaction["invoiceNbr"].as_str().map(str::to_owned);
        let approval = Approval {
            command,
            // a void keeps the number of what it takes back
            number: earlier.as_ref().map_or(number, |e| e.number),
            gateway: earlier.as_ref().map_or_else(gateway_number, |e| e.gateway),
            invoice: invoice.or(earlier.map(|e| e.invoice)).unwrap_or_default(),
            amount: asked - less,
            at: self.clock(),
            brand,
            last4,
        };
        self.approvals.push(approval.clone());
        approval
    }
}

/// Serves connections on a loopback port, one command or many on each.
///
/// # Errors
/// When the port cannot be opened.
pub async fn serve_tcp(terminal: Terminal) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    serve_tcp_at(([127, 0, 0, 1], 0).into(), terminal).await
}

/// The same on an address.
///
/// # Errors
/// When it cannot be listened on.
pub async fn serve_tcp_at(
    listen: SocketAddr,
    terminal: Terminal,
) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} as a terminal"))?;
    let address = listener.local_addr().context("read the terminal's port")?;
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let terminal = terminal.clone();
            tokio::spawn(async move {
                let _nagle = stream.set_nodelay(true);
                let _ended = serve_stream(stream, terminal).await;
            });
        }
    });
    Ok((address, task))
}

/// Serves one stream until it ends.
///
/// # Errors
/// The stream's.
pub async fn serve_stream<S>(mut stream: S, terminal: Terminal) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut frames = Frames::default();
    let mut buffer = vec![0; 4096];
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        for message in frames.push(&buffer[..len]) {
            if message["message"] == "MSG" && !respond(&mut stream, &terminal, &message["data"]).await? {
                return Ok(());
            }
        }
    }
}

/// Answers one request; false when the terminal hung up.
async fn respond<S>(stream: &mut S, terminal: &Terminal, request: &Value) -> std::io::Result<bool>
where
    S: AsyncWrite + Unpin + Send,
{
    let behaviour = terminal.behave();
    match behaviour {
        Behaviour::HangUp => return Ok(false),
        Behaviour::Busy => return write(stream, &terminal_frame(&body::control("BUSY"))).await,
        Behaviour::Nak => return write(stream, &terminal_frame(&body::control("NAK"))).await,
        Behaviour::Noise => {
            write(stream, b"\x15\x00garbage \xff\xfe\x03\n").await?;
        }
        _ => {}
    }
    let frame = if behaviour == Behaviour::BrokenStrings {
        pos_frame
    } else {
        terminal_frame
    };
    let mut parts = vec![frame(&body::control("ACK"))];
    if behaviour == Behaviour::TimeoutNotice {
        parts.push(frame(&body::control("TO")));
    }
    parts.push(frame(&terminal.answer(request, &behaviour)));
    if behaviour != Behaviour::NoReady {
        parts.push(frame(&body::control("READY")));
    }
    send(stream, &behaviour, &parts).await
}

async fn send<S>(stream: &mut S, behaviour: &Behaviour, parts: &[Vec<u8>]) -> std::io::Result<bool>
where
    S: AsyncWrite + Unpin + Send,
{
    match behaviour {
        Behaviour::Glued => write(stream, &parts.concat()).await,
        Behaviour::Split => {
            for piece in parts.concat().chunks(1) {
                write(stream, piece).await?;
            }
            Ok(true)
        }
        _ => {
            for part in parts {
                write(stream, part).await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            Ok(true)
        }
    }
}

async fn write<S>(stream: &mut S, bytes: &[u8]) -> std::io::Result<bool>
where
    S: AsyncWrite + Unpin + Send,
{
    stream.write_all(bytes).await?;
    stream.flush().await?;
    Ok(true)
}
