//! What the relay tells its own parts (dashboard, jobs) after a commit. A hint to look, never the fact itself:
//! a listener that fell behind reads the store.

use tillwire_proto::{BusinessDay, DeviceId, StoreId, TenantId};

/// Something that just became durable, or a connection that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayEvent {
    /// Records were stored.
    Stored {
        /// Whose.
        tenant: TenantId,
        /// Which store.
        store: StoreId,
        /// How many.
        records: u64,
    },
    /// A device came, went or told how it is.
    Device {
        /// Whose.
        tenant: TenantId,
        /// Which.
        device: DeviceId,
    },
    /// A store-day has new records, a new state or new sums.
    Day {
        /// Whose.
        tenant: TenantId,
        /// Which store.
        store: StoreId,
        /// Which day.
        day: BusinessDay,
    },
    /// An exception was opened, resolved or seen again.
    Exception {
        /// Whose.
        tenant: TenantId,
    },
    /// An effect was made or changed state.
    Effect {
        /// Whose.
        tenant: TenantId,
        /// Which store.
        store: StoreId,
        /// Its key.
        key: String,
    },
}
