//! Does Odoo hold what was meant? Reads answers without a float on the way and compares field by field.

mod invoice;
mod picking;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tillwire_proto::{Amount, BusinessDay, Currency};

use super::answer::Answer;
use super::contact::Owner;
use super::effect::Seen;
use super::journal::{EntryLine, JournalEntry};
use super::resolved::ResolvedBooks;

pub use invoice::read_invoice;
pub(super) use picking::parse_picking;
pub use picking::{FoundMove, FoundPicking, read_picking};
pub(super) use value::{Link, Text, money, not_read};

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
    /// Odoo computes a tax otherwise than the POS did. The document has the POS's amount, with a line for the
    /// difference; this shows both figures.
    Tax {
        /// The tax, as Odoo calls it.
        tax: String,
        /// What Odoo computes.
        computed: String,
        /// What the POS took.
        taken: String,
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
    pub(super) fn field(what: impl Into<String>, found: impl ToString, wanted: impl ToString) -> Self {
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
            Self::Tax { tax, computed, taken } => {
                write!(f, "Odoo computes {computed} for {tax}, the POS took {taken}")
            }
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
    /// True when all is as meant. How Odoo would have computed a tax changes nothing that is there.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differences
            .iter()
            .all(|d| matches!(d, Difference::Tax { .. }))
    }

    /// True when at most the date differs.
    #[must_use]
    pub fn agrees_but_for_date(&self) -> bool {
        self.differences
            .iter()
            .all(|d| matches!(d, Difference::Date { .. } | Difference::Tax { .. }))
    }

    pub(super) fn compare(&mut self, what: &str, found: &str, wanted: &str) {
        if found != wanted {
            self.differences.push(Difference::field(what, found, wanted));
        }
    }
}

/// An `account.move` as its lines tell it.
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
    /// Sum of its debits.
    pub total: Amount,
    /// Its journal's id.
    pub journal: i64,
    /// Its `move_type`; empty where it was not asked for.
    pub move_type: String,
    /// Its currency's code; empty where it was not told.
    pub currency: String,
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
    /// Its partner's id; nothing without one.
    pub partner: i64,
    /// The id of the tax that it is the amount of; nothing when it is none's.
    pub tax: i64,
    /// Its currency's id and the amount in it, as Odoo writes it; `None` where Odoo was not asked.
    pub in_currency: Option<(i64, String)>,
    /// Ids of analytic accounts with their shares of a hundred, as Odoo writes them.
    pub analytics: BTreeMap<String, String>,
}

impl FoundLine {
    /// The analytic account that has all of it, where `books` knows its name.
    pub(super) fn analytic_name(&self, books: &ResolvedBooks) -> Option<String> {
        let mut known = books.analytics.iter();
        let (name, _) = known.find(|(_, id)| self.is_all_for(**id))?;
        Some(name.clone())
    }

    fn is_all_for(&self, analytic: i64) -> bool {
        let share = self.analytics.get(&analytic.to_string()).map(String::as_str);
        self.analytics.len() == 1 && matches!(share, Some("100" | "100.0"))
    }

    /// The amount in another currency than the company's; `None` where there is none or the currency is not known.
    pub(super) fn foreign_amount(&self, books: &ResolvedBooks) -> Result<Option<Amount>, Answer> {
        let Some((id, text)) = &self.in_currency else {
            return Ok(None);
        };
        let known = books.currencies.iter().find(|(_, known)| *known == id);
        let Some((currency, _)) = known.filter(|(currency, _)| **currency != self.amount.currency()) else {
            return Ok(None);
        };
        let amount = Amount::parse(text, *currency).map_err(|error| not_read("amount", error))?;
        Ok(Some(amount))
    }
}

#[derive(Deserialize)]
struct RawLine<'a> {
    account_id: Link,
    name: Text,
    #[serde(borrow)]
    debit: &'a RawValue,
    #[serde(borrow)]
    credit: &'a RawValue,
    parent_state: String,
    date: Text,
    #[serde(rename = "ref")]
    reference: Text,
    journal_id: Link,
    move_name: Text,
    currency_id: Option<Link>,
    #[serde(borrow, default)]
    amount_currency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    analytic_distribution: Option<&'a RawValue>,
    #[serde(default)]
    partner_id: Link,
    #[serde(default)]
    tax_line_id: Link,
    #[serde(default)]
    move_type: String,
}

/// Shares by analytic account. Odoo writes none as `false`.
fn shares(raw: &RawValue) -> Result<BTreeMap<String, String>, Answer> {
    if matches!(raw.get(), "false" | "null") {
        return Ok(BTreeMap::new());
    }
    let shares: BTreeMap<String, &RawValue> =
        serde_json::from_str(raw.get()).map_err(|error| not_read("analytic accounts", error))?;
    let texts = shares
        .into_iter()
        .map(|(account, share)| (account, share.get().to_owned()));
    Ok(texts.collect())
}

/// Reads the answer of [`JournalEntry::look`] and compares. An entry without a line is as good as deleted.
///
/// # Errors
/// An [`Answer`] when the answer cannot be read.
pub fn read_entry(lines: &RawValue, meant: &JournalEntry, resolved: &ResolvedBooks) -> Result<Seen, Answer> {
    let currency = meant
        .lines
        .first()
        .map_or(Currency::USD, |line| line.amount.currency());
    let Some(found) = parse_entry(lines, currency)? else {
        return Ok(Seen::Gone);
    };
    let verdict = compare_entry(&found, meant, resolved);
    Ok(match found.state.as_str() {
        "posted" => Seen::Confirmed(verdict),
        "cancel" => Seen::Cancelled,
        _ => Seen::Draft(verdict),
    })
}

pub(super) fn parse_entry(lines: &RawValue, currency: Currency) -> Result<Option<FoundEntry>, Answer> {
    let raw: Vec<RawLine<'_>> =
        serde_json::from_str(lines.get()).map_err(|error| not_read("entry's lines", error))?;
    let mut found: Option<FoundEntry> = None;
    for line in raw {
        let (debit, credit) = (money(line.debit, currency)?, money(line.credit, currency)?);
        let entry = found.get_or_insert_with(|| FoundEntry {
            name: line.move_name.take(),
            state: line.parent_state,
            date: line.date.take(),
            reference: line.reference.take(),
            total: Amount::zero(currency),
            journal: line.journal_id.id(),
            move_type: line.move_type,
            currency: line.currency_id.as_ref().map_or_else(String::new, Link::name),
            lines: Vec::new(),
        });
        let sums = debit
            .checked_sub(credit)
            .and_then(|amount| Ok((amount, entry.total.checked_add(debit)?)));
        let (amount, total) = sums.map_err(|error| not_read("amount", error))?;
        entry.total = total;
        entry.lines.push(FoundLine {
            account: line.account_id.id(),
            label: line.name.take(),
            amount,
            in_currency: line
                .currency_id
                .zip(line.amount_currency)
                .map(|(currency, text)| (currency.id(), text.get().to_owned())),
            analytics: line
                .analytic_distribution
                .map(shares)
                .transpose()?
                .unwrap_or_default(),
            partner: line.partner_id.id(),
            tax: line.tax_line_id.id(),
        });
    }
    Ok(found)
}

fn compare_entry(found: &FoundEntry, meant: &JournalEntry, resolved: &ResolvedBooks) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.compare(
        "journal",
        &found.journal.to_string(),
        &resolved.journal.to_string(),
    );
    verdict.compare("reference", &found.reference, &meant.reference);
    verdict.compare(
        "number of lines",
        &found.lines.len().to_string(),
        &meant.lines.len().to_string(),
    );
    if let Some(total) = meant.total() {
        verdict.compare("total", &found.total.to_string(), &total.to_string());
    }
    let ids = |line: &EntryLine| resolved.accounts.get(&line.account).copied().unwrap_or(0);
    let wanted = per_account(meant.lines.iter().map(|line| (ids(line), line.amount)));
    compare_accounts(&mut verdict, found, &wanted, resolved);
    let owed = meant
        .lines
        .iter()
        .filter_map(|line| Some((ids(line), line.owed_by.as_ref()?, line.amount)));
    compare_owners(&mut verdict, found, owed, resolved);
    compare_more(&mut verdict, found, meant, resolved);
    if verdict.agrees() {
        let wanted = meant.lines.iter().map(|line| (line.label.clone(), line.amount));
        let held = found.lines.iter().map(|line| (line.label.clone(), line.amount));
        compare_sums(&mut verdict, wanted, held, |label| format!("line {label:?}"));
    }
    compare_date(&mut verdict, &found.date, meant.date);
    verdict
}

/// What only some entries have: another currency that was handed over, analytic accounts.
fn compare_more(verdict: &mut Verdict, found: &FoundEntry, meant: &JournalEntry, resolved: &ResolvedBooks) {
    if meant.is_foreign() {
        let wanted = meant.lines.iter().filter_map(|line| {
            let account = resolved.accounts.get(&line.account).copied().unwrap_or(0);
            Some(((account, line.foreign?.currency()), line.foreign?))
        });
        let held = found.lines.iter().filter_map(|line| {
            let foreign = line.foreign_amount(resolved).ok()??;
            Some(((line.account, foreign.currency()), foreign))
        });
        let words =
            |(account, currency): &(i64, Currency)| format!("{} on account id {account}", currency.code());
        compare_sums(verdict, wanted, held, words);
    }
    if meant.is_analytic() {
        compare_analytic(verdict, found, &meant.lines, resolved);
    }
}

fn compare_analytic(
    verdict: &mut Verdict,
    found: &FoundEntry,
    meant: &[EntryLine],
    resolved: &ResolvedBooks,
) {
    let wanted = meant.iter();
    let wanted = wanted.filter_map(|line| Some((line.analytic.clone()?, line.amount)));
    let held = found.lines.iter();
    let held = held.filter_map(|line| Some((line.analytic_name(resolved)?, line.amount)));
    compare_sums(verdict, wanted, held, |name| format!("analytic account {name}"));
}

fn compare_currency(verdict: &mut Verdict, found: &FoundEntry, meant: Option<Amount>) {
    if let Some(amount) = meant.filter(|_| !found.currency.is_empty()) {
        verdict.compare("currency", &found.currency, amount.currency().code());
    }
}

/// Whose the lines of the receivable account are.
fn compare_owners<'a>(
    verdict: &mut Verdict,
    found: &FoundEntry,
    meant: impl Iterator<Item = (i64, &'a Owner, Amount)>,
    resolved: &ResolvedBooks,
) {
    let mut wanted: BTreeMap<(i64, i64), i128> = BTreeMap::new();
    for (account, owner, amount) in meant {
        let owner = owner.id(resolved).unwrap_or(0);
        *wanted.entry((account, owner)).or_default() += i128::from(amount.minor());
    }
    for ((account, owner), wanted) in wanted {
        let of = found
            .lines
            .iter()
            .filter(|line| (line.account, line.partner) == (account, owner));
        let held: i128 = of.map(|line| i128::from(line.amount.minor())).sum();
        if held != wanted {
            let unit = |value: i128| format!("{value} minor units");
            let what = format!("amount owed by partner id {owner}");
            verdict
                .differences
                .push(Difference::field(what, unit(held), unit(wanted)));
        }
    }
}

fn compare_accounts(
    verdict: &mut Verdict,
    found: &FoundEntry,
    wanted: &BTreeMap<i64, i128>,
    resolved: &ResolvedBooks,
) {
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
        if minor(&held) != minor(wanted) {
            let unit = |value: i128| format!("{value} minor units");
            verdict
                .differences
                .push(Difference::field(name(), unit(minor(&held)), unit(minor(wanted))));
        }
    }
}

/// Sums per key; one that differs is named by `words`.
fn compare_sums<K: Ord>(
    verdict: &mut Verdict,
    wanted: impl Iterator<Item = (K, Amount)>,
    held: impl Iterator<Item = (K, Amount)>,
    words: impl Fn(&K) -> String,
) {
    let mut sums: BTreeMap<K, (i128, i128)> = BTreeMap::new();
    for (key, amount) in wanted {
        sums.entry(key).or_default().0 += i128::from(amount.minor());
    }
    for (key, amount) in held {
        sums.entry(key).or_default().1 += i128::from(amount.minor());
    }
    for (key, (wanted, held)) in sums.iter().filter(|(_, (wanted, held))| wanted != held) {
        let unit = |value: &i128| format!("{value} minor units");
        verdict
            .differences
            .push(Difference::field(words(key), unit(held), unit(wanted)));
    }
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
