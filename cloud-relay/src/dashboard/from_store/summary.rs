//! States, sums and urgencies of the first page.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};
use tillwire_proto::{Amount, BusinessDay, StoreId, TenantId};
use tillwire_relay_core::exception::{ExceptionKind, Holds, OwnerRole};
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::settings::StoreSettings;

use crate::dashboard::html::money;
use crate::dashboard::view::{Chip, StoreRow, Tile, Tone};
use crate::store::exceptions::StoredException;
use crate::store::{StoreError, days, devices};

/// Tiles that only those see who see sales.
const OF_SALES: [&str; 2] = ["Net sales", "Store-days posted"];

/// A store that has sold nothing for so long is called quiet, in milliseconds.
const QUIET_MS: i64 = 15 * 60 * 1000;

/// The devices of each store that are not shut out.
pub(super) type OfStores<'a> = BTreeMap<(&'a TenantId, &'a StoreId), Vec<&'a devices::DeviceRow>>;

pub(super) fn of_stores(all: &[devices::DeviceRow]) -> OfStores<'_> {
    let mut found = OfStores::new();
    for device in all.iter().filter(|device| device.revoked.is_none()) {
        found
            .entry((&device.tenant, &device.store))
            .or_default()
            .push(device);
    }
    found
}

pub(super) fn store_row(
    db: &Connection,
    settings: &StoreSettings,
    devices: &OfStores<'_>,
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
    // What agents said at their hello that they have, less what has arrived since: it falls while a backlog drains.
    let sql =
        "SELECT coalesce(sum(max(announced - through, 0)), 0) FROM segments WHERE tenant = ?1 AND store = ?2";
    let backlog: i64 = db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
    let of_store = devices
        .get(&(&settings.tenant, &settings.store))
        .map_or(&[][..], Vec::as_slice);
    let uri = |d: &devices::DeviceRow| {
        crate::endpoint::DeviceRef {
            tenant: d.tenant.clone(),
            device: d.device.clone(),
        }
        .uri()
    };
    let up = of_store.iter().filter(|d| live.contains(&uri(d))).count();
    let place = (&settings.tenant, &settings.store);
    let newest = days::list(db, Some(place), None, 1)?.pop();
    let before = newest.as_ref().and_then(|row| week_before(row.day));
    let before = before
        .map(|day| days::get(db, place.0, place.1, day))
        .transpose()?
        .flatten();
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
        backlog: backlog.unsigned_abs(),
        tickets: newest.as_ref().map_or(0, |day| day.trades),
        net: newest.and_then(|day| day.net),
        week_before: before.and_then(|row| Some((weekday(row.day), row.net?))),
        devices: (up, of_store.len()),
    })
}

pub(super) fn store_state(
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

/// The newest business day of all stores in sight, and the same weekday a week before it.
pub(super) struct Today {
    day: Option<BusinessDay>,
    tickets: u64,
    net: String,
    before: Option<String>,
    posted: usize,
    stores: usize,
}

impl Today {
    pub(super) fn read(
        db: &Connection,
        sight: &Sight,
        newest: Option<BusinessDay>,
    ) -> Result<Self, StoreError> {
        let rows = |day: Option<BusinessDay>| -> Result<Vec<days::DayRow>, StoreError> {
            let mut rows = day
                .map(|day| days::of_day(db, day))
                .transpose()?
                .unwrap_or_default();
            rows.retain(|row| sight.sales_of(&row.tenant, &row.store));
            Ok(rows)
        };
        let (today, before) = (rows(newest)?, rows(newest.and_then(week_before))?);
        let sum = |rows: &[days::DayRow]| sums(rows.iter().filter_map(|row| row.net));
        let posted = |row: &&days::DayRow| day_state(&row.state, row.blockers).tone == Tone::Good;
        Ok(Self {
            day: newest,
            tickets: today.iter().map(|row| row.trades).sum(),
            net: sum(&today),
            before: before
                .first()
                .map(|row| format!("{} before: {}", weekday(row.day), sum(&before))),
            posted: today.iter().filter(posted).count(),
            stores: today.len(),
        })
    }
}

fn week_before(day: BusinessDay) -> Option<BusinessDay> {
    BusinessDay::from_days(day.days_since_epoch() - 7)
}

/// Such as *Friday*.
fn weekday(day: BusinessDay) -> String {
    day.date().strftime("%A").to_string()
}

/// What a person should look at first: what is down, then what is odd.
pub(super) fn store_urgency(row: &StoreRow) -> u8 {
    match row.state.tone {
        Tone::Bad => 0,
        Tone::Wait => 1,
        Tone::Idle => 2,
        Tone::Good => 3,
    }
}

pub(super) fn tiles(stores: &[StoreRow], today: &Today, open: &[StoredException], sales: bool) -> Vec<Tile> {
    let up = stores
        .iter()
        .filter(|s| s.devices.1 > 0 && s.devices.0 == s.devices.1)
        .count();
    let backlog: u64 = stores.iter().map(|store| store.backlog).sum();
    let tone = |good: bool| if good { Tone::Good } else { Tone::Bad };
    let mut tiles = vec![
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
            label: OF_SALES[0],
            figure: today.net.clone(),
            note: today.day.map_or_else(
                || "no business day yet".to_owned(),
                |day| {
                    let before = today.before.as_ref().map(|before| format!("; {before}"));
                    format!("{} tickets on {day}{}", today.tickets, before.unwrap_or_default())
                },
            ),
            tone: Tone::Idle,
        },
        Tile {
            label: OF_SALES[1],
            figure: format!("{} of {}", today.posted, today.stores),
            note: "read back from Odoo and equal".to_owned(),
            tone: if today.stores > 0 && today.posted == today.stores {
                Tone::Good
            } else {
                Tone::Idle
            },
        },
        Tile {
            label: "Open exceptions",
            figure: open.len().to_string(),
            note: if sales {
                format!("{} at risk", sums(open.iter().filter_map(|e| e.draft.at_risk)))
            } else {
                "at your desk".to_owned()
            },
            tone: if open.is_empty() { Tone::Good } else { Tone::Bad },
        },
    ];
    if !sales {
        tiles.retain(|tile| !OF_SALES.contains(&tile.label));
    }
    tiles
}

/// Sums by currency, as text.
pub(super) fn sums(amounts: impl Iterator<Item = Amount>) -> String {
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
        .map(money)
        .collect::<Vec<_>>()
        .join(" + ")
}

pub(super) fn day_state(word: &str, blockers: u32) -> Chip {
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

pub(super) fn tone(kind: ExceptionKind) -> Tone {
    match kind.holds() {
        Holds::Nothing => Tone::Idle,
        Holds::Item | Holds::Ticket => Tone::Wait,
        Holds::Effect | Holds::Balance | Holds::Completeness => Tone::Bad,
    }
}

pub(super) const fn owner(role: OwnerRole) -> &'static str {
    match role {
        OwnerRole::Store => "store manager",
        OwnerRole::Finance => "finance",
        OwnerRole::Catalogue => "catalogue",
        OwnerRole::Operations => "operations",
        OwnerRole::Security => "security",
    }
}

/// What is looked at first: what holds most, then most money.
pub(super) fn urgency(stored: &StoredException) -> (Holds, i64) {
    (
        stored.draft.kind.holds(),
        stored.draft.at_risk.map_or(0, Amount::minor),
    )
}
