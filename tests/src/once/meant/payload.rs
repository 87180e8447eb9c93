//! What is meant as the relay's own payload.

use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, Sku, Unit};
use tillwire_relay_core::odoo::{
    Contact, Direction, EffectKey, EntryLine, Invoice, InvoiceKind, JournalEntry, Owner, Part, Payload,
    PickLine, Picking, Reconciliation,
};
use tillwire_relay_core::settings::AccountCode;

use super::{Line, Meant, RECEIVABLE, STORE, WALK_IN, customer, invoice_reference};

/// A day of November 2026.
pub(super) fn business_day(day: u8) -> BusinessDay {
    let day = i8::try_from(day).expect("a day of a month");
    BusinessDay::new(2026, 11, day).expect("a day of November")
}

fn account(code: &str) -> AccountCode {
    AccountCode::new(code).expect("an account's code")
}

fn owner(of: Option<u8>) -> Owner {
    match of {
        Some(number) => Owner::Customer(EffectKey::from_stored(Meant::Contact { number }.key())),
        None => Owner::Contact(WALK_IN.to_owned()),
    }
}

fn line((code, label, cents): &Line, of: Option<u8>) -> EntryLine {
    EntryLine {
        account: account(code),
        label: (*label).to_owned(),
        amount: Amount::new(*cents, Currency::USD),
        taxed_by: Vec::new(),
        tax: None,
        base: None,
        analytic: None,
        foreign: None,
        owed_by: of.filter(|_| *code == RECEIVABLE).map(|of| owner(Some(of))),
    }
}

impl Meant {
    /// What the relay is given.
    ///
    /// # Panics
    /// When a sample is no valid payload, which is this file's own mistake.
    #[must_use]
    pub fn payload(&self) -> Payload {
        let key = EffectKey::from_stored(self.key());
        match self {
            Self::Entry { day, lines, of } => {
                let date = business_day(*day);
                Payload::JournalEntry(JournalEntry {
                    key,
                    reference: format!("TW/{STORE}/{date}/r1"),
                    date,
                    day: date,
                    lines: lines.iter().map(|sold| line(sold, *of)).collect(),
                    reverses: None,
                })
            }
            Self::Goods { batch, out, items } => {
                let line = |(sku, millionths): &(&str, i64)| PickLine {
                    lot: None,
                    sku: Sku::new(sku).expect("an item number"),
                    quantity: Quantity::from_millionths(*millionths, Unit::Each),
                };
                Payload::Picking(Picking {
                    kits: Vec::new(),
                    key,
                    name: format!("TW/{STORE}/{batch}"),
                    origin: format!("{STORE} 2026-11-20"),
                    direction: if *out { Direction::Out } else { Direction::Back },
                    lines: items.iter().map(line).collect(),
                })
            }
            Self::Contact { number } => Payload::Contact(Contact {
                key,
                reference: customer(*number),
                name: format!("Customer {number}"),
                receivable: account(RECEIVABLE),
            }),
            Self::Invoice { day, sale, of, lines } => Payload::Invoice(Invoice {
                key,
                kind: if *sale {
                    InvoiceKind::Invoice
                } else {
                    InvoiceKind::CreditNote
                },
                reference: invoice_reference(*day),
                date: business_day(*day),
                owed_by: owner(*of),
                receivable: account(RECEIVABLE),
                lines: lines.iter().map(|sold| line(sold, None)).collect(),
                reverses: None,
            }),
            Self::Payment { cents, .. } => {
                let [invoice, entry] = self.pays();
                let part = |of: String, label: Option<&str>| Part {
                    of: EffectKey::from_stored(of),
                    label: label.map(str::to_owned),
                };
                Payload::Reconciliation(Reconciliation {
                    title: format!("payment of {invoice}"),
                    key,
                    account: account(RECEIVABLE),
                    amount: Amount::new(*cents, Currency::USD),
                    parts: vec![part(invoice, None), part(entry, Some("paid by customer"))],
                })
            }
        }
    }
}
