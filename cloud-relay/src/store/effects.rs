//! What Odoo was asked, and how it went: one row per effect, driven by one poster per company.
//!
//! The order that makes it exactly-once: the intent is committed (by [`crate::days`]) before anything is sent;
//! [`Effects::mark_sent`] is committed before the call leaves; an answer that did not come makes it `unknown`, and
//! from there the poster looks its key up in Odoo before it asks again. Every change names the poster's lease; one
//! whose lease was taken over is refused in the same transaction ([`StoreError::Fenced`]), so two posters can never
//! both believe that they drive a company.
//!
//! This module moves rows. Which change follows which answer is the core's to decide.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{BusinessDay, Digest, StoreId, TenantId};

use super::{Store, StoreError, Unit};
use crate::events::RelayEvent;

/// Where an effect is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectState {
    /// Committed here; Odoo has not been asked, or surely did not do it.
    Intent,
    /// About to be asked, or asked: the answer is awaited. After a restart this means `Unknown`.
    Sent,
    /// Asked, and nobody knows whether Odoo did it: look its key up before asking again.
    Unknown,
    /// Read back from Odoo and equal.
    Done,
    /// Odoo refused for a reason that asking again does not change; an exception says what.
    Rejected,
}

impl EffectState {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Intent,
        Self::Sent,
        Self::Unknown,
        Self::Done,
        Self::Rejected,
    ];

    /// The word in the database and for scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Done => "done",
            Self::Rejected => "rejected",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// An effect that is to be made: what [`crate::days`] commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEffect {
    /// Deterministic; becomes the external id in Odoo.
    pub key: String,
    /// Whose poster drives it: see [`company`].
    pub company: String,
    /// The retailer.
    pub tenant: TenantId,
    /// The store.
    pub store: StoreId,
    /// The business day, for an entry in the journal.
    pub day: Option<BusinessDay>,
    /// A word of the core's, such as `journal-entry` or `picking`.
    pub kind: String,
    /// JSON; its meaning belongs to the core. Its SHA-256 becomes the content hash.
    pub payload: String,
}

/// An effect as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEffect {
    /// What was meant.
    pub effect: NewEffect,
    /// SHA-256 of the payload.
    pub content_hash: Digest,
    /// Where it is.
    pub state: EffectState,
    /// Order of intents, over all companies.
    pub sequence: i64,
    /// Calls that left so far.
    pub attempts: u32,
    /// Not before this time, milliseconds since 1970.
    pub due_ms: i64,
    /// Database id in Odoo, once known.
    pub odoo_id: Option<i64>,
    /// Name in Odoo, such as `MISC/2026/11/0003`.
    pub odoo_name: Option<String>,
    /// The last answer in words.
    pub detail: Option<String>,
    /// JSON: what Odoo held when it was last read.
    pub readback: Option<String>,
    /// When the intent was committed.
    pub created_ms: i64,
    /// Last change.
    pub changed_ms: i64,
}

/// The right to drive one company, until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which company (see [`company`]).
    pub name: String,
    /// Counts up with each holder; an older one's writes are refused.
    pub fence: u64,
    /// Until when, milliseconds since 1970.
    pub until_ms: i64,
}

/// What Odoo holds for an effect that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Database id in Odoo.
    pub odoo_id: i64,
    /// Name in Odoo, where it has one.
    pub odoo_name: Option<String>,
    /// JSON: what was read back.
    pub readback: String,
}

/// Name of the lease for one Odoo company of one tenant.
#[must_use]
pub fn company(tenant: &TenantId, odoo_company: impl std::fmt::Display) -> String {
    format!("{tenant}/{odoo_company}")
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

    /// Takes or prolongs the lease of a company. `None` while another holder's is valid. `holder` is one process:
    /// a restarted one takes a name of its own and so waits at most one lease time.
    ///
    /// # Errors
    /// [`StoreError`] of the write.
    pub async fn lease(
        &self,
        company: &str,
        holder: &str,
        time_ms: i64,
    ) -> Result<Option<Lease>, StoreError> {
        let (name, holder, now_ms) = (company.to_owned(), holder.to_owned(), self.now_ms());
        self.store
            .write(move |unit| take_lease(unit.db, &name, &holder, now_ms, time_ms))
            .await
    }

    /// Gives the lease back, so that a next holder need not wait. A lease taken over meanwhile is left alone.
    ///
    /// # Errors
    /// [`StoreError`] of the write.
    pub async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.store
            .write(move |unit| {
                unit.db.execute(
                    "UPDATE leases SET until_ms = 0 WHERE name = ?1 AND fence = ?2",
                    params![lease.name, lease.fence],
                )?;
                Ok(())
            })
            .await
    }

    /// The oldest effect of the company that is due: an intent to be sent, or one whose outcome is unknown (also
    /// one found `Sent`, which another process left). Changes nothing; call [`Effects::mark_sent`] before asking Odoo.
    ///
    /// # Errors
    /// [`StoreError`] of the read.
    pub async fn next_due(&self, company: &str) -> Result<Option<StoredEffect>, StoreError> {
        let (company, now_ms) = (company.to_owned(), self.now_ms());
        self.store
            .read(move |db| {
                let sql = format!(
                    "{SELECT} WHERE company = ?1 AND state IN ('intent', 'sent', 'unknown') AND due_ms <= ?2 \
                     ORDER BY sequence LIMIT 1"
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
        let sql =
            "SELECT min(due_ms) FROM effects WHERE company = ?1 AND state IN ('intent', 'sent', 'unknown')";
        self.store
            .read(move |db| Ok(db.query_row(sql, [company], |row| row.get(0))?))
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

    /// Committed before a call leaves: from here on, silence means that nobody knows.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_sent(&self, lease: &Lease, key: &str) -> Result<(), StoreError> {
        self.change(lease, key, |unit, key, now_ms, fence| {
            update(
                unit.db,
                "UPDATE effects SET state = 'sent', attempts = attempts + 1, changed_ms = ?2, fence = ?3 \
                 WHERE key = ?1 AND state IN ('intent', 'sent', 'unknown')",
                params![key, now_ms, fence],
            )
        })
        .await
    }

    /// Odoo surely did not do it (it said so, or was never reached): ask again at `due_ms`.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_retry(
        &self,
        lease: &Lease,
        key: &str,
        detail: &str,
        due_ms: i64,
    ) -> Result<(), StoreError> {
        self.put_off(lease, key, EffectState::Intent, detail, due_ms)
            .await
    }

    /// Nobody knows whether Odoo did it: look its key up at `due_ms`, before anything is asked again.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_unknown(
        &self,
        lease: &Lease,
        key: &str,
        detail: &str,
        due_ms: i64,
    ) -> Result<(), StoreError> {
        self.put_off(lease, key, EffectState::Unknown, detail, due_ms)
            .await
    }

    /// Notes the id under which Odoo holds it before it is done (created, but not yet posted or validated).
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_created(
        &self,
        lease: &Lease,
        key: &str,
        odoo_id: i64,
        odoo_name: Option<&str>,
    ) -> Result<(), StoreError> {
        let name = odoo_name.map(str::to_owned);
        self.change(lease, key, move |unit, key, now_ms, fence| {
            update(
                unit.db,
                "UPDATE effects SET odoo_id = ?2, odoo_name = coalesce(?3, odoo_name), changed_ms = ?4, fence = ?5 \
                 WHERE key = ?1 AND state IN ('intent', 'sent', 'unknown')",
                params![key, odoo_id, name, now_ms, fence],
            )
        })
        .await
    }

    /// Read back and equal. A day's posting thereby becomes known to [`crate::days`], which looks again.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_done(&self, lease: &Lease, key: &str, held: Held) -> Result<(), StoreError> {
        self.change(lease, key, move |unit, key, now_ms, fence| {
            update(
                unit.db,
                "UPDATE effects SET state = 'done', odoo_id = ?2, odoo_name = coalesce(?3, odoo_name), \
                 readback = ?4, detail = NULL, changed_ms = ?5, fence = ?6 \
                 WHERE key = ?1 AND state IN ('intent', 'sent', 'unknown')",
                params![key, held.odoo_id, held.odoo_name, held.readback, now_ms, fence],
            )
        })
        .await
    }

    /// Odoo will not do it however often it is asked. What a person must see of it is raised as an exception in
    /// addition; [`Effects::retry`] puts it back.
    ///
    /// # Errors
    /// [`StoreError::Fenced`], or the write's.
    pub async fn mark_rejected(&self, lease: &Lease, key: &str, detail: &str) -> Result<(), StoreError> {
        let detail = detail.to_owned();
        self.change(lease, key, move |unit, key, now_ms, fence| {
            update(
                unit.db,
                "UPDATE effects SET state = 'rejected', detail = ?2, changed_ms = ?3, fence = ?4 \
                 WHERE key = ?1 AND state IN ('intent', 'sent', 'unknown')",
                params![key, detail, now_ms, fence],
            )
        })
        .await
    }

    /// A person mended the cause: a rejected effect is looked up and tried again now. Its key stays the same, so
    /// that it can still happen only once.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is not rejected, or the write's.
    pub async fn retry(&self, key: &str) -> Result<(), StoreError> {
        let (key, now_ms) = (key.to_owned(), self.now_ms());
        self.store
            .write(move |unit| {
                update(
                    unit.db,
                    "UPDATE effects SET state = 'unknown', due_ms = ?2, changed_ms = ?2 \
                     WHERE key = ?1 AND state = 'rejected'",
                    params![key, now_ms],
                )?;
                after_change(unit, &key, now_ms)
            })
            .await
    }

    async fn put_off(
        &self,
        lease: &Lease,
        key: &str,
        state: EffectState,
        detail: &str,
        due_ms: i64,
    ) -> Result<(), StoreError> {
        let detail = detail.to_owned();
        self.change(lease, key, move |unit, key, now_ms, fence| {
            update(
                unit.db,
                "UPDATE effects SET state = ?2, detail = ?3, due_ms = ?4, changed_ms = ?5, fence = ?6 \
                 WHERE key = ?1 AND state IN ('intent', 'sent', 'unknown')",
                params![key, state.word(), detail, due_ms, now_ms, fence],
            )
        })
        .await
    }

    async fn change<F>(&self, lease: &Lease, key: &str, change: F) -> Result<(), StoreError>
    where
        F: FnOnce(&mut Unit<'_>, &str, i64, u64) -> Result<(), StoreError> + Send + 'static,
    {
        let (lease, key, now_ms) = (lease.clone(), key.to_owned(), self.now_ms());
        self.store
            .write(move |unit| {
                check_fence(unit.db, &lease)?;
                change(unit, &key, now_ms, lease.fence)?;
                after_change(unit, &key, now_ms)
            })
            .await
    }

    fn now_ms(&self) -> i64 {
        self.store.clock().now_ms()
    }
}

/// Commits an intent, inside a unit of work. True when it is new; an equal one that is there already is left alone.
///
/// # Errors
/// [`StoreError::Refused`] when the key is taken by another content: keys are deterministic, so this is our bug.
pub fn intend(unit: &mut Unit<'_>, effect: &NewEffect, now_ms: i64) -> Result<bool, StoreError> {
    let content_hash = Digest::of(effect.payload.as_bytes());
    if let Some(there) = get(unit.db, &effect.key)? {
        if there.content_hash == content_hash {
            return Ok(false);
        }
        return Err(StoreError::refused(format!(
            "effect {} is there with content {}, wanted {content_hash}",
            effect.key, there.content_hash
        )));
    }
    unit.db
        .prepare_cached(
            "INSERT INTO effects (key, company, tenant, store, day, kind, payload, content_hash, state, sequence, \
             due_ms, created_ms, changed_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'intent', \
             (SELECT coalesce(max(sequence), 0) + 1 FROM effects), ?9, ?9, ?9)",
        )?
        .execute(params![
            effect.key,
            effect.company,
            effect.tenant.as_str(),
            effect.store.as_str(),
            effect.day.map(BusinessDay::days_since_epoch),
            effect.kind,
            effect.payload,
            content_hash.as_bytes(),
            now_ms
        ])?;
    unit.tell(RelayEvent::Effect {
        tenant: effect.tenant.clone(),
        store: effect.store.clone(),
        key: effect.key.clone(),
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

const SELECT: &str = "SELECT key, company, tenant, store, day, kind, payload, content_hash, state, sequence, attempts, \
                      due_ms, odoo_id, odoo_name, detail, readback, created_ms, changed_ms FROM effects";

fn read(row: &Row<'_>) -> rusqlite::Result<StoredEffect> {
    let day: Option<i32> = row.get(4)?;
    let state: String = row.get(8)?;
    let hash: Vec<u8> = row.get(7)?;
    Ok(StoredEffect {
        effect: NewEffect {
            key: row.get(0)?,
            company: row.get(1)?,
            tenant: super::column(row, 2, TenantId::new)?,
            store: super::column(row, 3, StoreId::new)?,
            day: day.and_then(BusinessDay::from_days),
            kind: row.get(5)?,
            payload: row.get(6)?,
        },
        content_hash: Digest::from_slice(&hash).ok_or_else(|| super::unreadable(7, "a SHA-256 digest"))?,
        state: EffectState::from_word(&state).ok_or_else(|| super::unreadable(8, "an effect's state"))?,
        sequence: row.get(9)?,
        attempts: row.get(10)?,
        due_ms: row.get(11)?,
        odoo_id: row.get(12)?,
        odoo_name: row.get(13)?,
        detail: row.get(14)?,
        readback: row.get(15)?,
        created_ms: row.get(16)?,
        changed_ms: row.get(17)?,
    })
}

fn take_lease(
    db: &Connection,
    name: &str,
    holder: &str,
    now_ms: i64,
    time_ms: i64,
) -> Result<Option<Lease>, StoreError> {
    let there: Option<(String, u64, i64)> = db
        .prepare_cached("SELECT holder, fence, until_ms FROM leases WHERE name = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let fence = match there {
        Some((other, _, until_ms)) if other != holder && until_ms > now_ms => return Ok(None),
        // one holder that lost nothing keeps its fence
        Some((same, fence, until_ms)) if same == holder && until_ms > now_ms => fence,
        Some((_, fence, _)) => fence + 1,
        None => 1,
    };
    let until_ms = now_ms.saturating_add(time_ms);
    db.prepare_cached(
        "INSERT INTO leases (name, holder, fence, until_ms) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (name) DO UPDATE SET holder = ?2, fence = ?3, until_ms = ?4",
    )?
    .execute(params![name, holder, fence, until_ms])?;
    Ok(Some(Lease {
        name: name.to_owned(),
        fence,
        until_ms,
    }))
}

fn check_fence(db: &Connection, lease: &Lease) -> Result<(), StoreError> {
    let fence: Option<u64> = db
        .prepare_cached("SELECT fence FROM leases WHERE name = ?1")?
        .query_row([&lease.name], |row| row.get(0))
        .optional()?;
    if fence == Some(lease.fence) {
        Ok(())
    } else {
        Err(StoreError::Fenced {
            name: lease.name.clone(),
            held: lease.fence,
        })
    }
}

fn update(db: &Connection, sql: &str, params: &[&dyn rusqlite::ToSql]) -> Result<(), StoreError> {
    match db.prepare_cached(sql)?.execute(params)? {
        1 => Ok(()),
        _ => Err(StoreError::refused(
            "the effect is not there, or not in a state that allows this change",
        )),
    }
}

/// Makes the day look again, and tells listeners.
fn after_change(unit: &mut Unit<'_>, key: &str, now_ms: i64) -> Result<(), StoreError> {
    let Some(stored) = get(unit.db, key)? else {
        return Ok(());
    };
    let NewEffect {
        tenant,
        store,
        day,
        key,
        ..
    } = stored.effect;
    if let Some(day) = day {
        unit.db
            .prepare_cached(
                "UPDATE store_days SET dirty = dirty + 1, changed_ms = ?4 WHERE tenant = ?1 AND store = ?2 AND day = ?3",
            )?
            .execute(params![tenant.as_str(), store.as_str(), day.days_since_epoch(), now_ms])?;
    }
    unit.tell(RelayEvent::Effect { tenant, store, key });
    Ok(())
}

#[cfg(test)]
mod tests;
