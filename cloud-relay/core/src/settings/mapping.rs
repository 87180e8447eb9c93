//! Which account a movement goes to, and by which row. Looking up answers `None` where the retailer has not said; what
//! then happens (a named exception, or the suspense account) is decided in the books.
//!
//! A mapping is one flat table of rows by key, which is what versions lay over each other, what `mapping diff` compares
//! and what every contribution to a ledger names.

pub(in crate::settings) mod layer;
mod row;

use std::collections::BTreeMap;

use tillwire_proto::{
    CardBrand, Currency, Digest, Jurisdiction, Line, LineKind, Rate, RegisterId, Sku, TenderKind,
};

use super::AccountCode;

pub use row::{AccountRow, Factor, ProductRow, Row, RowId, Scope, Target};

/// Key of the tax that goods without tax are told under.
const EXEMPT: &str = "tax_exempt";

/// The mapping of one store as one version leaves it. Made by [`super::StoreDraft::check`] only.
#[derive(Debug, Clone)]
pub struct Mapping {
    version: u32,
    rows: BTreeMap<String, Row>,
}

/// An account as a row gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped<'a> {
    /// The account.
    pub account: &'a AccountCode,
    /// The row that chose it.
    pub row: &'a RowId,
    /// On a tax its name in Odoo; `None` books the amount without telling Odoo's tax report about its base.
    pub odoo_tax: Option<&'a str>,
    /// On a tender the code of the journal that its payments are registered in.
    pub journal: Option<&'a str>,
    /// On income and expense the analytic account: the row's own, else the store's.
    pub analytic: Option<&'a str>,
}

/// A product as a row gives it, or as the till names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedProduct<'a> {
    /// Its internal reference in Odoo.
    pub code: &'a Sku,
    /// Units in Odoo for one at the till.
    pub factor: Factor,
    /// Its category.
    pub category: Option<&'a str>,
    /// The row that says so; `None` when the item number is taken as the internal reference.
    pub row: Option<&'a RowId>,
}

/// What a deposit is made of, beside the clearing accounts that it empties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettlementPart {
    /// What reached the bank.
    Bank,
    /// What the processor kept.
    Fee,
    /// What cardholders' banks took and may give back.
    Chargeback,
    /// What the processor holds back.
    Reserve,
}

impl SettlementPart {
    /// As the mapping names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bank => "bank",
            Self::Fee => "fee",
            Self::Chargeback => "chargeback",
            Self::Reserve => "reserve",
        }
    }
}

impl Mapping {
    /// The number of the newest version in it.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Every row, in order of keys.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// The row of a key.
    #[must_use]
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.get(key)
    }

    /// SHA-256 over all rows, wherever they stand: two mappings that book alike have one digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let targets: BTreeMap<&str, &Target> = self
            .rows
            .iter()
            .map(|(key, row)| (key.as_str(), &row.target))
            .collect();
        // texts and numbers under texts: this cannot fail
        let text = serde_json::to_string(&targets).unwrap_or_default();
        Digest::of(text.as_bytes())
    }

    fn account(&self, key: &str) -> Option<Mapped<'_>> {
        let row = self.rows.get(key)?;
        let Target::Account(to) = &row.target else {
            return None;
        };
        let of_store = || self.name("analytic").filter(|_| to.result).map(|(name, _)| name);
        Some(Mapped {
            account: &to.account,
            row: &row.id,
            odoo_tax: to.odoo_tax.as_deref(),
            journal: to.journal.as_deref(),
            analytic: to.analytic.as_deref().or_else(of_store),
        })
    }

    fn name(&self, key: &str) -> Option<(&str, &RowId)> {
        let row = self.rows.get(key)?;
        match &row.target {
            Target::Name(name) => Some((name, &row.id)),
            Target::Account(_) | Target::Product(_) => None,
        }
    }

    /// The account of a tender: for a card its brand's (`card.visa`), else `card`; a gift card or store credit without
    /// a tender's row reduces the liability that selling or issuing one made.
    #[must_use]
    pub fn tender(&self, kind: &TenderKind, brand: Option<CardBrand>) -> Option<Mapped<'_>> {
        let by_brand = match (kind, brand) {
            (TenderKind::Card, Some(brand)) => self.account(&format!("tender.card.{}", brand.name())),
            _ => None,
        };
        by_brand
            .or_else(|| self.account(&format!("tender.{}", kind.name())))
            .or_else(|| match kind {
                TenderKind::GiftCard => self.account("gift_card"),
                TenderKind::StoreCredit => self.account("store_credit"),
                _ => None,
            })
    }

    /// The account of a tender taken in another currency: `cash.CAD`, else as any tender of its kind.
    #[must_use]
    pub fn foreign_tender(&self, kind: &TenderKind, currency: Currency) -> Option<Mapped<'_>> {
        self.account(&format!("tender.{}.{}", kind.name(), currency.code()))
            .or_else(|| self.tender(kind, None))
    }

    /// The account of a tax: of jurisdiction and rate, else of the jurisdiction.
    #[must_use]
    pub fn tax(&self, jurisdiction: &Jurisdiction, rate: Option<Rate>) -> Option<Mapped<'_>> {
        rate.and_then(|rate| self.account(&tax_key(jurisdiction, Some(rate))))
            .or_else(|| self.account(&tax_key(jurisdiction, None)))
    }

    /// The tax in Odoo that goods without any tax are told under.
    #[must_use]
    pub fn tax_exempt(&self) -> Option<(&str, &RowId)> {
        self.name(EXEMPT)
    }

    /// The account that a line of a ticket is credited to. Goods: `returns` when they come back, else the category that
    /// the product's row names, else the till's department, else revenue.
    #[must_use]
    pub fn line(&self, line: &Line) -> Option<Mapped<'_>> {
        let revenue = || self.account("revenue");
        match line.kind {
            LineKind::Item => {
                let back = || self.account("returns").filter(|_| line.quantity.is_negative());
                let of_product = || line.sku.as_ref().and_then(|sku| self.product(sku).category);
                let category = |name: &str| self.account(&format!("category.{name}"));
                let department = || line.department.as_ref().and_then(|code| category(code.as_str()));
                back()
                    .or_else(|| of_product().and_then(category))
                    .or_else(department)
                    .or_else(revenue)
            }
            LineKind::Shipping => self.account("shipping").or_else(revenue),
            LineKind::Fee => self.account("fee").or_else(revenue),
            LineKind::GiftCard => self.account("gift_card"),
        }
    }

    /// The product that an item number or barcode stands for.
    #[must_use]
    pub fn product<'a>(&'a self, sku: &'a Sku) -> MappedProduct<'a> {
        match self.rows.get(&format!("product.{sku}")) {
            Some(Row {
                id,
                target: Target::Product(product),
            }) => MappedProduct {
                code: &product.code,
                factor: product.factor,
                category: product.category.as_deref(),
                row: Some(id),
            },
            _ => MappedProduct {
                code: sku,
                factor: Factor::ONE,
                category: None,
                row: None,
            },
        }
    }

    /// The account of tips.
    #[must_use]
    pub fn tip(&self) -> Option<Mapped<'_>> {
        self.account("tip")
    }

    /// The account that shows a discount: of its reason, else of all; `None` books revenue net of it.
    #[must_use]
    pub fn discount(&self, reason: Option<&str>) -> Option<Mapped<'_>> {
        reason
            .and_then(|reason| self.account(&format!("discount_reason.{reason}")))
            .or_else(|| self.account("discount"))
    }

    /// The account of rounding to the smallest coin.
    #[must_use]
    pub fn rounding(&self) -> Option<Mapped<'_>> {
        self.account("rounding")
    }

    /// The account of a drawer that holds too much: the register's own, else the store's.
    #[must_use]
    pub fn cash_over(&self, register: &RegisterId) -> Option<Mapped<'_>> {
        self.of_register(register, "cash_over")
    }

    /// The account of a drawer that holds too little: the register's own, else the store's.
    #[must_use]
    pub fn cash_short(&self, register: &RegisterId) -> Option<Mapped<'_>> {
        self.of_register(register, "cash_short")
    }

    fn of_register(&self, register: &RegisterId, key: &str) -> Option<Mapped<'_>> {
        self.account(&format!("register.{register}.{key}"))
            .or_else(|| self.account(key))
    }

    /// Where paid-in cash comes from: of its reason, else `default`.
    #[must_use]
    pub fn paid_in(&self, reason: Option<&str>) -> Option<Mapped<'_>> {
        self.by_reason("paid_in", reason)
    }

    /// Where paid-out cash goes: of its reason, else `default`.
    #[must_use]
    pub fn paid_out(&self, reason: Option<&str>) -> Option<Mapped<'_>> {
        self.by_reason("paid_out", reason)
    }

    fn by_reason(&self, table: &str, reason: Option<&str>) -> Option<Mapped<'_>> {
        reason
            .and_then(|reason| self.account(&format!("{table}.{reason}")))
            .or_else(|| self.account(&format!("{table}.default")))
    }

    /// The safe, for pickups and loans.
    #[must_use]
    pub fn safe(&self) -> Option<Mapped<'_>> {
        self.account("safe")
    }

    /// Where tenders and taxes without an account go, if the retailer wants that instead of held tickets.
    #[must_use]
    pub fn suspense(&self) -> Option<Mapped<'_>> {
        self.account("suspense")
    }

    fn account_rows(&self) -> impl Iterator<Item = &AccountRow> {
        self.rows.values().filter_map(|row| match &row.target {
            Target::Account(to) => Some(to),
            Target::Product(_) | Target::Name(_) => None,
        })
    }

    /// Where a part of settlement goes.
    #[must_use]
    pub fn settlement(&self, part: SettlementPart) -> Option<Mapped<'_>> {
        self.account(&format!("settlement.{}", part.name()))
    }

    /// Every account that a posting may name, once, for preflight.
    #[must_use]
    pub fn accounts(&self) -> Vec<&AccountCode> {
        once(self.account_rows().map(|row| &row.account))
    }

    /// Every Odoo tax that a posting may name, once, for preflight.
    #[must_use]
    pub fn odoo_taxes(&self) -> Vec<&str> {
        let exempt = self.tax_exempt().map(|(name, _)| name);
        once(
            self.account_rows()
                .filter_map(|row| row.odoo_tax.as_deref())
                .chain(exempt),
        )
    }

    /// Every journal that a payment may be registered in, once, for preflight.
    #[must_use]
    pub fn journals(&self) -> Vec<&str> {
        once(self.account_rows().filter_map(|row| row.journal.as_deref()))
    }

    /// Every analytic account that a posting may name, once, for preflight.
    #[must_use]
    pub fn analytics(&self) -> Vec<&str> {
        let of_store = self.name("analytic").map(|(name, _)| name);
        once(
            self.account_rows()
                .filter_map(|row| row.analytic.as_deref())
                .chain(of_store),
        )
    }

    /// Every other currency that a tender's row names, once, for preflight.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        once(self.rows.keys().filter_map(|key| layer::names_currency(key)))
    }
}

/// The key of a tax's row.
fn tax_key(jurisdiction: &Jurisdiction, rate: Option<Rate>) -> String {
    match rate {
        Some(rate) => format!("tax.{jurisdiction}@{rate}"),
        None => format!("tax.{jurisdiction}"),
    }
}

fn once<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = items.collect();
    all.sort_unstable();
    all.dedup();
    all
}
