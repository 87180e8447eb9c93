//! What an effect says, kind by kind, and what has to be true in Odoo before it can be.

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Digest};

use super::{EffectKey, Step};
use crate::odoo::contact::{Contact, Owner};
use crate::odoo::invoice::Invoice;
use crate::odoo::journal::JournalEntry;
use crate::odoo::picking::Picking;
use crate::odoo::reconcile::Reconciliation;
use crate::settings::AccountCode;

/// What kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectKind {
    /// A posted `account.move` of type `entry`.
    JournalEntry,
    /// A done `stock.picking`.
    Picking,
    /// A `res.partner`.
    Contact,
    /// A posted `account.move` of type `out_invoice` or `out_refund`.
    Invoice,
    /// Lines of the receivable account that pay each other.
    Reconciliation,
}

impl EffectKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::JournalEntry,
        Self::Picking,
        Self::Contact,
        Self::Invoice,
        Self::Reconciliation,
    ];

    /// Lower-case word, as databases and scripts write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JournalEntry => "journal-entry",
            Self::Picking => "picking",
            Self::Contact => "contact",
            Self::Invoice => "invoice",
            Self::Reconciliation => "reconciliation",
        }
    }

    /// True of what a posted store-day consists of.
    #[must_use]
    pub const fn is_of_the_books(self) -> bool {
        matches!(self, Self::JournalEntry | Self::Invoice | Self::Reconciliation)
    }
}

/// What it says, without a single database id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// A journal entry.
    JournalEntry(JournalEntry),
    /// A picking.
    Picking(Picking),
    /// A contact.
    Contact(Contact),
    /// An invoice or credit note.
    Invoice(Invoice),
    /// A reconciliation.
    Reconciliation(Reconciliation),
}

impl Payload {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> EffectKind {
        match self {
            Self::JournalEntry(_) => EffectKind::JournalEntry,
            Self::Picking(_) => EffectKind::Picking,
            Self::Contact(_) => EffectKind::Contact,
            Self::Invoice(_) => EffectKind::Invoice,
            Self::Reconciliation(_) => EffectKind::Reconciliation,
        }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &EffectKey {
        match self {
            Self::JournalEntry(entry) => &entry.key,
            Self::Picking(picking) => &picking.key,
            Self::Contact(contact) => &contact.key,
            Self::Invoice(invoice) => &invoice.key,
            Self::Reconciliation(reconciliation) => &reconciliation.key,
        }
    }

    /// SHA-256 of its JSON, whose fields and lines have one order.
    #[must_use]
    pub fn content_hash(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("a payload has only texts and numbers"))
    }

    /// The effects that have to be done before this one can be asked for.
    #[must_use]
    pub fn needs(&self) -> Vec<&EffectKey> {
        match self {
            Self::Picking(_) | Self::Contact(_) => Vec::new(),
            Self::JournalEntry(entry) => {
                let owners = entry.lines.iter().filter_map(|line| line.owed_by.as_ref());
                let owners = owners.filter_map(Owner::effect);
                owners.chain(&entry.reverses).collect()
            }
            Self::Invoice(invoice) => invoice
                .owed_by
                .effect()
                .into_iter()
                .chain(&invoice.reverses)
                .collect(),
            Self::Reconciliation(reconciliation) => {
                reconciliation.parts.iter().map(|part| &part.of).collect()
            }
        }
    }

    /// The accounts that it names.
    #[must_use]
    pub fn accounts(&self) -> Vec<&AccountCode> {
        match self {
            Self::JournalEntry(entry) => entry.lines.iter().map(|line| &line.account).collect(),
            Self::Invoice(invoice) => {
                let sold = invoice.lines.iter().map(|line| &line.account);
                sold.chain([&invoice.receivable]).collect()
            }
            Self::Contact(contact) => vec![&contact.receivable],
            Self::Reconciliation(reconciliation) => vec![&reconciliation.account],
            Self::Picking(_) => Vec::new(),
        }
    }

    /// The document that it takes back.
    #[must_use]
    pub const fn reverses(&self) -> Option<&EffectKey> {
        match self {
            Self::JournalEntry(entry) => entry.reverses.as_ref(),
            Self::Invoice(invoice) => invoice.reverses.as_ref(),
            Self::Picking(_) | Self::Contact(_) | Self::Reconciliation(_) => None,
        }
    }

    /// What it is worth: the debits of an entry, what an invoice comes to, what is paid; `None` of what is no money.
    #[must_use]
    pub fn worth(&self) -> Option<Amount> {
        match self {
            Self::JournalEntry(entry) => entry.total(),
            Self::Invoice(invoice) => invoice.total(),
            Self::Reconciliation(reconciliation) => Some(reconciliation.amount),
            Self::Picking(_) | Self::Contact(_) => None,
        }
    }

    /// What people call it.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::JournalEntry(entry) => format!("entry {}", entry.reference),
            Self::Picking(picking) => format!("picking {}", picking.name),
            Self::Contact(contact) => format!("contact {}", contact.name),
            Self::Invoice(invoice) => format!("{} {}", invoice.kind.title(), invoice.reference),
            Self::Reconciliation(reconciliation) => format!("payment of {}", reconciliation.title),
        }
    }

    pub(super) const fn first_step(&self) -> Step {
        match self {
            Self::Reconciliation(_) => Step::Look,
            Self::JournalEntry(_) | Self::Picking(_) | Self::Contact(_) | Self::Invoice(_) => Step::Load,
        }
    }
}
