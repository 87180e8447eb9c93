//! Portico's `FindTransactions` answer. It tells of batches, not of deposits or fees: its lines witness what was taken
//! and under which gateway number, and settle nothing. Portico is Heartland's gateway for US dollars.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;
use tillwire_proto::{AuthCode, CardBrand, Currency, Last4, ProcessorReference, TicketNumber};

use super::line::{LineKind, LineSource, Progress, SettlementLine};
use super::read::{Report, ReportError, cut, day, decimal, id};
use crate::payments::{PorticoService, PorticoStatus};

type Row = BTreeMap<String, String>;

pub(super) fn read(text: &str) -> Result<Report, ReportError> {
    let (header, rows) = rows(text)?;
    match header.get("GatewayRspCode").map(String::as_str) {
        Some("0") => {}
        Some(code) => {
            let words = format!(
                "GatewayRspCode is {:?}, wanted 0: the report itself failed",
                cut(code)
            );
            return Err(ReportError::new("report", words));
        }
        None => {
            return Err(ReportError::new(
                "report",
                "found no GatewayRspCode, wanted a PosResponse",
            ));
        }
    }
    let lines = rows.iter().map(line).collect::<Result<_, _>>()?;
    Ok(Report {
        lines,
        deposits: Vec::new(),
    })
}

/// The answer's header and its rows, each with the texts of its elements. Entities of its own are refused.
fn rows(text: &str) -> Result<(Row, Vec<Row>), ReportError> {
    let mut reader = Reader::from_str(text);
    let (mut header, mut rows) = (Row::new(), Vec::new());
    let mut path: Vec<String> = Vec::new();
    loop {
        match reader
            .read_event()
            .map_err(|error| ReportError::new("report", error))?
        {
            Event::Start(element) => {
                path.push(element.local_name().as_ref().to_owned());
                if path.ends_with(&["FindTransactions".to_owned(), "Transactions".to_owned()]) {
                    rows.push(Row::new());
                }
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => {
                put(&path, text.trim(), &mut header, &mut rows);
            }
            Event::GeneralRef(entity) => {
                let plain = matches!(&*entity, "amp" | "lt" | "gt" | "quot" | "apos") || entity.is_char_ref();
                if !plain {
                    return Err(ReportError::new(
                        "report",
                        "found an entity of its own, wanted plain XML",
                    ));
                }
            }
            Event::DocType(_) => return Err(ReportError::new("report", "found a DOCTYPE, wanted plain XML")),
            Event::Eof if path.is_empty() => return Ok((header, rows)),
            Event::Eof => {
                return Err(ReportError::new(
                    "report",
                    format!("ends inside {}", cut(&path.join("/"))),
                ));
            }
            _ => {}
        }
    }
}

fn put(path: &[String], words: &str, header: &mut Row, rows: &mut [Row]) {
    let [.., parent, name] = path else { return };
    if words.is_empty() {
        return;
    }
    match (parent.as_str(), rows.last_mut()) {
        ("Transactions", Some(row)) => row.entry(name.clone()).or_default().push_str(words),
        ("Header", _) => header.entry(name.clone()).or_default().push_str(words),
        _ => {}
    }
}

fn line(row: &Row) -> Result<SettlementLine, ReportError> {
    let number = row.get("GatewayTxnId").map_or("", String::as_str);
    let at = format!("transaction {}", cut(number));
    let at = at.as_str();
    let field = |name: &str| row.get(name).map(String::as_str);
    let wanted = |name: &str| field(name).ok_or_else(|| ReportError::new(at, format!("found no {name}")));
    let service = PorticoService::read(wanted("ServiceName")?).map_err(|word| ReportError::new(at, word))?;
    PorticoStatus::read(wanted("TxnStatus")?).map_err(|word| ReportError::new(at, word))?;
    let amount = field("SettlementAmt").map_or_else(|| wanted("Amt"), Ok)?;
    let batch_closed = field("BatchSeqNbr").is_some();
    let (kind, progress, reference) = match service {
        PorticoService::CreditSale | PorticoService::DebitSale => {
            (LineKind::Sale, batched(batch_closed), number)
        }
        PorticoService::CreditReturn => (LineKind::Refund, batched(batch_closed), number),
        PorticoService::CreditAddToBatch => (
            LineKind::Sale,
            Progress::Captured,
            wanted("OriginalGatewayTxnId")?,
        ),
        PorticoService::CreditVoid | PorticoService::CreditReversal => {
            (LineKind::Sale, Progress::Voided, wanted("OriginalGatewayTxnId")?)
        }
    };
    let auth = field("AuthCode").map(AuthCode::new).transpose();
    Ok(SettlementLine {
        id: id(at, "GatewayTxnId", number)?,
        merchant: id(at, "SiteId", wanted("SiteId")?)?,
        source: LineSource::Gateway,
        kind,
        progress,
        amount: decimal(at, "SettlementAmt", amount, Currency::USD)?,
        date: field("RspDT")
            .map(|moment| day(at, "RspDT", moment))
            .transpose()?,
        deposit: None,
        batch: field("BatchSeqNbr")
            .map(|batch| id(at, "BatchSeqNbr", batch))
            .transpose()?,
        reference: Some(ProcessorReference::new(reference).map_err(|error| ReportError::new(at, error))?),
        network: None,
        invoice: field("InvoiceNbr").and_then(TicketNumber::cleaned),
        auth_code: auth.map_err(|error| ReportError::new(at, error))?,
        last4: field("MaskedCardNbr").and_then(Last4::of_masked),
        brand: field("CardType").map_or(CardBrand::Other, CardBrand::read),
    })
}

const fn batched(closed: bool) -> Progress {
    if closed {
        Progress::Batched
    } else {
        Progress::Captured
    }
}
