//! Sales to measure with: a simulated retailer's tickets, through the real dialect.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tillwire_agent_core::capture::heartland_retail::read_ticket;
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, Witness};

use crate::shop::{Plan, Shop, What, business_day};
use crate::till_sim::{Clock, telling};

/// Few enough that each day's ticket numbers stay in their range.
const TICKETS_A_DAY: usize = 400;

/// `count` different sales of one store; `with_bytes` keeps each ticket's JSON as its attachment.
pub(super) fn captured(count: usize, with_bytes: bool) -> Result<Vec<Captured>> {
    let shop = Shop::new(7, "bench", 1);
    let settings = dialect(&shop)?;
    let lane = LaneId::new("bench-pos")?;
    let plan = Plan {
        tickets: TICKETS_A_DAY,
        unknown_sku: false,
        close: false,
    };
    let mut sales = Vec::with_capacity(count);
    for day in 0.. {
        let date = business_day().saturating_add(jiff::Span::new().days(day));
        let days_before = u64::try_from(day).context("days count up")?;
        for event in shop
            .day(plan, days_before)
            .iter()
            .filter(|e| matches!(e.what, What::Ticket(_)))
        {
            let (_, json) = telling(&shop, date, Clock::default(), event);
            let transaction = read_ticket(json.as_bytes(), &settings)
                .map_err(|refused| anyhow::anyhow!("the dialect refused a simulated ticket: {refused:?}"))?;
            let raw = if with_bytes { json.into_bytes() } else { Vec::new() };
            let fact = Fact::Transaction(Box::new(transaction));
            sales.push(Captured {
                lane: lane.clone(),
                witness: Witness::PosPush,
                redacted: 0,
                raw,
                fact,
            });
            if sales.len() == count {
                return Ok(sales);
            }
        }
    }
    Ok(sales)
}

fn dialect(shop: &Shop) -> Result<HeartlandRetailSettings> {
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
