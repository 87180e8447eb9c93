//! The tap between a till and a receipt printer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tillwire_agent::capture::tap::tcp::TcpTap;
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_proto::{Currency, Fact, LaneId, Printed, RegisterId, StoreId, Witness};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::journal::{Journal, Trouble};

const RECEIPT: &[u8] =
    b"\x1B@MAPLE & MAIN\nTicket #: 10482\nMUG-01 Mug\n  1 @ 14.00    14.00\nTOTAL   14.00\nCash   14.00\n";
const CUT: &[u8] = b"\x1DVB\x00";

struct Line {
    tap: SocketAddr,
    printer: TcpListener,
    journal: Arc<Journal>,
}

async fn line() -> Line {
    let printer = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let settings = TapSettings {
        lane: LaneId::new("front-printer").expect("a name"),
        store: StoreId::new("main").expect("a name"),
        register: RegisterId::new("front").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: printer.local_addr().expect("an address").to_string(),
        },
        dialect: Dialect::EscPos(Box::default()),
    };
    let journal = Journal::new();
    let tap = TcpTap::bind(settings, journal.clone())
        .await
        .expect("a free port");
    let addr = tap.local_addr().expect("an address");
    tokio::spawn(tap.run(CancellationToken::new()));
    Line {
        tap: addr,
        printer,
        journal,
    }
}

impl Line {
    /// A till's connection with the printer at its other end.
    async fn open(&self) -> (TcpStream, TcpStream) {
        let till = TcpStream::connect(self.tap).await.expect("the tap listens");
        till.set_nodelay(true).expect("a TCP socket");
        let (printer, _) = self.printer.accept().await.expect("the tap dials");
        printer.set_nodelay(true).expect("a TCP socket");
        (till, printer)
    }
}

async fn hears(stream: &mut TcpStream, wanted: &[u8]) {
    let mut found = vec![0; wanted.len()];
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_exact(&mut found)).await;
    read.expect("in time").expect("an open line");
    assert!(found == wanted, "the bytes were altered");
}

fn printed(fact: &Fact) -> &Printed {
    match fact {
        Fact::Printed(printed) => printed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_receipt_passes_unchanged_and_is_journaled_at_its_cut() {
    let line = line().await;
    let (mut till, mut printer) = line.open().await;
    let mut best = Duration::MAX;
    for round in 1..=5 {
        till.write_all(RECEIPT).await.unwrap();
        hears(&mut printer, RECEIPT).await;
        assert_eq!(line.journal.records().len(), round - 1);
        let said = Instant::now();
        till.write_all(CUT).await.unwrap();
        hears(&mut printer, CUT).await;
        line.journal.wait_for(round).await;
        best = best.min(line.journal.commits()[round - 1].duration_since(said));
    }
    assert!(best < Duration::from_millis(50), "{best:?}");
    let records = line.journal.records();
    assert_eq!(records[0].witness, Witness::Printer);
    assert_eq!(printed(&records[0].fact).total.unwrap().minor(), 1400);
    let copies: Vec<bool> = records.iter().map(|record| printed(&record.fact).copy).collect();
    assert_eq!(copies, [false, true, true, true, true]);
}

#[tokio::test]
async fn the_printer_answers_and_prints_while_the_journal_does_not() {
    let line = line().await;
    line.journal.expect_trouble(&[Trouble::Never]);
    let (mut till, mut printer) = line.open().await;
    for _ in 0..50 {
        till.write_all(b"\x10\x04\x01").await.unwrap();
        hears(&mut printer, b"\x10\x04\x01").await;
        printer.write_all(b"\x12").await.unwrap();
        hears(&mut till, b"\x12").await;
        till.write_all(&[RECEIPT, CUT, b"\x1Dr\x01"].concat())
            .await
            .unwrap();
        hears(&mut printer, &[RECEIPT, CUT, b"\x1Dr\x01"].concat()).await;
        printer.write_all(&[0, 0x10, 0, 0, 0]).await.unwrap(); // an answer, and a frame of automatic status behind it
        hears(&mut till, &[0, 0x10, 0, 0, 0]).await;
    }
    assert!(line.journal.records().is_empty());
}

#[tokio::test]
async fn a_receipt_without_cut_is_heard_after_silence_or_with_the_connection() {
    let line = line().await;
    let (mut till, mut printer) = line.open().await;
    till.write_all(RECEIPT).await.unwrap();
    hears(&mut printer, RECEIPT).await;
    line.journal.wait_for(1).await;

    let (mut other, mut other_end) = line.open().await;
    other.write_all(RECEIPT).await.unwrap();
    drop(other);
    hears(&mut other_end, RECEIPT).await;
    drop(other_end);
    let records = line.journal.wait_for(2).await;
    assert!(!printed(&records[0].fact).copy && printed(&records[1].fact).copy);
}

#[tokio::test]
async fn pictures_and_star_printers_are_told_as_what_they_are() {
    let line = line().await;
    for job in [
        &b"\x1B@\x1Dv0\x00\x01\x00\x02\x00ab\x1DVB\x00"[..],
        b"\x1B\x1Da\x01Ticket #: 1\nTOTAL 1.00\n",
    ] {
        let (mut till, mut printer) = line.open().await;
        till.write_all(job).await.unwrap();
        till.shutdown().await.unwrap();
        hears(&mut printer, job).await;
        drop((till, printer));
    }
    line.journal.wait_for(2).await;
    let mut reasons = line.journal.reasons();
    reasons.sort();
    assert_eq!(reasons, ["raster-only", "star-printer"]);
}
