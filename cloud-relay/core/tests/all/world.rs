//! A store to tell stories about: two tills, one box, records as an agent journals them.

use tillwire_proto::{
    Amount, Body, BusinessDay, BusinessKey, CardBrand, CardFacts, Change, CloseRecord, Code, Counted,
    Currency, Digest, Discount, DrawerMovement, EntryMode, Fact, Jurisdiction, LaneId, Line, LineKind,
    LocalTime, Observation, OriginalTicket, Outcome, PaymentCommand, Prices, Quantity, Rate, RecordNumber,
    RegisterId, SegmentId, Sku, Span, Stamp, StoreId, Tally, TaxLine, Tender, TenderKind, TenderState,
    TerminalId, TerminalPayment, TicketNumber, TillCount, Tip, Totals, Trade, Transaction, TransactionKind,
    Void, Witness,
};
use tillwire_relay_core::books::{Ledger, Posting, postings, target};
use tillwire_relay_core::exception::{ExceptionKind, Signature};
use tillwire_relay_core::facts::{Captured, DayFacts, RecordId};
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};
use tillwire_relay_core::store_day::{DayAssessment, assess};
use tillwire_relay_core::tickets::Tickets;

pub const T1: &str = "till-1";
pub const T2: &str = "till-2";
/// Noon UTC on 2026-11-23, when everything is over.
pub const LATER: i64 = 1_795_435_200_000;

pub fn usd(minor: i64) -> Amount {
    Amount::new(minor, Currency::USD)
}

pub fn day() -> BusinessDay {
    "2026-11-20".parse().unwrap()
}

pub fn day_before() -> BusinessDay {
    "2026-11-19".parse().unwrap()
}

/// Settings as a retailer writes them; `more` is appended at the top level, before the accounts.
pub fn draft_with(more: &str, accounts: &str) -> StoreDraft {
    let text = format!(
        r#"{{"tenant": "acme", "store": "s01", "time_zone": "America/Chicago", "registers": ["till-1", "till-2"],
            "close": {{"after-grace": 60}}, "opening_float": "200.00"{more},
            "odoo": {{"company": "Acme", "journal": "TILL", "warehouse": "S01", "accounts": {{
                "tender": {{"cash": "101501", "card": "101710", "card.visa": "101711", "check": "101720"}},
                "tax": {{"CA State": "220101", "CA State@0.01": "220102",
                         "City": {{"account": "220110", "odoo_tax": "City 1%"}}}},
                "revenue": "400001", "gift_card": "230001", "tip": "230002",
                "cash_over": "440001", "cash_short": "640001", "paid_in": {{"default": "480001"}},
                "paid_out": {{"supplies": "600001"}}, "safe": "101510"{accounts} }} }} }}"#
    );
    serde_json::from_str(&text).unwrap()
}

pub fn settings() -> StoreSettings {
    draft_with("", "").check().unwrap()
}

/// Makes records, each with the next number on its lane's segment.
pub struct World {
    pub settings: StoreSettings,
    pub records: Vec<Captured>,
    next: u64,
}

pub fn key_on(day: BusinessDay, register: &str, ticket: &str, kind: TransactionKind) -> BusinessKey {
    BusinessKey {
        store: StoreId::new("s01").unwrap(),
        register: RegisterId::new(register).unwrap(),
        day,
        ticket: TicketNumber::new(ticket).unwrap(),
        kind,
        revision: 0,
    }
}

pub fn key(register: &str, ticket: &str, kind: TransactionKind) -> BusinessKey {
    key_on(day(), register, ticket, kind)
}

pub fn transaction(key: BusinessKey, body: Body) -> Transaction {
    let hours = key.ticket.as_str().bytes().map(i64::from).sum::<i64>() % 600;
    Transaction {
        at: LocalTime(i64::from(key.day.days_since_epoch()) * 86_400 + 36_000 + hours * 60),
        key,
        pos_id: None,
        operator: None,
        currency: Currency::USD,
        body,
    }
}

pub fn tender(kind: TenderKind, minor: i64) -> Tender {
    Tender {
        kind,
        amount: usd(minor),
        state: TenderState::Complete,
        card: None,
        label: None,
        foreign: None,
    }
}

pub fn item(sku: &str, count: i32, unit_minor: i64) -> Line {
    Line {
        kind: LineKind::Item,
        sku: Some(Sku::new(sku).unwrap()),
        description: None,
        department: None,
        serial: None,
        quantity: Quantity::each(count),
        unit_price: usd(unit_minor),
        discounts: Vec::new(),
        extended: usd(unit_minor * i64::from(count)),
    }
}

pub fn off(mut line: Line, minor: i64) -> Line {
    line.discounts.push(Discount {
        amount: usd(minor),
        reason: None,
    });
    line.extended = line.extended.checked_sub(usd(minor)).unwrap();
    line
}

pub fn gift_card(minor: i64) -> Line {
    Line {
        kind: LineKind::GiftCard,
        sku: None,
        ..item("x", 1, minor)
    }
}

pub fn tax(jurisdiction: &str, rate_millionths: Option<i64>, minor: i64) -> TaxLine {
    TaxLine {
        jurisdiction: Jurisdiction::new(jurisdiction).unwrap(),
        rate: rate_millionths.map(Rate::from_millionths),
        base: None,
        amount: usd(minor),
    }
}

/// A trade whose totals follow from its parts.
pub fn trade(
    lines: Vec<Line>,
    taxes: Vec<TaxLine>,
    tips: &[i64],
    tenders: Vec<Tender>,
    change: i64,
) -> Trade {
    let sum = |amounts: Vec<i64>| amounts.into_iter().sum::<i64>();
    let net = sum(lines.iter().map(|l| l.extended.minor()).collect());
    let off = sum(lines
        .iter()
        .flat_map(|l| l.discounts.iter().map(|d| d.amount.minor()))
        .collect());
    let tax = sum(taxes.iter().map(|t| t.amount.minor()).collect());
    let tip = tips.iter().sum::<i64>();
    let complete = tenders.iter().filter(|t| t.state == TenderState::Complete);
    let paid = complete.map(|t| t.amount.minor()).sum::<i64>() - change;
    Trade {
        lines,
        taxes,
        tips: tips.iter().map(|minor| Tip { amount: usd(*minor) }).collect(),
        tenders,
        change: (change != 0).then(|| Change {
            kind: TenderKind::Cash,
            amount: usd(change),
        }),
        totals: Totals {
            net: usd(net),
            discount: usd(off),
            tax: usd(tax),
            tip: usd(tip),
            rounding: usd(0),
            total: usd(net + tax + tip),
            paid: usd(paid),
        },
        prices: Prices::BeforeTax,
        customer: None,
        original: None,
    }
}

/// A sale of one item for cash, given exactly.
pub fn cash_sale(register: &str, ticket: &str, minor: i64) -> Transaction {
    sale(
        register,
        ticket,
        trade(
            vec![item("A1", 1, minor)],
            vec![],
            &[],
            vec![tender(TenderKind::Cash, minor)],
            0,
        ),
    )
}

pub fn card_sale(register: &str, ticket: &str, minor: i64) -> Transaction {
    sale(
        register,
        ticket,
        trade(
            vec![item("A1", 1, minor)],
            vec![],
            &[],
            vec![tender(TenderKind::Card, minor)],
            0,
        ),
    )
}

pub fn sale(register: &str, ticket: &str, trade: Trade) -> Transaction {
    transaction(key(register, ticket, TransactionKind::Sale), Body::Trade(trade))
}

pub fn cash_return(register: &str, ticket: &str, sku: &str, minor: i64) -> Transaction {
    let back = trade(
        vec![item(sku, -1, minor)],
        vec![],
        &[],
        vec![tender(TenderKind::Cash, -minor)],
        0,
    );
    transaction(key(register, ticket, TransactionKind::Return), Body::Trade(back))
}

pub fn void(register: &str, ticket: &str, of: &str, of_day: Option<BusinessDay>) -> Transaction {
    let of = OriginalTicket {
        ticket: Some(TicketNumber::new(of).unwrap()),
        pos_id: None,
        day: of_day,
    };
    transaction(
        key(register, ticket, TransactionKind::Void),
        Body::Void(Void {
            of,
            was_completed: true,
        }),
    )
}

pub fn drawer(
    register: &str,
    ticket: &str,
    kind: TransactionKind,
    minor: i64,
    reason: Option<&str>,
) -> Transaction {
    transaction(
        key(register, ticket, kind),
        Body::Drawer(DrawerMovement {
            amount: usd(minor),
            reason: reason.map(|reason| Code::new(reason).unwrap()),
        }),
    )
}

pub fn opening(register: &str, minor: i64) -> Transaction {
    transaction(
        key(register, "open", TransactionKind::DayOpen),
        Body::Open { float: usd(minor) },
    )
}

pub fn closing(register: &str) -> Transaction {
    transaction(
        key(register, "close", TransactionKind::DayClose),
        Body::Close { stated: None },
    )
}

pub fn count(register: &str, minor: i64) -> Transaction {
    let counted = vec![Counted {
        kind: TenderKind::Cash,
        amount: usd(minor),
    }];
    transaction(
        key(register, "count", TransactionKind::TillCount),
        Body::Count(TillCount { counted }),
    )
}

pub fn moved_to(mut transaction: Transaction, day: BusinessDay) -> Transaction {
    transaction.key.day = day;
    transaction
}

pub fn revised(mut transaction: Transaction, revision: u32) -> Transaction {
    transaction.key.revision = revision;
    transaction
}

pub fn answer(register: &str, command: PaymentCommand, minor: i64, invoice: Option<&str>) -> TerminalPayment {
    TerminalPayment {
        store: StoreId::new("s01").unwrap(),
        register: RegisterId::new(register).unwrap(),
        terminal: TerminalId::new("pin-1").unwrap(),
        command,
        outcome: Outcome::Approved,
        requested: Some(usd(minor)),
        approved: usd(minor),
        tip: None,
        tax: None,
        cash_back: None,
        surcharge: None,
        card: Some(card(CardBrand::Visa)),
        invoice: invoice.map(|number| TicketNumber::new(number).unwrap()),
        request: None,
        terminal_number: None,
        batch: None,
        offline_number: None,
        operator: None,
        at: Some(LocalTime(i64::from(day().days_since_epoch()) * 86_400 + 50_000)),
        message: None,
        emv: None,
    }
}

pub fn card(brand: CardBrand) -> CardFacts {
    CardFacts {
        brand,
        last4: None,
        entry_mode: EntryMode::Chip,
        auth_code: None,
        reference: None,
        token: None,
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: StoreSettings) -> Self {
        Self {
            settings,
            records: Vec::new(),
            next: 1,
        }
    }

    pub fn add(&mut self, fact: Fact, witness: Witness) -> RecordId {
        self.add_at(
            fact,
            witness,
            1_000_000 + i64::try_from(self.next).unwrap() * 60_000,
        )
    }

    pub fn add_at(&mut self, fact: Fact, witness: Witness, wall_ms: i64) -> RecordId {
        let lane = match witness {
            Witness::Terminal => "pin-1",
            Witness::Printer => "printer-1",
            _ => "http",
        };
        let id = RecordId {
            segment: segment(lane),
            number: RecordNumber(self.next),
        };
        self.next += 1;
        self.records.push(Captured {
            id,
            hash: Digest::of(&id.number.0.to_be_bytes()),
            lane: LaneId::new(lane).unwrap(),
            received_ms: LATER,
            observation: Observation {
                witness,
                stamp: Stamp {
                    wall_ms,
                    monotonic_ms: 0,
                },
                attachment: None,
                redacted: 0,
                fact,
            },
        });
        id
    }

    pub fn tell(&mut self, transaction: Transaction) -> RecordId {
        self.add(Fact::Transaction(Box::new(transaction)), Witness::PosPush)
    }

    pub fn print(&mut self, transaction: Transaction) -> RecordId {
        self.add(Fact::Transaction(Box::new(transaction)), Witness::Printer)
    }

    pub fn pay(&mut self, payment: TerminalPayment) -> RecordId {
        self.add(Fact::Terminal(Box::new(payment)), Witness::Terminal)
    }

    /// The agent's close over everything that the HTTP lane has told of a register so far.
    pub fn close(&mut self, register: &str) -> RecordId {
        let close = self.close_record(register);
        self.add(Fact::Close(close), Witness::Agent)
    }

    pub fn close_record(&self, register: &str) -> CloseRecord {
        let mut tally = Tally::new(Currency::USD);
        let mut span: Option<Span> = None;
        for record in self.records.iter().filter(|r| r.lane.as_str() == "http") {
            let Fact::Transaction(transaction) = &record.observation.fact else {
                continue;
            };
            if transaction.key.register.as_str() != register || transaction.key.day != day() {
                continue;
            }
            // what does not fit leaves the tally as it was
            let _unchanged = tally.add(transaction);
            let first = span.map_or(record.id.number, |span| span.first);
            span = Some(Span {
                segment: record.id.segment,
                first,
                last: record.id.number,
                head: record.hash,
            });
        }
        CloseRecord {
            store: StoreId::new("s01").unwrap(),
            register: RegisterId::new(register).unwrap(),
            day: day(),
            spans: span.into_iter().collect(),
            tally,
        }
    }

    /// Both tills close, as an agent does it after their day close.
    pub fn close_all(&mut self) {
        for register in [T1, T2] {
            self.tell(closing(register));
            self.close(register);
        }
    }

    pub fn facts(&self) -> DayFacts {
        DayFacts::gather(&self.settings, day(), self.records.clone())
    }

    pub fn assess(&self) -> DayAssessment {
        self.assess_signed(&[])
    }

    pub fn assess_signed(&self, signatures: &[Signature]) -> DayAssessment {
        assess(&self.facts(), &self.settings, LATER, signatures)
    }

    pub fn ledger(&self) -> Ledger {
        let facts = self.facts();
        target(&Tickets::settle(&facts, &self.settings, &[]))
    }

    /// The next posting after these.
    pub fn posting(&self, already: &[Posting]) -> Option<Posting> {
        let (tenant, store) = (&self.settings.tenant, &self.settings.store);
        let corrections = self.settings.odoo.corrections;
        let mut due = postings(tenant, store, day(), &self.ledger(), already, corrections).unwrap();
        assert!(due.len() <= 1, "more than one document: {due:?}");
        due.pop()
    }
}

fn segment(lane: &str) -> SegmentId {
    let mut bytes = [0; 16];
    bytes[..lane.len().min(16)].copy_from_slice(&lane.as_bytes()[..lane.len().min(16)]);
    SegmentId(bytes)
}

/// `account label amount` per line, in order, to compare whole ledgers at a glance.
pub fn spell(ledger: &Ledger) -> Vec<String> {
    ledger
        .lines()
        .map(|(key, line)| format!("{} {} {}", key.account, key.label, line.amount.decimal()))
        .collect()
}

pub fn spell_posting(posting: &Posting) -> Vec<String> {
    posting
        .lines()
        .map(|(key, line)| format!("{} {} {}", key.account, key.label, line.amount.decimal()))
        .collect()
}

pub fn kinds(assessment: &DayAssessment) -> Vec<ExceptionKind> {
    assessment
        .exceptions
        .iter()
        .map(|exception| exception.kind)
        .collect()
}

pub fn sign(cause: &tillwire_relay_core::exception::CauseKey) -> Signature {
    Signature {
        cause: cause.clone(),
        decision: tillwire_relay_core::exception::Decision::GoOn,
        by: "mara".to_owned(),
        at_ms: LATER,
        reason: "checked with the store".to_owned(),
    }
}
