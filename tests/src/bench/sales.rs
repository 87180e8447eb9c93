//! Sales to measure with: a simulated retailer's tickets, through the real dialect.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tillwire_agent_core::capture::heartland_retail::read_ticket;
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, Witness};

use crate::shop::{Plan, Shop, What, business_day};
use crate::till_sim::{Clock, telling};

/// Few enough that each day's ticket numbers stay in their range.
const TICKETS_A_DAY: usize = 400;

/// The retailer that the measurements are taken with: one store.
pub(super) fn shop() -> Shop {
    Shop::new(7, "bench", 1)
}

/// The JSON of `count` different tickets of one store, in order.
pub(super) fn tickets(count: usize) -> Vec<String> {
    let shop = shop();
    let plan = Plan {
        tickets: TICKETS_A_DAY,
        unknown_sku: false,
        close: false,
    };
    let days = (0_u32..).flat_map(|day| {
        let date = business_day().saturating_add(jiff::Span::new().days(day));
        let events = shop.day(plan, day.into());
        let shop = &shop;
        events
            .into_iter()
            .filter(|e| matches!(e.what, What::Ticket(_)))
            .map(move |e| telling(shop, date, Clock::default(), &e).1)
    });
    days.take(count).collect()
}

/// `count` different sales of one store as capture hands them on; `with_bytes` keeps each ticket's JSON as its
/// attachment.
pub(crate) fn captured(count: usize, with_bytes: bool) -> Result<Vec<Captured>> {
    let settings = dialect(&shop())?;
    let lane = LaneId::new("bench-pos")?;
    let read = |json: String| {
        let transaction = read_ticket(json.as_bytes(), &settings)
            .map_err(|refused| anyhow::anyhow!("the dialect refused a simulated ticket: {refused:?}"))?;
        let raw = if with_bytes { json.into_bytes() } else { Vec::new() };
        let fact = Fact::Transaction(Box::new(transaction));
        Ok(Captured {
            lane: lane.clone(),
            witness: Witness::PosPush,
            redacted: 0,
            raw,
            fact,
        })
    };
    tickets(count).into_iter().map(read).collect()
}

/// How that retailer's tickets are read.
pub(super) fn dialect(shop: &Shop) -> Result<HeartlandRetailSettings> {
    let store = &shop.stores[0];
    let register = |r: &crate::shop::Register| Ok((r.station_id.to_string(), RegisterId::new(&r.id)?));
    Ok(HeartlandRetailSettings {
        store: StoreId::new(&store.id)?,
        currency: Currency::USD,
        registers: store
            .registers
            .iter()
            .map(register)
            .collect::<Result<BTreeMap<_, _>>>()?,
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    })
}
