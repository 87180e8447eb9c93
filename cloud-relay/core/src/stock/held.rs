//! Goods that cannot be moved now: which, how many, and what a person does about it.

use tillwire_proto::{Quantity, Sku, StoreId, Unit};

use super::delta::StockRules;
use super::goods::{Goods, Want};
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind};

/// Goods that wait, under an exception of their own; they move by themselves once its cause is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub goods: Goods,
    /// How many, in Odoo's unit; negative when they come back.
    pub quantity: Quantity,
    /// What a person sees.
    pub draft: ExceptionDraft,
}

/// The cause under which a product's stock below zero is noted at a store.
#[must_use]
pub fn below_zero(store: &StoreId, sku: &Sku) -> CauseKey {
    CauseKey::new(ExceptionKind::NegativeStock, &[store, sku])
}

/// One difference on its way to a picking or to a person.
pub(super) struct Case<'a> {
    pub(super) rules: &'a StockRules<'a>,
    pub(super) goods: &'a Goods,
    pub(super) want: &'a Want,
    /// What is left to move, in millionths of Odoo's unit.
    pub(super) rest: i64,
}

impl Case<'_> {
    pub(super) const fn quantity(&self) -> Quantity {
        Quantity::from_millionths(self.rest, Unit::Each)
    }

    /// `6PACK (mapped to BOTTLE)`, or only the number.
    pub(super) fn name(&self) -> String {
        let sku = &self.goods.sku;
        let others: Vec<&str> = self
            .want
            .items
            .iter()
            .filter(|item| *item != sku)
            .map(Sku::as_str)
            .collect();
        if others.is_empty() {
            sku.to_string()
        } else {
            format!("{} (mapped to {sku})", others.join(", "))
        }
    }

    /// `ticket 12`, `tickets 12, 15`; the first few.
    pub(super) fn tickets(&self) -> String {
        let numbers: Vec<&str> = self
            .want
            .tickets
            .iter()
            .take(5)
            .map(tillwire_proto::TicketNumber::as_str)
            .collect();
        let more = if self.want.tickets.len() > numbers.len() {
            " and others"
        } else {
            ""
        };
        match numbers.as_slice() {
            [] => "no ticket any more".to_owned(),
            [one] => format!("ticket {one}"),
            several => format!("tickets {}{more}", several.join(", ")),
        }
    }

    pub(super) fn hold(&self, kind: ExceptionKind, words: String) -> Held {
        Held {
            goods: self.goods.clone(),
            quantity: self.quantity(),
            draft: self.draft(kind, words),
        }
    }

    /// Stock below zero belongs to the store and not to the day.
    pub(super) fn note(&self, words: String) -> ExceptionDraft {
        ExceptionDraft {
            cause: below_zero(self.rules.store, &self.goods.sku),
            ..self.draft(ExceptionKind::NegativeStock, words)
        }
    }

    fn draft(&self, kind: ExceptionKind, words: String) -> ExceptionDraft {
        let sku = &self.goods.sku;
        let cause = match &self.goods.lot {
            Some(lot) => CauseKey::new(kind, &[sku, &lot.as_str()]),
            None => CauseKey::new(kind, &[sku]),
        };
        ExceptionDraft::new(kind, self.rules.tenant, self.rules.store, cause, words)
            .on(self.rules.day)
            .seen_in(self.want.records.iter().copied())
    }
}
