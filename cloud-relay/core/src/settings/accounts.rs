//! The rows of a mapping as a person writes them: one table per version, and one in a store's own settings.
//!
//! Every key may be left out, because a later version and a store's own table say only what changes. What must be there
//! in the end (the account of cash, and revenue) is checked where all tables have been laid over each other
//! ([`super::Mapping`]).

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Account codes by what they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountsDraft {
    /// Tender to account: `cash` (required), `card`, `card.visa` and the other brands, `gift-card`, `store-credit`,
    /// `check`, `on-account`, or the retailer's own tender codes. `cash.CAD` is cash taken in another currency. With a
    /// `journal` where its payments are to be registered in one of their own.
    pub tender: BTreeMap<String, RowDraft>,
    /// Jurisdiction (`CA State`), or jurisdiction at a rate (`CA State@0.0825`), to account. With `odoo_tax` where Odoo's
    /// tax report is to know of it.
    pub tax: BTreeMap<String, RowDraft>,
    /// Name of the tax in Odoo that goods without any tax are told under. Default: Odoo is told nothing of them.
    pub tax_exempt: Option<String>,
    /// Revenue. Required.
    pub revenue: Option<RowDraft>,
    /// Revenue of a department or category, by the name that the till or a product's row gives it. Default: revenue.
    pub category: BTreeMap<String, RowDraft>,
    /// Goods that came back. Default: the account that their sale went to.
    pub returns: Option<RowDraft>,
    /// Shipping charged. Default: revenue.
    pub shipping: Option<RowDraft>,
    /// Fees charged. Default: revenue.
    pub fee: Option<RowDraft>,
    /// The liability that a sold gift card makes, and a redeemed one reduces. Needed where gift cards are sold.
    pub gift_card: Option<RowDraft>,
    /// The liability that issued store credit makes, and redeemed store credit reduces.
    pub store_credit: Option<RowDraft>,
    /// Tips owed to the staff. Needed where tips are taken.
    pub tip: Option<RowDraft>,
    /// Discounts given. Default: revenue is booked net of them.
    pub discount: Option<RowDraft>,
    /// Reason of a discount to account. Default: `discount`.
    pub discount_reason: BTreeMap<String, RowDraft>,
    /// What rounding to the smallest coin added or took away. Needed where cash is rounded.
    pub rounding: Option<RowDraft>,
    /// Too much in a drawer. Needed where tills are counted.
    pub cash_over: Option<RowDraft>,
    /// Too little in a drawer. Needed where tills are counted.
    pub cash_short: Option<RowDraft>,
    /// A register's own `cash_over` and `cash_short`. Default: the store's.
    pub register: BTreeMap<String, RegisterDraft>,
    /// Reason of a paid-in to account; `default` for any other reason.
    pub paid_in: BTreeMap<String, RowDraft>,
    /// Reason of a paid-out to account; `default` for any other reason.
    pub paid_out: BTreeMap<String, RowDraft>,
    /// The safe. Needed for pickups and loans.
    pub safe: Option<RowDraft>,
    /// Where tenders and taxes without an account go. Default: none, such tickets are held.
    pub suspense: Option<RowDraft>,
    /// Where deposits, fees and disputes go. Needed where settlement is imported.
    pub settlement: SettlementDraft,
    /// Name of the analytic account of all income and expense. Default: none. A row may have its own.
    pub analytic: Option<String>,
    /// Item number or barcode at the till to product in Odoo. Default: the item number is the internal reference.
    pub product: BTreeMap<String, ProductDraft>,
    /// Rows of earlier versions that hold no longer, such as `tender.card.visa`.
    pub remove: Vec<String>,
}

/// A register's own accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegisterDraft {
    /// Too much in its drawer.
    pub cash_over: Option<RowDraft>,
    /// Too little in its drawer.
    pub cash_short: Option<RowDraft>,
}

/// Accounts of settlement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SettlementDraft {
    /// The bank account, or one for money on its way to it.
    pub bank: Option<RowDraft>,
    /// What the processor keeps.
    pub fee: Option<RowDraft>,
    /// What cardholders' banks took and may give back.
    pub chargeback: Option<RowDraft>,
    /// What the processor holds back.
    pub reserve: Option<RowDraft>,
}

/// A row: an account's code, or a table with the code and more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct RowDraft {
    /// The account's code.
    pub account: String,
    /// The tax's name in Odoo; only on a tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odoo_tax: Option<String>,
    /// Code of the journal that payments are registered in; only on a tender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// Name of the analytic account; only on income and expense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analytic: Option<String>,
}

/// A product's row: its internal reference in Odoo, or a table with that and more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct ProductDraft {
    /// Its internal reference (`default_code`) in Odoo. Default: as at the till.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Units in Odoo for one that the till sells. Default: `1`. Example: `"12"` for a case that Odoo counts in pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// Its category, for the income account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

impl From<&str> for RowDraft {
    fn from(account: &str) -> Self {
        let account = account.to_owned();
        Self {
            account,
            ..Self::default()
        }
    }
}

impl From<&str> for ProductDraft {
    fn from(code: &str) -> Self {
        let code = Some(code.to_owned());
        Self {
            code,
            ..Self::default()
        }
    }
}

/// Reads a text, or a table. Says what was wanted where it finds neither, which an untagged enum would not.
struct TextOrTable<T> {
    wanted: &'static str,
    table: PhantomData<T>,
}

macro_rules! text_or_table {
    ($type:ident, $wanted:literal) => {
        impl<'de> Visitor<'de> for TextOrTable<$type> {
            type Value = $type;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.wanted)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                Ok($type::from(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$type, A::Error> {
                // the derived reading of the table; the trait's own is this one
                $type::deserialize(de::value::MapAccessDeserializer::new(map))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextOrTable::<$type> {
                    wanted: $wanted,
                    table: PhantomData,
                })
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    };
}

text_or_table!(RowDraft, "an account code, or a table with account and more");
text_or_table!(
    ProductDraft,
    "a product's internal reference, or a table of code, factor and category"
);
