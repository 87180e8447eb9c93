//! Devices and how they came to be: invitations (only the digest of a one-time code is kept), requests that wait for
//! a person, devices that were accepted, and those that were revoked. A row is never deleted.

use rusqlite::{Connection, OptionalExtension, Row, params};
use tillwire_proto::{AgentHealth, DeviceId, Digest, StoreId, TenantId};

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
    /// `ok`, or the worst thing that is wrong.
    pub state: String,
}

/// A one-time code that was given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// SHA-256 of the code.
    pub code: Digest,
    /// For which retailer.
    pub tenant: TenantId,
    /// For which store.
    pub store: StoreId,
    /// The name that the device will have.
    pub device: DeviceId,
    /// Until when, milliseconds since 1970.
    pub expires_ms: i64,
    /// When it was used.
    pub used_ms: Option<i64>,
}

/// How far a request to be enrolled is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestState {
    /// A person has to compare the fingerprint.
    Waiting,
    /// A certificate may be fetched.
    Accepted,
    /// It was refused.
    Refused,
}

impl RequestState {
    /// The word in the database and for scripts.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// A key that asks to become a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// SHA-256 of the key's `SubjectPublicKeyInfo`.
    pub fingerprint: Digest,
    /// For which retailer.
    pub tenant: TenantId,
    /// For which store.
    pub store: StoreId,
    /// Under which name.
    pub device: DeviceId,
    /// Uncompressed P-256 point.
    pub public_key: Vec<u8>,
    /// The certificate request, DER.
    pub request: Vec<u8>,
    /// How far it is.
    pub state: RequestState,
    /// When it asked, milliseconds since 1970.
    pub asked_ms: i64,
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

/// Writes down an invitation.
///
/// # Errors
/// [`StoreError::Refused`] when a device of that name is there; or the write's.
pub fn invite(unit: &mut Unit<'_>, invitation: &Invitation, by: &str, now_ms: i64) -> Result<(), StoreError> {
    let Invitation {
        tenant,
        store,
        device,
        ..
    } = invitation;
    if let Some(there) = get(unit.db, tenant, device)?
        && there.revoked.is_none()
    {
        return Err(StoreError::refused(format!(
            "device {tenant}/{device} is there and active; revoke it first, or choose another name"
        )));
    }
    unit.db.execute(
        "INSERT INTO invitations (code_digest, tenant, store, device, created_ms, created_by, expires_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            invitation.code.as_bytes(),
            tenant.as_str(),
            store.as_str(),
            device.as_str(),
            now_ms,
            by,
            invitation.expires_ms
        ],
    )?;
    super::audit(
        unit,
        by,
        "device invited",
        &format!("{tenant}/{device} for store {store}"),
        now_ms,
    )
}

/// The invitation of a code.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn invitation(db: &Connection, code: Digest) -> Result<Option<Invitation>, StoreError> {
    let sql = "SELECT tenant, store, device, expires_ms, used_ms FROM invitations WHERE code_digest = ?1";
    let read = |row: &Row<'_>| {
        Ok(Invitation {
            code,
            tenant: super::column(row, 0, TenantId::new)?,
            store: super::column(row, 1, StoreId::new)?,
            device: super::column(row, 2, DeviceId::new)?,
            expires_ms: row.get(3)?,
            used_ms: row.get(4)?,
        })
    };
    Ok(db
        .prepare_cached(sql)?
        .query_row([code.as_bytes()], read)
        .optional()?)
}

/// A key asks, with a code. The code is thereby used up, but the same key may ask with it again.
///
/// # Errors
/// [`StoreError::Refused`] in words for the person at the box: an unknown, used or expired code.
pub fn ask(
    unit: &mut Unit<'_>,
    code: Digest,
    fingerprint: Digest,
    public_key: &[u8],
    request: &[u8],
    now_ms: i64,
) -> Result<Request, StoreError> {
    let invitation = invitation(unit.db, code)?
        .ok_or_else(|| StoreError::refused("this code is not known; ask for a new one"))?;
    let there = self::request(unit.db, fingerprint)?;
    if let Some(there) = there
        && (&there.tenant, &there.device) == (&invitation.tenant, &invitation.device)
        && invitation.used_ms.is_some()
    {
        return Ok(there);
    }
    if invitation.used_ms.is_some() {
        return Err(StoreError::refused(
            "this code was used by another box; ask for a new one",
        ));
    }
    if invitation.expires_ms <= now_ms {
        return Err(StoreError::refused("this code has expired; ask for a new one"));
    }
    unit.db.execute(
        "UPDATE invitations SET used_ms = ?2 WHERE code_digest = ?1",
        params![code.as_bytes(), now_ms],
    )?;
    unit.db.execute(
        "INSERT INTO enrolments (fingerprint, tenant, store, device, public_key, request, state, asked_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7) ON CONFLICT (fingerprint) DO UPDATE SET \
         tenant = ?2, store = ?3, device = ?4, request = ?6, state = 'waiting', asked_ms = ?7",
        params![
            fingerprint.as_bytes(),
            invitation.tenant.as_str(),
            invitation.store.as_str(),
            invitation.device.as_str(),
            public_key,
            request,
            now_ms
        ],
    )?;
    let Invitation { tenant, device, .. } = invitation;
    super::audit(
        unit,
        "relay",
        "enrolment asked",
        &format!("{tenant}/{device} key {fingerprint}"),
        now_ms,
    )?;
    unit.tell(RelayEvent::Device { tenant, device });
    self::request(unit.db, fingerprint)?.ok_or_else(|| StoreError::refused("the request is gone"))
}

/// One request.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn request(db: &Connection, fingerprint: Digest) -> Result<Option<Request>, StoreError> {
    let sql = format!("{REQUEST} WHERE fingerprint = ?1");
    Ok(db
        .prepare_cached(&sql)?
        .query_row([fingerprint.as_bytes()], read_request)
        .optional()?)
}

/// All requests, newest first.
///
/// # Errors
/// [`StoreError`] of the read.
pub fn requests(db: &Connection) -> Result<Vec<Request>, StoreError> {
    let mut statement = db.prepare_cached(&format!("{REQUEST} ORDER BY asked_ms DESC LIMIT 1000"))?;
    let rows = statement.query_map([], read_request)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A person compared the fingerprint and says yes: the key becomes the device's.
///
/// # Errors
/// [`StoreError::Refused`] when it does not wait, or when another key is active under the name.
pub fn accept(
    unit: &mut Unit<'_>,
    fingerprint: Digest,
    by: &str,
    now_ms: i64,
) -> Result<DeviceRow, StoreError> {
    let request = waiting(unit.db, fingerprint)?;
    let Request {
        tenant,
        device,
        store,
        public_key,
        ..
    } = request;
    if let Some(there) = get(unit.db, &tenant, &device)?
        && there.revoked.is_none()
    {
        return Err(StoreError::refused(format!(
            "device {tenant}/{device} is active with another key; revoke it first"
        )));
    }
    unit.db.execute(
        "INSERT INTO devices (tenant, device, store, public_key, fingerprint, state, accepted_ms, accepted_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'active', ?6, ?7) ON CONFLICT (tenant, device) DO UPDATE SET \
         store = ?3, public_key = ?4, fingerprint = ?5, state = 'active', accepted_ms = ?6, accepted_by = ?7, \
         revoked_ms = NULL, revoked_by = NULL",
        params![
            tenant.as_str(),
            device.as_str(),
            store.as_str(),
            public_key,
            fingerprint.as_bytes(),
            now_ms,
            by
        ],
    )?;
    decide(unit, fingerprint, RequestState::Accepted, by, now_ms)?;
    super::audit(
        unit,
        by,
        "device accepted",
        &format!("{tenant}/{device} key {fingerprint}"),
        now_ms,
    )?;
    unit.tell(RelayEvent::Device {
        tenant: tenant.clone(),
        device: device.clone(),
    });
    get(unit.db, &tenant, &device)?.ok_or_else(|| StoreError::refused("the device is gone"))
}

/// A person says no.
///
/// # Errors
/// As [`accept`].
pub fn refuse(unit: &mut Unit<'_>, fingerprint: Digest, by: &str, now_ms: i64) -> Result<(), StoreError> {
    let request = waiting(unit.db, fingerprint)?;
    decide(unit, fingerprint, RequestState::Refused, by, now_ms)?;
    let words = format!("{}/{} key {fingerprint}", request.tenant, request.device);
    super::audit(unit, by, "enrolment refused", &words, now_ms)
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
             backlog = ?5, attachments = ?6, disk_percent = ?7, health = ?8 WHERE id = ?1",
        )?
        .execute(params![
            device.id,
            now_ms,
            version,
            offset_ms,
            i64::try_from(health.backlog).unwrap_or(i64::MAX),
            i64::try_from(health.attachments).unwrap_or(i64::MAX),
            health.disk_percent,
            health.state.as_str()
        ])?;
    unit.tell(RelayEvent::Device {
        tenant: device.tenant.clone(),
        device: device.device.clone(),
    });
    Ok(())
}

fn waiting(db: &Connection, fingerprint: Digest) -> Result<Request, StoreError> {
    let request = request(db, fingerprint)?
        .ok_or_else(|| StoreError::refused(format!("no key with fingerprint {fingerprint} has asked")))?;
    match request.state {
        RequestState::Waiting => Ok(request),
        state => Err(StoreError::refused(format!(
            "the request was {} before",
            state.word()
        ))),
    }
}

fn decide(
    unit: &Unit<'_>,
    fingerprint: Digest,
    state: RequestState,
    by: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    unit.db.execute(
        "UPDATE enrolments SET state = ?2, decided_ms = ?3, decided_by = ?4 WHERE fingerprint = ?1",
        params![fingerprint.as_bytes(), state.word(), now_ms, by],
    )?;
    Ok(())
}

const DEVICE: &str = "SELECT id, tenant, device, store, public_key, fingerprint, accepted_ms, accepted_by, \
                      revoked_ms, revoked_by, last_seen_ms, hello_ms, agent_version, clock_offset_ms, backlog, \
                      attachments, disk_percent, health FROM devices";

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

const REQUEST: &str =
    "SELECT fingerprint, tenant, store, device, public_key, request, state, asked_ms FROM enrolments";

fn read_request(row: &Row<'_>) -> rusqlite::Result<Request> {
    let state: String = row.get(6)?;
    let states = [
        RequestState::Waiting,
        RequestState::Accepted,
        RequestState::Refused,
    ];
    Ok(Request {
        fingerprint: super::bytes(row, 0, Digest::from_slice, "a digest")?,
        tenant: super::column(row, 1, TenantId::new)?,
        store: super::column(row, 2, StoreId::new)?,
        device: super::column(row, 3, DeviceId::new)?,
        public_key: row.get(4)?,
        request: row.get(5)?,
        state: states
            .into_iter()
            .find(|known| known.word() == state)
            .ok_or_else(|| super::unreadable(6, "a request's state"))?,
        asked_ms: row.get(7)?,
    })
}
