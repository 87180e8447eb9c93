//! What is meant, in plain words and whole numbers, and what Odoo holds, in the same words. The relay is given the one
//! as its own payload ([`Meant::payload`]); the judge compares the two and knows nothing of the relay's core.
//!
//! A new kind of effect is a variant of [`Meant`]: what does not compile without it says what is missing.

mod held;
mod payload;

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::odoo::EffectKind;

use crate::cents;

pub use held::{Document, documents};

/// The retailer of every run.
pub const TENANT: &str = "acme";
/// Its store.
pub const STORE: &str = "s01";
/// Items that the store sells.
pub const ITEMS: [&str; 3] = ["MUG", "TEE", "PEN"];
/// Millionths of one piece.
pub const PIECE: i64 = 1_000_000;
/// The contact that is in Odoo before anything begins, by its internal reference.
pub const WALK_IN: &str = "WALK-IN";
/// The account that invoices are owed on.
pub const RECEIVABLE: &str = "121000";
/// Another one of its kind, for who edits a contact.
pub const OTHER_RECEIVABLE: &str = "101300";

/// What runs are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An entry in the journal.
    Entry,
    /// A transfer of goods.
    Goods,
    /// A customer as a contact.
    Contact,
    /// An invoice, or a credit note.
    Invoice,
    /// A customer, their invoice, the entry that has their money, and that the two pay each other.
    Paid,
}

impl Kind {
    /// All of them. Each test of cells takes them all.
    pub const ALL: [Self; 5] = [Self::Entry, Self::Goods, Self::Contact, Self::Invoice, Self::Paid];

    /// The kind in whose runs effects of the relay's kind are made.
    #[must_use]
    pub const fn of(kind: EffectKind) -> Self {
        match kind {
            EffectKind::JournalEntry => Self::Entry,
            EffectKind::Picking => Self::Goods,
            EffectKind::Contact => Self::Contact,
            EffectKind::Invoice => Self::Invoice,
            EffectKind::Reconciliation => Self::Paid,
        }
    }

    /// What is meant by one of the kind, drawn. `number` tells those of a run apart.
    #[must_use]
    pub fn draw(self, number: u8, rng: &mut ChaCha8Rng) -> Vec<Meant> {
        match self {
            Self::Entry => vec![entry(number, rng)],
            Self::Goods => vec![goods(number, rng)],
            Self::Contact => vec![Meant::Contact { number }],
            Self::Invoice => vec![invoice(number, rng.random_bool(0.7), None, rng)],
            Self::Paid => paid(number, rng),
        }
    }
}

/// Account, label and cents (debit, or credit when negative).
pub type Line = (&'static str, &'static str, i64);

/// One thing to be made true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// A day's entry.
    Entry {
        /// Which day of November 2026.
        day: u8,
        /// What it says.
        lines: Vec<Line>,
        /// The customer whose money is on its lines of the receivable account.
        of: Option<u8>,
    },
    /// Goods on their way.
    Goods {
        /// Counts from 1.
        batch: u8,
        /// To customers, or back.
        out: bool,
        /// Item and millionths of a piece.
        items: Vec<(&'static str, i64)>,
    },
    /// A customer of the POS.
    Contact {
        /// Counts from 1.
        number: u8,
    },
    /// An invoice, or what goes back.
    Invoice {
        /// Which day of November 2026.
        day: u8,
        /// An invoice, or a credit note.
        sale: bool,
        /// Who owes it: this customer, or the contact that is there already.
        of: Option<u8>,
        /// What is sold and its taxes: account, label and cents, signed as in the ledger.
        lines: Vec<Line>,
    },
    /// An invoice of a customer and the entry of that day pay each other.
    Payment {
        /// Which day of November 2026.
        day: u8,
        /// Which customer's.
        of: u8,
        /// Cents that are paid; positive.
        cents: i64,
    },
}

fn entry(number: u8, rng: &mut ChaCha8Rng) -> Meant {
    let (cash, card, tax) = (
        rng.random_range(1..50_000),
        rng.random_range(1..50_000),
        rng.random_range(1..900),
    );
    Meant::Entry {
        day: number,
        lines: vec![
            ("101501", "cash", cash),
            ("101702", "card", card),
            ("251000", "tax", -tax),
            ("400000", "revenue", tax - cash - card),
        ],
        of: None,
    }
}

fn goods(number: u8, rng: &mut ChaCha8Rng) -> Meant {
    let count = rng.random_range(1..=ITEMS.len());
    let items = ITEMS[..count].iter();
    Meant::Goods {
        batch: number,
        out: rng.random_bool(0.8),
        items: items.map(|sku| (*sku, rng.random_range(1..4) * PIECE)).collect(),
    }
}

fn invoice(number: u8, sale: bool, of: Option<u8>, rng: &mut ChaCha8Rng) -> Meant {
    let sign = if sale { -1 } else { 1 };
    let (revenue, tax) = (rng.random_range(200..50_000), rng.random_range(1..900));
    Meant::Invoice {
        day: number,
        sale,
        of,
        lines: vec![
            ("400000", "revenue", sign * revenue),
            ("251000", "tax", sign * tax),
        ],
    }
}

fn paid(number: u8, rng: &mut ChaCha8Rng) -> Vec<Meant> {
    let sold = invoice(number, true, Some(number), rng);
    let cents = -sold.total();
    let money = Meant::Entry {
        day: number,
        lines: vec![
            ("101501", "cash", cents),
            (RECEIVABLE, "paid by customer", -cents),
        ],
        of: Some(number),
    };
    let payment = Meant::Payment {
        day: number,
        of: number,
        cents,
    };
    vec![Meant::Contact { number }, sold, money, payment]
}

fn customer(number: u8) -> String {
    format!("CUST-{number}")
}

impl Meant {
    /// Its name: its external id in Odoo, but for a payment, which is no record there.
    #[must_use]
    pub fn key(&self) -> String {
        let owner =
            |of: &Option<u8>| of.map_or_else(|| "rWALK-IN".to_owned(), |of| format!("c{}", customer(of)));
        match self {
            Self::Entry { day, .. } => format!("tillwire.j_{TENANT}_{STORE}_202611{day:02}_r1"),
            Self::Goods { batch, .. } => format!("tillwire.p_{TENANT}_{STORE}_{batch}"),
            Self::Contact { number } => format!("tillwire.c_{TENANT}_{}", customer(*number)),
            Self::Invoice { day, of, .. } => {
                format!("tillwire.i_{TENANT}_{STORE}_202611{day:02}_s_{}_r1", owner(of))
            }
            Self::Payment { day, of, .. } => {
                format!(
                    "tillwire.m_{TENANT}_{STORE}_202611{day:02}_s_{}_r1_1",
                    owner(&Some(*of))
                )
            }
        }
    }

    /// The keys of what has to be there before it.
    #[must_use]
    pub fn needs(&self) -> Vec<String> {
        let contact = |of: &Option<u8>| of.map(|number| Self::Contact { number }.key());
        match self {
            Self::Goods { .. } | Self::Contact { .. } => Vec::new(),
            Self::Entry { of, .. } | Self::Invoice { of, .. } => contact(of).into_iter().collect(),
            Self::Payment { .. } => self.pays().into(),
        }
    }

    /// The keys of the invoice and the entry that pay each other, of a payment.
    #[must_use]
    pub fn pays(&self) -> [String; 2] {
        let Self::Payment { day, of, .. } = self else {
            return Default::default();
        };
        let (day, lines) = (*day, Vec::new());
        let invoice = Self::Invoice {
            day,
            sale: true,
            of: Some(*of),
            lines: lines.clone(),
        };
        let entry = Self::Entry { day, lines, of: None };
        [invoice.key(), entry.key()]
    }

    /// The model of its document; of a payment, of the lines that it is told by.
    #[must_use]
    pub const fn model(&self) -> &'static str {
        match self {
            Self::Entry { .. } | Self::Invoice { .. } => "account.move",
            Self::Goods { .. } => "stock.picking",
            Self::Contact { .. } => "res.partner",
            Self::Payment { .. } => "account.move.line",
        }
    }

    /// The accounting date, of what has one.
    #[must_use]
    pub fn date(&self) -> Option<String> {
        match self {
            Self::Entry { day, .. } | Self::Invoice { day, .. } => Some(format!("2026-11-{day:02}")),
            Self::Goods { .. } | Self::Contact { .. } | Self::Payment { .. } => None,
        }
    }

    /// Whether somebody is told when it is changed after it was done. Contacts belong to who looks after them.
    #[must_use]
    pub const fn is_watched(&self) -> bool {
        !matches!(self, Self::Contact { .. })
    }

    /// What its lines come to, in cents: of an invoice less than nothing.
    fn total(&self) -> i64 {
        match self {
            Self::Entry { lines, .. } | Self::Invoice { lines, .. } => lines.iter().map(|line| line.2).sum(),
            Self::Payment { cents, .. } => *cents,
            Self::Goods { .. } | Self::Contact { .. } => 0,
        }
    }

    /// What Odoo is to hold, but for the date.
    #[must_use]
    pub fn content(&self) -> Vec<String> {
        let mut content: Vec<String> = match self {
            Self::Entry { day, lines, of } => {
                let head = format!("MISC TW/{STORE}/2026-11-{day:02}/r1");
                let owner = of.map(customer);
                let line = |line: &Line| entry_line(*line, owner.as_deref());
                lines.iter().map(line).chain([head]).collect()
            }
            Self::Goods { batch, out, items } => {
                let way = if *out { "out" } else { "back" };
                let head = format!("TW/{STORE}/{batch} {way}");
                let item = |(sku, millionths): &(&str, i64)| format!("{sku} {millionths}");
                items.iter().map(item).chain([head]).collect()
            }
            Self::Contact { number } => vec![format!("{} owes on {RECEIVABLE}", customer(*number))],
            Self::Invoice { day, sale, of, lines } => {
                let kind = if *sale { "out_invoice" } else { "out_refund" };
                let owner = of.map_or_else(|| WALK_IN.to_owned(), customer);
                let head = format!("INV {kind} {}", invoice_reference(*day));
                let owed = format!("{RECEIVABLE} {} owed by {owner}", cents::decimal(-self.total()));
                let sold = |line: &Line| format!("{} {}", line.0, cents::decimal(line.2));
                lines.iter().map(sold).chain([head, owed]).collect()
            }
            Self::Payment { cents, .. } => vec![format!("paid {}", cents::decimal(*cents))],
        };
        content.sort();
        content
    }

    /// How each item's stock changes, in millionths.
    #[must_use]
    pub fn moves(&self) -> Vec<(&'static str, i64)> {
        match self {
            Self::Goods { out, items, .. } => {
                let sign = if *out { -1 } else { 1 };
                items.iter().map(|(sku, n)| (*sku, sign * n)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Business day and number under which the relay files it.
    #[must_use]
    pub fn filed(&self) -> (Option<BusinessDay>, Option<u64>) {
        match self {
            Self::Entry { day, .. } | Self::Invoice { day, .. } | Self::Payment { day, .. } => {
                (payload::business_day(*day).into(), None)
            }
            Self::Goods { batch, .. } => (None, Some(u64::from(*batch))),
            Self::Contact { .. } => (None, None),
        }
    }
}

fn invoice_reference(day: u8) -> String {
    format!("TW/{STORE}/2026-11-{day:02}/i1")
}

/// A line of an entry in words, with who owes it where it is on the receivable account.
fn entry_line((account, label, amount): (&str, &str, i64), owner: Option<&str>) -> String {
    let line = format!("{account} {label} {}", cents::decimal(amount));
    match owner.filter(|_| account == RECEIVABLE) {
        Some(owner) => format!("{line} of {owner}"),
        None => line,
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
