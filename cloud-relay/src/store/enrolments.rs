//! Invitations and enrolments as rows: the store's side of [`crate::enrol`].

use anyhow::Result;
use data_encoding::BASE64;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use tillwire_proto::{DeviceId, Digest, StoreId, TenantId};

use super::{Store, StoreError, Unit};
use crate::enrol::{Decision, Enrolment, EnrolmentState, EnrolmentStore, Invitation, Redeemed};
use crate::events::RelayEvent;

/// Invitations that are kept per state of the fleet: far more than a retailer opens stores in a day.
const WAITING_MAX: u32 = 10_000;

/// What became of an enrolment, in its row.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    Accepted { chain: Vec<String>, not_after: i64 },
    Refused { reason: String },
}

impl EnrolmentStore for Store {
    async fn invite(&self, invitation: Invitation) -> Result<bool> {
        let now_ms = self.clock().now_ms();
        Ok(self.write(move |unit| invite(unit, &invitation, now_ms)).await?)
    }

    async fn invitation(&self, handle: [u8; 4]) -> Result<Option<Invitation>> {
        Ok(self.read(move |db| invitation(db, handle)).await?)
    }

    async fn count_wrong_try(&self, handle: [u8; 4]) -> Result<()> {
        let sql = "UPDATE invitations SET wrong_tries = wrong_tries + 1 WHERE handle = ?1";
        Ok(self
            .write(move |unit| Ok(unit.db.execute(sql, [handle]).map(drop)?))
            .await?)
    }

    async fn redeem(&self, handle: [u8; 4], enrolment: Enrolment) -> Result<Redeemed> {
        Ok(self.write(move |unit| redeem(unit, handle, &enrolment)).await?)
    }

    async fn enrolment(&self, fingerprint: Digest) -> Result<Option<Enrolment>> {
        Ok(self.read(move |db| enrolment(db, fingerprint)).await?)
    }

    async fn waiting(&self) -> Result<Vec<Enrolment>> {
        Ok(self.read(asking).await?)
    }

    async fn decide(&self, fingerprint: Digest, decision: Decision) -> Result<bool> {
        Ok(self
            .write(move |unit| decide(unit, fingerprint, &decision))
            .await?)
    }
}

/// Who asks to be accepted, the longest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn asking(db: &Connection) -> Result<Vec<Enrolment>, StoreError> {
    let sql = format!("{ENROLMENT} WHERE state = 'waiting' ORDER BY asked_ms LIMIT {WAITING_MAX}");
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([], read_enrolment)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn invite(unit: &mut Unit<'_>, new: &Invitation, now_ms: i64) -> Result<bool, StoreError> {
    let names = params![new.tenant.as_str(), new.device.as_str()];
    unit.db.execute(
        "DELETE FROM invitations WHERE tenant = ?1 AND device = ?2 AND used_by IS NULL",
        names,
    )?;
    let kept = unit.db.execute(
        "INSERT OR IGNORE INTO invitations (handle, secret_digest, tenant, store, device, created_ms, created_by, \
         expires_ms, wrong_tries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            new.handle,
            new.secret_digest.as_bytes(),
            new.tenant.as_str(),
            new.store.as_str(),
            new.device.as_str(),
            new.created_ms,
            new.created_by,
            new.expires_ms,
            new.wrong_tries
        ],
    )?;
    let words = format!("{}/{} for store {}", new.tenant, new.device, new.store);
    super::audit(unit, &new.created_by, "device invited", &words, now_ms)?;
    Ok(kept > 0)
}

fn invitation(db: &Connection, handle: [u8; 4]) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT secret_digest, tenant, store, device, created_ms, created_by, expires_ms, wrong_tries, used_by \
               FROM invitations WHERE handle = ?1";
    let read = |row: &Row<'_>| {
        let used_by: Option<Vec<u8>> = row.get(8)?;
        Ok(Invitation {
            handle,
            secret_digest: digest(row, 0)?,
            tenant: super::column(row, 1, TenantId::new)?,
            store: super::column(row, 2, StoreId::new)?,
            device: super::column(row, 3, DeviceId::new)?,
            created_ms: row.get(4)?,
            created_by: row.get(5)?,
            expires_ms: row.get(6)?,
            wrong_tries: row.get(7)?,
            used_by: used_by.and_then(|bytes| Digest::from_slice(&bytes)),
        })
    };
    Ok(db.prepare_cached(sql)?.query_row([handle], read).optional()?)
}

fn redeem(unit: &mut Unit<'_>, handle: [u8; 4], new: &Enrolment) -> Result<Redeemed, StoreError> {
    let used = unit.db.execute(
        "UPDATE invitations SET used_by = ?2 WHERE handle = ?1 AND (used_by IS NULL OR used_by = ?2)",
        params![handle, new.fingerprint.as_bytes()],
    )?;
    if used == 0 {
        return Ok(Redeemed::UsedByAnother);
    }
    let again = unit.db.execute(
        "UPDATE enrolments SET poll_digest = ?3 WHERE fingerprint = ?1 AND handle = ?2",
        params![new.fingerprint.as_bytes(), handle, new.poll_digest.as_bytes()],
    )?;
    if again == 0 {
        unit.db.execute(
            "INSERT OR REPLACE INTO enrolments (fingerprint, handle, tenant, store, device, public_key, request, \
             poll_digest, asked_ms, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'waiting')",
            params![
                new.fingerprint.as_bytes(),
                handle,
                new.tenant.as_str(),
                new.store.as_str(),
                new.device.as_str(),
                new.public_key,
                new.request,
                new.poll_digest.as_bytes(),
                new.asked_ms
            ],
        )?;
    }
    unit.tell(RelayEvent::Device {
        tenant: new.tenant.clone(),
        device: new.device.clone(),
    });
    Ok(Redeemed::Asked)
}

fn enrolment(db: &Connection, fingerprint: Digest) -> Result<Option<Enrolment>, StoreError> {
    let sql = format!("{ENROLMENT} WHERE fingerprint = ?1");
    Ok(db
        .prepare_cached(&sql)?
        .query_row([fingerprint.as_bytes()], read_enrolment)
        .optional()?)
}

fn decide(unit: &mut Unit<'_>, fingerprint: Digest, decision: &Decision) -> Result<bool, StoreError> {
    let Some(enrolment) = enrolment(unit.db, fingerprint)? else {
        return Ok(false);
    };
    let (word, what, outcome) = match &decision.state {
        EnrolmentState::Waiting => return Ok(false),
        EnrolmentState::Accepted { chain, not_after } => {
            let chain = chain
                .iter()
                .map(|certificate| BASE64.encode(certificate))
                .collect();
            (
                "accepted",
                "device accepted",
                Outcome::Accepted {
                    chain,
                    not_after: *not_after,
                },
            )
        }
        EnrolmentState::Refused { reason } => (
            "refused",
            "enrolment refused",
            Outcome::Refused {
                reason: reason.clone(),
            },
        ),
    };
    let json = serde_json::to_string(&outcome).map_err(|e| StoreError::refused(e.to_string()))?;
    let changed = unit.db.execute(
        "UPDATE enrolments SET state = ?2, outcome = ?3, decided_ms = ?4, decided_by = ?5 \
         WHERE fingerprint = ?1 AND state = 'waiting'",
        params![fingerprint.as_bytes(), word, json, decision.at_ms, decision.by],
    )?;
    if changed == 0 {
        return Ok(false);
    }
    if word == "accepted" {
        make_device(unit, &enrolment, decision)?;
    }
    let words = format!("{}/{} key {fingerprint}", enrolment.tenant, enrolment.device);
    super::audit(unit, &decision.by, what, &words, decision.at_ms)?;
    unit.tell(RelayEvent::Device {
        tenant: enrolment.tenant,
        device: enrolment.device,
    });
    Ok(true)
}

/// Makes the device, or gives an earlier one of that name this key and no other.
fn make_device(unit: &Unit<'_>, enrolment: &Enrolment, decision: &Decision) -> Result<(), StoreError> {
    unit.db.execute(
        "INSERT INTO devices (tenant, device, store, public_key, fingerprint, state, accepted_ms, accepted_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'active', ?6, ?7) ON CONFLICT (tenant, device) DO UPDATE SET \
         store = ?3, public_key = ?4, fingerprint = ?5, state = 'active', accepted_ms = ?6, accepted_by = ?7, \
         revoked_ms = NULL, revoked_by = NULL",
        params![
            enrolment.tenant.as_str(),
            enrolment.device.as_str(),
            enrolment.store.as_str(),
            enrolment.public_key,
            enrolment.fingerprint.as_bytes(),
            decision.at_ms,
            decision.by
        ],
    )?;
    Ok(())
}

const ENROLMENT: &str = "SELECT fingerprint, public_key, request, poll_digest, tenant, store, device, asked_ms, state, \
                         outcome FROM enrolments";

fn read_enrolment(row: &Row<'_>) -> rusqlite::Result<Enrolment> {
    let outcome: Option<String> = row.get(9)?;
    let state = match outcome {
        None => EnrolmentState::Waiting,
        Some(_) => match super::json(row, 9)? {
            Outcome::Refused { reason } => EnrolmentState::Refused { reason },
            Outcome::Accepted { chain, not_after } => EnrolmentState::Accepted {
                chain: chain
                    .iter()
                    .map(|text| BASE64.decode(text.as_bytes()))
                    .collect::<Result<_, _>>()
                    .map_err(|_| super::unreadable(9, "certificates in base64"))?,
                not_after,
            },
        },
    };
    Ok(Enrolment {
        fingerprint: digest(row, 0)?,
        public_key: row.get(1)?,
        request: row.get(2)?,
        poll_digest: digest(row, 3)?,
        tenant: super::column(row, 4, TenantId::new)?,
        store: super::column(row, 5, StoreId::new)?,
        device: super::column(row, 6, DeviceId::new)?,
        asked_ms: row.get(7)?,
        state,
    })
}

fn digest(row: &Row<'_>, index: usize) -> rusqlite::Result<Digest> {
    super::bytes(row, index, Digest::from_slice, "a SHA-256 digest")
}
