//! Why Odoo's quantity of a product at a store is not what the tills say: every difference in parts, each with a cause.
//!
//! The tills' side begins at the last count, because a count is the only statement about the shelf itself: counted then,
//! less what was sold since. Odoo's side is what it holds now. The parts sum to the difference exactly; what no other
//! cause accounts for is [`DriftCause::Unexplained`] and never left out.
//!
//! Where the POS keeps a stock of its own, its figure stands beside both: what goods were received, counted or written off in
//! only one of the two systems shows as [`PosStock::apart`].

use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Quantity, Sku, Unit};

/// Why a part of a difference is there. Closed: a new reason gets a new cause, never a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriftCause {
    /// Sold, and on its way to Odoo.
    Waiting,
    /// Sold, and held here under an exception.
    Held,
    /// Sold, and Odoo refused to move it.
    Refused,
    /// Somebody moved goods in Odoo: a delivery, a transfer, scrap.
    MovedInOdoo,
    /// Sold before the count and moved after it: the count had left it out already.
    Counted,
    /// The quantity was written in Odoo without a move.
    EditedDirectly,
    /// Less than the smallest step of its unit.
    Rounding,
    /// It is a kit now, and has a quantity of its own all the same.
    Kit,
    /// None of these.
    Unexplained,
}

impl DriftCause {
    /// Every cause.
    pub const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Held,
        Self::Refused,
        Self::MovedInOdoo,
        Self::Counted,
        Self::EditedDirectly,
        Self::Rounding,
        Self::Kit,
        Self::Unexplained,
    ];

    /// In words, for a list.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Waiting => "sold, on its way to Odoo",
            Self::Held => "sold, held here",
            Self::Refused => "sold, refused by Odoo",
            Self::MovedInOdoo => "moved in Odoo",
            Self::Counted => "sold before the count, moved after it",
            Self::EditedDirectly => "quantity written without a move",
            Self::Rounding => "rounding of the unit",
            Self::Kit => "a kit with a quantity of its own",
            Self::Unexplained => "unexplained",
        }
    }

    /// True when it goes away by itself or is meant: nobody has to look.
    #[must_use]
    pub const fn is_expected(self) -> bool {
        matches!(self, Self::Waiting | Self::MovedInOdoo | Self::Rounding)
    }
}

impl fmt::Display for DriftCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// A count of the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// What stood there then, in millionths.
    pub quantity: i64,
}

/// What Odoo says of a product at a store. Quantities in millionths of its unit, positive into the store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OdooSide {
    /// What stands there now.
    pub now: i64,
    /// The last count; `None` when it was never counted, and then nothing stood there before its first move.
    pub count: Option<Count>,
    /// What this relay's pickings moved since the count.
    pub ours: i64,
    /// What this relay's pickings moved altogether.
    pub ours_ever: i64,
    /// What anything else moved since the count, by document.
    pub others: Vec<(String, i64)>,
    /// The smallest step of its unit.
    pub rounding: i64,
    /// True for a kit.
    pub kit: bool,
}

/// Where goods that were sold are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whereabouts {
    /// Moved in Odoo and read back, at this time in milliseconds.
    Done {
        /// When it was done.
        at_ms: i64,
    },
    /// On its way.
    Waiting,
    /// Held under an exception.
    Held,
    /// Refused by Odoo.
    Refused,
}

/// Goods of a product that were sold, or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sold {
    /// How many left, in millionths; negative when they came back.
    pub quantity: i64,
    /// They had left by then, in milliseconds.
    pub by_ms: i64,
    /// Where they are.
    pub whereabouts: Whereabouts,
    /// The picking or the exception, for people.
    pub named: String,
}

/// What the POS's own stock has of a product at a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PosSide {
    /// When it was read, in milliseconds.
    pub at_ms: i64,
    /// What stands there, in millionths of Odoo's unit.
    pub on_hand: i64,
}

/// The same beside Odoo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosStock {
    /// When it was read, in milliseconds.
    pub at_ms: i64,
    /// What the POS has.
    pub on_hand: Quantity,
    /// What it has more than Odoo when everything is added that was sold and has not arrived in one of them: received,
    /// counted or written off in one system only. Negative when it has less.
    pub apart: Quantity,
}

/// A part of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftPart {
    /// Why.
    pub cause: DriftCause,
    /// How much Odoo has more because of it, in its unit.
    pub quantity: Quantity,
    /// Documents or exceptions.
    pub named: Vec<String>,
}

/// A product of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftLine {
    /// Its number in Odoo.
    pub sku: Sku,
    /// What Odoo has.
    pub odoo: Quantity,
    /// The last count: when, in milliseconds, and how much.
    pub counted: Option<(i64, Quantity)>,
    /// What this relay moved since, positive into the store.
    pub ours: Quantity,
    /// What anything else moved since.
    pub others: Quantity,
    /// What the tills say should stand there.
    pub expected: Quantity,
    /// What Odoo has more; negative when it has less.
    pub difference: Quantity,
    /// The difference in parts.
    pub parts: Vec<DriftPart>,
    /// What the POS's own stock says, where it is read.
    #[serde(default)]
    pub pos: Option<PosStock>,
}

impl DriftLine {
    /// Compares. Never fails: sums beyond 64 bits stop at the end of the range and show as what they are.
    #[must_use]
    pub fn of(sku: &Sku, odoo: &OdooSide, sold: &[Sold]) -> Self {
        let mut parts = Parts::default();
        for (document, quantity) in &odoo.others {
            parts.add(DriftCause::MovedInOdoo, i128::from(*quantity), document);
        }
        let mut ledger: i128 = 0;
        for goods in sold {
            ledger += parts.take(goods, odoo.count);
        }
        let others: i128 = odoo
            .others
            .iter()
            .map(|(_, quantity)| i128::from(*quantity))
            .sum();
        let base = i128::from(odoo.count.map_or(0, |count| count.quantity));
        let unmoved = i128::from(odoo.now) - (base + i128::from(odoo.ours) + others);
        let cause = if odoo.kit {
            DriftCause::Kit
        } else if unmoved.abs() < i128::from(odoo.rounding.max(1)) {
            DriftCause::Rounding
        } else {
            DriftCause::EditedDirectly
        };
        parts.add(cause, unmoved, "");
        // the relay's own books against what Odoo says its pickings moved
        parts.add(
            DriftCause::Unexplained,
            i128::from(odoo.ours_ever) + ledger,
            "this relay's own pickings",
        );
        let difference = parts.sum();
        Self {
            sku: sku.clone(),
            odoo: quantity(i128::from(odoo.now)),
            counted: odoo
                .count
                .map(|count| (count.at_ms, quantity(i128::from(count.quantity)))),
            ours: quantity(i128::from(odoo.ours)),
            others: quantity(others),
            expected: quantity(i128::from(odoo.now) - difference),
            difference: quantity(difference),
            parts: parts.finish(),
            pos: None,
        }
    }

    /// Puts the POS's own figure beside it. `sold` is what the line was made of.
    #[must_use]
    pub fn beside(mut self, pos: PosSide, sold: &[Sold]) -> Self {
        let later = sold.iter().filter(|goods| goods.by_ms > pos.at_ms);
        let later: i128 = later.map(|goods| i128::from(goods.quantity)).sum();
        let unmoved = [DriftCause::Waiting, DriftCause::Held, DriftCause::Refused];
        let unmoved = self.parts.iter().filter(|part| unmoved.contains(&part.cause));
        let unmoved: i128 = unmoved.map(|part| i128::from(part.quantity.millionths())).sum();
        let odoo = i128::from(self.odoo.millionths()) - unmoved;
        self.pos = Some(PosStock {
            at_ms: pos.at_ms,
            on_hand: quantity(i128::from(pos.on_hand)),
            apart: quantity(i128::from(pos.on_hand) - later - odoo),
        });
        self
    }

    /// True when there is something to tell.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.parts.is_empty() || self.is_apart()
    }

    fn is_apart(&self) -> bool {
        self.pos.as_ref().is_some_and(|pos| pos.apart.millionths() != 0)
    }

    /// True when somebody has to look: a part is neither meant nor going away by itself.
    #[must_use]
    pub fn needs_eyes(&self) -> bool {
        self.is_apart() || self.parts.iter().any(|part| !part.cause.is_expected())
    }
}

#[derive(Default)]
struct Parts(std::collections::BTreeMap<DriftCause, (i128, Vec<String>)>);

/// Names listed of one part.
const NAMES_MAX: usize = 5;

impl Parts {
    fn add(&mut self, cause: DriftCause, quantity: i128, named: &str) {
        if quantity == 0 {
            return;
        }
        let (sum, names) = self.0.entry(cause).or_default();
        *sum += quantity;
        if !named.is_empty() && names.len() < NAMES_MAX && names.iter().all(|name| name != named) {
            names.push(named.to_owned());
        }
    }

    /// Takes goods that were sold. Returns what of them the relay says it has moved.
    fn take(&mut self, goods: &Sold, count: Option<Count>) -> i128 {
        let quantity = i128::from(goods.quantity);
        let before = count.is_some_and(|count| goods.by_ms <= count.at_ms);
        let cause = match goods.whereabouts {
            Whereabouts::Done { at_ms } => {
                // the count saw the shelf without them, and then they left it once more
                let after = count.is_some_and(|count| at_ms > count.at_ms);
                if before && after {
                    self.add(DriftCause::Counted, -quantity, &goods.named);
                }
                return quantity;
            }
            // sold before the count: the shelf that was counted lacked them
            _ if before => return 0,
            Whereabouts::Waiting => DriftCause::Waiting,
            Whereabouts::Held => DriftCause::Held,
            Whereabouts::Refused => DriftCause::Refused,
        };
        self.add(cause, quantity, &goods.named);
        0
    }

    fn sum(&self) -> i128 {
        self.0.values().map(|(quantity, _)| quantity).sum()
    }

    fn finish(self) -> Vec<DriftPart> {
        let parts = self.0.into_iter().filter(|(_, (sum, _))| *sum != 0);
        parts
            .map(|(cause, (sum, named))| DriftPart {
                cause,
                quantity: quantity(sum),
                named,
            })
            .collect()
    }
}

fn quantity(millionths: i128) -> Quantity {
    let end = if millionths < 0 { i64::MIN } else { i64::MAX };
    Quantity::from_millionths(i64::try_from(millionths).unwrap_or(end), Unit::Each)
}
