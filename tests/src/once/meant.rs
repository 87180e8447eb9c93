//! What is meant, in plain words and whole numbers, and what Odoo holds, in the same words. The relay is given the one
//! as its own payload; the judge compares the two and knows nothing of the relay's core.
//!
//! A new kind of effect is a variant of [`Meant`]: what does not compile without it says what is missing.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, Sku, StoreId, TenantId, Unit};
use tillwire_relay_core::odoo::{
    Direction, EffectKey, EffectKind, EntryLine, JournalEntry, Payload, PickLine, Picking,
};
use tillwire_relay_core::settings::AccountCode;

use crate::cents;
use crate::odoo_sim::Snapshot;

/// The retailer of every run.
pub const TENANT: &str = "acme";
/// Its store.
pub const STORE: &str = "s01";
/// Items that the store sells.
pub const ITEMS: [&str; 3] = ["MUG", "TEE", "PEN"];
/// Millionths of one piece.
pub const PIECE: i64 = 1_000_000;

/// What runs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Entries in the journal.
    Entry,
    /// Transfers of goods.
    Goods,
}

impl Kind {
    /// All of them. Each test of cells takes them all.
    pub const ALL: [Self; 2] = [Self::Entry, Self::Goods];

    /// The kind that stands for the relay's. `None`: such effects are made in no run.
    #[must_use]
    pub const fn of(kind: EffectKind) -> Option<Self> {
        match kind {
            EffectKind::JournalEntry => Some(Self::Entry),
            EffectKind::Picking => Some(Self::Goods),
            EffectKind::Contact | EffectKind::Invoice | EffectKind::Reconciliation => None,
        }
    }
}

/// One thing to be made true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// A day's entry.
    Entry {
        /// Which day of November 2026.
        day: i8,
        /// Account, label and cents (debit, or credit when negative).
        lines: Vec<(&'static str, &'static str, i64)>,
    },
    /// Goods on their way.
    Goods {
        /// Counts from 1.
        batch: u64,
        /// To customers, or back.
        out: bool,
        /// Item and millionths of a piece.
        items: Vec<(&'static str, i64)>,
    },
}

/// A document in Odoo, in words that compare with [`Meant::content`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its external id, where it has one.
    pub key: Option<String>,
    /// Its model's name.
    pub model: &'static str,
    /// Its database id.
    pub id: i64,
    /// Whether it is posted or done.
    pub confirmed: bool,
    /// What it says, but for its date.
    pub content: Vec<String>,
    /// The accounting date, of what has one.
    pub date: Option<String>,
}

impl Meant {
    /// One of a kind, drawn. `number` tells those of a run apart.
    #[must_use]
    pub fn draw(kind: Kind, number: u64, rng: &mut ChaCha8Rng) -> Self {
        match kind {
            Kind::Entry => {
                let (cash, card, tax) = (
                    rng.random_range(1..50_000),
                    rng.random_range(1..50_000),
                    rng.random_range(1..900),
                );
                Self::Entry {
                    day: i8::try_from(number).unwrap_or(1),
                    lines: vec![
                        ("101501", "cash", cash),
                        ("101702", "card", card),
                        ("251000", "tax", -tax),
                        ("400000", "revenue", tax - cash - card),
                    ],
                }
            }
            Kind::Goods => {
                let count = rng.random_range(1..=ITEMS.len());
                let items = ITEMS[..count].iter();
                Self::Goods {
                    batch: number,
                    out: rng.random_bool(0.8),
                    items: items.map(|sku| (*sku, rng.random_range(1..4) * PIECE)).collect(),
                }
            }
        }
    }

    /// Its external id in Odoo.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Entry { day, .. } => format!("tillwire.j_{TENANT}_{STORE}_202611{day:02}_r1"),
            Self::Goods { batch, .. } => format!("tillwire.p_{TENANT}_{STORE}_{batch}"),
        }
    }

    /// The model of its document.
    #[must_use]
    pub const fn model(&self) -> &'static str {
        match self {
            Self::Entry { .. } => "account.move",
            Self::Goods { .. } => "stock.picking",
        }
    }

    /// The accounting date, of what has one.
    #[must_use]
    pub fn date(&self) -> Option<String> {
        match self {
            Self::Entry { day, .. } => Some(format!("2026-11-{day:02}")),
            Self::Goods { .. } => None,
        }
    }

    /// What Odoo is to hold, but for the date.
    #[must_use]
    pub fn content(&self) -> Vec<String> {
        let mut content: Vec<String> = match self {
            Self::Entry { day, lines } => {
                let head = format!("MISC TW/{STORE}/2026-11-{day:02}/r1");
                let line = |(account, label, cents): &(&str, &str, i64)| line(account, label, *cents);
                lines.iter().map(line).chain([head]).collect()
            }
            Self::Goods { batch, out, items } => {
                let way = if *out { "out" } else { "back" };
                let head = format!("TW/{STORE}/{batch} {way}");
                let item = |(sku, millionths): &(&str, i64)| format!("{sku} {millionths}");
                items.iter().map(item).chain([head]).collect()
            }
        };
        content.sort();
        content
    }

    /// How each item's stock changes, in millionths.
    #[must_use]
    pub fn moves(&self) -> Vec<(&'static str, i64)> {
        match self {
            Self::Entry { .. } => Vec::new(),
            Self::Goods { out, items, .. } => {
                let sign = if *out { -1 } else { 1 };
                items.iter().map(|(sku, n)| (*sku, sign * n)).collect()
            }
        }
    }

    /// What the relay is given.
    ///
    /// # Panics
    /// When a sample is no valid payload, which is this file's own mistake.
    #[must_use]
    pub fn payload(&self) -> Payload {
        let key = EffectKey::from_stored(self.key());
        match self {
            Self::Entry { day, lines } => {
                let date = BusinessDay::new(2026, 11, *day).expect("a day of November");
                let line = |(account, label, cents): &(&str, &str, i64)| EntryLine {
                    account: AccountCode::new(account).expect("an account's code"),
                    label: (*label).to_owned(),
                    amount: Amount::new(*cents, Currency::USD),
                    taxed_by: Vec::new(),
                    tax: None,
                    base: None,
                    analytic: None,
                    foreign: None,
                    owed_by: None,
                };
                Payload::JournalEntry(JournalEntry {
                    key,
                    reference: format!("TW/{STORE}/{date}/r1"),
                    date,
                    day: date,
                    lines: lines.iter().map(line).collect(),
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
        }
    }

    /// Business day and number under which the relay files it.
    #[must_use]
    pub fn filed(&self) -> (Option<BusinessDay>, Option<u64>) {
        match self {
            Self::Entry { day, .. } => (BusinessDay::new(2026, 11, *day).ok(), None),
            Self::Goods { batch, .. } => (None, Some(*batch)),
        }
    }
}

/// The names of the run's retailer and store.
///
/// # Panics
/// Never: both are good names.
#[must_use]
pub fn place() -> (TenantId, StoreId) {
    let tenant = TenantId::new(TENANT).expect("a good name");
    (tenant, StoreId::new(STORE).expect("a good name"))
}

/// Every document of the kinds that the relay makes, whoever made it.
#[must_use]
pub fn documents(odoo: &Snapshot, customers: i64) -> Vec<Document> {
    let entries = odoo.moves.iter().map(|entry| {
        let lines = entry.lines.iter();
        let lines = lines.map(|l| line(&l.account_code, &l.label, l.debit - l.credit));
        let head = format!("{} {}", entry.journal_code, entry.reference);
        Document {
            key: entry.xid.clone(),
            model: "account.move",
            id: entry.id,
            confirmed: entry.state == "posted",
            content: sorted(lines.chain([head])),
            date: Some(entry.date.clone()),
        }
    });
    let pickings = odoo.pickings.iter().map(|picking| {
        let moves = picking.moves.iter().filter(|item| item.state != "cancel");
        let moves = moves.map(|item| format!("{} {}", item.default_code, item.quantity));
        let way = if picking.location_dest_id == customers {
            "out"
        } else {
            "back"
        };
        Document {
            key: picking.xid.clone(),
            model: "stock.picking",
            id: picking.id,
            confirmed: picking.state == "done",
            content: sorted(moves.chain([format!("{} {way}", picking.name)])),
            date: None,
        }
    });
    entries.chain(pickings).collect()
}

fn line(account: &str, label: &str, amount: i64) -> String {
    format!("{account} {label} {}", cents::decimal(amount))
}

fn sorted(words: impl Iterator<Item = String>) -> Vec<String> {
    let mut words: Vec<String> = words.collect();
    words.sort();
    words
}
