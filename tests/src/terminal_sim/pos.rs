//! The till's side of UPA: asks, acknowledges the answer, and tells `BUSY`, `NAK` and silence apart.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::body;
use super::frame::{Frames, pos_frame};
use crate::cents::decimal;

/// How long the till waits for the answer's end; the payment stands without it.
const READY_WAIT: Duration = Duration::from_millis(400);

/// What the till asks for.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Take so many cents for this ticket.
    Sale { invoice: String, amount: i64 },
    /// Give so many cents back on this ticket.
    Refund { invoice: String, amount: i64 },
    /// Take the terminal's payment of this number back.
    Void { number: u64 },
    /// Are you there?
    Ping,
}

/// How the terminal answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether money moved.
    pub approved: bool,
    /// How much, in cents.
    pub amount: i64,
    /// The terminal's number of it.
    pub number: Option<u64>,
    /// Whether `READY` followed.
    pub ready: bool,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum PosError {
    /// The terminal is busy or did not understand: ask again.
    #[error("the terminal said {0}")]
    Again(String),
    /// The line is gone.
    #[error("the line to the terminal broke: {0}")]
    Line(#[from] std::io::Error),
    /// Nothing came.
    #[error("no answer within {0:?}")]
    Silence(Duration),
}

/// One till's conversation with its terminal.
#[derive(Debug)]
pub struct Pos<S> {
    stream: S,
    frames: Frames,
    waiting: Vec<Value>,
    ecr: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pos<S> {
    /// A till on this line.
    pub fn new(stream: S, ecr: &str) -> Self {
        Self {
            stream,
            frames: Frames::default(),
            waiting: Vec::new(),
            ecr: ecr.to_owned(),
        }
    }

    /// Asks and waits for the answer. `request` is the till's number of it: a repeat after a broken line keeps it.
    ///
    /// # Errors
    /// [`PosError`]; whether money moved is then unknown to the till.
    pub async fn ask(&mut self, ask: &Ask, request: u64, wait: Duration) -> Result<Answer, PosError> {
        // what an earlier, broken talk left behind is not the answer to this one
        self.waiting.clear();
        let deadline = Instant::now() + wait;
        let number = request.to_string();
        self.write(&message(ask, &self.ecr, request)).await?;
        loop {
            let next = timeout_at(deadline, self.next())
                .await
                .map_err(|_| PosError::Silence(wait))??;
            let word = next["message"].as_str().unwrap_or("").to_owned();
            match word.as_str() {
                "BUSY" | "NAK" => return Err(PosError::Again(word)),
                "MSG" if next["data"]["requestId"].as_str() == Some(number.as_str()) => {
                    self.write(&body::control("ACK")).await?;
                    let ready = self.ready().await?;
                    return Ok(answer(&next["data"], ready));
                }
                _ => {}
            }
        }
    }

    async fn ready(&mut self) -> Result<bool, PosError> {
        let waiting = async {
            while self.next().await?["message"] != "READY" {}
            Ok::<_, PosError>(())
        };
        match timeout(READY_WAIT, waiting).await {
            // an end of the line after the answer takes nothing back
            Ok(Err(_)) | Err(_) => Ok(false),
            Ok(Ok(())) => Ok(true),
        }
    }

    async fn write(&mut self, message: &Value) -> Result<(), PosError> {
        self.stream.write_all(&pos_frame(message)).await?;
        self.stream.flush().await?;
        Ok(())
    }

    async fn next(&mut self) -> Result<Value, PosError> {
        let mut buffer = [0; 4096];
        while self.waiting.is_empty() {
            let len = self.stream.read(&mut buffer).await?;
            if len == 0 {
                return Err(PosError::Line(std::io::ErrorKind::UnexpectedEof.into()));
            }
            self.waiting.extend(self.frames.push(&buffer[..len]));
        }
        Ok(self.waiting.remove(0))
    }
}

fn answer(data: &Value, ready: bool) -> Answer {
    let approved = data["cmdResult"]["result"] == "Success";
    let host = &data["data"]["host"];
    Answer {
        approved,
        amount: if approved {
            body::cents(&host["authorizedAmount"])
        } else {
            0
        },
        number: host["tranNo"].as_str().and_then(|n| n.parse().ok()),
        ready,
    }
}

fn message(ask: &Ask, ecr: &str, request: u64) -> Value {
    let (command, data) = match ask {
        Ask::Sale { invoice, amount } => (
            "Sale",
            Some(json!({ "params": { "clerkId": "417", "tokenRequest": "1" },
                "transaction": { "invoiceNbr": invoice, "baseAmount": decimal(*amount), "tipAmount": "0.00" } })),
        ),
        Ask::Refund { invoice, amount } => (
            "Refund",
            Some(json!({ "params": { "clerkId": "417" },
                "transaction": { "invoiceNbr": invoice, "totalAmount": decimal(*amount) } })),
        ),
        Ask::Void { number } => (
            "Void",
            Some(json!({ "transaction": { "tranNo": format!("{number:04}") } })),
        ),
        Ask::Ping => ("Ping", None),
    };
    let mut message = json!({ "message": "MSG",
        "data": { "command": command, "EcrId": ecr, "requestId": request.to_string() } });
    if let Some(data) = data {
        message["data"]["data"] = data;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal_sim::{Behaviour, Pty, Terminal, serve_stream, serve_tcp};

    const WAIT: Duration = Duration::from_secs(5);

    async fn conversation<S: AsyncRead + AsyncWrite + Unpin>(terminal: &Terminal, stream: S) {
        let mut pos = Pos::new(stream, "12");
        let ask = Ask::Sale {
            invoice: "10482".into(),
            amount: 8000,
        };
        use Behaviour as B;
        terminal.script([
            B::Busy,
            B::Nak,
            B::Glued,
            B::Split,
            B::BrokenStrings,
            B::NoReady,
            B::TimeoutNotice,
        ]);
        for request in [1, 2] {
            assert!(matches!(
                pos.ask(&ask, request, WAIT).await,
                Err(PosError::Again(_))
            ));
        }
        for request in 3..8 {
            let answer = pos.ask(&ask, request, WAIT).await.unwrap();
            assert_eq!(
                (answer.approved, answer.amount, answer.ready),
                (true, 8000, request != 6)
            );
        }
        terminal.script([B::Decline, B::Cancel, B::Partial(500), B::Stored, B::Noise]);
        for (request, amount) in [(8, 0), (9, 0), (10, 7500), (11, 8000), (12, 8000)] {
            assert_eq!(pos.ask(&ask, request, WAIT).await.unwrap().amount, amount);
        }
        assert_eq!(pos.ask(&ask, 12, WAIT).await.unwrap().amount, 8000);
        assert_eq!(terminal.approvals().len(), 8, "a repeated request moves nothing");
        assert!(pos.ask(&Ask::Ping, 13, WAIT).await.unwrap().approved);
    }

    #[tokio::test]
    async fn till_and_terminal_understand_each_other_over_tcp() {
        let terminal = Terminal::default();
        let (address, _serving) = serve_tcp(terminal.clone()).await.unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        conversation(&terminal, stream).await;
    }

    #[tokio::test]
    async fn till_and_terminal_understand_each_other_over_serial() {
        let terminal = Terminal::default();
        let (pty, line) = Pty::open().unwrap();
        tokio::spawn(serve_stream(line, terminal.clone()));
        let port = tokio_serial::new(pty.path().to_str().unwrap(), 115_200);
        let stream = tokio_serial::SerialStream::open(&port).unwrap();
        conversation(&terminal, stream).await;
    }
}
