//! Compares a store's stock in Odoo with what the tills say, and keeps the comparison for the page.
//!
//! It reads only, a few questions per 500 products. Where stock that was below zero is there again, the note about it
//! is taken back.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::Sku;
use tillwire_relay_core::odoo::{EffectState, Kit, PickLine, Product, ResolvedStock};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::stock::{
    DriftLine, Goods, OdooSide, PosSide, Sold, StockTarget, Whereabouts, below_zero, moved,
};

use super::link::Link;
use super::stock::resolve_in;
use crate::cloud::memory::shelves::{self, Shelf};
use crate::days::{differing_of, left, look, pickings_of};
use crate::odoo::preflight::in_words;
use crate::odoo::shelf::sides;
use crate::store::days::{self, DayRow};
use crate::store::effects::StoredEffect;
use crate::store::exceptions::{self, Filter};
use crate::store::stock_reports::{self, StockReport};
use crate::store::{StoreError, effects};

/// Days looked at for goods that are not moved yet: older ones are done, or have been on a list for weeks.
const DAYS_MAX: u32 = 62;

/// A figure of the POS's own stock that is older says nothing, in milliseconds.
const POS_MS: i64 = 48 * 3_600_000;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// Odoo cannot be asked, or does not answer.
    #[error("Odoo cannot be read now: {0}")]
    Odoo(String),
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A day with goods that are not moved, and what was.
struct OpenDay {
    row: DayRow,
    target: StockTarget,
    moved: BTreeMap<Goods, tillwire_proto::Quantity>,
}

/// What the relay itself knows of a store's stock.
struct Books {
    pickings: Vec<StoredEffect>,
    open: Vec<OpenDay>,
    last: Option<StockReport>,
    pos: Option<Shelf>,
}

/// Compares now, and keeps the comparison.
///
/// # Errors
/// [`ShelfError`]; what was kept before stays.
pub async fn compare(link: &Link, settings: &StoreSettings) -> Result<StockReport, ShelfError> {
    let now_ms = link.now_ms();
    let of = settings.clone();
    let books = link.store.read(move |db| books(db, &of, now_ms)).await?;
    let goods = goods_of(&books, settings);
    let prepared = link
        .prepared()
        .await
        .map_err(|_| ShelfError::Odoo("it is away, or not prepared".into()))?;
    let words = || {
        format!(
            "store {} has no usable warehouse; doctor says what to mend",
            settings.store
        )
    };
    let shelf = prepared
        .shelves
        .get(&settings.store)
        .ok_or_else(|| ShelfError::Odoo(words()))?;
    let resolved = resolve_in(link, &prepared, shelf, &goods).await;
    let resolved = resolved.map_err(|answer| ShelfError::Odoo(in_words(&answer)))?;
    let sold = sold(&books, settings, &resolved, now_ms);
    let products = products(&sold, &resolved, link, &prepared).await?;
    let known = books
        .last
        .iter()
        .flat_map(|report| &report.lines)
        .filter_map(|line| {
            let (at_ms, quantity) = line.counted?;
            Some(((products.get(&line.sku)?.id, at_ms), quantity.millionths()))
        });
    let known = known.collect();
    let all: Vec<Product> = products.values().cloned().collect();
    let read = sides(&link.ask(&prepared), (shelf.stock, &settings.store), &all, &known).await;
    let read = link
        .noted(read)
        .await
        .map_err(|answer| ShelfError::Odoo(in_words(&answer)))?;
    let nothing = OdooSide::default();
    let pos = books
        .pos
        .as_ref()
        .map(|shelf| pos_side(shelf, settings, &resolved));
    let line = |(sku, sold): (&Sku, &Vec<Sold>)| {
        let side = products.get(sku).and_then(|product| read.get(&product.id));
        let side = side.unwrap_or(&nothing);
        let line = DriftLine::of(sku, side, sold);
        match &pos {
            // what stands in the POS as a kit stands in Odoo as its parts
            Some(pos) if !side.kit => line.beside(pos(sku), sold),
            _ => line,
        }
    };
    let report = StockReport {
        at_ms: now_ms,
        lines: sold.iter().map(line).collect(),
    };
    keep(link, settings, report.clone()).await?;
    Ok(report)
}

fn books(db: &rusqlite::Connection, settings: &StoreSettings, now_ms: i64) -> Result<Books, StoreError> {
    let (tenant, store) = (&settings.tenant, &settings.store);
    let filter = Filter {
        store: Some((tenant.clone(), store.clone())),
        ..Filter::default()
    };
    let held: BTreeSet<_> = exceptions::list(db, &filter)?
        .into_iter()
        .filter_map(|open| open.draft.day)
        .collect();
    let mut open = Vec::new();
    for row in days::list(db, Some((tenant, store)), None, DAYS_MAX)? {
        if row.state == "Posted" && !held.contains(&row.day) {
            continue;
        }
        let target = look(db, &row, settings, now_ms)?.assessment.stock;
        let there = pickings_of(db, &row)?;
        let moved = moved(there.iter().map(|(_, picking)| picking))
            .map_err(|e| StoreError::refused(e.to_string()))?;
        open.push(OpenDay { row, target, moved });
    }
    Ok(Books {
        pickings: effects::movements(db, tenant, store)?,
        open,
        last: stock_reports::last(db, tenant, store)?,
        pos: shelves::last(db, tenant, store)?.filter(|shelf| now_ms - shelf.at_ms < POS_MS),
    })
}

/// What the POS's own stock has of each of Odoo's products: its items by the mapping, each times its factor. An item that it
/// does not list has none.
fn pos_side(shelf: &Shelf, settings: &StoreSettings, resolved: &ResolvedStock) -> impl Fn(&Sku) -> PosSide {
    let mapping = settings.mapping_on(settings.day_at_ms(shelf.at_ms));
    let mut sums: BTreeMap<Sku, i64> = BTreeMap::new();
    for (item, millionths) in &shelf.lines {
        let mapped = mapping.product(item);
        let told = tillwire_proto::Quantity::from_millionths(*millionths, tillwire_proto::Unit::Each);
        let Ok(Some(quantity)) = mapped.factor.times(told) else {
            continue;
        };
        let named = resolved.products.get(mapped.code);
        let own = named.map_or(mapped.code, |product| &product.sku);
        let sum = sums.entry(own.clone()).or_default();
        *sum = sum.saturating_add(quantity.millionths());
    }
    let at_ms = shelf.at_ms;
    move |sku| PosSide {
        at_ms,
        on_hand: sums.get(sku).copied().unwrap_or(0),
    }
}

/// Everything that is to be looked up.
fn goods_of(books: &Books, settings: &StoreSettings) -> BTreeSet<Goods> {
    let moved = books.pickings.iter().flat_map(lines).map(|line| Goods {
        sku: line.sku.clone(),
        lot: None,
    });
    let open = books
        .open
        .iter()
        .flat_map(|day| differing_of(settings, day.row.day, &day.target, &day.moved));
    moved.chain(open).collect()
}

fn lines(stored: &StoredEffect) -> &[PickLine] {
    match &stored.effect.payload {
        tillwire_relay_core::odoo::Payload::Picking(picking) => &picking.lines,
        _ => &[],
    }
}

type ByProduct = BTreeMap<Sku, Vec<Sold>>;

/// All that was sold, per product, and where it is.
fn sold(books: &Books, settings: &StoreSettings, resolved: &ResolvedStock, now_ms: i64) -> ByProduct {
    let mut all = ByProduct::new();
    let mut add = |sku: &Sku, sold: Sold| {
        let own = resolved.products.get(sku).map_or(sku, |product| &product.sku);
        all.entry(own.clone()).or_default().push(sold);
    };
    for stored in &books.pickings {
        let tillwire_relay_core::odoo::Payload::Picking(picking) = &stored.effect.payload else {
            continue;
        };
        let whereabouts = match stored.effect.state {
            EffectState::Done => Whereabouts::Done {
                at_ms: stored.changed_ms,
            },
            EffectState::Rejected => Whereabouts::Refused,
            EffectState::Intent | EffectState::Sent | EffectState::Unknown => Whereabouts::Waiting,
        };
        let over_ms = stored.day.map_or(i64::MAX, |day| settings.day_ends_ms(day));
        for line in &picking.lines {
            let quantity = line.quantity.millionths();
            let out = picking.direction == tillwire_relay_core::odoo::Direction::Out;
            let sold = Sold {
                quantity: if out { quantity } else { quantity.saturating_neg() },
                by_ms: over_ms.min(stored.created_ms),
                whereabouts,
                named: picking.name.clone(),
            };
            add(&line.sku, sold);
        }
    }
    for day in &books.open {
        let found = left(&day.row, settings, &day.target, &day.moved, resolved);
        let by_ms = settings.day_ends_ms(day.row.day).min(now_ms);
        for batch in &found.batches {
            let out = batch.direction == tillwire_relay_core::odoo::Direction::Out;
            for line in &batch.lines {
                let quantity = line.quantity.millionths();
                let sold = Sold {
                    quantity: if out { quantity } else { quantity.saturating_neg() },
                    by_ms,
                    whereabouts: Whereabouts::Waiting,
                    named: format!("day {}", day.row.day),
                };
                add(&line.sku, sold);
            }
        }
        for held in &found.held {
            for (sku, quantity) in parts(&held.goods.sku, held.quantity.millionths(), resolved) {
                let sold = Sold {
                    quantity,
                    by_ms,
                    whereabouts: Whereabouts::Held,
                    named: held.draft.kind.title().to_owned(),
                };
                add(&sku, sold);
            }
        }
    }
    all
}

/// What of the shelf a quantity is: a kit's parts where they can be told.
fn parts(sku: &Sku, quantity: i64, resolved: &ResolvedStock) -> Vec<(Sku, i64)> {
    let kit = resolved
        .products
        .get(sku)
        .and_then(|product| product.kit.as_ref());
    if let Some(Kit::Of(parts)) = kit {
        let exact: Option<Vec<(Sku, i64)>> = parts
            .iter()
            .map(|part| Some((part.sku.clone(), part.times(quantity)?)))
            .collect();
        if let Some(exact) = exact {
            return exact;
        }
    }
    vec![(sku.clone(), quantity)]
}

/// The products behind the lines, parts of kits included.
async fn products(
    sold: &ByProduct,
    resolved: &ResolvedStock,
    link: &Link,
    prepared: &crate::odoo::preflight::Prepared,
) -> Result<BTreeMap<Sku, Product>, ShelfError> {
    let mut all: BTreeMap<Sku, Product> = resolved
        .products
        .values()
        .map(|product| (product.sku.clone(), product.clone()))
        .collect();
    let missing: BTreeSet<Sku> = sold
        .keys()
        .filter(|sku| !all.contains_key(*sku))
        .cloned()
        .collect();
    let found = link
        .items(prepared, &missing)
        .await
        .map_err(|answer| ShelfError::Odoo(in_words(&answer)))?;
    all.extend(found.into_iter().filter_map(|(sku, item)| match item {
        crate::odoo::Item::Known(product) => Some((sku, product)),
        _ => None,
    }));
    all.retain(|sku, _| sold.contains_key(sku));
    Ok(all)
}

/// Keeps the comparison; what is no longer below zero needs no note.
async fn keep(link: &Link, settings: &StoreSettings, report: StockReport) -> Result<(), StoreError> {
    let (tenant, store) = (settings.tenant.clone(), settings.store.clone());
    let write = link.store.write(move |unit| {
        stock_reports::keep(unit, &tenant, &store, &report)?;
        for line in report.lines.iter().filter(|line| !line.odoo.is_negative()) {
            let cause = below_zero(&store, &line.sku);
            exceptions::close_cause(
                unit,
                &tenant,
                cause.as_str(),
                "it is not below zero any more",
                report.at_ms,
            )?;
        }
        Ok(())
    });
    write.await
}
