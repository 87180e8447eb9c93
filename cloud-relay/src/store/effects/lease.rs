//! One poster per company: a lease with a fence that counts up with each holder, checked in the transaction of every
//! change. A poster that slept through its lease cannot write, however late it wakes.

use rusqlite::{Connection, OptionalExtension, params};
use tillwire_proto::TenantId;

use super::Effects;
use crate::store::StoreError;

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

/// Name of the lease for one Odoo company of one tenant.
#[must_use]
pub fn company(tenant: &TenantId, odoo_company: &str) -> String {
    format!("{tenant}/{odoo_company}")
}

impl Effects {
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

    /// Ends every lease. Only for who knows that no other process works on this database: it holds the folder's lock,
    /// so whoever left these leases behind was killed. Their fences stay, and the next holder's is higher.
    ///
    /// # Errors
    /// [`StoreError`] of the write.
    pub async fn release_all(&self) -> Result<(), StoreError> {
        self.store
            .write(|unit| {
                unit.db.execute("UPDATE leases SET until_ms = 0", [])?;
                Ok(())
            })
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

pub(super) fn check_fence(db: &Connection, lease: &Lease) -> Result<(), StoreError> {
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
