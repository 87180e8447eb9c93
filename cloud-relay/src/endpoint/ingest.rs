//! What the endpoint needs from the relay behind it: one trait, one verdict, one stream of events.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::close::CloseReason;
use super::identity::DeviceIdentity;

/// The relay's answer to one publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Committed to stable storage, or known to be there already: PUBACK is sent.
    Accepted,
    /// Not stored: no PUBACK; the connection is closed and the device told why as far as MQTT lets us.
    Refused(String),
}

/// The relay behind the endpoint.
pub trait Ingest: Send + Sync + 'static {
    /// Whether this device may be here: asked at CONNECT and again before each publish, so it must answer from memory.
    fn admit(&self, identity: &DeviceIdentity) -> bool;

    /// Takes one payload from the device's up topic. The future ends when the payload is committed or refused; up to
    /// 16 of one connection run at the same time, and are answered in their order. It is dropped when the connection
    /// ends first: the device will say it again.
    fn publish(&self, identity: &DeviceIdentity, payload: Bytes) -> impl Future<Output = Verdict> + Send;

    /// Hears what happens. Must not block: it runs in the connections' tasks.
    fn event(&self, event: Event);
}

/// What happens at the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A CONNECT was accepted.
    Connected {
        /// Who.
        identity: Arc<DeviceIdentity>,
        /// From where.
        address: SocketAddr,
    },
    /// The device began (or ceased) to listen to its down topic; from now on it can be sent to.
    Listening {
        /// Who.
        identity: Arc<DeviceIdentity>,
        /// Whether it listens now.
        listening: bool,
    },
    /// A second connection of one device replaced the first. One now and then is a reconnect; many are a clone.
    TakenOver {
        /// Who.
        identity: Arc<DeviceIdentity>,
        /// Where the replaced connection came from.
        old: SocketAddr,
        /// Where the new one comes from.
        new: SocketAddr,
    },
    /// A subscription to a foreign topic or a wildcard was refused; the connection goes on.
    SubscriptionRefused {
        /// Who.
        identity: Arc<DeviceIdentity>,
    },
    /// A connection that had been [`Event::Connected`] ended.
    Disconnected {
        /// Who.
        identity: Arc<DeviceIdentity>,
        /// From where.
        address: SocketAddr,
        /// Why; [`CloseReason::is_refusal`] tells misbehaviour from everyday life.
        reason: CloseReason,
    },
    /// A device with a valid certificate did not get as far as [`Event::Connected`].
    Refused {
        /// Who.
        identity: Arc<DeviceIdentity>,
        /// From where.
        address: SocketAddr,
        /// Why.
        reason: CloseReason,
    },
    /// Somebody without a valid device certificate, or not speaking TLS at all. Rate-limit what you log of these.
    HandshakeFailed {
        /// From where.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}
