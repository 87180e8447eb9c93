//! The fields of an order that are read, under the vendor's names. Everything else is ignored.

use serde::Deserialize;

use crate::scalar::{Object, Scalar};

/// An order as it is kept: the account's bytes, and the station that it was asked for, which the order itself does not name.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Kept<'a> {
    #[serde(borrow, default, rename = "stationId")]
    pub(super) station: Scalar<'a>,
    #[serde(borrow, rename = "salesOrder")]
    pub(super) order: Object<Order<'a>>,
}

/// The order itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Order<'a> {
    #[serde(borrow, default)]
    pub(super) id: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) created_at: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) order_number: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) subtotal: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_tax: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount_paid: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount_due: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) change: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) deposits: Option<Vec<Object<Movement<'a>>>>,
    #[serde(borrow, default)]
    pub(super) refunds: Option<Vec<Object<Movement<'a>>>>,
    #[serde(borrow, default)]
    pub(super) order_requests: Option<Vec<Object<Request<'a>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Movement<'a> {
    #[serde(borrow, default)]
    pub(super) payment_type: Option<Object<PaymentType<'a>>>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentType<'a> {
    #[serde(borrow, default)]
    pub(super) name: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(borrow, default)]
    pub(super) status: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) taxes: Option<Vec<Object<Tax<'a>>>>,
    #[serde(borrow, default)]
    pub(super) item_lines: Option<Object<Nodes<ItemLine<'a>>>>,
    #[serde(borrow, default)]
    pub(super) gift_card_lines: Option<Object<Nodes<GiftCardLine<'a>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Nodes<T> {
    pub(super) nodes: Vec<Object<T>>,
    #[serde(default)]
    pub(super) page_info: Option<PageInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Tax<'a> {
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemLine<'a> {
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) item: Option<Object<Item<'a>>>,
    #[serde(borrow, default)]
    pub(super) qty: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) unit_price: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) final_unit_price: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) total_at_unit_price: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    #[serde(borrow, default)]
    pub(super) item_number: Scalar<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GiftCardLine<'a> {
    #[serde(borrow, default)]
    pub(super) description: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) qty: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount: Scalar<'a>,
}
