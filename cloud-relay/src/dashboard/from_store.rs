//! What the pages show, read from the store. Each page is one snapshot of it.

mod calendar;
mod closing;
mod detail;
mod entry;
mod exceptions;
mod find;
mod fleet;
mod shape;
mod summary;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rusqlite::Connection;
use tillwire_proto::{Amount, BusinessDay, Digest, RecordNumber, SegmentId, StoreId, TenantId};
use tillwire_relay_core::closing::Month;
use tillwire_relay_core::facts::RecordId;
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::reading::Reading;
use tillwire_relay_core::stock::DriftLine;

use super::Views;
use super::view::{
    self, CalendarView, DayRow, DayView, DaysFilter, EntryView, ExceptionFilter, ExceptionRow, ExceptionView,
    ExceptionsView, FindView, FleetView, MonthView, NowView, RecordView, StockView, StoreRow,
};
use crate::days::look;
use crate::endpoint::Downlink;
use crate::mapping::InForce;
use crate::store::exceptions::{Filter, StoredException};
use crate::store::{
    Store, StoreError, attachments, days, effects, exceptions as kept, proposals, records, stock_reports,
};
use detail::{effect, instant, ledger, transactions, understand};
use summary::{Gathered, Today, day_state, owner, store_row, store_urgency, tiles, tone, urgency};

/// Store-days on the first page: a month of a few stores, a day of many.
const DAYS_SHOWN: usize = 60;

/// Stores on the first page, which is sent again with every change; all of them are at `/stores`.
const STORES_SHOWN: usize = 60;

/// Exceptions on the first page; the rest are counted.
const EXCEPTIONS_SHOWN: usize = 100;

/// The pages' way to the store.
#[derive(Debug, Clone)]
pub struct StoreViews {
    store: Store,
    settings: InForce,
    downlink: Downlink,
}

impl StoreViews {
    /// Over a store, the configured stores and the live connections.
    #[must_use]
    pub fn new(store: Store, settings: impl Into<InForce>, downlink: Downlink) -> Self {
        Self {
            store,
            settings: settings.into(),
            downlink,
        }
    }
}

impl Views for StoreViews {
    fn now(&self, sight: &Sight, now_ms: i64) -> anyhow::Result<NowView> {
        Ok(self.store.read_blocking(|db| {
            let gathered = self.gathered(db)?;
            let mut stores = self.store_rows(db, &gathered, sight, now_ms)?;
            let in_sight = |row: &days::DayRow| sight.sales_of(&row.tenant, &row.store);
            let days = days::list_of(db, None, None, in_sight, DAYS_SHOWN)?
                .iter()
                .map(|row| self.day_row(db, row))
                .collect::<Result<Vec<_>, _>>()?;
            let mut open = open(db, sight, kept::LISTED_MAX)?;
            open.sort_by_key(|e| (std::cmp::Reverse(urgency(e)), e.opened_ms));
            let today = Today::read(db, &gathered, sight, days.first().map(|row| row.day))?;
            let (tiles, states) = (tiles(&stores, &today, &open, sight.sales), view::states(&stores));
            let exceptions = open
                .iter()
                .take(EXCEPTIONS_SHOWN)
                .map(|e| self.exception_row(e))
                .collect();
            stores.truncate(STORES_SHOWN);
            Ok(NowView {
                sales: sight.sales,
                tiles,
                states,
                stores,
                days,
                exceptions,
            })
        })?)
    }

    fn day(
        &self,
        tenant: &TenantId,
        store: &StoreId,
        day: BusinessDay,
        now_ms: i64,
    ) -> anyhow::Result<Option<DayView>> {
        let in_force = self.settings.now();
        let Some(settings) = in_force.store(tenant, store) else {
            return Ok(None);
        };
        Ok(self.store.read_blocking(|db| {
            let Some(row) = days::get(db, tenant, store, day)? else {
                return Ok(None);
            };
            let looked = look(db, &row, settings, now_ms)?;
            let filter = Filter {
                store: Some((tenant.clone(), store.clone())),
                day: Some(day),
                ..Filter::default()
            };
            let mut shown = self.day_row(db, &row)?;
            if let Some(waiting) = looked.assessment.waiting.first() {
                shown.blocked_by.get_or_insert_with(|| waiting.clone());
            }
            let (hours, drawers) = shape::beside(db, &row, settings)?;
            let effects = effects::of_day(db, tenant, store, day)?;
            Ok(Some(DayView {
                arrivals: shape::arrivals(&looked.facts, &effects, settings),
                hours,
                drawers,
                signatures: days::signatures(db, tenant, store, day)?,
                asked: proposals::open_of(db, (tenant, store), Some(day))?
                    .into_iter()
                    .map(|one| (one.id, format!("{} asked: {}; {}", one.by, one.title, one.reason)))
                    .collect(),
                row: shown,
                lines: ledger(&looked.assessment.ledger),
                effects: effects.iter().map(effect).collect(),
                exceptions: kept::list(db, &filter)?
                    .iter()
                    .map(|e| self.exception_row(e))
                    .collect(),
                transactions: transactions(&looked.facts),
                witnesses: looked.assessment.witnesses.clone(),
            }))
        })?)
    }

    fn stores(&self, sight: &Sight, now_ms: i64) -> anyhow::Result<Vec<StoreRow>> {
        Ok(self
            .store
            .read_blocking(|db| self.store_rows(db, &self.gathered(db)?, sight, now_ms))?)
    }

    fn days(&self, sight: &Sight, which: &DaysFilter) -> anyhow::Result<Vec<DayRow>> {
        let of = which.store.as_ref().map(|(tenant, store)| (tenant, store));
        Ok(self.store.read_blocking(|db| {
            let in_sight = |row: &days::DayRow| sight.sales_of(&row.tenant, &row.store);
            days::list_of(db, of, which.since, in_sight, which.most)?
                .iter()
                .map(|row| self.day_row(db, row))
                .collect()
        })?)
    }

    fn entry(&self, sight: &Sight, key: &str) -> anyhow::Result<Option<EntryView>> {
        let name = |tenant: &TenantId, store: &StoreId| self.name(tenant, store);
        Ok(self
            .store
            .read_blocking(|db| entry::entry(db, sight, key, name))?)
    }

    fn calendar(
        &self,
        sight: &Sight,
        tenant: Option<&TenantId>,
        which: (Option<Month>, usize),
        now_ms: i64,
    ) -> anyhow::Result<Option<CalendarView>> {
        let settings = self.settings.configured();
        let mut known = settings.iter().map(|store| &store.tenant);
        let first = || known.find(|known| sight.scope.touches(known));
        let Some(tenant) = tenant.or_else(first) else {
            return Ok(None);
        };
        Ok(self
            .store
            .read_blocking(|db| calendar::calendar(db, (settings, sight), tenant, which, now_ms))?)
    }

    fn fleet(&self, sight: &Sight) -> anyhow::Result<FleetView> {
        let (live, now_ms) = (self.live(), self.store.clock().now_ms());
        Ok(self
            .store
            .read_blocking(|db| fleet::fleet(db, sight, &live, now_ms))?)
    }

    fn find(&self, sight: &Sight, words: &str) -> anyhow::Result<FindView> {
        let name = |tenant: &TenantId, store: &StoreId| self.name(tenant, store);
        Ok(self
            .store
            .read_blocking(|db| find::find(db, sight, words, name))?)
    }

    fn exceptions(&self, sight: &Sight, filter: &ExceptionFilter) -> anyhow::Result<ExceptionsView> {
        let open = self.store.read_blocking(|db| open(db, sight, kept::LISTED_MAX))?;
        Ok(self.grouped(&open, filter))
    }

    fn exception_rows(&self, sight: &Sight, filter: &ExceptionFilter) -> anyhow::Result<Vec<ExceptionRow>> {
        let mut open = self.store.read_blocking(|db| open(db, sight, usize::MAX))?;
        open.retain(|one| exceptions::is_asked_for(one, filter));
        open.sort_by_key(|one| (std::cmp::Reverse(summary::urgency(one)), one.opened_ms, one.id));
        Ok(open.iter().map(|one| self.exception_row(one)).collect())
    }

    fn exception(&self, sight: &Sight, id: i64) -> anyhow::Result<Option<ExceptionView>> {
        let found = self.store.read_blocking(|db| kept::get(db, id))?;
        let found = found.filter(|one| is_in_sight(sight, one));
        Ok(found.map(|one| self.in_full(&seen(sight, one), sight)))
    }

    fn month(
        &self,
        sight: &Sight,
        tenant: &TenantId,
        month: Month,
        now_ms: i64,
    ) -> anyhow::Result<MonthView> {
        let in_force = self.settings.now();
        Ok(self.store.read_blocking(|db| {
            let stores = in_force
                .iter()
                .filter(|store| store.tenant == *tenant && sight.sales_of(&store.tenant, &store.store));
            closing::month(db, stores, month, now_ms)
        })?)
    }

    fn stock(&self, tenant: &TenantId, store: &StoreId) -> anyhow::Result<Option<StockView>> {
        let report = self
            .store
            .read_blocking(|db| stock_reports::last(db, tenant, store))?;
        Ok(report.map(|report| {
            let products = report.lines.len();
            let mut lines = report.lines;
            lines.retain(DriftLine::differs);
            lines.sort_by_key(|line| !line.needs_eyes());
            StockView {
                tenant: tenant.clone(),
                store: store.clone(),
                name: self.name(tenant, store),
                at_ms: report.at_ms,
                products,
                lines,
            }
        }))
    }

    fn record(
        &self,
        sight: &Sight,
        segment: SegmentId,
        number: RecordNumber,
    ) -> anyhow::Result<Option<RecordView>> {
        Ok(self.store.read_blocking(|db| {
            let row = records::segment(db, segment)?;
            let Some(row) = row.filter(|row| sight.sales_of(&row.tenant, &row.store)) else {
                return Ok(None);
            };
            let mut found = None;
            for batch in records::range(db, row.id, number, number)? {
                let record = records::records(&batch)?
                    .into_iter()
                    .find(|record| record.number == number);
                found = record.map(|record| (record, batch.received_ms)).or(found);
            }
            let Some((record, received_ms)) = found else {
                return Ok(None);
            };
            let mut view = RecordView {
                segment,
                number,
                hash: record.hash,
                facts: vec![
                    ("Tenant", row.tenant.to_string()),
                    ("Store", row.store.to_string()),
                    ("Lane", row.lane.to_string()),
                    ("Device", row.device.to_string()),
                    ("Received", instant(received_ms)),
                ],
                understood: Ok(Reading::default()),
                bytes: None,
                attachment: None,
                went: Vec::new(),
            };
            if let Some(settings) = self.settings.now().store(&row.tenant, &row.store) {
                let id = RecordId { segment, number };
                view.went = entry::went(db, settings, id, &record.body, received_ms)?;
            }
            understand(db, &row.tenant, &record.body, &mut view)?;
            if !sight.bytes {
                (view.bytes, view.attachment) = (None, None);
            }
            Ok(Some(view))
        })?)
    }

    fn attachment(&self, sight: &Sight, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
        let tenants: BTreeSet<&TenantId> = self
            .settings
            .configured()
            .iter()
            .map(|store| &store.tenant)
            // bytes are kept by what they say, not by where: a digest is known only to who saw its record
            .filter(|tenant| sight.bytes && sight.scope.touches(tenant))
            .collect();
        Ok(self.store.read_blocking(|db| {
            for tenant in &tenants {
                if let Some(bytes) = attachments::get(db, tenant, digest)? {
                    return Ok(Some(bytes));
                }
            }
            Ok(None)
        })?)
    }
}

/// Those of stores and desks in sight; without amounts for who sees no sales.
fn is_in_sight(sight: &Sight, one: &StoredException) -> bool {
    let draft = &one.draft;
    sight.covers(&draft.tenant, &draft.store) && sight.desks.contains(&draft.kind.owner())
}

/// An exception as somebody sees it: amounts only with the right to sales.
fn seen(sight: &Sight, mut one: StoredException) -> StoredException {
    one.draft.at_risk = one.draft.at_risk.filter(|_| sight.sales);
    one
}

/// Open exceptions in sight, newest first.
fn open(db: &Connection, sight: &Sight, count_max: usize) -> Result<Vec<StoredException>, StoreError> {
    let open = kept::list_of(db, &Filter::default(), |one| is_in_sight(sight, one), count_max)?;
    Ok(open.into_iter().map(|one| seen(sight, one)).collect())
}

impl StoreViews {
    /// The devices that are connected.
    fn live(&self) -> BTreeSet<String> {
        let connections = self.downlink.connections();
        connections.iter().map(|c| c.identity.device.uri()).collect()
    }

    fn gathered(&self, db: &Connection) -> Result<Gathered, StoreError> {
        Gathered::read(db, self.settings.configured().iter().count())
    }

    fn store_rows(
        &self,
        db: &Connection,
        gathered: &Gathered,
        sight: &Sight,
        now_ms: i64,
    ) -> Result<Vec<StoreRow>, StoreError> {
        let live = self.live();
        let configured = self.settings.configured();
        let rows = configured
            .iter()
            .filter(|settings| sight.covers(&settings.tenant, &settings.store))
            .map(|settings| store_row(db, settings, gathered, &live, now_ms));
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        rows.sort_by_cached_key(store_urgency);
        Ok(rows)
    }

    fn name(&self, tenant: &TenantId, store: &StoreId) -> String {
        self.settings
            .configured()
            .store(tenant, store)
            .map_or_else(|| store.to_string(), |settings| settings.name.clone())
    }

    fn day_row(&self, db: &Connection, row: &days::DayRow) -> Result<DayRow, StoreError> {
        let zero = self
            .settings
            .configured()
            .store(&row.tenant, &row.store)
            .map(|s| Amount::zero(s.currency));
        let zero = zero.unwrap_or(Amount::zero(tillwire_proto::Currency::USD));
        let moves = effects::of_day(db, &row.tenant, &row.store, row.day)?;
        let blocked_by = (row.blockers > 0).then(|| {
            format!(
                "{} open {}",
                row.blockers,
                if row.blockers == 1 {
                    "exception"
                } else {
                    "exceptions"
                }
            )
        });
        Ok(DayRow {
            tenant: row.tenant.clone(),
            store: row.store.clone(),
            name: self.name(&row.tenant, &row.store),
            day: row.day,
            state: day_state(&row.state, row.blockers),
            blocked_by,
            tickets: row.trades,
            net: row.net.unwrap_or(zero),
            tax: row.tax.unwrap_or(zero),
            tendered: row.total.unwrap_or(zero),
            over_short: row.over_short,
            revisions: row.revision,
            moves: moves
                .into_iter()
                .filter(|stored| stored.effect.payload.kind().is_of_the_books())
                .filter_map(|stored| stored.odoo_name)
                .collect(),
        })
    }

    fn exception_row(&self, stored: &StoredException) -> ExceptionRow {
        let draft = &stored.draft;
        let mut place = self.name(&draft.tenant, &draft.store);
        if let Some(day) = draft.day {
            let _ = write!(place, ", {day}");
        }
        if let Some(register) = &draft.register {
            let _ = write!(place, ", {register}");
        }
        let id = stored.id;
        ExceptionRow {
            id,
            kind: draft.kind.name().replace('-', " "),
            place,
            title: draft.title.clone(),
            detail: draft.detail.clone(),
            owner: owner(draft.kind.owner()).to_owned(),
            at_risk: draft.at_risk,
            since_ms: stored.opened_ms,
            waits_for_signature: draft.waits_for_signature(),
            tone: tone(draft.kind),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
