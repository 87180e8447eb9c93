//! Which document in Odoo a part of the day belongs to. There is one ledger whatever a store chose: an invoice takes
//! what was sold and its taxes out of the day's entry, and both name what is owed on the receivable account, so that
//! each document sums to nothing and the two pay each other.

use serde::{Deserialize, Serialize};
use tillwire_proto::{BusinessDay, Customer, PosId, RegisterId, StoreId, TicketNumber, TransactionKind};

use crate::settings::{PostingMode, StoreSettings};
use crate::tickets::Ticket;

/// Who owes an invoice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partner {
    /// A customer of the POS, whom Odoo learns of from us.
    Customer(PosId),
    /// A contact that is in Odoo already, by its internal reference.
    Contact(String),
}

/// A document of a store-day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Document {
    /// The day's journal entry.
    Entry,
    /// The day's invoice to one contact.
    Summary(Partner),
    /// The invoice of one ticket. A ticket that changes hands becomes another document, and the old one is taken back.
    Ticket {
        /// The register.
        register: RegisterId,
        /// The ticket's number.
        ticket: TicketNumber,
        /// What kind of ticket.
        kind: TransactionKind,
        /// Who owes it.
        partner: Partner,
    },
}

impl Document {
    /// Who owes it; nobody owes an entry.
    #[must_use]
    pub const fn partner(&self) -> Option<&Partner> {
        match self {
            Self::Entry => None,
            Self::Summary(partner) | Self::Ticket { partner, .. } => Some(partner),
        }
    }

    /// True when it is an invoice or a credit note.
    #[must_use]
    pub const fn is_invoice(&self) -> bool {
        self.partner().is_some()
    }

    /// What the lines on the receivable account say; no two documents of a day say the same.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Entry => "Entry".to_owned(),
            Self::Summary(partner) => format!("Summary invoice of {}", partner.name()),
            Self::Ticket {
                register,
                ticket,
                kind,
                partner,
            } => format!(
                "Invoice {register}/{ticket} {} of {}",
                kind.name(),
                partner.name()
            ),
        }
    }

    /// What Odoo shows as its reference.
    #[must_use]
    pub fn reference(&self, store: &StoreId, day: BusinessDay, revision: u32) -> String {
        match self {
            Self::Entry => format!("TW/{store}/{day}/r{revision}"),
            Self::Summary(_) => format!("TW/{store}/{day}/summary/r{revision}"),
            Self::Ticket { register, ticket, .. } => {
                format!("TW/{store}/{day}/{register}/{ticket}/r{revision}")
            }
        }
    }
}

impl Partner {
    /// Its id or reference, for people.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Customer(id) => id.as_str(),
            Self::Contact(reference) => reference,
        }
    }
}

/// Where what a ticket sells belongs.
pub(super) fn of(settings: &StoreSettings, ticket: &Ticket<'_>) -> Document {
    let Some(invoices) = &settings.odoo.invoices else {
        return Document::Entry;
    };
    match settings.odoo.mode {
        PostingMode::SummaryEntry => Document::Entry,
        PostingMode::SummaryInvoice => invoices
            .summary_partner
            .clone()
            .map_or(Document::Entry, |reference| {
                Document::Summary(Partner::Contact(reference))
            }),
        PostingMode::CustomerInvoice => {
            let named = customer(ticket).filter(|customer| !invoices.walk_in.contains(&customer.id));
            let Some(customer) = named else {
                return Document::Entry;
            };
            let partner = match invoices.partners.get(&customer.id) {
                Some(reference) => Partner::Contact(reference.clone()),
                None => Partner::Customer(customer.id.clone()),
            };
            Document::Ticket {
                register: ticket.key.register.clone(),
                ticket: ticket.key.ticket.clone(),
                kind: ticket.key.kind,
                partner,
            }
        }
    }
}

pub(super) fn customer<'a>(ticket: &Ticket<'a>) -> Option<&'a Customer> {
    ticket.transaction.trade()?.customer.as_ref()
}
