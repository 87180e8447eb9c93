//! A small sale for tests.

use tillwire_proto::{
    Amount, Body, BusinessKey, Currency, LocalTime, Prices, RegisterId, StoreId, Tender, TenderKind,
    TenderState, TicketNumber, Totals, Trade, Transaction, TransactionKind,
};

/// A cash sale of `cents` at `till-1` on 2026-11-14.
pub(crate) fn sale(ticket: &str, cents: i64) -> Transaction {
    let usd = |minor| Amount::new(minor, Currency::USD);
    Transaction {
        key: BusinessKey {
            store: StoreId::new("austin").unwrap(),
            register: RegisterId::new("till-1").unwrap(),
            day: "2026-11-14".parse().unwrap(),
            ticket: TicketNumber::new(ticket).unwrap(),
            kind: TransactionKind::Sale,
            revision: 0,
        },
        at: LocalTime(1_794_652_000),
        pos_id: None,
        operator: None,
        currency: Currency::USD,
        body: Body::Trade(Trade {
            lines: Vec::new(),
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
        }),
    }
}
