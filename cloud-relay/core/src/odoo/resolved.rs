//! What preflight found in Odoo: database ids for names. Ids are looked up anew when they stop fitting; what an
//! effect *means* never contains one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Code, Currency, MoneyError, Sku, Unit};

use super::effect::EffectKey;
use super::tax::{Percentage, TaxRounding};
use crate::settings::AccountCode;

/// Odoo's major version; decides columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OdooVersion(pub u16);

impl OdooVersion {
    /// `stock.move` has a name of its own, which is required, up to 18.
    #[must_use]
    pub const fn move_has_name(self) -> bool {
        self.0 <= 18
    }

    /// The bearer-key protocol exists from 19 on.
    #[must_use]
    pub const fn has_json2(self) -> bool {
        self.0 >= 19
    }
}

/// A tax in Odoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTax {
    /// `account.tax` id.
    pub tax: i64,
    /// Id of its invoice repartition line of type `tax`; where there are several, it is not resolved.
    pub repartition: i64,
    /// Account of that line. Another account than the mapping's would make Odoo add a tax line of its own.
    pub account: Option<i64>,
    /// True of a tax of nothing, which is told by its base alone: there is no amount to put on a line.
    pub nothing: bool,
    /// True when credit notes repartition it to the same account.
    pub refunds_alike: bool,
    /// Its percentage, where it is one whose amount can be foretold.
    pub percentage: Option<Percentage>,
}

/// What a journal entry needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedBooks {
    /// The server's version.
    pub version: OdooVersion,
    /// `account.journal` id.
    pub journal: i64,
    /// `account.account` ids by code, of the right company.
    pub accounts: BTreeMap<AccountCode, i64>,
    /// `account.tax` by name, of the right company and of type sale.
    pub taxes: BTreeMap<String, ResolvedTax>,
    /// `account.journal` ids by code of the journals that tenders name.
    pub journals: BTreeMap<String, i64>,
    /// `account.analytic.account` ids by name.
    pub analytics: BTreeMap<String, i64>,
    /// `res.currency` ids of the currencies that are in use.
    pub currencies: BTreeMap<Currency, i64>,
    /// What invoices need besides.
    pub invoicing: Invoicing,
}

impl ResolvedBooks {
    /// An account's id.
    ///
    /// # Errors
    /// [`PayloadError::Account`] when Odoo lacks it.
    pub(super) fn account(&self, code: &AccountCode) -> Result<i64, PayloadError> {
        let id = self.accounts.get(code).copied();
        id.ok_or_else(|| PayloadError::Account(code.clone()))
    }
}

/// What invoices, and what is linked to other documents, need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Invoicing {
    /// `account.journal` id of invoices, where the store makes some.
    pub journal: Option<i64>,
    /// How the company rounds taxes.
    pub rounding: TaxRounding,
    /// `res.partner` ids by internal reference, of contacts that the settings name. One that is there twice is not
    /// resolved.
    pub contacts: BTreeMap<String, i64>,
    /// Ids of what other effects made, by their keys.
    pub documents: BTreeMap<EffectKey, i64>,
}

impl Invoicing {
    /// The id of what another effect made.
    ///
    /// # Errors
    /// [`PayloadError::Effect`] while it is not known.
    pub(super) fn document(&self, key: &EffectKey) -> Result<i64, PayloadError> {
        let id = self.documents.get(key).copied();
        id.ok_or_else(|| PayloadError::Effect(key.clone()))
    }
}

/// What Odoo keeps of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductKind {
    /// A quantity: 17 `detailed_type = product`, from 18 on `is_storable`.
    Storable,
    /// Goods without a quantity. Odoo would take them in a picking, and nothing would change.
    Consumable,
    /// Nothing that can be moved.
    Service,
}

/// How units of a product are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tracking {
    /// They are not.
    None,
    /// By lot.
    Lot,
    /// Each by its own number.
    Serial,
}

/// A product's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uom {
    /// `uom.uom` id.
    pub id: i64,
    /// The smallest step that it counts in, in millionths; Odoo rounds what is finer.
    pub rounding: i64,
    /// What it is, where it is one of Odoo's own units that a till may name.
    pub unit: Option<Unit>,
}

/// What a kit (a bill of materials of type `phantom`) consists of. It has no stock of its own, and moving it moves
/// nothing: Odoo takes its parts with quantity nothing and cancels them, or, on 17, moves the kit itself into the
/// negative. So its parts are moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kit {
    /// These, storable and untracked, in their own units.
    Of(Vec<KitPart>),
    /// It cannot be said; why.
    Unclear(String),
}

/// A part of a kit: `count` of it for `per` kits, both in millionths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KitPart {
    /// Its number in Odoo.
    pub sku: Sku,
    /// `product.product` id.
    pub product: i64,
    /// So many parts.
    pub count: i64,
    /// For so many kits; more than zero.
    pub per: i64,
    /// The smallest step that its unit counts in, in millionths.
    pub rounding: i64,
}

impl KitPart {
    /// The parts of so many kits, in millionths; `None` where that is no exact number of them.
    #[must_use]
    pub fn times(&self, kits: i64) -> Option<i64> {
        let product = i128::from(kits) * i128::from(self.count);
        let per = i128::from(self.per.max(1));
        let parts = (product % per == 0).then_some(product / per)?;
        let parts = i64::try_from(parts).ok()?;
        (parts % self.rounding.max(1) == 0).then_some(parts)
    }
}

/// A product in Odoo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// `product.product` id.
    pub id: i64,
    /// Its internal reference; its barcode where it has none.
    pub sku: Sku,
    /// Its unit.
    pub uom: Uom,
    /// What Odoo keeps of it.
    pub kind: ProductKind,
    /// Tracked products get pickings of their own, so that a lot that is missing does not stop the others.
    pub tracking: Tracking,
    /// Its parts, when it is a kit.
    pub kit: Option<Kit>,
}

/// A lot or serial number in Odoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// `stock.lot` id.
    pub id: i64,
    /// `stock.location` id of the place in the store where some of it stands; `None` when none of it does.
    pub place: Option<i64>,
}

/// What a picking needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedStock {
    /// The server's version.
    pub version: OdooVersion,
    /// `stock.picking.type` id for goods out.
    pub type_out: i64,
    /// `stock.picking.type` id for goods back.
    pub type_back: i64,
    /// `stock.location` id of the store's stock.
    pub stock: i64,
    /// `stock.location` id of customers.
    pub customers: i64,
    /// Products by the number they were asked for: `default_code`, or barcode where no product has it as that. A number
    /// that is there twice is not resolved.
    pub products: BTreeMap<Sku, Product>,
    /// Lots of tracked products, by product id and name.
    pub lots: BTreeMap<(i64, Code), Lot>,
    /// What stands in the store, in millionths by product id, of those whose quantity was asked for.
    pub on_hand: BTreeMap<i64, i64>,
}

/// Why a payload cannot be written for this Odoo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The lines do not add up to nothing: Odoo would balance them by itself as soon as a tax is named.
    #[error("the entry's lines leave {0} over, wanted lines that sum to nothing; report this")]
    Unbalanced(Amount),
    /// The account is not in Odoo.
    #[error("account {0} is not in Odoo's chart; create it or mend the mapping")]
    Account(AccountCode),
    /// The analytic account is not in Odoo.
    #[error("analytic account {0:?} is not in Odoo; create it or mend the mapping")]
    Analytic(String),
    /// The currency is not in use in Odoo.
    #[error("currency {} is not active in Odoo; activate it there", .0.code())]
    Currency(Currency),
    /// The product is not in Odoo.
    #[error("product {0} is not in Odoo; create it with this internal reference")]
    Product(Sku),
    /// The contact is not in Odoo.
    #[error("contact {0:?} is not in Odoo; create it with this internal reference")]
    Contact(String),
    /// There is no journal for invoices.
    #[error("the store has no journal for invoices in Odoo; name one of type Sales in odoo.invoices.journal")]
    InvoiceJournal,
    /// Another effect's document is not known.
    #[error("{0} is not in Odoo yet")]
    Effect(EffectKey),
    /// A sum beyond 64 bits, or two currencies.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The lot is not in Odoo.
    #[error("product {0} has no lot or serial number {1} in Odoo; create it there")]
    Lot(Sku, Code),
}
