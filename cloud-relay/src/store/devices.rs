//! Devices that were accepted, what they last said about themselves, and those that were revoked. A row is never
//! deleted. How a device comes to be accepted is in [`super::enrolments`].

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{AgentHealth, DeviceId, Digest, LaneId, StoreId, TenantId};

use tillwire_relay_core::fuel::{Gauge, Said, gauge};

use super::{StoreError, Unit};
use crate::events::RelayEvent;

/// A device that was accepted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Row number.
    pub id: i64,
    /// The retailer.
    pub tenant: TenantId,
    /// Its name.
    pub device: DeviceId,
    /// The store that it serves.
    pub store: StoreId,
    /// Uncompressed P-256 point.
    pub public_key: Vec<u8>,
    /// SHA-256 of the key's `SubjectPublicKeyInfo`: what a person compared.
    pub fingerprint: Digest,
    /// When and by whom it was accepted, milliseconds since 1970.
    pub accepted: (i64, String),
    /// When and by whom it was revoked.
    pub revoked: Option<(i64, String)>,
    /// Last message.
    pub last_seen_ms: Option<i64>,
    /// Its last hello.
    pub hello: Option<Hello>,
}

/// What an agent last said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Its version.
    pub version: String,
    /// Its wall clock less ours, in milliseconds, one way of the wire included.
    pub clock_offset_ms: i64,
    /// Records not yet receipted.
    pub backlog: u64,
    /// Attachments not yet receipted.
    pub attachments: u64,
    /// Used part of the disk, in percent.
    pub disk_percent: u8,
    /// For how many more trading days its disk takes sales without us; `None` before it knows.
    pub buffer_days: Option<u16>,
    /// When its certificate ends, milliseconds since 1970; `None` where it said so to no version that keeps it.
    pub certificate_ends_ms: Option<i64>,
    /// `ok`, or the worst thing that is wrong.
    pub state: String,
}

/// All devices, in order of tenant and name.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn list(db: &Connection) -> Result<Vec<DeviceRow>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{DEVICE} ORDER BY tenant, device"))?;
    let rows = statement.query_map([], read_device)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// One device.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn get(db: &Connection, tenant: &TenantId, device: &DeviceId) -> Result<Option<DeviceRow>, StoreError> {
    let sql = format!("{DEVICE} WHERE tenant = ?1 AND device = ?2");
    Ok(db
        .prepare_cached(&sql)?
        .query_row([tenant.as_str(), device.as_str()], read_device)
        .optional()?)
}

/// Who accepted the devices that are the relay itself.
pub const RELAY: &str = "the relay";

/// A device that is the relay itself, writing what it hears elsewhere.
#[derive(Debug, Clone)]
pub struct Local {
    /// The retailer.
    pub tenant: TenantId,
    /// Its name.
    pub device: DeviceId,
    /// The store that it writes for.
    pub store: StoreId,
    /// Uncompressed P-256 point.
    pub public_key: Vec<u8>,
    /// SHA-256 of the key's `SubjectPublicKeyInfo`.
    pub fingerprint: Digest,
}

/// Makes it known, or gives it its present key. One that a person revoked stays revoked.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn ensure_local(unit: &mut Unit<'_>, local: &Local, now_ms: i64) -> Result<(), StoreError> {
    unit.db.execute(
        "INSERT INTO devices (tenant, device, store, public_key, fingerprint, state, accepted_ms, accepted_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'active', ?6, 'the relay') ON CONFLICT (tenant, device) DO UPDATE SET \
         store = ?3, public_key = ?4, fingerprint = ?5 WHERE accepted_by = 'the relay'",
        params![
            local.tenant.as_str(),
            local.device.as_str(),
            local.store.as_str(),
            local.public_key,
            local.fingerprint.as_bytes(),
            now_ms
        ],
    )?;
    Ok(())
}

/// The relay's own devices of a retailer have heard their source.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn heard_local(
    unit: &Unit<'_>,
    tenant: &TenantId,
    stores: &[StoreId],
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE devices SET last_seen_ms = ?3 WHERE tenant = ?1 AND store = ?2 AND accepted_by = 'the relay'";
    for store in stores {
        unit.db
            .prepare_cached(sql)?
            .execute(params![tenant.as_str(), store.as_str(), now_ms])?;
    }
    Ok(())
}

impl Hello {
    /// For how long the box holds out without us.
    #[must_use]
    pub fn fuel(&self, now_ms: i64) -> Option<Gauge> {
        let said = Said {
            buffer_days: self.buffer_days,
            certificate_ends_ms: self.certificate_ends_ms,
            clock_offset_ms: self.clock_offset_ms,
        };
        gauge(&said, now_ms)
    }
}

/// What came of one lane of one device, over all its segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneProgress {
    /// The device's row number.
    pub device: i64,
    /// The lane.
    pub lane: LaneId,
    /// Starts of the agent.
    pub segments: u64,
    /// Records held.
    pub records: u64,
    /// Whether another version of a held record ever came in.
    pub forked: bool,
    /// Last record received, milliseconds since 1970.
    pub last_ms: i64,
}

/// What came of every lane, in order of device and name.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn lanes(db: &Connection) -> Result<Vec<LaneProgress>, StoreError> {
    let sql = "SELECT device, lane, count(*), sum(through), max(forked_ms IS NOT NULL), max(last_ms) FROM segments \
               GROUP BY device, lane ORDER BY device, lane";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(LaneProgress {
            device: row.get(0)?,
            lane: super::column(row, 1, LaneId::new)?,
            segments: row.get(2)?,
            records: row.get(3)?,
            forked: row.get(4)?,
            last_ms: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Revokes a device. False when it is not there or was revoked before.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn revoke(
    unit: &mut Unit<'_>,
    tenant: &TenantId,
    device: &DeviceId,
    by: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let changed = unit.db.execute(
        "UPDATE devices SET state = 'revoked', revoked_ms = ?3, revoked_by = ?4 \
         WHERE tenant = ?1 AND device = ?2 AND state = 'active'",
        params![tenant.as_str(), device.as_str(), now_ms, by],
    )?;
    if changed > 0 {
        super::audit(unit, by, "device revoked", &format!("{tenant}/{device}"), now_ms)?;
        unit.tell(RelayEvent::Device {
            tenant: tenant.clone(),
            device: device.clone(),
        });
    }
    Ok(changed > 0)
}

/// Notes what an agent's hello said about the agent.
///
/// # Errors
/// [`StoreError`] of the write.
pub fn greet(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    version: &str,
    offset_ms: i64,
    health: &AgentHealth,
    now_ms: i64,
) -> Result<(), StoreError> {
    unit.db
        .prepare_cached(
            "UPDATE devices SET hello_ms = ?2, last_seen_ms = ?2, agent_version = ?3, clock_offset_ms = ?4, \
             backlog = ?5, attachments = ?6, disk_percent = ?7, health = ?8, buffer_days = ?9, \
             certificate_ends_ms = ?10 WHERE id = ?1",
        )?
        .execute(params![
            device.id,
            now_ms,
            version,
            offset_ms,
            i64::try_from(health.backlog).unwrap_or(i64::MAX),
            i64::try_from(health.attachments).unwrap_or(i64::MAX),
            health.disk_percent,
            health.state.as_str(),
            health.buffer_days,
            health.certificate_ends_ms
        ])?;
    unit.tell(RelayEvent::Device {
        tenant: device.tenant.clone(),
        device: device.device.clone(),
    });
    Ok(())
}

const DEVICE: &str = "SELECT id, tenant, device, store, public_key, fingerprint, accepted_ms, accepted_by, \
                      revoked_ms, revoked_by, last_seen_ms, hello_ms, agent_version, clock_offset_ms, backlog, \
                      attachments, disk_percent, health, buffer_days, certificate_ends_ms FROM devices";

fn read_device(row: &Row<'_>) -> rusqlite::Result<DeviceRow> {
    let revoked_ms: Option<i64> = row.get(8)?;
    let revoked_by: Option<String> = row.get(9)?;
    let hello_ms: Option<i64> = row.get(11)?;
    let hello = hello_ms.map(|at_ms| -> rusqlite::Result<Hello> {
        Ok(Hello {
            at_ms,
            version: row.get(12)?,
            clock_offset_ms: row.get(13)?,
            backlog: row.get(14)?,
            attachments: row.get(15)?,
            disk_percent: row.get(16)?,
            state: row.get(17)?,
            buffer_days: row.get(18)?,
            certificate_ends_ms: row.get(19)?,
        })
    });
    Ok(DeviceRow {
        id: row.get(0)?,
        tenant: super::column(row, 1, TenantId::new)?,
        device: super::column(row, 2, DeviceId::new)?,
        store: super::column(row, 3, StoreId::new)?,
        public_key: row.get(4)?,
        fingerprint: super::bytes(row, 5, Digest::from_slice, "a digest")?,
        accepted: (row.get(6)?, row.get(7)?),
        revoked: revoked_ms.map(|at| (at, revoked_by.unwrap_or_default())),
        last_seen_ms: row.get(10)?,
        hello: hello.transpose()?,
    })
}
