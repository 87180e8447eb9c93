//! Conexxus (NAXML) POSJournal, one event or several a file. Figures are computed from the lines, because what the
//! summary calls gross and net differs between vendors; lines with status `cancel` never happened; refunds are negative
//! throughout; change is a negative cash tender that says so.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use tillwire_proto::{
    Amount, Body, BusinessKey, Change, Code, Currency, Description, Jurisdiction, Line, LineKind, LocalTime,
    Operator, OriginalTicket, Quantity, RegisterId, Rounding, Sku, TaxLine, Tender, TenderKind, TenderState,
    TicketNumber, Transaction, TransactionKind, Unit, Void,
};

use super::{FileError, Told, trade};
use crate::capture::settings::HeartlandRetailSettings;

/// How deep elements may be nested.
const DEPTH_MAX: usize = 24;

/// One element.
#[derive(Debug, Default)]
struct Node {
    name: String,
    /// `value`, `status` or `direction`, whichever it has.
    attribute: Option<String>,
    text: String,
    children: Vec<Node>,
    /// Where it stands in the file's text.
    span: (usize, usize),
}

impl Node {
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        let text = self.child(name)?.text.trim();
        (!text.is_empty()).then_some(text)
    }

    fn is_yes(&self, name: &str) -> bool {
        self.child(name)
            .and_then(|child| child.attribute.as_deref())
            .is_some_and(|value| value.eq_ignore_ascii_case("yes"))
    }
}

pub(super) fn read(bytes: &[u8], retail: &HeartlandRetailSettings) -> Result<Vec<Told>, FileError> {
    let text = text_of(bytes)?;
    let root = tree(&text)?;
    if root.name != "NAXML-POSJournal" {
        let words = format!("found <{}>, wanted <NAXML-POSJournal>", root.name);
        return Err(FileError::at("the file", words));
    }
    check_store(&root, retail)?;
    let mut told = Vec::new();
    for report in root.all("JournalReport") {
        for event in &report.children {
            if event.is_yes("TrainingModeFlag") {
                continue;
            }
            let body = match event.name.as_str() {
                "SaleEvent" | "RefundEvent" => sale(event, retail)?,
                "VoidEvent" => void(event),
                // openings, drops and everything of the pump alone move no goods of a ticket
                _ => continue,
            };
            told.push(Told {
                transaction: transaction(event, body, retail)?,
                raw: text.as_bytes()[event.span.0..event.span.1].to_vec(),
            });
        }
    }
    Ok(told)
}

/// UTF-8, or Latin 1 where the file says so, as these files do.
fn text_of(bytes: &[u8]) -> Result<String, FileError> {
    let head = &bytes[..bytes.len().min(200)];
    let head = String::from_utf8_lossy(head).to_ascii_uppercase();
    if head.contains("ISO-8859-1") || head.contains("WINDOWS-1252") {
        return Ok(bytes.iter().map(|byte| char::from(*byte)).collect());
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| {
        FileError::at(
            "the file",
            "found bytes that are no UTF-8 text, and no other encoding named",
        )
    })
}

fn tree(text: &str) -> Result<Node, FileError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Node> = Vec::new();
    let wrong = |at: u64, words: &str| FileError::at(format!("byte {at}"), words);
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(0);
        let event = reader.read_event();
        let at = reader.buffer_position();
        let end = usize::try_from(at).unwrap_or(0);
        match event.map_err(|error| wrong(at, &error.to_string()))? {
            Event::Start(tag) => {
                if open.len() == DEPTH_MAX {
                    return Err(wrong(at, "found elements nested deeper than 24"));
                }
                open.push(node(&tag, start));
            }
            Event::Empty(tag) => {
                let mut empty = node(&tag, start);
                empty.span.1 = end;
                match open.last_mut() {
                    Some(parent) => parent.children.push(empty),
                    None => return Ok(empty),
                }
            }
            Event::End(_) => {
                let Some(mut done) = open.pop() else {
                    return Err(wrong(at, "found the end of an element that did not begin"));
                };
                done.span.1 = end;
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Ok(done),
                }
            }
            Event::Text(found) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&found);
                }
            }
            Event::GeneralRef(entity) => {
                let plain = match &*entity {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => None,
                };
                let Some(plain) = plain else {
                    return Err(wrong(at, "found an entity of its own, wanted plain XML"));
                };
                if let Some(node) = open.last_mut() {
                    node.text.push(plain);
                }
            }
            Event::DocType(_) => return Err(wrong(at, "found a DOCTYPE, wanted plain XML")),
            Event::Eof => return Err(wrong(at, "found the end of the file inside an element")),
            _ => {}
        }
    }
}

fn node(tag: &BytesStart<'_>, start: usize) -> Node {
    let attribute = tag.attributes().flatten().find_map(|attribute| {
        let key: &str = attribute.key.as_ref();
        matches!(key, "value" | "status" | "direction").then(|| attribute.value.to_string())
    });
    Node {
        name: tag.local_name().as_ref().to_owned(),
        attribute,
        span: (start, start),
        ..Node::default()
    }
}

fn check_store(root: &Node, retail: &HeartlandRetailSettings) -> Result<(), FileError> {
    if retail.locations.is_empty() {
        return Ok(());
    }
    let found = root
        .child("TransmissionHeader")
        .and_then(|header| header.text("StoreLocationID"));
    match found {
        Some(found) if retail.locations.contains(found) => Ok(()),
        found => {
            let wanted: Vec<&str> = retail.locations.iter().map(String::as_str).collect();
            let words = format!(
                "found store location {:?}, wanted one of: {}",
                found.unwrap_or_default(),
                wanted.join(", ")
            );
            Err(FileError::at("the file", words))
        }
    }
}

/// `event 912`.
fn place(event: &Node) -> String {
    format!(
        "event {}",
        event.text("EventSequenceID").unwrap_or("without a number")
    )
}

fn transaction(event: &Node, body: Body, retail: &HeartlandRetailSettings) -> Result<Transaction, FileError> {
    let wrong = |words: String| FileError::at(place(event), words);
    let needed = |name: &str| {
        event
            .text(name)
            .ok_or_else(|| wrong(format!("{name} is missing")))
    };
    let number =
        |text: &str| TicketNumber::new(text).map_err(|error| wrong(format!("TransactionID: {error}")));
    let (date, time) = match (event.text("ReceiptDate"), event.text("ReceiptTime")) {
        (Some(date), Some(time)) => (date, time),
        _ => (needed("EventEndDate")?, needed("EventEndTime")?),
    };
    let at: LocalTime = format!("{date}T{time}")
        .parse()
        .map_err(|error| wrong(format!("ReceiptDate and ReceiptTime: {error}")))?;
    let day = match event.text("BusinessDate") {
        Some(day) => day
            .parse()
            .map_err(|error| wrong(format!("BusinessDate: {error}")))?,
        None => retail.time.day(at),
    };
    let kind = match &body {
        Body::Trade(trade) => trade::kind(&trade.lines),
        _ => TransactionKind::Void,
    };
    let transaction = Transaction {
        key: BusinessKey {
            store: retail.store.clone(),
            register: register(event, retail)?,
            day,
            ticket: number(needed("TransactionID")?)?,
            kind,
            revision: 0,
        },
        at,
        pos_id: None,
        operator: event.text("CashierID").and_then(Operator::cleaned),
        currency: retail.currency,
        body,
    };
    transaction.verify().map_err(|error| wrong(error.to_string()))?;
    Ok(transaction)
}

fn register(event: &Node, retail: &HeartlandRetailSettings) -> Result<RegisterId, FileError> {
    let found = event.text("RegisterID").unwrap_or_default();
    retail.registers.get(found).cloned().ok_or_else(|| {
        let known: Vec<&str> = retail.registers.keys().map(String::as_str).collect();
        let words = format!(
            "found register {found:?}, wanted one of: {}; add it to a [[register]]",
            known.join(", ")
        );
        FileError::at(place(event), words)
    })
}

fn void(event: &Node) -> Body {
    let of = event
        .child("LinkedTransactionInfo")
        .and_then(|link| link.text("OriginalTransactionID"))
        .or_else(|| event.text("TransactionID"));
    Body::Void(Void {
        of: OriginalTicket {
            ticket: of.and_then(|text| TicketNumber::new(text).ok()),
            pos_id: None,
            day: None,
        },
        was_completed: true,
    })
}

fn sale(event: &Node, retail: &HeartlandRetailSettings) -> Result<Body, FileError> {
    let wrong = |words: String| FileError::at(place(event), words);
    let group = event
        .child("TransactionDetailGroup")
        .ok_or_else(|| wrong("TransactionDetailGroup is missing".to_owned()))?;
    let (mut lines, mut taxes, mut tenders, mut change) = (Vec::new(), Vec::new(), Vec::new(), None);
    for line in group.all("TransactionLine") {
        if line.attribute.as_deref() == Some("cancel") {
            continue;
        }
        for part in &line.children {
            let amount = |name: &str| amount(part, name, retail.currency).map_err(wrong);
            match part.name.as_str() {
                "ItemLine" | "FuelLine" => lines.push(goods(part, retail.currency).map_err(wrong)?),
                "TransactionTax" => {
                    let collected = amount("TaxCollectedAmount")?;
                    if !collected.is_zero() {
                        taxes.push(tax(part, collected, retail.currency));
                    }
                }
                "TenderInfo" => {
                    let paid = amount("TenderAmount")?;
                    if part.is_yes("ChangeFlag") {
                        let back = paid.checked_neg().map_err(|error| wrong(error.to_string()))?;
                        change = Some(Change {
                            kind: TenderKind::Cash,
                            amount: back,
                        });
                    } else if !paid.is_zero() {
                        tenders.push(tender(part, paid, retail).map_err(wrong)?);
                    }
                }
                _ => {}
            }
        }
    }
    trade::of_parts(retail.currency, lines, taxes, tenders, change, None)
        .map(Body::Trade)
        .map_err(|error| wrong(error.to_string()))
}

fn amount(part: &Node, name: &str, currency: Currency) -> Result<Amount, String> {
    let text = part.text(name).ok_or_else(|| format!("{name} is missing"))?;
    Amount::parse(text, currency).map_err(|error| format!("{name}: {error}"))
}

/// Goods as the file adds them up: the amount counts, and the price of one is worked out of it, because fuel has a tenth
/// of a cent that no currency has.
fn goods(part: &Node, currency: Currency) -> Result<Line, String> {
    let fuel = part.name == "FuelLine";
    let unit = if fuel { Unit::Gallon } else { Unit::Each };
    let text = part.text("SalesQuantity").ok_or("SalesQuantity is missing")?;
    let quantity = Quantity::parse(text, unit).map_err(|error| format!("SalesQuantity: {error}"))?;
    let extended = amount(part, "SalesAmount", currency)?;
    let unit_price = match quantity.millionths() {
        0 => return Err("found SalesQuantity 0, wanted something sold".to_owned()),
        millionths => extended
            .mul_ratio(1_000_000, millionths, Rounding::HalfUp)
            .map_err(|error| error.to_string())?,
    };
    let code = part
        .child("ItemCode")
        .and_then(|code| code.text("POSCode"))
        .or_else(|| part.text("FuelGradeID"));
    let sku = code.map(|code| {
        if fuel {
            format!("FUEL-{code}")
        } else {
            code.to_owned()
        }
    });
    let sku = sku.ok_or("POSCode is missing")?;
    Ok(Line {
        kind: LineKind::Item,
        sku: Some(Sku::new(&sku).map_err(|error| format!("POSCode: {error}"))?),
        description: part.text("Description").and_then(Description::cleaned),
        department: part.text("MerchandiseCode").and_then(Code::cleaned),
        serial: None,
        quantity,
        unit_price,
        discounts: Vec::new(),
        extended,
    })
}

fn tax(part: &Node, collected: Amount, currency: Currency) -> TaxLine {
    let level = part.text("TaxLevelID").unwrap_or("unnamed");
    let name = format!("Tax level {level}");
    TaxLine {
        jurisdiction: Jurisdiction::cleaned(&name)
            .unwrap_or_else(|| Jurisdiction::new("Tax").expect("a fixed name")),
        rate: None,
        base: amount(part, "TaxableSalesAmount", currency).ok(),
        amount: collected,
    }
}

fn tender(part: &Node, amount: Amount, retail: &HeartlandRetailSettings) -> Result<Tender, String> {
    let code = part.child("Tender").and_then(|tender| tender.text("TenderCode"));
    let code = code.ok_or("TenderCode is missing")?;
    let kind = match (retail.tenders.get(code), code) {
        (Some(kind), _) => kind.clone(),
        (None, "cash") => TenderKind::Cash,
        (None, "creditCards" | "debitCards" | "outsideCredit" | "outsideDebit") => TenderKind::Card,
        (None, "check" | "checks") => TenderKind::Check,
        (None, other) => {
            let word = Code::cleaned(&other.to_ascii_lowercase());
            TenderKind::Other(word.ok_or("TenderCode is no word")?)
        }
    };
    Ok(Tender {
        kind,
        amount,
        state: TenderState::Complete,
        card: None,
        label: Description::cleaned(code),
        foreign: None,
    })
}
