//! What the pages show, read from the store. Each page is one snapshot of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, params};
use tillwire_proto::{
    Amount, Body, BusinessDay, Digest, Fact, RecordNumber, SegmentId, StoreId, TenantId, Transaction,
    decode_observation,
};
use tillwire_relay_core::exception::{ExceptionKind, Holds, OwnerRole};
use tillwire_relay_core::facts::{DayFacts, RecordId};
use tillwire_relay_core::odoo::{EffectKind, EffectState};
use tillwire_relay_core::settings::{RelaySettings, StoreSettings};

use super::Views;
use super::view::{
    Chip, DayRow, DayView, EffectRow, ExceptionRow, LedgerRow, NowView, RecordLink, RecordView, StoreRow,
    Tile, Tone, TransactionRow,
};
use crate::days::look;
use crate::endpoint::Downlink;
use crate::store::exceptions::{Filter, StoredException};
use crate::store::{Store, StoreError, attachments, days, devices, effects, exceptions, records};

/// Store-days on the first page: a month of a few stores, a day of many.
const DAYS_SHOWN: u32 = 60;

/// Exceptions on the first page; the rest are counted.
const EXCEPTIONS_SHOWN: usize = 100;

/// A store that has sold nothing for so long is called quiet, in milliseconds.
const QUIET_MS: i64 = 15 * 60 * 1000;

/// The pages' way to the store.
#[derive(Debug, Clone)]
pub struct StoreViews {
    store: Store,
    settings: Arc<RelaySettings>,
    downlink: Downlink,
}

impl StoreViews {
    /// Over a store, the configured stores and the live connections.
    #[must_use]
    pub const fn new(store: Store, settings: Arc<RelaySettings>, downlink: Downlink) -> Self {
        Self {
            store,
            settings,
            downlink,
        }
    }
}

impl Views for StoreViews {
    fn now(&self, now_ms: i64) -> anyhow::Result<NowView> {
        Ok(self.store.read_blocking(|db| {
            let stores = self.stores(db, now_ms)?;
            let rows = days::list(db, None, None, DAYS_SHOWN)?;
            let days = rows
                .iter()
                .map(|row| self.day_row(db, row))
                .collect::<Result<Vec<_>, _>>()?;
            let mut open = exceptions::list(db, &Filter::default())?;
            open.sort_by_key(|e| (std::cmp::Reverse(urgency(e)), e.opened_ms));
            let tiles = tiles(&stores, &days, &open);
            let exceptions = open
                .iter()
                .take(EXCEPTIONS_SHOWN)
                .map(|e| self.exception_row(e))
                .collect();
            Ok(NowView {
                tiles,
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
        let Some(settings) = self.settings.store(tenant, store) else {
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
            Ok(Some(DayView {
                row: shown,
                lines: ledger(&looked.assessment.ledger),
                effects: effects::of_day(db, tenant, store, day)?
                    .iter()
                    .map(effect)
                    .collect(),
                exceptions: exceptions::list(db, &filter)?
                    .iter()
                    .map(|e| self.exception_row(e))
                    .collect(),
                transactions: transactions(&looked.facts),
            }))
        })?)
    }

    fn record(&self, segment: SegmentId, number: RecordNumber) -> anyhow::Result<Option<RecordView>> {
        Ok(self.store.read_blocking(|db| {
            let Some(row) = records::segment(db, segment)? else {
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
                understood: String::new(),
                bytes: None,
                attachment: None,
            };
            understand(db, &row.tenant, &record.body, &mut view)?;
            Ok(Some(view))
        })?)
    }

    fn attachment(&self, digest: Digest) -> anyhow::Result<Option<Vec<u8>>> {
        let tenants: BTreeSet<&TenantId> = self.settings.iter().map(|store| &store.tenant).collect();
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

impl StoreViews {
    fn stores(&self, db: &Connection, now_ms: i64) -> Result<Vec<StoreRow>, StoreError> {
        let devices = devices::list(db)?;
        let live: BTreeSet<_> = self
            .downlink
            .connections()
            .iter()
            .map(|c| c.identity.device.uri())
            .collect();
        self.settings
            .iter()
            .map(|settings| store_row(db, settings, &devices, &live, now_ms))
            .collect()
    }

    fn name(&self, tenant: &TenantId, store: &StoreId) -> String {
        self.settings
            .store(tenant, store)
            .map_or_else(|| store.to_string(), |settings| settings.name.clone())
    }

    fn day_row(&self, db: &Connection, row: &days::DayRow) -> Result<DayRow, StoreError> {
        let zero = self
            .settings
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
            moves: moves.into_iter().filter_map(|effect| effect.odoo_name).collect(),
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
            actions: vec![format!("tillwire-relay exception show {id}")],
            tone: tone(draft.kind),
        }
    }
}

fn store_row(
    db: &Connection,
    settings: &StoreSettings,
    devices: &[devices::DeviceRow],
    live: &BTreeSet<String>,
    now_ms: i64,
) -> Result<StoreRow, StoreError> {
    let key = params![settings.tenant.as_str(), settings.store.as_str()];
    let sql = "SELECT last_sale_ms FROM store_state WHERE tenant = ?1 AND store = ?2";
    let last_sale_ms: Option<i64> = db
        .prepare_cached(sql)?
        .query_row(key, |row| row.get(0))
        .optional()?
        .flatten();
    let of_store = |d: &&devices::DeviceRow| {
        d.tenant == settings.tenant && d.store == settings.store && d.revoked.is_none()
    };
    let of_store: Vec<_> = devices.iter().filter(of_store).collect();
    let uri = |d: &devices::DeviceRow| {
        crate::endpoint::DeviceRef {
            tenant: d.tenant.clone(),
            device: d.device.clone(),
        }
        .uri()
    };
    let up = of_store.iter().filter(|d| live.contains(&uri(d))).count();
    let newest = days::list(db, Some((&settings.tenant, &settings.store)), None, 1)?.pop();
    let worst = of_store
        .iter()
        .filter_map(|d| d.hello.as_ref())
        .find(|hello| hello.state != "ok");
    let (state, why) = store_state(
        of_store.len(),
        up,
        last_sale_ms,
        worst.map(|h| h.state.as_str()),
        now_ms,
    );
    Ok(StoreRow {
        tenant: settings.tenant.clone(),
        store: settings.store.clone(),
        name: settings.name.clone(),
        state,
        why,
        last_sale_ms,
        backlog: of_store
            .iter()
            .filter_map(|d| d.hello.as_ref())
            .map(|hello| hello.backlog)
            .sum(),
        tickets: newest.as_ref().map_or(0, |day| day.trades),
        net: newest.and_then(|day| day.net),
        devices: (up, of_store.len()),
    })
}

fn store_state(
    all: usize,
    up: usize,
    last_sale: Option<i64>,
    worst: Option<&str>,
    now_ms: i64,
) -> (Chip, String) {
    let chip = |tone, word: &str| Chip {
        tone,
        word: word.to_owned(),
    };
    match (all, up, last_sale) {
        (0, ..) => (
            chip(Tone::Idle, "no device"),
            "invite one with `tillwire-relay device invite`".to_owned(),
        ),
        (_, 0, _) => (
            chip(Tone::Bad, "link down"),
            "its agents keep the sales until the link is back".to_owned(),
        ),
        (all, up, _) if up < all => (
            chip(Tone::Wait, "partly down"),
            format!("{up} of {all} devices connected"),
        ),
        _ if worst.is_some() => (chip(Tone::Wait, "look"), worst.unwrap_or_default().to_owned()),
        (.., None) => (
            chip(Tone::Idle, "ready"),
            "connected, nothing sold yet".to_owned(),
        ),
        (.., Some(at)) if now_ms - at > QUIET_MS => {
            (chip(Tone::Idle, "quiet"), "connected, no recent sale".to_owned())
        }
        _ => (chip(Tone::Good, "selling"), "connected".to_owned()),
    }
}

fn tiles(stores: &[StoreRow], days: &[DayRow], open: &[StoredException]) -> Vec<Tile> {
    let up = stores
        .iter()
        .filter(|s| s.devices.1 > 0 && s.devices.0 == s.devices.1)
        .count();
    let newest = days.first().map(|day| day.day);
    let today: Vec<_> = days.iter().filter(|day| Some(day.day) == newest).collect();
    let tickets: u64 = today.iter().map(|day| day.tickets).sum();
    let posted = today.iter().filter(|day| day.state.tone == Tone::Good).count();
    let backlog: u64 = stores.iter().map(|store| store.backlog).sum();
    let tone = |good: bool| if good { Tone::Good } else { Tone::Bad };
    vec![
        Tile {
            label: "Stores connected",
            figure: format!("{up} of {}", stores.len()),
            note: if backlog == 0 {
                "nothing waits in a store".to_owned()
            } else {
                format!("{backlog} records wait in stores")
            },
            tone: tone(up == stores.len()),
        },
        Tile {
            label: "Net sales",
            figure: sums(today.iter().map(|day| day.net)),
            note: newest.map_or_else(
                || "no business day yet".to_owned(),
                |day| format!("{tickets} tickets on {day}"),
            ),
            tone: Tone::Idle,
        },
        Tile {
            label: "Store-days posted",
            figure: format!("{posted} of {}", today.len()),
            note: "read back from Odoo and equal".to_owned(),
            tone: if !today.is_empty() && posted == today.len() {
                Tone::Good
            } else {
                Tone::Idle
            },
        },
        Tile {
            label: "Open exceptions",
            figure: open.len().to_string(),
            note: format!("{} at risk", sums(open.iter().filter_map(|e| e.draft.at_risk))),
            tone: if open.is_empty() { Tone::Good } else { Tone::Bad },
        },
    ]
}

/// Sums by currency, as text.
fn sums(amounts: impl Iterator<Item = Amount>) -> String {
    let mut by_currency: BTreeMap<_, Amount> = BTreeMap::new();
    for amount in amounts {
        let sum = by_currency
            .entry(amount.currency())
            .or_insert(Amount::zero(amount.currency()));
        *sum = sum.checked_add(amount).unwrap_or(*sum);
    }
    if by_currency.is_empty() {
        return "nothing".to_owned();
    }
    by_currency
        .into_values()
        .map(super::html::money)
        .collect::<Vec<_>>()
        .join(" + ")
}

fn day_state(word: &str, blockers: u32) -> Chip {
    let tone = match word {
        "Posted" | "Settled" => Tone::Good,
        _ if blockers > 0 => Tone::Bad,
        "Open" => Tone::Idle,
        _ => Tone::Wait,
    };
    Chip {
        tone,
        word: word.to_lowercase(),
    }
}

fn tone(kind: ExceptionKind) -> Tone {
    match kind.holds() {
        Holds::Nothing => Tone::Idle,
        Holds::Item | Holds::Ticket => Tone::Wait,
        Holds::Effect | Holds::Balance | Holds::Completeness => Tone::Bad,
    }
}

const fn owner(role: OwnerRole) -> &'static str {
    match role {
        OwnerRole::Store => "store manager",
        OwnerRole::Finance => "finance",
        OwnerRole::Catalogue => "catalogue",
        OwnerRole::Operations => "operations",
        OwnerRole::Security => "security",
    }
}

/// What is looked at first: what holds most, then most money.
fn urgency(stored: &StoredException) -> (Holds, i64) {
    (
        stored.draft.kind.holds(),
        stored.draft.at_risk.map_or(0, Amount::minor),
    )
}

fn ledger(ledger: &tillwire_relay_core::books::Ledger) -> Vec<LedgerRow> {
    let row = |(key, line): (
        &tillwire_relay_core::books::LineKey,
        &tillwire_relay_core::books::LedgerLine,
    )| {
        let parts = ledger.of_line(key).flat_map(|part| {
            part.records
                .first()
                .map(|record| link(*record, part.ticket.ticket.as_str(), Some(part.amount)))
        });
        let positive = line
            .amount
            .checked_neg()
            .ok()
            .filter(|_| line.amount.is_negative());
        LedgerRow {
            account: key.account.to_string(),
            label: key.label.clone(),
            debit: (!line.amount.is_negative()).then_some(line.amount),
            credit: positive,
            records: parts.collect(),
        }
    };
    ledger.lines().map(row).collect()
}

fn link(record: RecordId, name: &str, amount: Option<Amount>) -> RecordLink {
    RecordLink {
        segment: record.segment,
        number: record.number,
        name: name.to_owned(),
        amount,
    }
}

fn effect(stored: &effects::StoredEffect) -> EffectRow {
    let effect = &stored.effect;
    let tone = match effect.state {
        EffectState::Done => Tone::Good,
        EffectState::Rejected => Tone::Bad,
        EffectState::Intent | EffectState::Sent | EffectState::Unknown => Tone::Wait,
    };
    EffectRow {
        key: effect.key.to_string(),
        kind: match stored_kind(effect) {
            EffectKind::JournalEntry => "journal entry".to_owned(),
            EffectKind::Picking => "stock picking".to_owned(),
        },
        state: Chip {
            tone,
            word: effects::word(effect.state).to_owned(),
        },
        name: stored.odoo_name.clone(),
        last_error: effect.refused.clone().or_else(|| effect.reason.clone()),
    }
}

fn stored_kind(effect: &tillwire_relay_core::odoo::Effect) -> EffectKind {
    effect.payload.kind()
}

fn transactions(facts: &DayFacts) -> Vec<TransactionRow> {
    let known = facts.transactions.values().flat_map(|known| &known.versions);
    let mut rows: Vec<(i64, TransactionRow)> = known
        .filter_map(|version| {
            let sighting = version.sightings.first()?;
            let told: BTreeSet<String> = version
                .sightings
                .iter()
                .map(|s| format!("{:?}", s.witness))
                .collect();
            let transaction = &version.transaction;
            let row = TransactionRow {
                record: link(sighting.record, transaction.key.ticket.as_str(), None),
                kind: transaction.key.kind.name().to_owned(),
                register: transaction.key.register.to_string(),
                at: transaction.at.to_string(),
                total: total(transaction),
                tenders: tenders(transaction),
                witnesses: told.into_iter().collect::<Vec<_>>().join(", "),
            };
            Some((transaction.at.0, row))
        })
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn total(transaction: &Transaction) -> Option<Amount> {
    match &transaction.body {
        Body::Trade(trade) => Some(trade.totals.total),
        Body::Drawer(movement) => Some(movement.amount),
        Body::Open { float } => Some(*float),
        Body::Void(_) | Body::Count(_) | Body::Close { .. } => None,
    }
}

fn tenders(transaction: &Transaction) -> String {
    let trade = transaction.trade();
    let names: BTreeSet<&str> = trade
        .into_iter()
        .flat_map(|t| &t.tenders)
        .map(|t| t.kind.name())
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn understand(
    db: &Connection,
    tenant: &TenantId,
    body: &[u8],
    view: &mut RecordView,
) -> Result<(), StoreError> {
    match decode_observation(body) {
        Err(error) => view.understood = format!("these bytes do not decode: {error}"),
        Ok(observation) => {
            view.facts.push(("Witness", format!("{:?}", observation.witness)));
            view.facts
                .push(("Box's clock", instant(observation.stamp.wall_ms)));
            view.facts
                .push(("Card data replaced", observation.redacted.to_string()));
            view.understood = match &observation.fact {
                Fact::Transaction(fact) => format!("{fact:#?}"),
                Fact::Terminal(fact) => format!("{fact:#?}"),
                Fact::Unreadable(fact) => format!("{fact:#?}"),
                Fact::Notice(fact) => format!("{fact:#?}"),
                Fact::Close(fact) => format!("{fact:#?}"),
            };
            view.attachment = observation.attachment.map(|reference| reference.digest);
            if let Some(digest) = view.attachment {
                view.bytes = attachments::get(db, tenant, digest)?;
            }
        }
    }
    Ok(())
}

fn instant(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| "unknown".to_owned(), |at| at.to_string())
}
