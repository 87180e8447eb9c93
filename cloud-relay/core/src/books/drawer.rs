//! The drawer: what it should hold, what was counted, and the difference. All cash that moved counts, also of tickets
//! whose books are held for want of an account: the notes are in the drawer all the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillwire_proto::{
    Amount, Body, BusinessKey, LocalTime, MoneyError, RegisterId, TenderKind, TenderState, TillCount, Trade,
    TransactionKind,
};

use super::held::HeldBack;
use super::ledger::{Contribution, Ledger, LineKey};
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::RecordId;
use crate::settings::Mapped;
use crate::tickets::{Ticket, Tickets};

/// One register's drawer over one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawerTotals {
    /// The register.
    pub register: RegisterId,
    /// What it started with, where that is known.
    pub float: Option<Amount>,
    /// Cash tendered less change and cash refunds.
    pub cash_sales: Amount,
    /// Paid in.
    pub paid_in: Amount,
    /// Paid out.
    pub paid_out: Amount,
    /// From the safe.
    pub loans: Amount,
    /// To the safe.
    pub pickups: Amount,
    /// What it should hold: float + cash sales + paid in + loans - paid out - pickups; `None` without a float.
    pub expected: Option<Amount>,
    /// What was counted last; `None` without a count.
    pub counted: Option<Amount>,
    /// Counted less expected: more is over, less is short.
    pub over_short: Option<Amount>,
    /// The count.
    pub count: Option<BusinessKey>,
    /// The records of count and opening.
    pub records: Vec<RecordId>,
}

impl DrawerTotals {
    fn new(tickets: &Tickets<'_>, register: &RegisterId) -> Self {
        let nothing = Amount::zero(tickets.settings.currency);
        Self {
            register: register.clone(),
            float: tickets.settings.opening_float,
            cash_sales: nothing,
            paid_in: nothing,
            paid_out: nothing,
            loans: nothing,
            pickups: nothing,
            expected: None,
            counted: None,
            over_short: None,
            count: None,
            records: Vec::new(),
        }
    }

    fn add(&mut self, ticket: &Ticket<'_>) -> Result<(), MoneyError> {
        let turn = |amount: Amount| {
            if ticket.taken_back {
                amount.checked_neg()
            } else {
                Ok(amount)
            }
        };
        match (&ticket.transaction.body, ticket.transaction.key.kind) {
            (Body::Trade(trade), _) => {
                let cash = cash_of(trade, self.cash_sales)?;
                self.cash_sales = self.cash_sales.checked_add(turn(cash)?)?;
            }
            (Body::Drawer(movement), kind) => {
                let sum = match kind {
                    TransactionKind::PaidIn => &mut self.paid_in,
                    TransactionKind::PaidOut => &mut self.paid_out,
                    TransactionKind::Loan => &mut self.loans,
                    TransactionKind::Pickup => &mut self.pickups,
                    _ => return Ok(()),
                };
                *sum = sum.checked_add(turn(movement.amount)?)?;
            }
            (Body::Void(_) | Body::Count(_) | Body::Open { .. } | Body::Close { .. }, _) => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), MoneyError> {
        let Some(float) = self.float else {
            return Ok(());
        };
        let into = Amount::sum([self.cash_sales, self.paid_in, self.loans], float.currency())?;
        let out_of = self.paid_out.checked_add(self.pickups)?;
        let expected = float.checked_add(into)?.checked_sub(out_of)?;
        self.expected = Some(expected);
        self.over_short = self
            .counted
            .map(|counted| counted.checked_sub(expected))
            .transpose()?;
        Ok(())
    }
}

/// Cash kept of a ticket: tenders less change. Notes of another currency lie apart and are not in a count of the
/// store's own; change from them comes out of the drawer all the same.
fn cash_of(trade: &Trade, nothing: Amount) -> Result<Amount, MoneyError> {
    let tenders = trade.tenders.iter();
    let cash = tenders.filter(|t| {
        let own = t
            .foreign
            .is_none_or(|foreign| foreign.currency() == t.amount.currency());
        own && t.kind == TenderKind::Cash && t.state == TenderState::Complete
    });
    let tendered = Amount::sum(cash.map(|t| t.amount), nothing.currency())?;
    let change = trade
        .change
        .iter()
        .filter(|change| change.kind == TenderKind::Cash);
    tendered.checked_sub(Amount::sum(change.map(|c| c.amount), nothing.currency())?)
}

fn cash_counted(count: &TillCount, nothing: Amount) -> Result<Amount, MoneyError> {
    let cash = count
        .counted
        .iter()
        .filter(|counted| counted.kind == TenderKind::Cash);
    Amount::sum(cash.map(|counted| counted.amount), nothing.currency())
}

/// Every register's drawer, in order of registers. Of several openings the first counts and of several counts the last,
/// by the register's own clock, then by number.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits.
pub fn over_short(tickets: &Tickets<'_>) -> Result<Vec<DrawerTotals>, MoneyError> {
    let mut drawers: BTreeMap<&RegisterId, Vec<&Ticket<'_>>> = BTreeMap::new();
    let usable = |ticket: &&Ticket<'_>| ticket.transaction.currency == tickets.settings.currency;
    for ticket in tickets.counted.iter().filter(usable) {
        drawers.entry(ticket.register()).or_default().push(ticket);
    }
    drawers
        .into_iter()
        .map(|(register, of)| drawer(tickets, register, &of))
        .collect()
}

fn drawer(
    tickets: &Tickets<'_>,
    register: &RegisterId,
    of: &[&Ticket<'_>],
) -> Result<DrawerTotals, MoneyError> {
    let mut totals = DrawerTotals::new(tickets, register);
    let order =
        |ticket: &&&Ticket<'_>| -> (LocalTime, BusinessKey) { (ticket.transaction.at, ticket.key.clone()) };
    let fine = || {
        of.iter()
            .filter(|ticket| ticket.fault.is_none() && !ticket.taken_back)
    };
    let opens = fine().filter(|ticket| matches!(ticket.transaction.body, Body::Open { .. }));
    if let Some(ticket) = opens.min_by_key(order)
        && let Body::Open { float } = &ticket.transaction.body
    {
        totals.float = Some(*float);
        totals.records.extend(&ticket.records);
    }
    let counts = fine().filter(|ticket| matches!(ticket.transaction.body, Body::Count(_)));
    if let Some(ticket) = counts.max_by_key(order)
        && let Body::Count(count) = &ticket.transaction.body
    {
        totals.counted = Some(cash_counted(count, totals.cash_sales)?);
        totals.count = Some(ticket.key.clone());
        totals.records.extend(&ticket.records);
    }
    for ticket in of {
        totals.add(ticket)?;
    }
    totals.finish()?;
    Ok(totals)
}

/// Books each drawer's difference, and raises an exception where it is beyond the limit or cannot be known.
pub(super) fn book_over_short(tickets: &Tickets<'_>, ledger: &mut Ledger, held: &mut HeldBack) {
    let Ok(drawers) = over_short(tickets) else {
        let kind = ExceptionKind::OverShort;
        let cause = CauseKey::new(kind, &[&"overflow"]);
        held.push(tickets.exception(kind, cause, "drawer sums are beyond 64 bits".to_owned()));
        return;
    };
    for drawer in drawers {
        if let Some(exception) = drawer_exception(tickets, &drawer) {
            held.push(exception);
        }
        let (Some(count), Some(difference)) = (&drawer.count, drawer.over_short) else {
            continue;
        };
        if !difference.is_zero() {
            book_difference(tickets, &drawer, count, difference, ledger, held);
        }
    }
}

fn book_difference(
    tickets: &Tickets<'_>,
    drawer: &DrawerTotals,
    count: &BusinessKey,
    difference: Amount,
    ledger: &mut Ledger,
    held: &mut HeldBack,
) {
    let mapping = tickets.mapping();
    let (account, word) = if difference.is_negative() {
        (mapping.cash_short(&drawer.register), "short")
    } else {
        (mapping.cash_over(&drawer.register), "over")
    };
    let (Some(account), Some(cash)) = (account, mapping.tender(&TenderKind::Cash, None)) else {
        let kind = ExceptionKind::MissingAccount;
        let cause = CauseKey::new(kind, &[&format_args!("cash_{word}"), &drawer.register]);
        let detail = format!(
            "{} is {word} by {difference}, which is not booked; add cash_{word} to the mapping",
            drawer.register
        );
        held.push(
            tickets
                .exception(kind, cause, detail)
                .at(&drawer.register)
                .risking(difference),
        );
        return;
    };
    let label = format!("Cash {word} {}", drawer.register);
    let part = |to: Mapped<'_>, amount: Amount| Contribution {
        ticket: count.clone(),
        line: LineKey::mapped(to, &label),
        amount,
        base: None,
        foreign: None,
        row: to.row.clone(),
        records: drawer.records.clone(),
    };
    let booked = difference
        .checked_neg()
        .map_err(super::BooksError::from)
        .and_then(|opposite| ledger.take(vec![part(cash, difference), part(account, opposite)]));
    if let Err(error) = booked {
        let kind = ExceptionKind::OverShort;
        let cause = CauseKey::new(kind, &[&drawer.register, &"unbooked"]);
        held.push(
            tickets
                .exception(kind, cause, error.to_string())
                .at(&drawer.register),
        );
    }
}

fn drawer_exception(tickets: &Tickets<'_>, drawer: &DrawerTotals) -> Option<ExceptionDraft> {
    let kind = ExceptionKind::OverShort;
    let counted = drawer.counted?;
    let (cause, detail, risk) = match (drawer.expected, drawer.over_short) {
        (Some(expected), Some(difference)) => {
            let limit = tickets.settings.over_short_limit.minor();
            if difference.minor().saturating_abs() <= limit {
                return None;
            }
            let detail = format!(
                "counted {counted}, expected {expected}: {difference} at {}",
                drawer.register
            );
            let cause = CauseKey::new(kind, &[&drawer.register, &difference.minor()]);
            (cause, detail, difference)
        }
        _ => {
            let detail = format!(
                "counted {counted} at {}, but no day open and no opening_float say what it started with",
                drawer.register
            );
            (
                CauseKey::new(kind, &[&drawer.register, &"no-float"]),
                detail,
                counted,
            )
        }
    };
    let exception = tickets
        .exception(kind, cause, detail)
        .at(&drawer.register)
        .risking(risk);
    Some(exception.seen_in(drawer.records.iter().copied()))
}
