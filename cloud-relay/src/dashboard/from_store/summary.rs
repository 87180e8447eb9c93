//! States, sums and urgencies of the first page.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::Connection;
use tillwire_proto::{Amount, BusinessDay, StoreId, TenantId};
use tillwire_relay_core::exception::{ExceptionKind, Holds, OwnerRole};
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::settings::{Standing, StoreSettings};

use crate::dashboard::html::money;
use crate::dashboard::view::{Chip, StoreRow, Tile, Tone};
use crate::store::exceptions::StoredException;
use crate::store::{StoreError, column, days, devices};

/// Tiles that only those see who see sales.
const OF_SALES: [&str; 2] = ["Net sales", "Store-days posted"];

/// Days to the same weekday.
const WEEK: i32 = 7;

/// A store that holds out for longer needs no word at the top, in days.
const FUEL_DAYS: u32 = 90;

/// A store that has sold nothing for so long is called quiet, in milliseconds.
const QUIET_MS: i64 = 15 * 60 * 1000;

/// What the rows of all stores are made of: one question for each table, not for each store.
pub(super) struct Gathered {
    devices: OfStore<Vec<devices::DeviceRow>>,
    last_sale_ms: OfStore<i64>,
    backlog: OfStore<i64>,
    /// The newest business day of all stores and the same weekday a week before, and where some store has not begun it, the
    /// day before and a week before that: nearly every store's newest day is one of the two. Newest first.
    recent: Vec<(BusinessDay, Vec<days::DayRow>)>,
}

type OfStore<T> = HashMap<(TenantId, StoreId), T>;

impl Gathered {
    /// Of so many stores.
    pub(super) fn read(db: &Connection, stores: usize) -> Result<Self, StoreError> {
        let mut devices: OfStore<Vec<devices::DeviceRow>> = HashMap::new();
        for device in devices::list(db)?.into_iter().filter(|one| one.revoked.is_none()) {
            let place = (device.tenant.clone(), device.store.clone());
            devices.entry(place).or_default().push(device);
        }
        let last_sale = "SELECT tenant, store, last_sale_ms FROM store_state WHERE last_sale_ms IS NOT NULL";
        // What agents said at their hello that they have, less what has arrived since: it falls while a backlog drains.
        let backlog = "SELECT tenant, store, sum(announced - through) FROM segments WHERE announced > through \
                       GROUP BY tenant, store";
        let mut recent = Vec::new();
        if let Some(last) = days::list(db, None, None, 1)?.pop().map(|row| row.day) {
            let newest = days::of_day(db, last)?;
            let backs: &[i32] = if newest.len() >= stores {
                &[WEEK]
            } else {
                &[1, WEEK, WEEK + 1]
            };
            recent.push((last, newest));
            for day in backs.iter().filter_map(|back| day_before(last, *back)) {
                recent.push((day, days::of_day(db, day)?));
            }
        }
        Ok(Self {
            devices,
            last_sale_ms: figures(db, last_sale)?,
            backlog: figures(db, backlog)?,
            recent,
        })
    }

    /// All stores' rows of a day, by retailer and store, where it is one of those that were read.
    fn of_day(&self, day: BusinessDay) -> Option<&[days::DayRow]> {
        let read = self.recent.iter().find(|(read, _)| *read == day);
        read.map(|(_, rows)| rows.as_slice())
    }

    /// A store's row of a day that was read.
    fn row(&self, place: &(TenantId, StoreId), day: BusinessDay) -> Option<&days::DayRow> {
        let rows = self.of_day(day)?;
        let key = (place.0.as_str(), place.1.as_str());
        let at = rows.binary_search_by_key(&key, |row| (row.tenant.as_str(), row.store.as_str()));
        at.ok().map(|at| &rows[at])
    }

    /// The newest business day of a store, and the same weekday a week before it.
    fn days(
        &self,
        db: &Connection,
        place: &(TenantId, StoreId),
    ) -> Result<(Option<days::DayRow>, Option<days::DayRow>), StoreError> {
        let last = self.recent.first().map(|(day, _)| *day);
        let newest_two = [last, last.and_then(|last| day_before(last, 1))];
        let known = newest_two
            .into_iter()
            .flatten()
            .find_map(|day| self.row(place, day));
        let newest = match known {
            Some(known) => Some(known.clone()),
            None => days::list(db, Some((&place.0, &place.1)), None, 1)?.pop(),
        };
        let before = match newest.as_ref().and_then(|row| day_before(row.day, WEEK)) {
            None => None,
            Some(day) if self.of_day(day).is_some() => self.row(place, day).cloned(),
            Some(day) => days::get(db, &place.0, &place.1, day)?,
        };
        Ok((newest, before))
    }
}

fn figures(db: &Connection, sql: &str) -> Result<OfStore<i64>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let place = (column(row, 0, TenantId::new)?, column(row, 1, StoreId::new)?);
        Ok((place, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn store_row(
    db: &Connection,
    settings: &StoreSettings,
    gathered: &Gathered,
    live: &BTreeSet<String>,
    now_ms: i64,
) -> Result<StoreRow, StoreError> {
    let place = (settings.tenant.clone(), settings.store.clone());
    let last_sale_ms = gathered.last_sale_ms.get(&place).copied();
    let backlog = gathered.backlog.get(&place).copied().unwrap_or(0);
    let of_store = gathered.devices.get(&place).map_or(&[][..], Vec::as_slice);
    let uri = |d: &devices::DeviceRow| {
        crate::endpoint::DeviceRef {
            tenant: d.tenant.clone(),
            device: d.device.clone(),
        }
        .uri()
    };
    let up = of_store.iter().filter(|d| live.contains(&uri(d))).count();
    let (newest, before) = gathered.days(db, &place)?;
    let worst = of_store
        .iter()
        .filter_map(|d| d.hello.as_ref())
        .find(|hello| hello.state != "ok");
    let (state, why) = store_state(
        settings,
        &Seen {
            all: of_store.len(),
            up,
            last_sale_ms,
            backlog,
            worst: worst.map(|h| h.state.as_str()),
        },
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
        fuel: of_store
            .iter()
            .filter_map(|d| d.hello.as_ref()?.fuel(now_ms))
            .min(),
    })
}

/// What is seen of a store.
pub(super) struct Seen<'a> {
    /// Its devices.
    pub(super) all: usize,
    /// Those that are connected.
    pub(super) up: usize,
    pub(super) last_sale_ms: Option<i64>,
    /// Records that wait in the store.
    pub(super) backlog: i64,
    /// What a device says of itself that is not good.
    pub(super) worst: Option<&'a str>,
}

pub(super) fn store_state(settings: &StoreSettings, seen: &Seen<'_>, now_ms: i64) -> (Chip, String) {
    let chip = |tone, word: &str| Chip {
        tone,
        word: word.to_owned(),
    };
    let standing = settings.standing(now_ms);
    if seen.all == 0 {
        let why = "invite one with `tillwire-relay device invite`".to_owned();
        return (chip(Tone::Idle, "no device"), why);
    }
    if let (Some(Standing::Closed { opens }), 0) = (standing, seen.backlog)
        && (seen.up == 0 || seen.worst.is_none())
    {
        let opens = opens.map_or_else(
            || "nobody has said when it opens again".to_owned(),
            |(day, time)| {
                format!(
                    "opens {} at {}",
                    day.date().strftime("%A"),
                    time.strftime("%H:%M")
                )
            },
        );
        let why = match seen.up {
            0 => format!("{opens}; its devices are away"),
            _ => opens,
        };
        return (chip(Tone::Idle, "closed"), why);
    }
    if seen.up == 0 {
        let why = "its agents keep the sales until the link is back".to_owned();
        return (chip(Tone::Bad, "link down"), why);
    }
    if seen.up < seen.all {
        let why = format!("{} of {} devices connected", seen.up, seen.all);
        return (chip(Tone::Wait, "partly down"), why);
    }
    if let Some(worst) = seen.worst {
        return (chip(Tone::Wait, "look"), worst.to_owned());
    }
    let sold_ms = seen.last_sale_ms;
    match (standing, sold_ms) {
        (_, Some(at)) if now_ms - at <= QUIET_MS => (chip(Tone::Good, "selling"), "connected".to_owned()),
        // by its calendar somebody should be selling
        (Some(Standing::Open { since_ms }), _) => {
            let quiet_ms = now_ms - sold_ms.unwrap_or(since_ms).max(since_ms);
            if quiet_ms <= QUIET_MS {
                (chip(Tone::Idle, "ready"), "open, nothing sold yet".to_owned())
            } else {
                let why = format!("open and connected, no sale for {}", spoken(quiet_ms));
                (chip(Tone::Wait, "till silent"), why)
            }
        }
        (_, None) => (
            chip(Tone::Idle, "ready"),
            "connected, nothing sold yet".to_owned(),
        ),
        (_, Some(_)) => (chip(Tone::Idle, "quiet"), "connected, no recent sale".to_owned()),
    }
}

/// `45 min`, `3 h 10 min`.
fn spoken(ms: i64) -> String {
    let minutes = ms / 60_000;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
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
        gathered: &Gathered,
        sight: &Sight,
        newest: Option<BusinessDay>,
    ) -> Result<Self, StoreError> {
        let (of_newest, of_before) = (
            OfDay::read(db, gathered, newest)?,
            OfDay::read(db, gathered, newest.and_then(|day| day_before(day, WEEK)))?,
        );
        let (today, before) = (of_newest.in_sight(sight), of_before.in_sight(sight));
        let sum = |rows: &[&days::DayRow]| sums(rows.iter().filter_map(|row| row.net));
        let posted = |row: &&&days::DayRow| day_state(&row.state, row.blockers).tone == Tone::Good;
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

/// All stores' rows of a day: gathered, or read because somebody sees only stores that are behind the others.
enum OfDay<'a> {
    Gathered(&'a [days::DayRow]),
    Read(Vec<days::DayRow>),
}

impl<'a> OfDay<'a> {
    fn read(db: &Connection, gathered: &'a Gathered, day: Option<BusinessDay>) -> Result<Self, StoreError> {
        let Some(day) = day else {
            return Ok(Self::Gathered(&[]));
        };
        Ok(match gathered.of_day(day) {
            Some(rows) => Self::Gathered(rows),
            None => Self::Read(days::of_day(db, day)?),
        })
    }

    fn in_sight(&self, sight: &Sight) -> Vec<&days::DayRow> {
        let rows = match self {
            Self::Gathered(rows) => rows,
            Self::Read(rows) => rows.as_slice(),
        };
        let seen = |row: &&days::DayRow| sight.sales_of(&row.tenant, &row.store);
        rows.iter().filter(seen).collect()
    }
}

fn day_before(day: BusinessDay, days: i32) -> Option<BusinessDay> {
    BusinessDay::from_days(day.days_since_epoch() - days)
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
            note: [
                if backlog == 0 {
                    "nothing waits in a store".to_owned()
                } else {
                    format!("{backlog} records wait in stores")
                },
                shortest(stores),
            ]
            .concat(),
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

/// The store that would run dry first if the relay went away now, where that is within a quarter.
fn shortest(stores: &[StoreRow]) -> String {
    let dry = stores
        .iter()
        .filter_map(|store| Some((store.fuel?, &store.name)))
        .filter(|(fuel, _)| fuel.days <= FUEL_DAYS);
    dry.min().map_or_else(String::new, |(fuel, name)| {
        format!("; {name} holds out {} days ({})", fuel.days, fuel.limit)
    })
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
