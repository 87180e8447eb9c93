//! A payment terminal on the network that speaks PAX, to try a tap or a till against.
//!
//! Frames are `STX` fields `ETX LRC`, fields parted by `FS` and members by `US` (source: Heartland's published .NET SDK,
//! `TerminalUtilities.BuildMessage`, `PaxTcpInterface`). It answers sales, returns, voids and tips of credit and debit, and
//! everything else with "not supported".

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::terminal;

const STX: u8 = 2;
const ETX: u8 = 3;
const EOT: u8 = 4;
pub(crate) const ACK: u8 = 6;
pub(crate) const NAK: u8 = 21;
pub(crate) const FS: char = '\x1c';
pub(crate) const US: char = '\x1f';

/// A till that does not acknowledge within this time gets the answer again ...
const ACKNOWLEDGED: Duration = Duration::from_secs(2);

/// ... so often.
const SENDINGS: u32 = 3;

/// What `sim pax` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:10009")]
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
    /// Approved for a dollar less.
    Partial,
    /// `NAK` first: the till sends its request again.
    Nak,
    /// The answer comes three times, as if no acknowledgement was heard.
    Again,
    /// A wrong check sum first, then the answer.
    Garbled,
    /// `ACK` and answer in one segment.
    Glued,
    /// Byte by byte.
    Split,
    /// Closed after the request.
    HangUp,
}

/// Answers until it is stopped, and prints what it heard and said.
///
/// # Errors
/// When the address cannot be listened on.
#[expect(clippy::print_stdout, reason = "it shows what it does")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let tell = |line| println!("{line}");
    terminal::stand(args.listen, |listener| serve(listener, args.behave, tell)).await
}

/// Answers one till after the other, with the next behaviour for each request.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    behave: Vec<How>,
    mut tell: impl FnMut(String),
) -> anyhow::Result<()> {
    let mut turns = behave.iter().copied().cycle();
    let mut number = 0;
    loop {
        let (till, _) = listener.accept().await?;
        till.set_nodelay(true)?;
        // a till that hangs up is no failure of the terminal's
        if let Err(error) = talk(till, &mut turns, &mut number, &mut tell).await {
            tell(format!("the till is gone: {error:#}"));
        }
    }
}

async fn talk(
    mut till: TcpStream,
    turns: &mut impl Iterator<Item = How>,
    number: &mut u32,
    tell: &mut impl FnMut(String),
) -> anyhow::Result<()> {
    loop {
        let Some(request) = hear(&mut till).await? else {
            return Ok(());
        };
        let how = turns.next().unwrap_or(How::Approve);
        tell(format!("heard {} ({how:?})", shown(&request)));
        match how {
            How::HangUp => return Ok(()),
            How::Nak => {
                till.write_all(&[NAK]).await?;
                continue;
            }
            _ => {}
        }
        *number += 1;
        let Some(answer) = answer(&request, how, *number) else {
            till.write_all(&[ACK]).await?;
            continue;
        };
        tell(format!("said {}", shown(&answer)));
        let frame = framed(&answer);
        match how {
            How::Glued => till.write_all(&[&[ACK][..], &frame].concat()).await?,
            How::Split => terminal::trickle(&mut till, &[&[ACK][..], &frame].concat()).await?,
            How::Garbled => {
                let mut garbled = frame.clone();
                let last = garbled.len() - 1;
                garbled[last] ^= 0x55;
                till.write_all(&[ACK]).await?;
                till.write_all(&garbled).await?;
                till.write_all(&frame).await?;
            }
            _ => {
                till.write_all(&[ACK]).await?;
                till.write_all(&frame).await?;
            }
        }
        for sending in 1..SENDINGS {
            let acknowledged = tokio::time::timeout(ACKNOWLEDGED, till.read_u8()).await;
            if how != How::Again && matches!(acknowledged, Ok(Ok(ACK | EOT))) {
                break;
            }
            if matches!(acknowledged, Ok(Err(_))) {
                return Ok(());
            }
            tell(format!("said it again ({sending})"));
            till.write_all(&frame).await?;
        }
    }
}

/// The next request that has a right check sum; others are told so.
pub(crate) async fn hear(till: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> anyhow::Result<Option<String>> {
    loop {
        let Ok(first) = till.read_u8().await else {
            return Ok(None);
        };
        if first != STX {
            continue;
        }
        let (mut body, mut lrc) = (Vec::new(), 0);
        loop {
            let byte = till.read_u8().await?;
            lrc ^= byte;
            if byte == ETX {
                break;
            }
            body.push(byte);
        }
        if till.read_u8().await? == lrc {
            return Ok(Some(String::from_utf8_lossy(&body).into_owned()));
        }
        till.write_all(&[NAK]).await?;
    }
}

/// A frame around fields.
#[must_use]
pub fn framed(body: &str) -> Vec<u8> {
    let lrc = body.bytes().fold(ETX, |lrc, byte| lrc ^ byte);
    [&[STX], body.as_bytes(), &[ETX, lrc]].concat()
}

/// What a terminal says to a request; `None` where it only acknowledges.
pub(crate) fn answer(request: &str, how: How, number: u32) -> Option<String> {
    let fields: Vec<&str> = request.split(FS).collect();
    let command = *fields.first()?;
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let reply = match command {
        "A00" => "A01",
        "T00" => "T01",
        "T02" => "T03",
        "B00" => "B01",
        "A14" => return None,
        _ => {
            let code = format!(
                "{}{:02}",
                command.get(..1)?,
                command.get(1..)?.parse::<u32>().ok()? + 1
            );
            return Some(["0", &code, "1.35", "100003", "NOT SUPPORTED"].join(&FS.to_string()));
        }
    };
    if !command.starts_with('T') {
        return Some(["0", reply, "1.35", "000000", "OK"].join(&FS.to_string()));
    }
    let asked: u64 = field(3).split(US).next()?.parse().unwrap_or(0);
    let mut said = Said {
        reply,
        kind: field(2),
        reference: field(5).split(US).next().unwrap_or_default(),
        asked,
        approved: Some(asked),
        tip: field(3)
            .split(US)
            .nth(1)
            .filter(|tip| !tip.is_empty())
            .unwrap_or("0"),
        auth: format!("{:06}", 52_318 + number),
        gateway: 1_483_920_176_u64 + u64::from(number),
        number: number.into(),
        last4: "1111",
        brand: "01",
        at: "20261114110215",
    };
    match how {
        How::Decline => said.approved = None,
        How::Partial => said.approved = Some(asked.saturating_sub(100)),
        _ => {}
    }
    Some(said.text())
}

/// What a terminal says of a payment.
pub(crate) struct Said<'a> {
    pub(crate) reply: &'a str,
    pub(crate) kind: &'a str,
    /// The till's own number of its request.
    pub(crate) reference: &'a str,
    /// Cents, as those below.
    pub(crate) asked: u64,
    /// `None` where the issuer said no.
    pub(crate) approved: Option<u64>,
    pub(crate) tip: &'a str,
    pub(crate) auth: String,
    pub(crate) gateway: u64,
    /// The terminal's number of it.
    pub(crate) number: u64,
    pub(crate) last4: &'a str,
    /// As PAX numbers brands.
    pub(crate) brand: &'a str,
    /// `YYYYMMDDhhmmss`.
    pub(crate) at: &'a str,
}

impl Said<'_> {
    pub(crate) fn text(&self) -> String {
        let join = |members: &[&str]| members.join(&US.to_string());
        let (gateway, no) = (self.gateway.to_string(), self.number.to_string());
        let (code, text, host) = if self.approved.is_some() {
            let host = join(&["00", "APPROVAL", &self.auth, &gateway, &no, "7"]);
            ("000000", "OK", host)
        } else {
            let host = join(&["05", "DECLINE", "", &gateway, &no, "7"]);
            ("000100", "DECLINE", host)
        };
        let approved = self.approved.unwrap_or(0);
        let due = self.asked.saturating_sub(approved).to_string();
        let amounts = join(&[&approved.to_string(), &due, self.tip, "0", "0", "0", "", ""]);
        let holder = "TEST CARD/VISA";
        let account = join(&[
            self.last4, "4", "1228", "", "", "", self.brand, holder, "", "", "0",
        ]);
        let traces = join(&[&no, self.reference, self.at]);
        let more = join(&[
            &format!("HREF={gateway}"),
            "CARDBIN=411111",
            "AID=A0000000031010",
            "APPLAB=VISA CREDIT",
        ]);
        [
            "0", self.reply, "1.35", code, text, &host, self.kind, &amounts, &account, &traces, "", "", "",
            &more,
        ]
        .join(&FS.to_string())
    }
}

fn shown(body: &str) -> String {
    body.replace(FS, " | ").replace(US, ",")
}
