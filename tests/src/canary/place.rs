//! Where a source can put card data, and what the agent keeps of what it is then told.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tillwire_agent_core::capture::dialect::{Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::folder::{self, Column, CsvSettings, Format};
use tillwire_agent_core::capture::settings::{
    Dialect, HeartlandRetailSettings, TapLine, TapSettings, TimeRules,
};
use tillwire_agent_core::capture::{heartland_retail, tripwire};
use tillwire_proto::{
    Currency, Fact, LaneId, Observation, RegisterId, Stamp, StoreId, TenderKind, TerminalId, Witness,
    encode_observation,
};

use super::card::{Canary, Shape};
use crate::terminal_sim::{pos_frame, terminal_frame};

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A pushed ticket: the customer's name.
    CustomerName,
    /// A pushed ticket: an item's description.
    Description,
    /// A pushed ticket under a key that nobody knows.
    UnknownKey,
    /// A pushed body that ends in the middle.
    CutBody,
    /// A pushed body that is no JSON, and whose refusal quotes it.
    NoJson,
    /// A cell of a CSV file.
    Csv,
    /// A file of JSON lines.
    JsonLines,
    /// An element of a NAXML file.
    Naxml,
    /// UPA: what the till tells the terminal.
    UpaCommand,
    /// UPA: what the terminal answers.
    UpaAnswer,
    /// UPA: bytes between frames.
    UpaNoise,
    /// PAX: the keyed card in a request.
    PaxRequest,
    /// PAX: a name in the last field of an answer.
    PaxAnswer,
    /// HPA: an element of an answer.
    HpaAnswer,
    /// A printed line.
    Receipt,
}

/// What was kept.
#[derive(Debug, Default)]
pub struct Kept {
    /// All that would reach disk, line or log.
    pub bytes: Vec<Vec<u8>>,
    /// Pieces of card data that were replaced.
    pub replaced: u32,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::CustomerName,
        Self::Description,
        Self::UnknownKey,
        Self::CutBody,
        Self::NoJson,
        Self::Csv,
        Self::JsonLines,
        Self::Naxml,
        Self::UpaCommand,
        Self::UpaAnswer,
        Self::UpaNoise,
        Self::PaxRequest,
        Self::PaxAnswer,
        Self::HpaAnswer,
        Self::Receipt,
    ];

    /// A word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerName => "customer-name",
            Self::Description => "description",
            Self::UnknownKey => "unknown-key",
            Self::CutBody => "cut-body",
            Self::NoJson => "no-json",
            Self::Csv => "csv",
            Self::JsonLines => "json-lines",
            Self::Naxml => "naxml",
            Self::UpaCommand => "upa-command",
            Self::UpaAnswer => "upa-answer",
            Self::UpaNoise => "upa-noise",
            Self::PaxRequest => "pax-request",
            Self::PaxAnswer => "pax-answer",
            Self::HpaAnswer => "hpa-answer",
            Self::Receipt => "receipt",
        }
    }

    /// Whether a shape can stand there: what is no text stands only where bytes do.
    #[must_use]
    pub const fn takes(self, shape: Shape) -> bool {
        shape.is_text() || matches!(self, Self::NoJson | Self::Csv | Self::UpaNoise)
    }

    /// The bytes that the source sends.
    #[must_use]
    pub fn sends(self, canary: &Canary) -> Vec<u8> {
        let text = canary.text();
        let ticket = |name: &str, description: &str| {
            json!({ "id": 7, "public_id": "7", "type": "Ticket", "completed?": true, "customer_name": name,
                "station_id": 1, "location_id": 1, "total": 12.5,
                "lines": [{ "id": 1, "type": "ItemLine", "description": description, "value": 12.5 }] })
        };
        match self {
            Self::CustomerName => ticket(text, "mug").to_string().into_bytes(),
            Self::Description | Self::JsonLines => ticket("nobody", text).to_string().into_bytes(),
            Self::UnknownKey => json!({ "id": 7, "custom": { "memo": [text] } })
                .to_string()
                .into_bytes(),
            Self::CutBody => {
                let mut body = ticket(text, "mug").to_string().into_bytes();
                body.truncate(body.len() - 9);
                body
            }
            Self::NoJson => [b"card: ", canary.bytes.as_slice(), b" thanks"].concat(),
            Self::Csv => {
                let mut file = b"Ticket #,Item #,Qty,Unit,Note\n7,MUG,1,12.50,\"".to_vec();
                file.extend(&canary.bytes);
                file.extend(b"\"\n");
                file
            }
            Self::Naxml => format!("<NAXML-POSJournal><Note>{text}</Note></NAXML-POSJournal>").into_bytes(),
            Self::UpaCommand => pos_frame(
                &json!({ "message": "MSG", "data": { "command": "Sale", "EcrId": "1",
                "requestId": "1", "data": { "params": { "cardOnFileIndicator": "N" },
                "transaction": { "baseAmount": "12.50", "invoiceNbr": "7", "note": text } } } }),
            ),
            Self::UpaAnswer => terminal_frame(
                &json!({ "message": "MSG", "data": { "response": "Sale", "EcrId": "1",
                "requestId": "1", "cmdResult": { "result": "Success" }, "data": { "host": { "responseText": text,
                "responseCode": "00", "baseAmount": "12.50" } } } }),
            ),
            Self::UpaNoise => [b"\x06\x15 ", canary.bytes.as_slice(), b" \x02"].concat(),
            Self::PaxRequest => pax(&format!(
                "T00\u{1c}1.35\u{1c}01\u{1c}1250\u{1c}{text}\u{1f}1228\u{1f}737\u{1c}7\u{1f}1\u{1c}\u{1c}\u{1c}\u{1c}\u{1c}"
            )),
            Self::PaxAnswer => pax(&format!(
                "0\u{1c}T01\u{1c}1.35\u{1c}000000\u{1c}OK\u{1c}00\u{1f}APPROVAL\u{1f}052318\u{1c}01\u{1c}1250\u{1c}\u{1c}80\u{1f}7\u{1c}\u{1c}\u{1c}\u{1c}NOTE={text}"
            )),
            Self::HpaAnswer => hpa(&format!(
                "<Version>1.0</Version><ECRId>1</ECRId><Response>Sale</Response><Result>0</Result><ResponseText>{text}</ResponseText>"
            )),
            Self::Receipt => {
                let mut job = b"\x1b@THE SHOP\nTicket 7\n".to_vec();
                job.extend(text.as_bytes());
                job.extend(b"\nTotal 12.50\n\n\x1dV\x00");
                job
            }
        }
    }

    /// Sends it, and gathers what would be kept.
    pub fn keeps(self, canary: &Canary, rng: &mut ChaCha8Rng) -> Kept {
        let bytes = self.sends(canary);
        match self {
            Self::CustomerName | Self::Description | Self::UnknownKey | Self::CutBody | Self::NoJson => {
                pushed(bytes)
            }
            Self::Csv => filed(&csv(), bytes),
            Self::JsonLines => filed(&Format::JsonLines, bytes),
            Self::Naxml => filed(&Format::Naxml, bytes),
            Self::UpaCommand => tapped(&Dialect::Upa(terminal()), Side::Pos, &bytes, rng),
            Self::UpaAnswer | Self::UpaNoise => tapped(&Dialect::Upa(terminal()), Side::Device, &bytes, rng),
            Self::PaxRequest => tapped(&Dialect::Pax(terminal()), Side::Pos, &bytes, rng),
            Self::PaxAnswer => tapped(&Dialect::Pax(terminal()), Side::Device, &bytes, rng),
            Self::HpaAnswer => tapped(&Dialect::Hpa(terminal()), Side::Device, &bytes, rng),
            Self::Receipt => {
                let printer = Dialect::EscPos(Box::default());
                tapped(&printer, Side::Pos, &bytes, rng)
            }
        }
    }
}

fn csv() -> Format {
    let columns = [
        (Column::Ticket, "Ticket #"),
        (Column::Sku, "Item #"),
        (Column::Quantity, "Qty"),
        (Column::UnitPrice, "Unit"),
        (Column::Description, "Note"),
    ];
    Format::Csv(Box::new(CsvSettings {
        columns: columns.map(|(column, name)| (column, name.to_owned())).into(),
        delimiter: b',',
        register: RegisterId::new("till-1").ok(),
        tender: TenderKind::Cash,
    }))
}

fn pax(text: &str) -> Vec<u8> {
    let mut frame = vec![0x02];
    frame.extend(text.as_bytes());
    frame.push(0x03);
    let check = frame[1..].iter().fold(0, |sum, byte| sum ^ byte);
    frame.push(check);
    frame
}

fn hpa(elements: &str) -> Vec<u8> {
    let message = format!("<SIP>{elements}</SIP>");
    let mut frame = u16::try_from(message.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes()
        .to_vec();
    frame.extend(message.as_bytes());
    frame
}

fn terminal() -> TerminalId {
    TerminalId::new("pinpad-1").expect("a good name")
}

fn retail() -> HeartlandRetailSettings {
    HeartlandRetailSettings {
        store: StoreId::new("austin").expect("a good name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("1".to_owned(), RegisterId::new("till-1").expect("a good name"))]),
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    }
}

/// As the HTTP source does it: swept, read, and kept whether it was understood or not.
fn pushed(mut bytes: Vec<u8>) -> Kept {
    let redactions = tripwire::sweep(&mut bytes);
    let said = match heartland_retail::read_ticket(&bytes, &retail()) {
        Ok(transaction) => {
            let fact = Fact::Transaction(Box::new(transaction));
            vec![encoded(fact.clone()), format!("{fact:?}").into_bytes()]
        }
        Err(refused) => vec![
            refused.to_string().into_bytes(),
            format!("{refused:?}").into_bytes(),
        ],
    };
    Kept {
        bytes: [said, vec![bytes]].concat(),
        replaced: redactions.total(),
    }
}

/// As the folder source does it.
fn filed(format: &Format, mut bytes: Vec<u8>) -> Kept {
    let redactions = tripwire::sweep(&mut bytes);
    let said = match folder::read(format, &bytes, &retail()) {
        Ok(told) => format!("{told:?}"),
        Err(error) => format!("{error} {error:?}"),
    };
    Kept {
        bytes: vec![said.into_bytes(), bytes],
        replaced: redactions.total(),
    }
}

/// As a tap does it: in pieces as they come, and what was begun at the end.
fn tapped(dialect: &Dialect, side: Side, bytes: &[u8], rng: &mut ChaCha8Rng) -> Kept {
    let settings = TapSettings {
        lane: LaneId::new("lane").expect("a good name"),
        store: StoreId::new("austin").expect("a good name"),
        register: RegisterId::new("till-1").expect("a good name"),
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 1).into(),
            device: "127.0.0.1:2".to_owned(),
        },
        dialect: dialect.clone(),
    };
    let mut ear = decoder(&settings, &TapMemory::default());
    let mut kept = Kept::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(rng.random_range(1..=rest.len()));
        ear.said(side, piece)
            .into_iter()
            .for_each(|heard| keep(&mut kept, heard));
        rest = later;
    }
    ear.quiet().into_iter().for_each(|heard| keep(&mut kept, heard));
    ear.ended().into_iter().for_each(|heard| keep(&mut kept, heard));
    kept.replaced += ear.take_unreported().total();
    kept
}

fn keep(kept: &mut Kept, heard: Heard) {
    kept.replaced += heard.redactions.total();
    kept.bytes.push(format!("{heard:?}").into_bytes());
    kept.bytes.push(heard.raw);
    kept.bytes.push(encoded(heard.fact));
}

fn encoded(fact: Fact) -> Vec<u8> {
    encode_observation(&Observation {
        witness: Witness::PosPush,
        stamp: Stamp {
            wall_ms: 0,
            monotonic_ms: 0,
        },
        attachment: None,
        redacted: 0,
        fact,
    })
    .unwrap_or_default()
}
