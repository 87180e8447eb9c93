//! Does Odoo hold what was meant? Reads answers without a float on the way and compares field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tillwire_proto::{Amount, BusinessDay, Currency, Quantity, Unit};

use super::answer::Answer;
use super::effect::Seen;
use super::journal::JournalEntry;
use super::picking::Picking;
use super::resolved::{ResolvedBooks, ResolvedStock};

/// One thing that Odoo holds otherwise. Texts, so that it can be stored and shown as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// It was deleted.
    Gone,
    /// It is not posted or done any more, or not yet.
    NotConfirmed,
    /// Another date, as Odoo chooses one when the period is locked.
    Date {
        /// As found.
        found: String,
        /// As meant.
        wanted: String,
    },
    /// Any other field.
    Field {
        /// Which.
        what: String,
        /// As found.
        found: String,
        /// As meant.
        wanted: String,
    },
}

impl Difference {
    fn field(what: impl Into<String>, found: impl ToString, wanted: impl ToString) -> Self {
        Self::Field {
            what: what.into(),
            found: found.to_string(),
            wanted: wanted.to_string(),
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("it was deleted"),
            Self::NotConfirmed => f.write_str("it is not posted"),
            Self::Date { found, wanted } => write!(f, "date is {found}, wanted {wanted}"),
            Self::Field { what, found, wanted } => write!(f, "{what} is {found}, wanted {wanted}"),
        }
    }
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What differs; nothing when it is equal.
    pub differences: Vec<Difference>,
}

impl Verdict {
    /// True when all is as meant.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    /// True when at most the date differs.
    #[must_use]
    pub fn agrees_but_for_date(&self) -> bool {
        self.differences
            .iter()
            .all(|d| matches!(d, Difference::Date { .. }))
    }

    fn compare(&mut self, what: &str, found: &str, wanted: &str) {
        if found != wanted {
            self.differences.push(Difference::field(what, found, wanted));
        }
    }
}

/// An `account.move` as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEntry {
    /// Its number; empty while it has none.
    pub name: String,
    /// `draft`, `posted` or `cancel`.
    pub state: String,
    /// Its accounting date.
    pub date: String,
    /// Its reference.
    pub reference: String,
    /// Its total.
    pub total: Amount,
    /// Its journal's id.
    pub journal: i64,
    /// Its lines.
    pub lines: Vec<FoundLine>,
}

/// An `account.move.line` as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// Its account's id.
    pub account: i64,
    /// What it says.
    pub label: String,
    /// Debit, or credit when negative.
    pub amount: Amount,
}

/// A `stock.picking` as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPicking {
    /// Its name.
    pub name: String,
    /// `draft`, `assigned`, `done`, `cancel` and the like.
    pub state: String,
    /// Source location's id.
    pub from: i64,
    /// Destination location's id.
    pub to: i64,
    /// Product ids with what was moved, in order of lines.
    pub moves: Vec<(i64, Quantity)>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    name: Text,
    state: String,
    date: Text,
    #[serde(rename = "ref")]
    reference: Text,
    #[serde(borrow)]
    amount_total: &'a RawValue,
    journal_id: Link,
}

#[derive(Deserialize)]
struct RawLine<'a> {
    account_id: Link,
    name: Text,
    #[serde(borrow)]
    debit: &'a RawValue,
    #[serde(borrow)]
    credit: &'a RawValue,
}

#[derive(Deserialize)]
struct RawPicking {
    name: Text,
    state: String,
    location_id: Link,
    location_dest_id: Link,
}

#[derive(Deserialize)]
struct RawMove<'a> {
    product_id: Link,
    #[serde(borrow)]
    quantity: &'a RawValue,
}

/// Odoo writes an empty text as `false`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Filled(String),
    Empty(#[expect(dead_code, reason = "its being there says it")] bool),
}

impl Text {
    fn take(self) -> String {
        match self {
            Self::Filled(text) => text,
            Self::Empty(_) => String::new(),
        }
    }
}

/// Odoo writes a many2one as `[id, "name"]`, or as `false`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Link {
    Named((i64, String)),
    Id(i64),
    Empty(#[expect(dead_code, reason = "its being there says it")] bool),
}

impl Link {
    fn id(&self) -> i64 {
        match self {
            Self::Named((id, _)) | Self::Id(id) => *id,
            Self::Empty(_) => 0,
        }
    }
}

fn not_read(what: &str, error: impl std::fmt::Display) -> Answer {
    Answer::Unknown {
        after_ms: None,
        reason: format!("{what} could not be read: {error}"),
    }
}

fn money(raw: &RawValue, currency: Currency) -> Result<Amount, Answer> {
    Amount::parse(raw.get(), currency).map_err(|error| not_read("amount", error))
}

/// Reads the answers of [`JournalEntry::look`] and compares.
///
/// # Errors
/// An [`Answer`] when the answers cannot be read.
pub fn read_entry(
    head: &RawValue,
    lines: &RawValue,
    meant: &JournalEntry,
    resolved: &ResolvedBooks,
) -> Result<Seen, Answer> {
    let Some(found) = parse_entry(head, lines, meant)? else {
        return Ok(Seen::Gone);
    };
    let verdict = compare_entry(&found, meant, resolved);
    Ok(match found.state.as_str() {
        "posted" => Seen::Confirmed(verdict),
        "cancel" => Seen::Cancelled,
        _ => Seen::Draft(verdict),
    })
}

fn parse_entry(
    head: &RawValue,
    lines: &RawValue,
    meant: &JournalEntry,
) -> Result<Option<FoundEntry>, Answer> {
    let heads: Vec<RawEntry<'_>> =
        serde_json::from_str(head.get()).map_err(|error| not_read("entry", error))?;
    let Some(head) = heads.into_iter().next() else {
        return Ok(None);
    };
    let currency = meant
        .lines
        .first()
        .map_or(Currency::USD, |line| line.amount.currency());
    let raw: Vec<RawLine<'_>> =
        serde_json::from_str(lines.get()).map_err(|error| not_read("entry's lines", error))?;
    let mut lines = Vec::with_capacity(raw.len());
    for line in raw {
        let credit = money(line.credit, currency)?;
        let amount = money(line.debit, currency)?.checked_sub(credit);
        lines.push(FoundLine {
            account: line.account_id.id(),
            label: line.name.take(),
            amount: amount.map_err(|error| not_read("amount", error))?,
        });
    }
    Ok(Some(FoundEntry {
        name: head.name.take(),
        state: head.state,
        date: head.date.take(),
        reference: head.reference.take(),
        total: money(head.amount_total, currency)?,
        journal: head.journal_id.id(),
        lines,
    }))
}

fn compare_entry(found: &FoundEntry, meant: &JournalEntry, resolved: &ResolvedBooks) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.compare(
        "journal",
        &found.journal.to_string(),
        &resolved.journal.to_string(),
    );
    verdict.compare(
        "number of lines",
        &found.lines.len().to_string(),
        &meant.lines.len().to_string(),
    );
    if let Some(total) = meant.total() {
        verdict.compare("total", &found.total.to_string(), &total.to_string());
    }
    let wanted = per_account(meant.lines.iter().map(|line| {
        let id = resolved.accounts.get(&line.account).copied().unwrap_or(0);
        (id, line.amount)
    }));
    let held = per_account(found.lines.iter().map(|line| (line.account, line.amount)));
    for account in wanted
        .keys()
        .chain(held.keys().filter(|id| !wanted.contains_key(id)))
    {
        let name = || {
            let code = resolved.accounts.iter().find(|(_, id)| *id == account);
            code.map_or_else(
                || format!("account id {account}"),
                |(code, _)| format!("account {code}"),
            )
        };
        let minor = |sums: &BTreeMap<i64, i128>| sums.get(account).copied().unwrap_or(0);
        if minor(&held) != minor(&wanted) {
            let unit = |value: i128| format!("{value} minor units");
            verdict.differences.push(Difference::field(
                name(),
                unit(minor(&held)),
                unit(minor(&wanted)),
            ));
        }
    }
    compare_date(&mut verdict, &found.date, meant.date);
    verdict
}

fn compare_date(verdict: &mut Verdict, found: &str, wanted: BusinessDay) {
    let wanted = wanted.to_string();
    if found != wanted {
        verdict.differences.push(Difference::Date {
            found: found.to_owned(),
            wanted,
        });
    }
}

fn per_account(lines: impl Iterator<Item = (i64, Amount)>) -> BTreeMap<i64, i128> {
    let mut sums = BTreeMap::new();
    for (account, amount) in lines {
        *sums.entry(account).or_insert(0_i128) += i128::from(amount.minor());
    }
    sums
}

/// Reads the answers of [`Picking::look`] and compares.
///
/// # Errors
/// An [`Answer`] when the answers cannot be read.
pub fn read_picking(
    head: &RawValue,
    moves: &RawValue,
    meant: &Picking,
    resolved: &ResolvedStock,
) -> Result<Seen, Answer> {
    let heads: Vec<RawPicking> =
        serde_json::from_str(head.get()).map_err(|error| not_read("picking", error))?;
    let Some(head) = heads.into_iter().next() else {
        return Ok(Seen::Gone);
    };
    let raw: Vec<RawMove<'_>> =
        serde_json::from_str(moves.get()).map_err(|error| not_read("picking's moves", error))?;
    let mut found = Vec::with_capacity(raw.len());
    for moved in raw {
        let quantity = Quantity::parse(moved.quantity.get(), Unit::Each);
        found.push((
            moved.product_id.id(),
            quantity.map_err(|error| not_read("quantity", error))?,
        ));
    }
    let found = FoundPicking {
        name: head.name.take(),
        state: head.state,
        from: head.location_id.id(),
        to: head.location_dest_id.id(),
        moves: found,
    };
    let verdict = compare_picking(&found, meant, resolved);
    Ok(match found.state.as_str() {
        "done" => Seen::Confirmed(verdict),
        "cancel" => Seen::Cancelled,
        _ => Seen::Draft(verdict),
    })
}

fn compare_picking(found: &FoundPicking, meant: &Picking, resolved: &ResolvedStock) -> Verdict {
    let mut verdict = Verdict::default();
    let (from, to) = match meant.direction {
        super::Direction::Out => (resolved.stock, resolved.customers),
        super::Direction::Back => (resolved.customers, resolved.stock),
    };
    verdict.compare("name", &found.name, &meant.name);
    verdict.compare("source location", &found.from.to_string(), &from.to_string());
    verdict.compare("destination location", &found.to.to_string(), &to.to_string());
    let mut held: BTreeMap<i64, i128> = BTreeMap::new();
    for (product, quantity) in &found.moves {
        *held.entry(*product).or_insert(0) += i128::from(quantity.millionths());
    }
    for line in &meant.lines {
        let product = resolved.products.get(&line.sku).map_or(0, |product| product.id);
        let found = held.remove(&product).unwrap_or(0);
        if found != i128::from(line.quantity.millionths()) {
            let found = i64::try_from(found).map_or_else(
                |_| found.to_string(),
                |found| Quantity::from_millionths(found, Unit::Each).decimal(),
            );
            verdict.differences.push(Difference::field(
                format!("quantity of {}", line.sku),
                found,
                line.quantity,
            ));
        }
    }
    for (product, _) in held.into_iter().filter(|(_, quantity)| *quantity != 0) {
        verdict.differences.push(Difference::field(
            format!("product id {product}"),
            "moved",
            "not moved",
        ));
    }
    verdict
}
