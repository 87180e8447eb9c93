//! A day's lines and transactions, and a record down to its bytes.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tillwire_proto::{Amount, Body, TenantId, Transaction, decode_observation};
use tillwire_relay_core::books::{Ledger, LedgerLine, LineKey};
use tillwire_relay_core::facts::{DayFacts, RecordId};
use tillwire_relay_core::odoo::{EffectKind, EffectState};
use tillwire_relay_core::reading::Reading;
use tillwire_relay_core::witness;

use crate::dashboard::view::{Chip, EffectRow, LedgerRow, RecordLink, RecordView, Tone, TransactionRow};
use crate::store::{StoreError, attachments, effects};

pub(super) fn ledger(ledger: &Ledger) -> Vec<LedgerRow> {
    let row = |(key, line): (&LineKey, &LedgerLine)| {
        let parts = ledger.of_line(key).flat_map(|part| {
            part.records
                .first()
                .map(|record| link(*record, part.ticket.ticket.as_str(), Some(part.amount)))
        });
        let positive = line
            .amount
            .checked_neg()
            .ok()
            .filter(|_| line.amount.is_negative());
        LedgerRow {
            account: key.account.to_string(),
            label: key.label.clone(),
            debit: (!line.amount.is_negative()).then_some(line.amount),
            credit: positive,
            records: parts.collect(),
        }
    };
    ledger.lines().map(row).collect()
}

pub(super) fn link(record: RecordId, name: &str, amount: Option<Amount>) -> RecordLink {
    RecordLink {
        segment: record.segment,
        number: record.number,
        name: name.to_owned(),
        amount,
    }
}

pub(super) fn effect(stored: &effects::StoredEffect) -> EffectRow {
    let effect = &stored.effect;
    EffectRow {
        key: effect.key.to_string(),
        has_page: matches!(
            stored_kind(effect),
            EffectKind::JournalEntry | EffectKind::Invoice
        ),
        kind: match stored_kind(effect) {
            EffectKind::JournalEntry => "journal entry".to_owned(),
            EffectKind::Picking => "stock picking".to_owned(),
            kind @ (EffectKind::Contact | EffectKind::Invoice | EffectKind::Reconciliation) => {
                kind.name().to_owned()
            }
        },
        state: chip_of(effect),
        name: stored.odoo_name.clone(),
        last_error: effect.refused.clone().or_else(|| effect.reason.clone()),
    }
}

/// Where an effect stands.
pub(super) fn chip_of(effect: &tillwire_relay_core::odoo::Effect) -> Chip {
    let tone = match effect.state {
        EffectState::Done => Tone::Good,
        EffectState::Rejected => Tone::Bad,
        EffectState::Intent | EffectState::Sent | EffectState::Unknown => Tone::Wait,
    };
    Chip {
        tone,
        word: effects::word(effect.state).to_owned(),
    }
}

pub(super) fn stored_kind(effect: &tillwire_relay_core::odoo::Effect) -> EffectKind {
    effect.payload.kind()
}

pub(super) fn transactions(facts: &DayFacts) -> Vec<TransactionRow> {
    let known = facts.transactions.values().flat_map(|known| &known.versions);
    let mut rows: Vec<(i64, TransactionRow)> = known
        .filter_map(|version| {
            let sighting = version.sightings.first()?;
            let told: BTreeSet<String> = version
                .sightings
                .iter()
                .map(|s| witness::name(s.witness).to_owned())
                .collect();
            let transaction = &version.transaction;
            let row = TransactionRow {
                record: link(sighting.record, transaction.key.ticket.as_str(), None),
                kind: transaction.key.kind.name().to_owned(),
                register: transaction.key.register.to_string(),
                at: transaction.at.to_string(),
                total: total(transaction),
                tenders: tenders(transaction),
                witnesses: told.into_iter().collect::<Vec<_>>().join(", "),
            };
            Some((transaction.at.0, row))
        })
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

pub(super) fn total(transaction: &Transaction) -> Option<Amount> {
    match &transaction.body {
        Body::Trade(trade) => Some(trade.totals.total),
        Body::Drawer(movement) => Some(movement.amount),
        Body::Open { float } => Some(*float),
        Body::Void(_) | Body::Count(_) | Body::Close { .. } => None,
    }
}

pub(super) fn tenders(transaction: &Transaction) -> String {
    let trade = transaction.trade();
    let names: BTreeSet<&str> = trade
        .into_iter()
        .flat_map(|t| &t.tenders)
        .map(|t| t.kind.name())
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

pub(super) fn understand(
    db: &Connection,
    tenant: &TenantId,
    body: &[u8],
    view: &mut RecordView,
) -> Result<(), StoreError> {
    match decode_observation(body) {
        Err(error) => view.understood = Err(error.to_string()),
        Ok(observation) => {
            view.facts
                .push(("Told by", witness::name(observation.witness).to_owned()));
            view.facts
                .push(("Box's clock", instant(observation.stamp.wall_ms)));
            view.facts
                .push(("Card data replaced", observation.redacted.to_string()));
            view.understood = Ok(Reading::of(&observation.fact));
            view.attachment = observation.attachment.map(|reference| reference.digest);
            if let Some(digest) = view.attachment {
                view.bytes = attachments::get(db, tenant, digest)?;
            }
        }
    }
    Ok(())
}

pub(super) fn instant(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| "unknown".to_owned(), |at| at.to_string())
}
