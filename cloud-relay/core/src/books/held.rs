//! What is held back and why: one exception per cause, not one per ticket, so that mending the cause once lets all its
//! tickets go.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Amount, BusinessKey, Currency, TaxLine, TenderKind};

use super::ledger::Ledger;
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use crate::facts::RecordId;
use crate::tickets::{Ticket, Tickets, spoken};

/// An account that the mapping lacks.
pub(super) struct Missing {
    pub(super) kind: ExceptionKind,
    /// What it is needed for, as the mapping would name it.
    pub(super) what: String,
    pub(super) amount: Amount,
    /// False when the suspense account takes it.
    pub(super) holds: bool,
}

impl Missing {
    pub(super) fn tender(kind: &TenderKind, currency: Option<Currency>, amount: Amount) -> Self {
        let currency = currency.map_or_else(String::new, |currency| format!(".{}", currency.code()));
        Self {
            kind: ExceptionKind::UnknownTender,
            what: format!("tender.{}{currency}", kind.name()),
            amount,
            holds: true,
        }
    }

    pub(super) fn tax(tax: &TaxLine) -> Self {
        let rate = tax.rate.map_or_else(String::new, |rate| format!("@{rate}"));
        Self {
            kind: ExceptionKind::UnknownTax,
            what: format!("tax.{}{rate}", tax.jurisdiction),
            amount: tax.amount,
            holds: true,
        }
    }

    /// Another part; `key` is the row that the mapping lacks.
    pub(super) fn movement(key: &str, amount: Amount) -> Self {
        Self {
            kind: ExceptionKind::MissingAccount,
            what: key.to_owned(),
            amount,
            holds: true,
        }
    }
}

#[derive(Default)]
struct Cause {
    tickets: BTreeSet<BusinessKey>,
    records: BTreeSet<RecordId>,
    minor: i64,
    holds: bool,
}

/// Everything held back on a day, per cause.
#[derive(Default)]
pub(super) struct HeldBack {
    causes: BTreeMap<(ExceptionKind, String), Cause>,
    single: Vec<ExceptionDraft>,
}

impl HeldBack {
    /// Holds a ticket whole.
    pub(super) fn add(&mut self, ticket: &Ticket<'_>, missing: &[Missing], ledger: &mut Ledger) {
        let total = ticket.transaction.trade().map(|trade| trade.totals.total);
        for lack in missing.iter().filter(|lack| lack.holds) {
            self.file(ticket, lack, total.unwrap_or(lack.amount));
            ledger.hold(ticket.key, &cause_key(lack.kind, &lack.what));
        }
        self.note(ticket, missing);
    }

    /// Notes what went to the suspense account.
    pub(super) fn note(&mut self, ticket: &Ticket<'_>, missing: &[Missing]) {
        for lack in missing.iter().filter(|lack| !lack.holds) {
            self.file(ticket, lack, lack.amount);
        }
    }

    fn file(&mut self, ticket: &Ticket<'_>, lack: &Missing, risk: Amount) {
        let cause = self.causes.entry((lack.kind, lack.what.clone())).or_default();
        if cause.tickets.insert(ticket.key.clone()) || !lack.holds {
            cause.minor = cause.minor.saturating_add(risk.minor().saturating_abs());
        }
        cause.records.extend(&ticket.records);
        cause.holds |= lack.holds;
    }

    pub(super) fn does_not_add_up(
        &mut self,
        tickets: &Tickets<'_>,
        ticket: &Ticket<'_>,
        words: &str,
        ledger: &mut Ledger,
    ) {
        let (kind, key) = (ExceptionKind::DoesNotAddUp, ticket.key);
        let cause = CauseKey::new(
            kind,
            &[&key.register, &key.kind.name(), &key.ticket, &key.revision],
        );
        ledger.hold(key, &cause);
        let detail = format!("{}: {words}", spoken(key));
        self.single.push(
            tickets
                .exception(kind, cause, detail)
                .about(key)
                .seen_in(ticket.records.iter().copied()),
        );
    }

    pub(super) fn push(&mut self, exception: ExceptionDraft) {
        self.single.push(exception);
    }

    pub(super) fn into_exceptions(self, tickets: &Tickets<'_>) -> Vec<ExceptionDraft> {
        let currency = tickets.settings.currency;
        let causes = self.causes.into_iter().map(|((kind, what), cause)| {
            let numbers: Vec<String> = cause
                .tickets
                .iter()
                .take(5)
                .map(|key| key.ticket.to_string())
                .collect();
            let more = if cause.tickets.len() > numbers.len() {
                ", ..."
            } else {
                ""
            };
            let state = if cause.holds {
                "held"
            } else {
                "booked to the suspense account"
            };
            let detail = format!(
                "no account for {what}: {} {state} ({}{more}); add {what} to the mapping",
                count(cause.tickets.len()),
                numbers.join(", "),
            );
            tickets
                .exception(kind, cause_key(kind, &what), detail)
                .risking(Amount::new(cause.minor, currency))
                .seen_in(cause.records)
        });
        causes.chain(self.single).collect()
    }
}

fn cause_key(kind: ExceptionKind, what: &str) -> CauseKey {
    CauseKey::new(kind, &[&what])
}

fn count(tickets: usize) -> String {
    if tickets == 1 {
        "1 ticket is".to_owned()
    } else {
        format!("{tickets} tickets are")
    }
}
