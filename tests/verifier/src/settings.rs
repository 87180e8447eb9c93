//! The retailer's decisions about a store, read from the text as written. Only what bears on books and stock is read.

use jiff::civil;
use jiff::tz::TimeZone;
use tillwire_proto::{Amount, BusinessDay, Currency, StoreId};

use crate::Evidence;
use crate::mapping::Mapping;

/// A store's table with its words understood.
#[derive(Debug)]
pub(crate) struct Store<'s> {
    pub(crate) id: StoreId,
    pub(crate) currency: Currency,
    pub(crate) mapping: Mapping<'s>,
    /// What a drawer starts with when no day open says so, in cents.
    pub(crate) float: Option<i128>,
    /// True when a card tender waits for its terminal's answer.
    pub(crate) waits_for_terminal: bool,
    time_zone: TimeZone,
    cut_off: civil::Time,
}

impl<'s> Store<'s> {
    pub(crate) fn read(evidence: &Evidence<'s>) -> Result<Self, String> {
        let written = evidence.settings;
        let text = |key: &str| written[key].as_str();
        let need = |key: &str| text(key).ok_or_else(|| format!("the store's settings have no {key}"));
        let currency = text("currency").unwrap_or("USD");
        let currency = Currency::from_code(currency).map_err(|e| format!("currency: {e}"))?;
        let float = text("opening_float")
            .map(|text| Amount::parse(text, currency).map_err(|e| format!("opening_float: {e}")))
            .transpose()?;
        let (tenant, store) = (need("tenant")?, need("store")?);
        let own = &written["odoo"]["accounts"];
        Ok(Self {
            id: StoreId::new(store).map_err(|e| format!("store: {e}"))?,
            currency,
            mapping: Mapping::on(evidence.day, &format!("{tenant}/{store}"), own, evidence.mapping)?,
            float: float.map(|amount| amount.minor().into()),
            waits_for_terminal: text("ticket_without_terminal") == Some("hold"),
            time_zone: TimeZone::get(need("time_zone")?).map_err(|e| format!("time_zone: {e}"))?,
            cut_off: text("cut_off")
                .unwrap_or("04:00")
                .parse()
                .map_err(|e| format!("cut_off: {e}"))?,
        })
    }

    /// The business day of a local date and time: before the cut-off it is still the day before.
    pub(crate) fn day_of(&self, at: civil::DateTime) -> BusinessDay {
        let date = at.date();
        BusinessDay::from(if at.time() < self.cut_off {
            date.yesterday().unwrap_or(date)
        } else {
            date
        })
    }

    /// The business day of a moment in milliseconds since 1970.
    pub(crate) fn day_at(&self, ms: i64) -> BusinessDay {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MIN);
        self.day_of(at.to_zoned(self.time_zone.clone()).datetime())
    }

    /// The moment of a local date and time, in milliseconds since 1970.
    pub(crate) fn moment(&self, at: civil::DateTime) -> Option<i64> {
        let at = self.time_zone.to_ambiguous_zoned(at).compatible().ok()?;
        Some(at.timestamp().as_millisecond())
    }
}
