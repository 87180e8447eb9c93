//! A payment terminal on the network that speaks Heartland UPA, to try a tap or a till against.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;

use crate::terminal_sim::{Behaviour, Terminal, serve_tcp_at};

/// What `sim upa` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// How it answers, one request after the other and then from the beginning; may be given several times.
    #[arg(long, default_value = "approve")]
    behave: Vec<How>,
}

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// Approved in full.
    Approve,
    /// Refused by the issuer.
    Decline,
    /// Given up at the terminal.
    Cancel,
    /// Approved for a dollar less.
    Partial,
    /// Approved offline.
    Stored,
    /// `BUSY` instead of `ACK`.
    Busy,
    /// `NAK` instead of `ACK`.
    Nak,
    /// A `TO` notice before the answer.
    TimeoutNotice,
    /// `READY` never comes.
    NoReady,
    /// All frames in one segment.
    Glued,
    /// Byte by byte.
    Split,
    /// Line breaks inside of strings.
    BrokenStrings,
    /// A test card's clear number, tracks and code in the answer.
    LeaksCard,
    /// Bytes that are no frame before the answer.
    Noise,
    /// Closed after the request.
    HangUp,
}

impl From<How> for Behaviour {
    fn from(how: How) -> Self {
        match how {
            How::Approve => Self::Approve,
            How::Decline => Self::Decline,
            How::Cancel => Self::Cancel,
            How::Partial => Self::Partial(100),
            How::Stored => Self::Stored,
            How::Busy => Self::Busy,
            How::Nak => Self::Nak,
            How::TimeoutNotice => Self::TimeoutNotice,
            How::NoReady => Self::NoReady,
            How::Glued => Self::Glued,
            How::Split => Self::Split,
            How::BrokenStrings => Self::BrokenStrings,
            How::LeaksCard => Self::LeaksCard,
            How::Noise => Self::Noise,
            How::HangUp => Self::HangUp,
        }
    }
}

/// Answers until it is stopped, and prints what it approved.
///
/// # Errors
/// When the address cannot be listened on.
#[expect(clippy::print_stdout, reason = "it shows what it does")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let terminal = Terminal::default();
    let turns = args.behave.iter().cycle().take(100_000);
    terminal.script(turns.map(|how| Behaviour::from(*how)));
    let (address, _serving) = serve_tcp_at(args.listen, terminal.clone()).await?;
    println!("terminal at {address}");
    let mut shown = 0;
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => return Ok(stopped?),
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        for approval in terminal.approvals().iter().skip(shown) {
            println!("{approval:?}");
            shown += 1;
        }
    }
}
