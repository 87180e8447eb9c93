//! Which account a movement goes to. Looking up answers `None` where the retailer has not said; what then happens
//! (a named exception, or the suspense account) is decided in the books.

use std::collections::BTreeMap;

use tillwire_proto::{CardBrand, Jurisdiction, LineKind, Rate, TenderKind};

use super::AccountCode;

/// A tax's account, and its tax in Odoo where tax reports are wanted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxAccount {
    /// The account that owes it.
    pub account: AccountCode,
    /// The name of the tax in Odoo; `None` books the amount without telling Odoo's tax report about its base.
    pub odoo_tax: Option<String>,
}

/// The mapping of one store. Made by [`super::StoreDraft::check`] only.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) tenders: BTreeMap<String, AccountCode>,
    pub(super) taxes: BTreeMap<(String, Option<i64>), TaxAccount>,
    pub(super) revenue: AccountCode,
    pub(super) shipping: Option<AccountCode>,
    pub(super) fee: Option<AccountCode>,
    pub(super) gift_card: Option<AccountCode>,
    pub(super) tip: Option<AccountCode>,
    pub(super) discount: Option<AccountCode>,
    pub(super) cash_over: Option<AccountCode>,
    pub(super) cash_short: Option<AccountCode>,
    pub(super) paid_in: BTreeMap<String, AccountCode>,
    pub(super) paid_out: BTreeMap<String, AccountCode>,
    pub(super) safe: Option<AccountCode>,
    pub(super) suspense: Option<AccountCode>,
}

impl Mapping {
    /// The account of a tender: for a card its brand's (`card.visa`), else `card`; a gift card without its own
    /// entry reduces the liability that selling one made.
    #[must_use]
    pub fn tender(&self, kind: &TenderKind, brand: Option<CardBrand>) -> Option<&AccountCode> {
        let by_brand = match (kind, brand) {
            (TenderKind::Card, Some(brand)) => self.tenders.get(&format!("card.{}", brand.name())),
            _ => None,
        };
        by_brand.or_else(|| self.tenders.get(kind.name())).or(match kind {
            TenderKind::GiftCard => self.gift_card.as_ref(),
            _ => None,
        })
    }

    /// The account of a tax: of jurisdiction and rate, else of the jurisdiction.
    #[must_use]
    pub fn tax(&self, jurisdiction: &Jurisdiction, rate: Option<Rate>) -> Option<&TaxAccount> {
        let name = jurisdiction.as_str().to_owned();
        rate.and_then(|rate| self.taxes.get(&(name.clone(), Some(rate.millionths()))))
            .or_else(|| self.taxes.get(&(name, None)))
    }

    /// The account that a line of a ticket is credited to.
    #[must_use]
    pub fn line(&self, kind: LineKind) -> Option<&AccountCode> {
        match kind {
            LineKind::Item => Some(&self.revenue),
            LineKind::Shipping => Some(self.shipping.as_ref().unwrap_or(&self.revenue)),
            LineKind::Fee => Some(self.fee.as_ref().unwrap_or(&self.revenue)),
            LineKind::GiftCard => self.gift_card.as_ref(),
        }
    }

    /// The account of tips.
    #[must_use]
    pub const fn tip(&self) -> Option<&AccountCode> {
        self.tip.as_ref()
    }

    /// The account that shows discounts; `None` books revenue net of them.
    #[must_use]
    pub const fn discount(&self) -> Option<&AccountCode> {
        self.discount.as_ref()
    }

    /// The account of a drawer that holds too much.
    #[must_use]
    pub const fn cash_over(&self) -> Option<&AccountCode> {
        self.cash_over.as_ref()
    }

    /// The account of a drawer that holds too little.
    #[must_use]
    pub const fn cash_short(&self) -> Option<&AccountCode> {
        self.cash_short.as_ref()
    }

    /// Where paid-in cash comes from: of its reason, else `default`.
    #[must_use]
    pub fn paid_in(&self, reason: Option<&str>) -> Option<&AccountCode> {
        by_reason(&self.paid_in, reason)
    }

    /// Where paid-out cash goes: of its reason, else `default`.
    #[must_use]
    pub fn paid_out(&self, reason: Option<&str>) -> Option<&AccountCode> {
        by_reason(&self.paid_out, reason)
    }

    /// The safe, for pickups and loans.
    #[must_use]
    pub const fn safe(&self) -> Option<&AccountCode> {
        self.safe.as_ref()
    }

    /// Where tenders and taxes without an account go, if the retailer wants that instead of held tickets.
    #[must_use]
    pub const fn suspense(&self) -> Option<&AccountCode> {
        self.suspense.as_ref()
    }

    /// Every account that a posting may name, once, for preflight.
    #[must_use]
    pub fn accounts(&self) -> Vec<&AccountCode> {
        let single = [
            Some(&self.revenue),
            self.shipping.as_ref(),
            self.fee.as_ref(),
            self.gift_card.as_ref(),
            self.tip.as_ref(),
            self.discount.as_ref(),
            self.cash_over.as_ref(),
            self.cash_short.as_ref(),
            self.safe.as_ref(),
            self.suspense.as_ref(),
        ];
        let mut all: Vec<&AccountCode> = single
            .into_iter()
            .flatten()
            .chain(self.tenders.values())
            .chain(self.taxes.values().map(|tax| &tax.account))
            .chain(self.paid_in.values())
            .chain(self.paid_out.values())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Every Odoo tax that a posting may name, once, for preflight.
    #[must_use]
    pub fn odoo_taxes(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self
            .taxes
            .values()
            .filter_map(|tax| tax.odoo_tax.as_deref())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn by_reason<'a>(table: &'a BTreeMap<String, AccountCode>, reason: Option<&str>) -> Option<&'a AccountCode> {
    reason
        .and_then(|reason| table.get(reason))
        .or_else(|| table.get("default"))
}
