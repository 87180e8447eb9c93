//! Lines of the receivable account that pay each other: an invoice's, and the line of the day's entry that it is paid
//! with. Nothing is created, so there is nothing to load: what is reconciled is told by what is left open.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tillwire_proto::{Amount, Currency, MoneyError};

use super::answer::Answer;
use super::call::Call;
use super::effect::{EffectKey, Seen};
use super::readback::{Difference, Link, Text, Verdict, money, not_read};
use super::resolved::{PayloadError, ResolvedBooks};
use crate::settings::AccountCode;

/// Lines that are to pay each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Its key.
    pub key: EffectKey,
    /// What is paid, for people.
    pub title: String,
    /// The account.
    pub account: AccountCode,
    /// How much is paid.
    pub amount: Amount,
    /// Where the lines stand.
    pub parts: Vec<Part>,
}

/// The lines of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The entry, invoice or credit note.
    pub of: EffectKey,
    /// What the lines say; `None` for all of the account.
    pub label: Option<String>,
}

#[derive(Deserialize)]
struct RawOpen<'a> {
    id: i64,
    move_id: Link,
    name: Text,
    #[serde(borrow)]
    debit: &'a RawValue,
    #[serde(borrow)]
    credit: &'a RawValue,
    #[serde(borrow)]
    amount_residual: &'a RawValue,
    parent_state: String,
}

/// What was read: what it means, and the lines that are still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenLines {
    /// What it means.
    pub seen: Seen,
    /// Ids of `account.move.line`.
    pub open: Vec<i64>,
}

impl Reconciliation {
    /// The call that reads the lines, for [`read_reconciliation`].
    ///
    /// # Errors
    /// [`PayloadError`] while a document's id is not known.
    pub fn look(&self, resolved: &ResolvedBooks) -> Result<Call, PayloadError> {
        let moves = self
            .parts
            .iter()
            .map(|part| resolved.invoicing.document(&part.of));
        let moves: Vec<i64> = moves.collect::<Result<_, _>>()?;
        let account = resolved.account(&self.account)?;
        let fields = [
            "move_id",
            "name",
            "debit",
            "credit",
            "amount_residual",
            "parent_state",
        ];
        Ok(Call::on("account.move.line", "search_read")
            .arg(
                "domain",
                json!([["move_id", "in", moves], ["account_id", "=", account]]),
            )
            .option("fields", json!(fields))
            .option("order", json!("id")))
    }

    /// The call that has them pay each other.
    #[must_use]
    pub fn confirm(lines: &[i64]) -> Call {
        Call::on("account.move.line", "reconcile").ids(lines)
    }
}

/// Reads the answer of [`Reconciliation::look`].
///
/// # Errors
/// An [`Answer`] when the answer cannot be read.
pub fn read_reconciliation(
    lines: &RawValue,
    meant: &Reconciliation,
    resolved: &ResolvedBooks,
) -> Result<OpenLines, Answer> {
    let currency = meant.amount.currency();
    let rows: Vec<RawOpen<'_>> =
        serde_json::from_str(lines.get()).map_err(|error| not_read("lines to be paid", error))?;
    let lines: Vec<Line> = rows
        .into_iter()
        .map(|row| Line::of(row, currency))
        .collect::<Result<_, _>>()?;
    let (mut verdict, mut open, mut sums) = (Verdict::default(), Vec::new(), Sums::zero(currency));
    for part in &meant.parts {
        let document = resolved.invoicing.document(&part.of).unwrap_or(0);
        let of: Vec<&Line> = lines
            .iter()
            .filter(|line| line.document == document)
            .filter(|line| part.label.as_ref().is_none_or(|label| line.label == *label))
            .collect();
        if of.is_empty() {
            let what = format!("line of {} on account {}", part.of, meant.account);
            verdict
                .differences
                .push(Difference::field(what, "not there", "there"));
        }
        for line in of {
            if line.state != "posted" {
                let what = format!("state of {}", part.of);
                verdict
                    .differences
                    .push(Difference::field(what, &line.state, "posted"));
            }
            sums.add(line).map_err(|error| not_read("amount", error))?;
            if !line.residual.is_zero() {
                open.push(line.id);
            }
        }
    }
    // What was meant is that so much is paid. Whoever changes a document by hand afterwards leaves a rest open, which is the
    // document's and is told of it.
    let is_paid = verdict.agrees() && sums.paid == [meant.amount; 2];
    if !is_paid {
        let nothing = Amount::zero(currency).to_string();
        verdict.compare("sum of the lines", &sums.all.to_string(), &nothing);
        let owed = sums.owed.to_string();
        verdict.compare("amount paid", &owed, &meant.amount.to_string());
    }
    let seen = if is_paid {
        Seen::Confirmed(verdict)
    } else {
        Seen::Draft(verdict)
    };
    Ok(OpenLines { seen, open })
}

/// What lines add up to.
struct Sums {
    all: Amount,
    /// What customers owe on them.
    owed: Amount,
    /// What is matched already, of what they owe and of what they paid, both without a sign.
    paid: [Amount; 2],
}

impl Sums {
    const fn zero(currency: Currency) -> Self {
        let zero = Amount::zero(currency);
        Self {
            all: zero,
            owed: zero,
            paid: [zero; 2],
        }
    }

    fn add(&mut self, line: &Line) -> Result<(), MoneyError> {
        self.all = self.all.checked_add(line.amount)?;
        let matched = line.amount.checked_sub(line.residual)?;
        let [of_owed, of_paid] = &mut self.paid;
        if line.amount.is_negative() {
            *of_paid = of_paid.checked_sub(matched)?;
        } else {
            self.owed = self.owed.checked_add(line.amount)?;
            *of_owed = of_owed.checked_add(matched)?;
        }
        Ok(())
    }
}

struct Line {
    id: i64,
    document: i64,
    label: String,
    amount: Amount,
    residual: Amount,
    state: String,
}

impl Line {
    fn of(row: RawOpen<'_>, currency: Currency) -> Result<Self, Answer> {
        let (debit, credit) = (money(row.debit, currency)?, money(row.credit, currency)?);
        Ok(Self {
            id: row.id,
            document: row.move_id.id(),
            label: row.name.take(),
            amount: debit
                .checked_sub(credit)
                .map_err(|error| not_read("amount", error))?,
            residual: money(row.amount_residual, currency)?,
            state: row.parent_state,
        })
    }
}
