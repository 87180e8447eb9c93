//! A payment terminal on the network that speaks HPA (HeartSIP), to try a tap or a till against: `<SIP>` documents behind two
//! bytes of length (source: Heartland's published .NET SDK, `HpaTcpInterface`).

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::terminal;

/// What `sim hpa` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:12345")]
    listen: SocketAddr,
    /// How it answers, one request after the other and then from the beginning; may be given several times.
    #[arg(long, default_value = "approve")]
    behave: Vec<How>,
}

/// A way to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// Approved in full, after notifications.
    Approve,
    /// Refused by the issuer.
    Decline,
    /// Approved for a dollar less.
    Partial,
    /// Approved offline.
    Stored,
    /// Byte by byte.
    Split,
    /// Notifications and answer in one segment.
    Glued,
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
    while let Ok(len) = till.read_u16().await {
        let mut body = vec![0; usize::from(len)];
        till.read_exact(&mut body).await?;
        let request = String::from_utf8(body).context("a request is text")?;
        let how = turns.next().unwrap_or(How::Approve);
        tell(format!("heard {request} ({how:?})"));
        if how == How::HangUp {
            return Ok(());
        }
        *number += 1;
        let mut parts = Vec::new();
        if matches!(element(&request, "Request"), "Sale" | "Refund" | "CreditAuth") {
            for words in ["Insert card", "Please wait"] {
                parts.push(notification(words));
            }
        }
        let answer = answer(&request, how, *number);
        tell(format!("said {answer}"));
        parts.push(answer);
        let frames = parts
            .iter()
            .map(|part| framed(part))
            .collect::<anyhow::Result<Vec<_>>>()?;
        match how {
            How::Glued => till.write_all(&frames.concat()).await?,
            How::Split => terminal::trickle(&mut till, &frames.concat()).await?,
            _ => {
                for frame in frames {
                    till.write_all(&frame).await?;
                }
            }
        }
    }
    Ok(())
}

/// A document behind its length.
///
/// # Errors
/// When it is longer than its length can say.
pub fn framed(body: &str) -> anyhow::Result<Vec<u8>> {
    let len = u16::try_from(body.len());
    ensure!(len.is_ok(), "found {} bytes, wanted at most 65535", body.len());
    Ok([&len?.to_be_bytes()[..], body.as_bytes()].concat())
}

/// The elements that every answer begins with.
pub(crate) fn head(command: &str, id: &str) -> String {
    format!(
        "<Version>1.0</Version><ECRId>1004</ECRId><SIPId>0001</SIPId><MultipleMessage>0</MultipleMessage>\
         <Response>{command}</Response><RequestId>{id}</RequestId>"
    )
}

/// What waits for the customer says, before the answer.
pub(crate) fn notification(words: &str) -> String {
    format!(
        "<SIP><Version>1.0</Version><ECRId>1004</ECRId><Response>Notification</Response>\
         <ResponseText>{words}</ResponseText><MultipleMessage>0</MultipleMessage></SIP>"
    )
}

pub(crate) fn element<'a>(body: &'a str, name: &str) -> &'a str {
    let inside = body.split_once(&format!("<{name}>")).map(|(_, rest)| rest);
    let inside = inside.and_then(|rest| rest.split_once(&format!("</{name}>")));
    inside.map_or("", |(text, _)| text)
}

/// What a terminal says to a request.
pub(crate) fn answer(request: &str, how: How, number: u32) -> String {
    let (command, id) = (element(request, "Request"), element(request, "RequestId"));
    let asked: u64 = element(request, "TotalAmount").parse().unwrap_or(0);
    let head = head(command, id);
    if !matches!(command, "Sale" | "Refund" | "Void" | "CreditAuth" | "TipAdjust") {
        return format!("<SIP>{head}<Result>0</Result><ResultText>Success</ResultText></SIP>");
    }
    let mut said = Said {
        asked,
        approved: Some(asked),
        auth: format!("{:06}", 52_330 + number),
        gateway: 1_483_920_400 + u64::from(number),
        last4: "1111",
        brand: "Visa",
        stored: how == How::Stored,
    };
    match how {
        How::Decline => said.approved = None,
        How::Partial => said.approved = Some(asked.saturating_sub(100)),
        _ => {}
    }
    said.text(&head)
}

/// What a terminal says of a payment. Amounts in cents.
pub(crate) struct Said<'a> {
    pub(crate) asked: u64,
    /// `None` where the issuer said no.
    pub(crate) approved: Option<u64>,
    pub(crate) auth: String,
    pub(crate) gateway: u64,
    pub(crate) last4: &'a str,
    pub(crate) brand: &'a str,
    pub(crate) stored: bool,
}

impl Said<'_> {
    /// The document that begins with these elements.
    pub(crate) fn text(&self, head: &str) -> String {
        let (code, text) = match self.approved {
            None => ("05", "DECLINE"),
            Some(approved) if approved < self.asked => ("10", "PARTIAL APPROVAL"),
            Some(_) => ("00", "APPROVAL"),
        };
        let approval = self.approved.map_or_else(String::new, |_| {
            format!("<ApprovalCode>{}</ApprovalCode>", self.auth)
        });
        let (reference, approved) = (self.gateway, self.approved.unwrap_or(0));
        let due = self.asked.saturating_sub(approved);
        let (last4, brand, stored) = (self.last4, self.brand, u8::from(self.stored));
        format!(
            "<SIP>{head}<ResponseId>{reference}</ResponseId><DeviceId>5315938</DeviceId><Result>0</Result>\
             <ResultText>Success</ResultText><ResponseCode>{code}</ResponseCode><ResponseText>{text}</ResponseText>{approval}\
             <ReferenceNumber>{reference}</ReferenceNumber><AuthorizedAmount>{approved}</AuthorizedAmount>\
             <BalanceDueAmount>{due}</BalanceDueAmount><TipAmount>0</TipAmount><MaskedPAN>411111******{last4}</MaskedPAN>\
             <CardType>{brand}</CardType><CardAcquisition>Insert</CardAcquisition><StoreAndForward>{stored}</StoreAndForward></SIP>"
        )
    }
}
