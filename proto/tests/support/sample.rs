//! Sample values that the golden bytes, the laws and the dictionary are made of.
#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use tillwire_proto::*;

pub fn usd(minor: i64) -> Amount {
    Amount::new(minor, Currency::USD)
}

pub fn key(kind: TransactionKind, ticket: &str) -> BusinessKey {
    BusinessKey {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        day: "2026-11-14".parse().unwrap(),
        ticket: TicketNumber::new(ticket).unwrap(),
        kind,
        revision: 0,
    }
}

fn line(kind: LineKind, sku: Option<&str>, what: &str, quantity: i32, unit: i64, discount: i64) -> Line {
    let discounts = (discount != 0)
        .then(|| Discount {
            amount: usd(discount),
            reason: Description::new("Loyalty 10%").ok(),
        })
        .into_iter()
        .collect();
    Line {
        kind,
        sku: sku.map(|sku| Sku::new(sku).unwrap()),
        description: Description::new(what).ok(),
        department: None,
        serial: None,
        quantity: Quantity::each(quantity),
        unit_price: usd(unit),
        discounts,
        extended: usd(unit * i64::from(quantity) - discount),
    }
}

pub fn visa() -> CardFacts {
    CardFacts {
        brand: CardBrand::Visa,
        last4: Last4::new("1111"),
        entry_mode: EntryMode::Chip,
        auth_code: AuthCode::new("05231A").ok(),
        reference: ProcessorReference::new("200073811442").ok(),
        token: None,
    }
}

pub fn sale() -> Transaction {
    let tender = |kind, minor, card| Tender {
        kind,
        amount: usd(minor),
        state: TenderState::Complete,
        card,
        label: None,
        foreign: None,
    };
    Transaction {
        key: key(TransactionKind::Sale, "10482"),
        at: "2026-11-14T10:32:16".parse().unwrap(),
        pos_id: PosId::new("204881").ok(),
        operator: Operator::new("Priya").ok(),
        currency: Currency::USD,
        body: Body::Trade(Trade {
            lines: vec![
                line(
                    LineKind::Item,
                    Some("SHIRT-BLU-M"),
                    "Oxford shirt - Blue - M",
                    2,
                    2900,
                    580,
                ),
                line(LineKind::Item, Some("SOCK-3PK"), "Crew socks 3-pack", 1, 1250, 0),
                line(LineKind::GiftCard, None, "Gift card", 1, 2500, 0),
            ],
            taxes: vec![TaxLine {
                jurisdiction: Jurisdiction::new("Sales Tax").unwrap(),
                rate: Rate::parse("0.0825").ok(),
                base: None,
                amount: usd(534),
            }],
            tips: Vec::new(),
            tenders: vec![
                tender(TenderKind::Cash, 2000, None),
                tender(TenderKind::Card, 8000, Some(visa())),
            ],
            change: Some(Change {
                kind: TenderKind::Cash,
                amount: usd(496),
            }),
            totals: Totals {
                net: usd(8970),
                discount: usd(580),
                tax: usd(534),
                tip: usd(0),
                rounding: usd(0),
                total: usd(9504),
                paid: usd(9504),
            },
            prices: Prices::BeforeTax,
            customer: None,
            original: None,
        }),
    }
}

pub fn terminal() -> TerminalPayment {
    TerminalPayment {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        terminal: TerminalId::new("t1").unwrap(),
        command: PaymentCommand::Sale,
        outcome: Outcome::Approved,
        requested: Some(usd(8000)),
        approved: usd(8000),
        tip: Some(usd(0)),
        tax: None,
        cash_back: None,
        surcharge: None,
        card: Some(visa()),
        invoice: TicketNumber::new("10482").ok(),
        request: Code::new("481207").ok(),
        terminal_number: Code::new("0031").ok(),
        batch: Code::new("1004417").ok(),
        offline_number: None,
        operator: Operator::new("417").ok(),
        at: "2026-11-14T10:32:12".parse().ok(),
        message: None,
        emv: Some(EmvReceipt {
            application: Code::new("A0000000031010").ok(),
            label: Code::new("VISA CREDIT").ok(),
            tvr: Code::new("0080008000").ok(),
            tsi: Code::new("E800").ok(),
            cryptogram: Code::new("1A2B3C4D5E6F7081").ok(),
            verification: Code::new("1F0302").ok(),
        }),
    }
}

pub fn stamp() -> Stamp {
    Stamp {
        wall_ms: 1_794_674_336_000,
        monotonic_ms: 86_400_000,
    }
}

pub fn observation(witness: Witness, fact: Fact) -> Observation {
    let attachment = Some(AttachmentRef {
        digest: Digest::of(b"captured bytes"),
        len: 3539,
    });
    Observation {
        witness,
        stamp: stamp(),
        attachment,
        redacted: 0,
        fact,
    }
}

pub fn tally() -> Tally {
    let mut tally = Tally::new(Currency::USD);
    tally.add(&sale()).unwrap();
    tally
}

pub fn segment() -> SegmentId {
    SegmentId(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

pub fn span() -> Span {
    Span {
        segment: segment(),
        first: RecordNumber(1),
        last: RecordNumber(9),
        head: Digest::of(b"head"),
    }
}

pub fn header() -> SegmentHeader {
    SegmentHeader {
        tenant: TenantId::new("maple").unwrap(),
        store: StoreId::new("maple-main").unwrap(),
        lane: LaneId::new("maple-main-pos").unwrap(),
        device: DeviceId::new("maple-main-box").unwrap(),
        generation: 1,
        segment: segment(),
        version: Version::new("0.1.0").unwrap(),
        config: Digest::of(b"config"),
        boot: BootId([7; 16]),
        stamp: stamp(),
        predecessor: Some(Predecessor {
            segment: SegmentId([9; 16]),
            number: RecordNumber(41),
            hash: Digest::of(b"predecessor"),
        }),
        grand_total: Some(tally()),
    }
}

/// A transaction of every kind.
pub fn every_transaction() -> Vec<Transaction> {
    use TransactionKind as K;
    let with = |kind, body| Transaction {
        key: key(kind, "77"),
        body,
        ..sale()
    };
    let drawer = |minor| {
        Body::Drawer(DrawerMovement {
            amount: usd(minor),
            reason: Code::new("window cleaner").ok(),
        })
    };
    let original = OriginalTicket {
        ticket: TicketNumber::new("10482").ok(),
        pos_id: PosId::new("204881").ok(),
        day: None,
    };
    let counted = vec![Counted {
        kind: TenderKind::Cash,
        amount: usd(15_004),
    }];
    vec![
        sale(),
        with(
            K::Void,
            Body::Void(Void {
                of: original,
                was_completed: true,
            }),
        ),
        with(K::NoSale, drawer(0)),
        with(K::PaidIn, drawer(1000)),
        with(K::PaidOut, drawer(1500)),
        with(K::Pickup, drawer(20_000)),
        with(K::Loan, drawer(5000)),
        with(K::TillCount, Body::Count(TillCount { counted })),
        with(K::DayOpen, Body::Open { float: usd(10_000) }),
        with(
            K::DayClose,
            Body::Close {
                stated: Some(tally()),
            },
        ),
    ]
}

/// An observation of every fact.
/// What the first version told; the packed golden batch holds these.
pub fn first_observations() -> Vec<Observation> {
    let unreadable = Unreadable {
        reason: Code::new("malformed").unwrap(),
        detail: Note::new("expected value at line 1 column 1").unwrap(),
        register: None,
    };
    let notice = Notice {
        kind: NoticeKind::CardData,
        text: Note::new("1 card number replaced").unwrap(),
    };
    let close = CloseRecord {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        day: "2026-11-14".parse().unwrap(),
        spans: vec![span()],
        tally: tally(),
    };
    let mut all: Vec<Observation> = every_transaction()
        .into_iter()
        .map(|t| observation(Witness::PosPush, Fact::Transaction(Box::new(t))))
        .collect();
    all.push(observation(
        Witness::Terminal,
        Fact::Terminal(Box::new(terminal())),
    ));
    all.push(observation(Witness::PosPush, Fact::Unreadable(unreadable)));
    all.push(observation(Witness::Agent, Fact::Notice(notice)));
    all.push(observation(Witness::Agent, Fact::Close(close)));
    all
}

pub fn printed() -> Printed {
    Printed {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        currency: Currency::USD,
        template: Code::new("maple-80mm").unwrap(),
        kind: Some(TransactionKind::Sale),
        ticket: TicketNumber::new("10482").ok(),
        at: Some("2026-11-14T10:42:07".parse().unwrap()),
        operator: Operator::cleaned("Dana"),
        copy: false,
        lines: vec![PrintedLine {
            sku: Sku::new("TEE-M").ok(),
            description: Description::new("T-shirt M").ok(),
            quantity: Quantity::parse("2", Unit::Each).ok(),
            unit_price: Some(usd(1500)),
            extended: usd(3000),
        }],
        subtotal: Some(usd(3000)),
        discounts: vec![PrintedAmount {
            label: Description::new("Member 10%").ok(),
            amount: usd(300),
        }],
        taxes: vec![PrintedTax {
            label: Description::new("TX").ok(),
            rate: Rate::parse("0.0825").ok(),
            amount: usd(223),
        }],
        total: Some(usd(2923)),
        tenders: vec![PrintedTender {
            kind: TenderKind::Card,
            label: Description::new("VISA").ok(),
            amount: usd(2923),
            card: Some(visa()),
        }],
        change: None,
        codes: vec![Note::new("TKT-10482").unwrap()],
        drawer_kicks: 1,
    }
}

pub fn report() -> TerminalReport {
    TerminalReport {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        terminal: TerminalId::new("t1").unwrap(),
        kind: ReportKind::Forwarded,
        succeeded: true,
        batch: Code::new("17").ok(),
        at: Some("2026-11-14T18:05:00".parse().unwrap()),
        count: Some(1),
        total: Some(usd(2923)),
        entries: vec![ReportEntry {
            state: ReportState::Approved,
            command: Some(PaymentCommand::Sale),
            amount: Some(usd(2923)),
            tip: None,
            card: Some(visa()),
            invoice: TicketNumber::new("10482").ok(),
            terminal_number: Code::new("31").ok(),
            offline_number: Code::new("4").ok(),
            at: None,
        }],
        message: None,
    }
}

pub fn screen() -> Screen {
    Screen {
        store: StoreId::new("maple-main").unwrap(),
        register: RegisterId::new("r1").unwrap(),
        pos_id: PosId::new("100231").ok(),
        ticket: None,
        state: ScreenState::Open,
        total: Some(usd(2923)),
        at: None,
    }
}

pub fn every_observation() -> Vec<Observation> {
    let mut all = first_observations();
    all.push(observation(Witness::Printer, Fact::Printed(Box::new(printed()))));
    all.push(observation(Witness::Terminal, Fact::Report(Box::new(report()))));
    all.push(observation(Witness::PosPush, Fact::Screen(Box::new(screen()))));
    all
}

pub fn batch() -> Batch {
    let header = encode_header(&header()).unwrap();
    let previous = chain::header_hash(&header);
    let bodies: Vec<Vec<u8>> = first_observations()
        .iter()
        .map(|o| encode_observation(o).unwrap())
        .collect();
    Batch::pack(segment(), Some(header), RecordNumber(1), previous, &bodies)
}

/// A receipt key made from a fixed seed: Ed25519 signatures are deterministic, so golden bytes can hold them.
pub struct RelayKey(Ed25519KeyPair);

impl RelayKey {
    pub fn fixed() -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[42; 32]).unwrap())
    }

    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl Sign for RelayKey {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

/// A device key; its signatures are random, so golden bytes stop before them.
pub struct DeviceKey(EcdsaKeyPair);

impl DeviceKey {
    pub fn random() -> Self {
        let rng = ring::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap())
    }

    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }
}

impl Sign for DeviceKey {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0
            .sign(&ring::rand::SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .try_into()
            .unwrap()
    }
}
