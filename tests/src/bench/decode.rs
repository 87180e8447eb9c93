//! How many bytes a second each adapter reads on one core: the talk of a till and its device, or its tickets, over and over,
//! through the tripwire and the dialect to facts.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tillwire_agent_core::capture::dialect::{Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_agent_core::capture::{heartland_retail, tripwire};
use tillwire_proto::{Currency, LaneId, RegisterId, StoreId, TerminalId};

use super::figures::{Table, per_second, rate};
use super::sales;
use crate::sims::{hpa, pax};
use crate::terminal_sim::{pos_frame, terminal_frame};

/// For each adapter.
const TIME: Duration = Duration::from_secs(2);

/// The dialect of one terminal.
type OfTerminal = fn(TerminalId) -> Dialect;

/// Who said what.
type Talk = Vec<(Side, Vec<u8>)>;

pub(super) fn run(table: &mut Table) -> Result<()> {
    let tickets = sales::tickets(200);
    let settings = sales::dialect(&sales::shop())?;
    let bytes: usize = tickets.iter().map(String::len).sum();
    let (rounds, took) = repeated(|| {
        for ticket in &tickets {
            let mut body = ticket.clone().into_bytes();
            let _redactions = tripwire::sweep(&mut body);
            let read = heartland_retail::read_ticket(&body, &settings);
            ensure!(read.is_ok(), "a simulated ticket is refused: {read:?}");
        }
        Ok(())
    })?;
    tell(
        table,
        "tickets by HTTP (JSON)",
        bytes * rounds,
        tickets.len() * rounds,
        took,
    );
    let terminals = [
        ("UPA", Dialect::Upa as OfTerminal, upa_sale()),
        ("PAX", Dialect::Pax, pax_sale()),
        ("HPA", Dialect::Hpa, hpa_sale()?),
    ];
    for (name, dialect, talk) in terminals {
        let tap = TapSettings {
            lane: LaneId::new("bench-tap")?,
            store: StoreId::new("main")?,
            register: RegisterId::new("till-1")?,
            currency: Currency::USD,
            line: TapLine::Tcp {
                listen: ([127, 0, 0, 1], 0).into(),
                device: "127.0.0.1:1".to_owned(),
            },
            dialect: dialect(TerminalId::new("pinpad-1")?),
        };
        let memory = TapMemory::default();
        let bytes: usize = talk.iter().map(|(_, said)| said.len()).sum();
        let (rounds, took) = repeated(|| {
            // A connection of its own for each sale: the same answer twice on one is one sale.
            let mut decoder = decoder(&tap, &memory);
            let heard = talk
                .iter()
                .flat_map(|(side, said)| decoder.said(*side, said))
                .count();
            ensure!(heard == 1, "{name}: {heard} facts in a sale, wanted one");
            Ok(())
        })?;
        tell(
            table,
            &format!("{name}, a sale's talk"),
            bytes * rounds,
            rounds,
            took,
        );
    }
    Ok(())
}

fn repeated(mut once: impl FnMut() -> Result<()>) -> Result<(usize, Duration)> {
    let (mut rounds, start) = (0, Instant::now());
    while start.elapsed() < TIME {
        once()?;
        rounds += 1;
    }
    Ok((rounds, start.elapsed()))
}

fn tell(table: &mut Table, what: &str, bytes: usize, sales: usize, took: Duration) {
    let megabytes = rate(bytes, took) / 1e6;
    table.floor(
        &format!("{what}: read on one core"),
        format!("{megabytes:.1} MB/s, {}", per_second(rate(sales, took))),
    );
}

fn upa_sale() -> Talk {
    let ask = serde_json::json!({ "message": "MSG", "data": { "command": "Sale", "EcrId": "12", "requestId": "7",
        "data": { "transaction": { "baseAmount": "80.00", "invoiceNbr": "10482" } } } });
    let answer = serde_json::json!({ "message": "MSG", "data": { "response": "Sale", "EcrId": "12", "requestId": "7",
        "cmdResult": { "result": "Success" }, "data": { "host": { "authorizedAmount": "80.00", "responseCode": "00",
        "tranNo": "0031", "approvalCode": "052318", "referenceNumber": "1483920177" },
        "payment": { "maskedPan": "411111******1111", "cardType": "VISA", "cardAcquisition": "Chip" } } } });
    let word = |message: &str| serde_json::json!({ "message": message, "data": "" });
    vec![
        (Side::Pos, pos_frame(&ask)),
        (Side::Device, terminal_frame(&word("ACK"))),
        (Side::Device, terminal_frame(&answer)),
        (Side::Pos, pos_frame(&word("ACK"))),
        (Side::Device, terminal_frame(&word("READY"))),
    ]
}

fn pax_sale() -> Talk {
    let ask = "T00\x1c1.35\x1c01\x1c3199\x1c\x1c734512\x1f10483\x1c\x1c\x1c\x1c\x1cTIPREQ=1";
    let answer = pax::answer(ask, pax::How::Approve, 1).unwrap_or_default();
    vec![
        (Side::Pos, pax::framed(ask)),
        (Side::Device, vec![6]),
        (Side::Device, pax::framed(&answer)),
        (Side::Pos, vec![6]),
    ]
}

fn hpa_sale() -> Result<Talk> {
    let ask = "<SIP><Version>1.0</Version><ECRId>1004</ECRId><Request>Sale</Request><RequestId>734600</RequestId>\
               <CardGroup>Credit</CardGroup><TotalAmount>3199</TotalAmount></SIP>";
    let answer = hpa::answer(ask, hpa::How::Approve, 1);
    Ok(vec![
        (Side::Pos, hpa::framed(ask)?),
        (Side::Device, hpa::framed(&answer)?),
    ])
}
