//! The fields of a ticket that are read, under the vendor's names. Everything else is ignored.

use serde::Deserialize;
use tillwire_proto::{Amount, Currency};

use super::error::TicketError;
use crate::scalar::{Object, Scalar};

#[derive(Debug, Deserialize)]
pub(super) struct Ticket<'a> {
    #[serde(borrow, default)]
    pub(super) id: Scalar<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) public_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow, default, rename = "completed?")]
    pub(super) completed: Scalar<'a>,
    #[serde(borrow, default, rename = "voided?")]
    pub(super) voided: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) parent_transaction_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) station_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) source_location_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) location_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) customer_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) customer_name: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) sales_rep: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) currency: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) original_subtotal: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_discounts: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) subtotal: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_tax: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) tax_total: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_paid: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) balance: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) completed_at: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) updated_at: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) local_completed_at: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) lines: Option<Vec<Object<Line<'a>>>>,
    #[serde(borrow, default)]
    pub(super) payments: Option<Vec<Object<Payment<'a>>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) item_public_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) qty: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) original_unit_price: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) unit_price: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) adjusted_unit_price: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) value: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) rate: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) price_adjustments: Option<Vec<Object<Adjustment<'a>>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Adjustment<'a> {
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment<'a> {
    #[serde(borrow, default)]
    pub(super) id: Scalar<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) deposit: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) payment_type_id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) local_completed_at: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
}

/// An amount that may be absent.
pub(super) fn optional(
    value: Scalar<'_>,
    field: &str,
    currency: Currency,
) -> Result<Option<Amount>, TicketError> {
    let parse = |text: &str| Amount::parse(text, currency).map_err(|error| TicketError::value(field, error));
    value.text().map(|text| parse(&text)).transpose()
}

/// An amount that must be there.
pub(super) fn amount(value: Scalar<'_>, field: &str, currency: Currency) -> Result<Amount, TicketError> {
    optional(value, field, currency)?.ok_or_else(|| TicketError::Missing(field.to_owned()))
}
