//! States, sums and urgencies of the first page.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension as _, params};
use tillwire_proto::Amount;
use tillwire_relay_core::exception::{ExceptionKind, Holds, OwnerRole};
use tillwire_relay_core::settings::StoreSettings;

use crate::dashboard::html::money;
use crate::dashboard::view::{Chip, DayRow, StoreRow, Tile, Tone};
use crate::store::exceptions::StoredException;
use crate::store::{StoreError, days, devices};

/// Tiles that only those see who see sales.
const OF_SALES: [&str; 2] = ["Net sales", "Store-days posted"];

/// A store that has sold nothing for so long is called quiet, in milliseconds.
const QUIET_MS: i64 = 15 * 60 * 1000;

pub(super) fn store_row(
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
    // What agents said at their hello that they have, less what has arrived since: it falls while a backlog drains.
    let sql =
        "SELECT coalesce(sum(max(announced - through, 0)), 0) FROM segments WHERE tenant = ?1 AND store = ?2";
    let backlog: i64 = db.prepare_cached(sql)?.query_row(key, |row| row.get(0))?;
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
        backlog: backlog.unsigned_abs(),
        tickets: newest.as_ref().map_or(0, |day| day.trades),
        net: newest.and_then(|day| day.net),
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

pub(super) fn tiles(
    stores: &[StoreRow],
    days: &[DayRow],
    open: &[StoredException],
    sales: bool,
) -> Vec<Tile> {
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
            figure: sums(today.iter().map(|day| day.net)),
            note: newest.map_or_else(
                || "no business day yet".to_owned(),
                |day| format!("{tickets} tickets on {day}"),
            ),
            tone: Tone::Idle,
        },
        Tile {
            label: OF_SALES[1],
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
