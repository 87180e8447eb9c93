//! The serial tap between two pseudo terminals.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tillwire_agent::capture::tap;
use tillwire_agent_core::capture::settings::{Dialect, Parity, SerialMode, TapLine, TapSettings};
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, TerminalId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_serial::{SerialPort as _, SerialStream};
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;

const ASK: &[u8] = b"\x02\n{\"message\":\"MSG\",\"data\":{\"command\":\"Sale\",\"requestId\":\"7\",\"data\":{\"transaction\":{\"baseAmount\":\"8.00\"}}}}\n\x03\n";
const ANSWER: &[u8] = b"\x02\n{\"message\":\"MSG\",\"data\":{\"response\":\"Sale\",\"requestId\":\"7\",\"cmdResult\":{\"result\":\"Success\"},\"data\":{\"host\":{\"authorizedAmount\":\"8.00\"}}}}\n\x03\n";

/// One end of a cable: what the till or terminal holds, and the device that the tap opens. The device is held open
/// here too, because a pseudo terminal without any opener hangs up.
struct Cable {
    end: SerialStream,
    _held: File,
    device: PathBuf,
}

/// Linux `O_NOCTTY`: the test must not be hung up on with the device.
const NO_CONTROLLING_TERMINAL: i32 = 0o400;

fn cable() -> Cable {
    let (end, device) = SerialStream::pair().expect("a pseudo terminal");
    let path = PathBuf::from(device.name().expect("a device path"));
    let held = File::options()
        .read(true)
        .write(true)
        .custom_flags(NO_CONTROLLING_TERMINAL)
        .open(&path);
    Cable {
        end,
        _held: held.expect("the device opens"),
        device: path,
    }
}

fn tap_between(
    pos: PathBuf,
    terminal: PathBuf,
    journal: &Arc<Journal>,
) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let dialect = Dialect::Upa(TerminalId::new("t1").expect("a name"));
    tap_of(dialect, (pos, terminal), journal)
}

fn tap_of(
    dialect: Dialect,
    (pos, device): (PathBuf, PathBuf),
    journal: &Arc<Journal>,
) -> (CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let mut mode = SerialMode::new(115_200).expect("a usual speed");
    mode.parity = Parity::None;
    let settings = TapSettings {
        lane: LaneId::new("front-terminal").expect("a name"),
        store: StoreId::new("main").expect("a name"),
        register: RegisterId::new("front").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Serial { pos, device, mode },
        dialect,
    };
    let stop = CancellationToken::new();
    (
        stop.clone(),
        tokio::spawn(tap::run(settings, journal.clone(), stop)),
    )
}

async fn hears(end: &mut SerialStream, wanted: &[u8]) {
    let mut found = vec![0; wanted.len()];
    let read = tokio::time::timeout(Duration::from_secs(10), end.read_exact(&mut found)).await;
    read.expect("in time").expect("an open line");
    assert!(found == wanted, "found {:?}", String::from_utf8_lossy(&found));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serial_payment_passes_unchanged_and_is_heard() {
    let (mut till, mut terminal) = (cable(), cable());
    let journal = Journal::new();
    let (stop, done) = tap_between(till.device.clone(), terminal.device.clone(), &journal);
    tokio::time::sleep(Duration::from_millis(200)).await; // a line that nobody has opened yet echoes
    for round in 1..=3 {
        till.end.write_all(ASK).await.unwrap();
        hears(&mut terminal.end, ASK).await;
        terminal.end.write_all(ANSWER).await.unwrap();
        hears(&mut till.end, ANSWER).await;
        let records = journal.wait_for(round).await;
        assert!(matches!(&records[round - 1].fact, Fact::Terminal(p) if p.requested == Some(p.approved)));
    }
    stop.cancel();
    done.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_on_a_serial_line_is_asked_answers_prints_and_is_heard() {
    let (mut till, mut printer) = (cable(), cable());
    let journal = Journal::new();
    let ends = (till.device.clone(), printer.device.clone());
    let (stop, done) = tap_of(Dialect::EscPos(Box::default()), ends, &journal);
    tokio::time::sleep(Duration::from_millis(200)).await; // a line that nobody has opened yet echoes
    for ticket in [10_482, 10_483] {
        // DLE EOT 1, and "online"
        till.end.write_all(b"\x10\x04\x01").await.unwrap();
        hears(&mut printer.end, b"\x10\x04\x01").await;
        printer.end.write_all(b"\x12").await.unwrap();
        hears(&mut till.end, b"\x12").await;
        let receipt = format!(
            "\x1B@MAPLE & MAIN\nTicket #: {ticket}\nMUG-01 Mug\n  1 @ 14.00    14.00\nTOTAL   14.00\nCash   14.00\n\x1DVB\0"
        );
        till.end.write_all(receipt.as_bytes()).await.unwrap();
        hears(&mut printer.end, receipt.as_bytes()).await;
        // out of paper, said by itself (ASB)
        printer.end.write_all(b"\x10\x00\x0c\x00").await.unwrap();
        hears(&mut till.end, b"\x10\x00\x0c\x00").await;
    }
    let records = journal.wait_for(2).await;
    let tickets: Vec<String> = records.iter().map(|told| number(&told.fact)).collect();
    assert_eq!(tickets, ["10482", "10483"]);
    stop.cancel();
    done.await.unwrap().unwrap();
}

/// The ticket number on a receipt.
fn number(fact: &Fact) -> String {
    match fact {
        Fact::Printed(printed) => printed
            .ticket
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_byte_value_passes_a_serial_line_both_ways() {
    let (mut till, mut terminal) = (cable(), cable());
    let journal = Journal::new();
    let (stop, done) = tap_between(till.device.clone(), terminal.device.clone(), &journal);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let bytes: Vec<u8> = (0..=255).collect();
    for _ in 0..20 {
        till.end.write_all(&bytes).await.unwrap();
        hears(&mut terminal.end, &bytes).await;
        terminal.end.write_all(&bytes).await.unwrap();
        hears(&mut till.end, &bytes).await;
    }
    stop.cancel();
    done.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_is_not_there_is_said_once_and_waited_for() {
    let (mut till, mut terminal) = (cable(), cable());
    let dir = tempfile::tempdir().unwrap();
    let plugged = dir.path().join("terminal");
    let journal = Journal::new();
    let (stop, done) = tap_between(till.device.clone(), plugged.clone(), &journal);
    let records = journal.wait_for(1).await;
    assert!(matches!(&records[0].fact, Fact::Notice(notice) if notice.text.as_str().contains("broke")));
    std::os::unix::fs::symlink(&terminal.device, &plugged).unwrap();
    let records = journal.wait_for(2).await;
    assert!(matches!(&records[1].fact, Fact::Notice(notice) if notice.text.as_str().contains("open")));
    till.end.write_all(ASK).await.unwrap();
    hears(&mut terminal.end, ASK).await;
    stop.cancel();
    done.await.unwrap().unwrap();
    assert_eq!(journal.records().len(), 2, "one notice each way");
}
