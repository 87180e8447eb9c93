//! Effects' names, which are external ids in Odoo and so can be read back from there.

use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{BusinessDay, PosId, RegisterId, StoreId, TenantId, TicketNumber, TransactionKind};

use crate::books::{Document, Partner};

/// The effect's name, which is its external id in Odoo: created in the same Odoo transaction, unique there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey(String);

impl EffectKey {
    /// Of a day's posting. Revision 1 is the first.
    #[must_use]
    pub fn journal(tenant: &TenantId, store: &StoreId, day: BusinessDay, revision: u32) -> Self {
        Self(format!(
            "tillwire.j_{tenant}_{store}_{}_r{revision}",
            compact(day)
        ))
    }

    /// Of an invoice or credit note; of the entry its own. Revisions count from 1 per document.
    #[must_use]
    pub fn document(
        tenant: &TenantId,
        store: &StoreId,
        day: BusinessDay,
        document: &Document,
        revision: u32,
    ) -> Self {
        match part(document) {
            None => Self::journal(tenant, store, day, revision),
            Some(part) => Self(format!(
                "tillwire.i_{tenant}_{store}_{}_{part}_r{revision}",
                compact(day)
            )),
        }
    }

    /// Of the reconciliation of a document's lines on the receivable account, from that document's or the entry's
    /// revision on. Nothing in Odoo has it as its external id: what is reconciled is told by the lines.
    #[must_use]
    pub fn reconciliation(
        tenant: &TenantId,
        store: &StoreId,
        day: BusinessDay,
        document: &Document,
        (invoice, entry): (u32, u32),
    ) -> Self {
        let part = part(document).unwrap_or_default();
        Self(format!(
            "tillwire.m_{tenant}_{store}_{}_{part}_r{invoice}_{entry}",
            compact(day)
        ))
    }

    /// Of a customer of the POS as a contact.
    #[must_use]
    pub fn partner(tenant: &TenantId, customer: &PosId) -> Self {
        Self(format!("tillwire.c_{tenant}_{}", escaped(customer.as_str())))
    }

    /// Of a store's batch of stock movements. Batches count from 1 per store.
    #[must_use]
    pub fn picking(tenant: &TenantId, store: &StoreId, batch: u64) -> Self {
        Self(format!("tillwire.p_{tenant}_{store}_{batch}"))
    }

    /// As stored, and as Odoo's external id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads what [`EffectKey::as_str`] gave.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Day, document and revision, when an external id is one of this store's entries, invoices or credit notes.
    #[must_use]
    pub fn numbered(
        external: &str,
        tenant: &TenantId,
        store: &StoreId,
    ) -> Option<(BusinessDay, Document, u32)> {
        let of = |letter: char| external.strip_prefix(&format!("tillwire.{letter}_{tenant}_{store}_"));
        let (rest, invoice) = match of('j') {
            Some(rest) => (rest, false),
            None => (of('i')?, true),
        };
        let (rest, revision) = rest.rsplit_once("_r")?;
        let (date, document) = if invoice {
            let (date, part) = rest.split_once('_')?;
            (date, document(part)?)
        } else {
            (rest, Document::Entry)
        };
        let (year, month, of_month) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
        let day: BusinessDay = format!("{year}-{month}-{of_month}").parse().ok()?;
        let revision = revision.parse().ok()?;
        let key = Self::document(tenant, store, day, &document, revision);
        (key.as_str() == external).then_some((day, document, revision))
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn compact(day: BusinessDay) -> String {
    let date = day.date();
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// A document's part of the key: `s` or `t`, then its names, divided by underscores; `None` of an entry.
fn part(document: &Document) -> Option<String> {
    let of = |partner: &Partner| match partner {
        Partner::Customer(id) => format!("c{}", escaped(id.as_str())),
        Partner::Contact(reference) => format!("r{}", escaped(reference)),
    };
    match document {
        Document::Entry => None,
        Document::Summary(partner) => Some(format!("s_{}", of(partner))),
        Document::Ticket {
            register,
            ticket,
            kind,
            partner,
        } => {
            let (register, ticket) = (escaped(register.as_str()), escaped(ticket.as_str()));
            Some(format!("t_{register}_{ticket}_{}_{}", kind.name(), of(partner)))
        }
    }
}

fn document(part: &str) -> Option<Document> {
    let partner = |text: &str| {
        let (kind, name) = (text.get(..1)?, text.get(1..)?);
        match kind {
            "c" => Some(Partner::Customer(PosId::new(&unescaped(name)?).ok()?)),
            "r" => Some(Partner::Contact(unescaped(name)?)),
            _ => None,
        }
    };
    match part.split('_').collect::<Vec<_>>().as_slice() {
        ["s", of] => Some(Document::Summary(partner(of)?)),
        ["t", register, ticket, kind, of] => Some(Document::Ticket {
            register: RegisterId::new(&unescaped(register)?).ok()?,
            ticket: TicketNumber::new(&unescaped(ticket)?).ok()?,
            kind: invoiced_kind(kind)?,
            partner: partner(of)?,
        }),
        _ => None,
    }
}

/// The kinds of ticket that an invoice can be of.
fn invoiced_kind(name: &str) -> Option<TransactionKind> {
    [
        TransactionKind::Sale,
        TransactionKind::Return,
        TransactionKind::Exchange,
        TransactionKind::Void,
    ]
    .into_iter()
    .find(|kind| kind.name() == name)
}

/// Letters, digits and hyphens as they are, any other byte as `=` and two digits: no space, dot or underscore is left.
fn escaped(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            out.push(char::from(byte));
        } else {
            // writing to a String cannot fail
            let _ = write!(out, "={byte:02x}");
        }
    }
    out
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'=' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_is_told_by_its_external_id() {
        let (tenant, store) = (TenantId::new("acme").unwrap(), StoreId::new("s01").unwrap());
        let day = BusinessDay::new(2026, 11, 20).unwrap();
        let ticket = |partner| Document::Ticket {
            register: RegisterId::new("till-1").unwrap(),
            ticket: TicketNumber::new("10/0_1 ü").unwrap(),
            kind: TransactionKind::Return,
            partner,
        };
        let customer = Partner::Customer(PosId::new("C_9.=").unwrap());
        let documents = [
            Document::Entry,
            Document::Summary(Partner::Contact("WALK IN".to_owned())),
            ticket(customer.clone()),
            ticket(Partner::Contact("C_9.=".to_owned())),
        ];
        for document in documents {
            let key = EffectKey::document(&tenant, &store, day, &document, 12);
            assert!(!key.as_str().contains(' '), "{key}");
            let told = EffectKey::numbered(key.as_str(), &tenant, &store);
            assert_eq!(told, Some((day, document, 12)), "{key}");
        }
        let other = EffectKey::document(&tenant, &store, day, &ticket(customer), 1);
        assert_eq!(
            EffectKey::numbered(other.as_str(), &tenant, &StoreId::new("s1").unwrap()),
            None
        );
    }
}
