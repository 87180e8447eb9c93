//! A journal in a temporary directory, and small sales for it.

use std::path::Path;

use tillwire_agent::clock::Clock;
use tillwire_agent::journal::{Journal, OpenOptions, Origin, Reader, Segment, Sink, Taken};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::Limits;
use tillwire_proto::{
    Amount, Body, BootId, BusinessKey, CloseRecord, Currency, Digest, Fact, LaneId, LocalTime, NoticeKind,
    Observation, Prices, RegisterId, StoreId, Tender, TenderKind, TenderState, TicketNumber, Totals, Trade,
    Transaction, TransactionKind, Witness, decode_observation,
};

pub fn lane() -> LaneId {
    LaneId::new("http").unwrap()
}

pub fn limits() -> Limits {
    Limits {
        reserve_len: 4096,
        prune_percent: 98,
        busy_percent: 99,
        ..Limits::default()
    }
}

pub fn origin() -> Origin {
    Origin {
        tenant: "maple".parse().unwrap(),
        store: "austin".parse().unwrap(),
        currency: Currency::USD,
        device: "box-1".parse().unwrap(),
        generations: [(lane(), 3)].into(),
        version: "0.1.0".parse().unwrap(),
        config: Digest::of(b"config"),
        boot: BootId([1; 16]),
    }
}

pub fn open_limited(dir: &Path, limits: Limits) -> Journal {
    let options = OpenOptions::default();
    Journal::open(dir, origin(), lane(), limits, Clock::new(None, 0), &options).unwrap()
}

pub fn open(dir: &Path) -> Journal {
    open_limited(dir, limits())
}

pub fn transaction(ticket: &str, day: &str, kind: TransactionKind, body: Body) -> Transaction {
    Transaction {
        key: BusinessKey {
            store: StoreId::new("austin").unwrap(),
            register: RegisterId::new("till-1").unwrap(),
            day: day.parse().unwrap(),
            ticket: TicketNumber::new(ticket).unwrap(),
            kind,
            revision: 0,
        },
        at: LocalTime(1_794_652_000),
        pos_id: None,
        operator: None,
        currency: Currency::USD,
        body,
    }
}

pub fn trade(cents: i64) -> Body {
    let usd = |minor| Amount::new(minor, Currency::USD);
    let tender = Tender {
        kind: TenderKind::Cash,
        amount: usd(cents),
        state: TenderState::Complete,
        card: None,
        label: None,
        foreign: None,
    };
    let zero = usd(0);
    Body::Trade(Trade {
        lines: Vec::new(),
        taxes: Vec::new(),
        tips: Vec::new(),
        tenders: vec![tender],
        change: None,
        totals: Totals {
            net: usd(cents),
            discount: zero,
            tax: zero,
            tip: zero,
            rounding: zero,
            total: usd(cents),
            paid: usd(cents),
        },
        prices: Prices::BeforeTax,
        customer: None,
        original: None,
    })
}

pub fn captured(transaction: Transaction) -> Captured {
    Captured {
        lane: lane(),
        witness: Witness::PosPush,
        redacted: 0,
        raw: format!("bytes of {}", transaction.key.ticket).into_bytes(),
        fact: Fact::Transaction(Box::new(transaction)),
    }
}

pub fn sale(ticket: &str, cents: i64) -> Captured {
    captured(transaction(
        ticket,
        "2026-11-14",
        TransactionKind::Sale,
        trade(cents),
    ))
}

pub fn day_close() -> Captured {
    captured(transaction(
        "Z1",
        "2026-11-14",
        TransactionKind::DayClose,
        Body::Close { stated: None },
    ))
}

pub async fn append(journal: &Journal, captured: Captured) -> Taken {
    journal.append(captured).await.unwrap()
}

pub fn only_segment(dir: &Path) -> Segment {
    let segments = Reader::open(dir).unwrap().segments().unwrap();
    assert_eq!(segments.len(), 1, "{segments:?}");
    segments.into_iter().next().unwrap()
}

pub fn observations(dir: &Path) -> Vec<Observation> {
    let reader = Reader::open(dir).unwrap();
    let mut all = Vec::new();
    for segment in reader.segments().unwrap() {
        reader
            .each_record(&segment, segment.pruned.number, |shown| {
                all.push(decode_observation(&shown.body)?);
                Ok(())
            })
            .unwrap();
    }
    all
}

pub fn closes(dir: &Path) -> Vec<CloseRecord> {
    let facts = observations(dir).into_iter().map(|o| o.fact);
    facts
        .filter_map(|fact| {
            if let Fact::Close(close) = fact {
                Some(close)
            } else {
                None
            }
        })
        .collect()
}

pub fn notices(dir: &Path) -> Vec<NoticeKind> {
    let facts = observations(dir).into_iter().map(|o| o.fact);
    facts
        .filter_map(|fact| {
            if let Fact::Notice(notice) = fact {
                Some(notice.kind)
            } else {
                None
            }
        })
        .collect()
}

pub async fn wait_until(mut done: impl FnMut() -> bool) {
    for _ in 0..400 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("waited 20 s in vain");
}

/// The files as a power cut would leave them if everything written were kept: a copy taken while the writer lives.
pub fn copy_files(from: &Path, to: &Path) {
    for name in ["journal.db", "journal.db-wal"] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}
