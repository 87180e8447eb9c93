//! The devices of all stores.

use tillwire_proto::{DeviceId, Digest, StoreId, TenantId};

use tillwire_relay_core::fuel::Gauge;

use super::Chip;

/// All devices, and those that ask to be taken in.
#[derive(Debug, Clone)]
pub struct FleetView {
    /// Asking to be accepted, the longest first.
    pub waiting: Vec<WaitingRow>,
    /// Accepted once: those that need a look first.
    pub devices: Vec<DeviceRow>,
}

/// A box that asks.
#[derive(Debug, Clone)]
pub struct WaitingRow {
    /// The retailer.
    pub tenant: TenantId,
    /// The name that it was invited under.
    pub device: DeviceId,
    /// The store that it is to serve.
    pub store: StoreId,
    /// Of its key: the box shows the same.
    pub fingerprint: Digest,
    /// Since when.
    pub asked_ms: i64,
}

/// A device.
#[derive(Debug, Clone)]
pub struct DeviceRow {
    /// The retailer.
    pub tenant: TenantId,
    /// Its name.
    pub device: DeviceId,
    /// The store that it serves.
    pub store: StoreId,
    /// Connected, away, revoked ...
    pub state: Chip,
    /// Why, in words.
    pub why: String,
    /// Last message.
    pub last_seen_ms: Option<i64>,
    /// Its agent's version.
    pub version: Option<String>,
    /// Used part of its disk, in percent.
    pub disk_percent: Option<u8>,
    /// For how long it holds out without us, and what runs out first.
    pub fuel: Option<Gauge>,
    /// Its wall clock less ours, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// Records that it holds and the relay does not.
    pub backlog: Option<u64>,
    /// Whether it is one that can be shut out: no box that is out already, nor the relay's own.
    pub can_be_revoked: bool,
    /// Its lanes.
    pub lanes: Vec<LaneRow>,
}

/// One lane of a device.
#[derive(Debug, Clone)]
pub struct LaneRow {
    /// The lane.
    pub lane: String,
    /// How its chain stands.
    pub state: Chip,
    /// Segments so far: starts of the agent.
    pub segments: u64,
    /// Records held of all of them.
    pub records: u64,
    /// Last record received.
    pub last_ms: i64,
}
