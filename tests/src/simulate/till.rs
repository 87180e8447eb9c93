//! A till: it sells its tickets one after the other, and keeps each until somebody says that it is safe.

use tillwire_agent_core::journal::Captured;
use tillwire_proto::{
    Amount, Body, BusinessDay, BusinessKey, Currency, Fact, LaneId, Line, LineKind, Prices, Quantity,
    RegisterId, Sku, StoreId, Tender, TenderKind, TenderState, TicketNumber, Totals, Trade, Transaction,
    TransactionKind, Unit, Witness,
};

/// One till.
#[derive(Debug)]
pub(super) struct Till {
    store: StoreId,
    register: RegisterId,
    day: BusinessDay,
    /// Tickets that it sells.
    pub(super) count: u32,
    /// Tickets that it was told are safe.
    pub(super) told: u32,
}

impl Till {
    pub(super) fn new(store: &StoreId, number: usize, day: BusinessDay, count: u32) -> anyhow::Result<Self> {
        Ok(Self {
            store: store.clone(),
            register: RegisterId::new(&format!("till-{}", number + 1))?,
            day,
            count,
            told: 0,
        })
    }

    /// Its name.
    pub(super) const fn register(&self) -> &RegisterId {
        &self.register
    }

    /// What a ticket comes to, in cents.
    pub(super) fn cents(&self, ticket: u32) -> i64 {
        i64::from(ticket) * 100 + i64::from(self.register.as_str().len() == 6) + i64::from(ticket % 7)
    }

    /// A ticket as the agent's capture hands it on.
    pub(super) fn ticket(&self, ticket: u32) -> anyhow::Result<Captured> {
        let cents = self.cents(ticket);
        let usd = |minor| Amount::new(minor, Currency::USD);
        let trade = Trade {
            lines: vec![Line {
                kind: LineKind::Item,
                sku: Some(Sku::new("TEE")?),
                description: None,
                department: None,
                serial: None,
                quantity: Quantity::parse("1", Unit::Each)?,
                unit_price: usd(cents),
                discounts: Vec::new(),
                extended: usd(cents),
            }],
            taxes: Vec::new(),
            tips: Vec::new(),
            tenders: vec![Tender {
                kind: TenderKind::Cash,
                amount: usd(cents),
                state: TenderState::Complete,
                card: None,
                label: None,
                foreign: None,
            }],
            change: None,
            totals: Totals {
                net: usd(cents),
                discount: usd(0),
                tax: usd(0),
                tip: usd(0),
                rounding: usd(0),
                total: usd(cents),
                paid: usd(cents),
            },
            prices: Prices::BeforeTax,
            customer: None,
            original: None,
        };
        let transaction = Transaction {
            key: BusinessKey {
                store: self.store.clone(),
                register: self.register.clone(),
                day: self.day,
                ticket: TicketNumber::new(&ticket.to_string())?,
                kind: TransactionKind::Sale,
                revision: 0,
            },
            at: format!("{}T10:00:00", self.day).parse()?,
            pos_id: None,
            operator: None,
            currency: Currency::USD,
            body: Body::Trade(trade),
        };
        Ok(Captured {
            lane: LaneId::new("pos")?,
            witness: Witness::PosPush,
            redacted: 0,
            raw: format!("{{\"ticket\":{ticket},\"register\":\"{}\"}}", self.register).into_bytes(),
            fact: Fact::Transaction(Box::new(transaction)),
        })
    }
}
