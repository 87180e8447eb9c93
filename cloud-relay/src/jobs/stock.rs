//! Which goods of a store can move in Odoo now.
//!
//! A picking's effect is committed before Odoo is asked to move anything, so its goods are looked up before that: what
//! Odoo cannot move is held under its own exception and the rest moves. What is left to move, and how it is cut into
//! pickings, is decided by the core's `stock`; this file only brings what that needs from Odoo.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{Code, Sku, StoreId};
use tillwire_relay_core::odoo::{Answer, Kit, Product, ResolvedStock, Tracking};
use tillwire_relay_core::settings::BelowZero;
use tillwire_relay_core::stock::Goods;

use super::link::{ASK_AGAIN_MS, Link, NotNow};
use crate::odoo::Item;
use crate::odoo::lots::{lots, on_hand};
use crate::odoo::preflight::{Prepared, Shelf};

/// The store's places in Odoo with those of `goods` that are one product there, their lots, and how much of them stands
/// in the store, as far as that is to be known. A number that is missing, or that two products carry, is left out.
///
/// Answers from memory where it can; asks Odoo for what is new, 500 numbers a call. Lots are asked for each time; so is
/// stock where it decides whether goods move, else now and then.
///
/// # Errors
/// [`NotNow`] while Odoo is down or the store's warehouse is not there: move nothing before then.
pub async fn resolve(link: &Link, store: &StoreId, goods: &BTreeSet<Goods>) -> Result<ResolvedStock, NotNow> {
    let prepared = link.prepared().await?;
    let later = || NotNow {
        until_ms: link.now_ms().saturating_add(ASK_AGAIN_MS),
    };
    let shelf = prepared.shelves.get(store).ok_or_else(later)?;
    let found = resolve_in(link, &prepared, shelf, goods).await;
    let mut resolved = found.map_err(|_answer| later())?;
    let decides = link
        .settings(store)
        .is_some_and(|settings| settings.below_zero == BelowZero::Hold);
    let moving = moving(&resolved);
    let watched = if decides {
        moving
    } else {
        link.watch(store, &moving)
    };
    if !watched.is_empty() {
        let hand = on_hand(&link.ask(&prepared), &watched, shelf.stock).await;
        resolved.on_hand = link.noted(hand).await.map_err(|_answer| later())?;
    }
    Ok(resolved)
}

/// Products and lots, without what stands in the store.
///
/// # Errors
/// The answer that asking got.
pub(super) async fn resolve_in(
    link: &Link,
    prepared: &Prepared,
    shelf: &Shelf,
    goods: &BTreeSet<Goods>,
) -> Result<ResolvedStock, Answer> {
    let skus: BTreeSet<Sku> = goods.iter().map(|goods| goods.sku.clone()).collect();
    let items = link.items(prepared, &skus).await?;
    let mut resolved = shelf.with(known(items));
    let named: BTreeSet<(i64, Code)> = goods.iter().filter_map(|goods| named(goods, &resolved)).collect();
    if !named.is_empty() {
        let found = lots(&link.ask(prepared), &named, shelf.stock).await;
        resolved.lots = link.noted(found).await?;
    }
    Ok(resolved)
}

fn known(items: BTreeMap<Sku, Item>) -> impl Iterator<Item = (Sku, Product)> {
    items.into_iter().filter_map(|(sku, item)| match item {
        Item::Known(product) => Some((sku, product)),
        Item::Unknown | Item::Ambiguous(_) => None,
    })
}

fn named(goods: &Goods, resolved: &ResolvedStock) -> Option<(i64, Code)> {
    let product = resolved.products.get(&goods.sku)?;
    (product.tracking != Tracking::None).then_some(())?;
    Some((product.id, goods.lot.clone()?))
}

/// The products whose quantity changes: parts instead of kits.
fn moving(resolved: &ResolvedStock) -> BTreeSet<i64> {
    let of = |product: &Product| match &product.kit {
        Some(Kit::Of(parts)) => parts.iter().map(|part| part.product).collect(),
        Some(Kit::Unclear(_)) => Vec::new(),
        None => vec![product.id],
    };
    resolved.products.values().flat_map(of).collect()
}
