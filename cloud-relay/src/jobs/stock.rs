//! Which items of a store can move in Odoo now.
//!
//! A picking's effect is committed before Odoo is asked to move anything, so its items are looked up before that: one
//! item that Odoo does not know is held under its own exception and the others move. What is left to move, and how it
//! is cut into pickings, is decided by the core's `stock`; this file only brings what that needs from Odoo.

use std::collections::BTreeSet;

use tillwire_proto::{Sku, StoreId};
use tillwire_relay_core::odoo::ResolvedStock;

use super::link::{ASK_AGAIN_MS, Link, NotNow};
use crate::odoo::Item;

/// The store's places in Odoo with those of `skus` that are one product there. An item that is missing, or whose
/// number two products carry, is left out.
///
/// Answers from memory where it can; asks Odoo for what is new, 500 numbers a call.
///
/// # Errors
/// [`NotNow`] while Odoo is down or the store's warehouse is not there: move nothing before then.
pub async fn resolve(link: &Link, store: &StoreId, skus: &BTreeSet<Sku>) -> Result<ResolvedStock, NotNow> {
    let prepared = link.prepared().await?;
    let later = || NotNow {
        until_ms: link.now_ms().saturating_add(ASK_AGAIN_MS),
    };
    let shelf = prepared.shelves.get(store).ok_or_else(later)?;
    let items = link.items(&prepared, skus).await.map_err(|_answer| later())?;
    Ok(shelf.with(items.into_iter().filter_map(|(sku, item)| match item {
        Item::Known(product) => Some((sku, product)),
        Item::Unknown | Item::Ambiguous(_) => None,
    })))
}
