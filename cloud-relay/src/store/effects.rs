//! What Odoo was asked, and how it went: one row per effect, driven by one poster per company.
//!
//! The order that makes it exactly-once: the intent is committed (by [`crate::days`]) before anything is sent; the
//! poster commits [`Effect::calling`] before a call leaves and [`Effect::answered`] after it. Every change names the
//! poster's lease; one whose lease was taken over is refused in the same transaction ([`StoreError::Fenced`]), so two
//! posters can never both believe that they drive a company.
//!
//! This module moves rows. Which change follows which answer is decided by the core's [`Effect`].

mod adopt;
mod lease;

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{BusinessDay, StoreId, TenantId};
use tillwire_relay_core::exception::ExceptionDraft;
use tillwire_relay_core::odoo::{Effect, EffectKind, EffectState, Payload};

use super::exceptions::{self, Source};
use super::{Store, StoreError, Unit};
use crate::events::RelayEvent;
use lease::check_fence;

pub use adopt::{Adopted, Adoption};
pub use lease::{Lease, company};

/// An effect that is to be made: what [`crate::days`] commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// Fresh from [`Effect::intend`].
    pub effect: Effect,
    /// Whose poster drives it: see [`company`].
    pub company: String,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day, of an entry in the journal.
    pub day: Option<BusinessDay>,
    /// The number, of a movement of stock.
    pub batch: Option<u64>,
    /// JSON: the posting or movement that it was made from, which later ones are netted against.
    pub source: String,
}

/// An effect as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEffect {
    /// All of it.
    pub effect: Effect,
    /// Whose poster drives it.
    pub company: String,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day, of an entry in the journal.
    pub day: Option<BusinessDay>,
    /// The number, of a movement of stock.
    pub batch: Option<u64>,
    /// JSON: the posting or movement that it was made from.
    pub source: String,
    /// Order of intents, over all companies.
    pub sequence: i64,
    /// Name in Odoo, such as `MISC/2026/11/0003`, once read.
    pub odoo_name: Option<String>,
    /// JSON: what Odoo held when it was last read.
    pub readback: Option<String>,
    /// When the intent was committed, milliseconds since 1970.
    pub created_ms: i64,
    /// Last change.
    pub changed_ms: i64,
}

/// A change to an effect, with what people should see of it.
#[derive(Debug, Clone)]
pub struct Change {
    /// The effect after [`Effect::calling`], [`Effect::answered`] or [`Effect::recovered`].
    pub effect: Effect,
    /// Name in Odoo, where it was read; `None` leaves what is stored.
    pub odoo_name: Option<String>,
    /// JSON: what was read; `None` leaves what is stored.
    pub readback: Option<String>,
    /// Exceptions to raise with it.
    pub raise: Vec<ExceptionDraft>,
    /// Causes that are gone with it.
    pub gone: Vec<String>,
}

impl From<Effect> for Change {
    fn from(effect: Effect) -> Self {
        Self {
            effect,
            odoo_name: None,
            readback: None,
            raise: Vec::new(),
            gone: Vec::new(),
        }
    }
}

/// The effects of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Effects {
    store: Store,
}

impl Effects {
    /// The effects of `store`.
    #[must_use]
    pub const fn of(store: Store) -> Self {
        Self { store }
    }

    /// The oldest effect of the company that is due: not finished, not waiting. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn next_due(&self, company: &str) -> Result<Option<StoredEffect>, StoreError> {
        let (company, now_ms) = (company.to_owned(), self.now_ms());
        self.store
            .read(move |db| {
                let sql = format!(
                    "{SELECT} WHERE {OPEN} AND company = ?1 AND due_ms <= ?2 ORDER BY sequence LIMIT 1"
                );
                Ok(db
                    .prepare_cached(&sql)?
                    .query_row(params![company, now_ms], read)
                    .optional()?)
            })
            .await
    }

    /// When the company's next effect is due; `None` when nothing is open.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn next_due_ms(&self, company: &str) -> Result<Option<i64>, StoreError> {
        let company = company.to_owned();
        let sql = format!("SELECT min(due_ms) FROM effects WHERE {OPEN} AND company = ?1");
        self.store
            .read(move |db| Ok(db.query_row(&sql, [company], |row| row.get(0))?))
            .await
    }

    /// One effect.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn get(&self, key: &str) -> Result<Option<StoredEffect>, StoreError> {
        let key = key.to_owned();
        self.store.read(move |db| get(db, &key)).await
    }

    /// All effects of a store's kind that were not given up, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn finished(&self, company: &str, state: EffectState) -> Result<Vec<StoredEffect>, StoreError> {
        let company = company.to_owned();
        self.store
            .read(move |db| {
                let sql = format!("{SELECT} WHERE company = ?1 AND state = ?2 ORDER BY sequence");
                let mut statement = db.prepare_cached(&sql)?;
                let rows = statement.query_map(params![company, word(state)], read)?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    /// Commits a transition of an effect. A day's posting that is finished makes [`crate::days`] look again.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; [`StoreError::Refused`] when the effect is not there or holds another content; or the
    /// write's.
    pub async fn save(&self, lease: &Lease, change: impl Into<Change> + Send) -> Result<(), StoreError> {
        let (lease, change, now_ms) = (lease.clone(), change.into(), self.now_ms());
        self.store
            .write(move |unit| {
                check_fence(unit.db, &lease)?;
                let there = expect(unit.db, change.effect.key.as_str())?;
                if there.effect.content != change.effect.content {
                    return Err(StoreError::refused(format!(
                        "effect {} holds content {}, wanted {}",
                        change.effect.key, there.effect.content, change.effect.content
                    )));
                }
                put(unit, &there, &change, lease.fence, now_ms)
            })
            .await
    }

    /// Calls that were out when an earlier holder of the lease stopped have unknown outcomes: says so for all of them.
    /// Do this once after taking a lease. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn recover(&self, lease: &Lease) -> Result<usize, StoreError> {
        let (lease, now_ms) = (lease.clone(), self.now_ms());
        self.store
            .write(move |unit| {
                check_fence(unit.db, &lease)?;
                let sql = format!("{SELECT} WHERE {OPEN} AND company = ?1 AND fence < ?2 ORDER BY sequence");
                let open: Vec<StoredEffect> = unit
                    .db
                    .prepare_cached(&sql)?
                    .query_map(params![lease.name, lease.fence], read)?
                    .collect::<rusqlite::Result<_>>()?;
                let mut count = 0;
                for stored in open.iter().filter(|stored| stored.effect.calling) {
                    let change = Change::from(stored.effect.clone().recovered());
                    put(unit, stored, &change, lease.fence, now_ms)?;
                    count += 1;
                }
                Ok(count)
            })
            .await
    }

    /// A person mended the cause: a rejected effect is tried again, with another payload under the same key where
    /// nothing of it is in Odoo.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when that is not possible, in the core's words; or the write's.
    pub async fn retry(&self, key: &str, payload: Option<Payload>) -> Result<(), StoreError> {
        let (key, now_ms) = (key.to_owned(), self.now_ms());
        self.store
            .write(move |unit| retry(unit, &key, payload, now_ms))
            .await
    }

    fn now_ms(&self) -> i64 {
        self.store.clock().now_ms()
    }
}

/// See [`Effects::retry`].
pub(crate) fn retry(
    unit: &mut Unit<'_>,
    key: &str,
    payload: Option<Payload>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let there = expect(unit.db, key)?;
    let again = there
        .effect
        .clone()
        .retried(payload)
        .map_err(|e| StoreError::refused(e.to_string()))?;
    put(unit, &there, &Change::from(again), 0, now_ms)
}

/// Commits an intent, inside a unit of work. True when it is new; an equal one that is there already is left alone.
///
/// # Errors
/// [`StoreError::Refused`] when the key is taken by another content: keys are deterministic, so this is our bug.
pub fn intend(unit: &mut Unit<'_>, new: &NewEffect, now_ms: i64) -> Result<bool, StoreError> {
    let key = new.effect.key.as_str();
    if let Some(there) = get(unit.db, key)? {
        if there.effect.content == new.effect.content {
            return Ok(false);
        }
        return Err(StoreError::refused(format!(
            "effect {key} is there with content {}, wanted {}",
            there.effect.content, new.effect.content
        )));
    }
    unit.db
        .prepare_cached(
            "INSERT INTO effects (key, company, tenant, store, day, kind, batch, effect, content, state, due_ms, \
             source, sequence, created_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
             (SELECT coalesce(max(sequence), 0) + 1 FROM effects), ?13, ?13)",
        )?
        .execute(params![
            key,
            new.company,
            new.tenant.as_str(),
            new.store.as_str(),
            new.day.map(BusinessDay::days_since_epoch),
            kind_word(new.effect.payload.kind()),
            new.batch,
            json(&new.effect)?,
            new.effect.content.as_bytes(),
            word(new.effect.state),
            new.effect.not_before_ms,
            new.source,
            now_ms
        ])?;
    unit.tell(RelayEvent::Effect {
        tenant: new.tenant.clone(),
        store: new.store.clone(),
        key: key.to_owned(),
    });
    Ok(true)
}

/// All effects of a store-day, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_day(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    day: BusinessDay,
) -> Result<Vec<StoredEffect>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND day = ?3 ORDER BY sequence");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        params![tenant.as_str(), store.as_str(), day.days_since_epoch()],
        read,
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The entries of a deposit, oldest first. They are in the journal, but of no business day.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn of_deposit(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
    deposit: &str,
) -> Result<Vec<StoredEffect>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE kind = 'journal-entry' AND day IS NULL AND tenant = ?1 AND store = ?2 \
         AND json_extract(source, '$.deposit') = ?3 ORDER BY sequence"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant.as_str(), store.as_str(), deposit], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// All movements of stock of a store, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn movements(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
) -> Result<Vec<StoredEffect>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND batch IS NOT NULL ORDER BY batch");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![tenant.as_str(), store.as_str()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What Odoo refused of a store, oldest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn rejected(
    db: &Connection,
    tenant: &TenantId,
    store: &StoreId,
) -> Result<Vec<StoredEffect>, StoreError> {
    let sql = format!("{SELECT} WHERE tenant = ?1 AND store = ?2 AND state = 'rejected' ORDER BY sequence");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([tenant.as_str(), store.as_str()], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One effect.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, key: &str) -> Result<Option<StoredEffect>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{SELECT} WHERE key = ?1"))?
        .query_row([key], read)
        .optional()?)
}

/// What is called so: by its external id, or by its name in Odoo; the newest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn called(db: &Connection, name: &str) -> Result<Vec<StoredEffect>, StoreError> {
    let sql = format!("{SELECT} WHERE key = ?1 OR odoo_name = ?1 ORDER BY sequence DESC LIMIT 50");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([name], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

const SELECT: &str = "SELECT effect, company, tenant, store, day, batch, source, sequence, odoo_name, readback, \
                      created_ms, changed_ms FROM effects";

/// Written as in the index, so that SQLite uses it.
const OPEN: &str = "state IN ('intent', 'sent', 'unknown')";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredEffect> {
    let day: Option<i32> = row.get(4)?;
    Ok(StoredEffect {
        effect: super::json(row, 0)?,
        company: row.get(1)?,
        tenant: super::column(row, 2, TenantId::new)?,
        store: super::column(row, 3, StoreId::new)?,
        day: day.and_then(BusinessDay::from_days),
        batch: row.get(5)?,
        source: row.get(6)?,
        sequence: row.get(7)?,
        odoo_name: row.get(8)?,
        readback: row.get(9)?,
        created_ms: row.get(10)?,
        changed_ms: row.get(11)?,
    })
}

/// The state's word, in the database and for scripts.
#[must_use]
pub const fn word(state: EffectState) -> &'static str {
    match state {
        EffectState::Intent => "intent",
        EffectState::Sent => "sent",
        EffectState::Unknown => "unknown",
        EffectState::Done => "done",
        EffectState::Rejected => "rejected",
    }
}

/// The kind's word.
#[must_use]
pub const fn kind_word(kind: EffectKind) -> &'static str {
    kind.name()
}

fn json(effect: &Effect) -> Result<String, StoreError> {
    serde_json::to_string(effect).map_err(|e| StoreError::refused(format!("effect {}: {e}", effect.key)))
}

fn expect(db: &Connection, key: &str) -> Result<StoredEffect, StoreError> {
    get(db, key)?.ok_or_else(|| StoreError::refused(format!("there is no effect {key}")))
}

fn put(
    unit: &mut Unit<'_>,
    there: &StoredEffect,
    change: &Change,
    fence: u64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let effect = &change.effect;
    unit.db
        .prepare_cached(
            "UPDATE effects SET effect = ?2, content = ?3, state = ?4, due_ms = ?5, changed_ms = ?6, \
             fence = max(fence, ?7), odoo_name = coalesce(?8, odoo_name), readback = coalesce(?9, readback) \
             WHERE key = ?1",
        )?
        .execute(params![
            effect.key.as_str(),
            json(effect)?,
            effect.content.as_bytes(),
            word(effect.state),
            effect.not_before_ms,
            now_ms,
            fence,
            change.odoo_name,
            change.readback
        ])?;
    for draft in &change.raise {
        exceptions::raise(unit, Source::Odoo, draft, now_ms)?;
    }
    for cause in &change.gone {
        exceptions::close_cause(unit, &there.tenant, cause, "done", now_ms)?;
    }
    let ended = effect.is_finished() != there.effect.is_finished();
    if let (true, Some(day)) = (ended, there.day) {
        super::days::touch(unit, &there.tenant, &there.store, day, now_ms)?;
    }
    if ended {
        super::settlement::touch_days(unit, there, now_ms)?;
    }
    unit.tell(RelayEvent::Effect {
        tenant: there.tenant.clone(),
        store: there.store.clone(),
        key: effect.key.as_str().to_owned(),
    });
    Ok(())
}

#[cfg(test)]
mod tests;
