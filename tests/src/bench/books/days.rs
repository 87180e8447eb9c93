//! Store-days of 1,000 tickets as the relay stores them, and the settings of their store.

use anyhow::{Context as _, Result};
use serde_json::json;
use tillwire_proto::{
    BusinessDay, Digest, Fact, LaneId, Observation, RecordNumber, SegmentId, Stamp, TicketNumber,
    encode_observation,
};
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};

use crate::bench::sales;
use crate::reference::Chart;
use crate::shop::Shop;

pub(super) const TICKETS: usize = 1_000;

/// 2030-01-01: everything is over.
pub(super) const LATER_MS: i64 = 1_893_456_000_000;

/// A store-day's records as stored.
pub(super) struct Stored {
    pub(super) day: BusinessDay,
    pub(super) lane: LaneId,
    pub(super) places: Vec<(RecordId, Digest)>,
    pub(super) bodies: Vec<Vec<u8>>,
}

/// One store of the measured retailer, and a day of its sales to vary.
pub(super) struct Retailer {
    pub(super) settings: StoreSettings,
    sales: Vec<Fact>,
}

impl Retailer {
    pub(super) fn new() -> Result<Self> {
        let captured = sales::captured(TICKETS, false)?;
        Ok(Self {
            settings: settings(&sales::shop())?,
            sales: captured.into_iter().map(|sale| sale.fact).collect(),
        })
    }

    /// The day's sales under numbers and a date of their own.
    pub(super) fn day(&self, number: usize) -> Result<Stored> {
        let day = BusinessDay::from_days(20_000 + i32::try_from(number % 1_400)?).context("a date")?;
        let mut stored = Stored {
            day,
            lane: LaneId::new("bench-pos")?,
            places: Vec::with_capacity(TICKETS),
            bodies: Vec::with_capacity(TICKETS),
        };
        for (place, fact) in self.sales.iter().enumerate() {
            let mut fact = fact.clone();
            if let Fact::Transaction(transaction) = &mut fact {
                transaction.key.day = day;
                transaction.key.ticket = TicketNumber::new(&(place + 1).to_string())?;
            }
            let stamp = Stamp {
                wall_ms: LATER_MS,
                monotonic_ms: 0,
            };
            let body = encode_observation(&Observation {
                witness: tillwire_proto::Witness::PosPush,
                stamp,
                attachment: None,
                redacted: 0,
                fact,
            })?;
            let id = RecordId {
                segment: SegmentId([7; 16]),
                number: RecordNumber(place as u64 + 1),
            };
            stored.places.push((id, Digest::of(&body)));
            stored.bodies.push(body);
        }
        Ok(stored)
    }
}

/// The settings that the chart of the simulated retailer comes to.
fn settings(shop: &Shop) -> Result<StoreSettings> {
    let (chart, store) = (Chart::standard(shop), &shop.stores[0]);
    let mut tender = json!({"cash": chart.cash, "gift-card": chart.gift_card, "card": "987029"});
    for (brand, code) in &chart.cards {
        tender[format!("card.{}", brand.to_lowercase())] = json!(code);
    }
    let registers: Vec<&str> = store
        .registers
        .iter()
        .map(|register| register.id.as_str())
        .collect();
    let draft: StoreDraft = serde_json::from_value(json!({
        "tenant": "bench", "store": store.id, "time_zone": "America/Chicago", "registers": registers,
        "odoo": {"company": "Bench", "journal": "TJ01", "warehouse": "TW01", "accounts": {
            "tender": tender, "tax": chart.taxes, "revenue": chart.revenue, "discount": chart.discount,
            "gift_card": chart.gift_card, "suspense": "987099"}},
    }))?;
    Ok(draft.check()?)
}
