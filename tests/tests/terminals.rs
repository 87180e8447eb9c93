//! Terminals that stand on their own, behind the agent's real tap: what they approve is what the agent journals, however
//! they misbehave.
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tillwire_agent_core::capture::settings::Dialect;
use tillwire_agent_core::journal::Captured;
use tillwire_e2e::sims::{hpa, pax};
use tillwire_e2e::tap::{Memory, tap};
use tillwire_proto::{Fact, Outcome, TerminalId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The first `count` records: outcome and approved cents of what terminals answered, and `None` for what was no answer.
async fn answers(heard: &Memory, count: usize) -> Vec<Option<(Outcome, i64)>> {
    let heard = heard.wait_for(count, Duration::from_secs(10)).await.unwrap();
    let answer = |captured: &Captured| match &captured.fact {
        Fact::Terminal(payment) => Some((payment.outcome, payment.approved.minor())),
        Fact::Unreadable(_) => None,
        other => panic!("found {other:?}, wanted a terminal's answer"),
    };
    heard.iter().map(answer).collect()
}

async fn tapped(terminal: SocketAddr, dialect: fn(TerminalId) -> Dialect) -> (SocketAddr, Arc<Memory>) {
    let dialect = dialect(TerminalId::new("pinpad-1").unwrap());
    tap(dialect, terminal, CancellationToken::new()).await.unwrap()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Reads until the line is quiet for a moment; true when it was closed.
async fn drain(till: &mut TcpStream, acknowledge: bool) -> bool {
    let mut bytes = [0; 4096];
    let mut quiet = Duration::from_secs(5);
    loop {
        match tokio::time::timeout(quiet, till.read(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return true,
            Ok(Ok(_)) => quiet = Duration::from_millis(200),
            Err(_) => break,
        }
    }
    if acknowledge {
        till.write_all(&[6]).await.unwrap();
    }
    false
}

#[tokio::test]
async fn what_a_pax_terminal_approves_is_journaled_once_however_it_answers() {
    use pax::How;
    let (listening, at) = listener().await;
    let how = [
        How::Approve,
        How::Decline,
        How::Partial,
        How::Nak,
        How::Approve,
        How::Again,
        How::Garbled,
        How::Glued,
        How::Split,
    ];
    tokio::spawn(pax::serve(listening, how.to_vec(), |_| ()));
    let (address, heard) = tapped(at, Dialect::Pax).await;
    let mut till = TcpStream::connect(address).await.unwrap();
    // the till sends a request again that was answered with NAK: two behaviours, one sale
    let mut reference = 734_512;
    for how in how {
        let cents = 3_199;
        let request =
            format!("T00\x1c1.35\x1c01\x1c{cents}\x1c\x1c{reference}\x1f10483\x1c\x1c\x1c\x1c\x1cTIPREQ=1");
        till.write_all(&pax::framed(&request)).await.unwrap();
        drain(&mut till, how != How::Nak).await;
        reference += i32::from(how != How::Nak);
        if how == How::Again {
            // it waits for an acknowledgement of each sending
            drain(&mut till, true).await;
        }
    }
    let answers = answers(&heard, 9).await;
    let full = Some((Outcome::Approved, 3_199));
    assert_eq!(
        answers,
        [
            full,
            Some((Outcome::Declined, 0)),
            Some((Outcome::Partial, 3_099)),
            full,
            full,
            // the garbled frame is kept as bytes, and the good one after it counts
            None,
            full,
            full,
            full
        ]
    );
}

#[tokio::test]
async fn what_an_hpa_terminal_approves_is_journaled_once_however_it_answers() {
    use hpa::How;
    let (listening, at) = listener().await;
    let how = [
        How::Approve,
        How::Decline,
        How::Partial,
        How::Stored,
        How::Split,
        How::Glued,
    ];
    tokio::spawn(hpa::serve(listening, how.to_vec(), |_| ()));
    let (address, heard) = tapped(at, Dialect::Hpa).await;
    let mut till = TcpStream::connect(address).await.unwrap();
    for id in 734_600..734_606 {
        let request = format!(
            "<SIP><Version>1.0</Version><ECRId>1004</ECRId><Request>Sale</Request><RequestId>{id}</RequestId>\
             <CardGroup>Credit</CardGroup><ConfirmAmount>0</ConfirmAmount><BaseAmount>3199</BaseAmount>\
             <TipAmount>0</TipAmount><TotalAmount>3199</TotalAmount></SIP>"
        );
        till.write_all(&hpa::framed(&request).unwrap()).await.unwrap();
        drain(&mut till, false).await;
    }
    let answers = answers(&heard, 6).await;
    let full = Some((Outcome::Approved, 3_199));
    assert_eq!(
        answers,
        [
            full,
            Some((Outcome::Declined, 0)),
            Some((Outcome::Partial, 3_099)),
            Some((Outcome::Stored, 3_199)),
            full,
            full
        ]
    );
}
