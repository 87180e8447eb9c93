//! Who is connected now, and the way down to them.
//!
//! Nothing is kept across connections: what cannot be written to a live, listening device is an error for the caller,
//! who has the facts on disk and says them again when the device says hello.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tillwire_proto::DOWN_LEN_MAX;
use tokio::sync::mpsc;

use super::close::CloseReason;
use super::counted::Traffic;
use super::identity::{DeviceIdentity, DeviceRef};
use crate::clock::Clock;

/// Messages that wait for the way through a broker, of one device.
const LINE_QUEUE: usize = 64;

/// How a message goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// QoS 1: the device answers, and at most 16 unanswered ones are under way.
    Acknowledged,
    /// QoS 0: written once.
    Plain,
}

/// Why a message was not taken for a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No live connection.
    #[error("device {0} is not connected")]
    NotConnected(DeviceRef),
    /// Connected, but it has not subscribed to its down topic yet.
    #[error("device {0} does not listen to its down topic yet")]
    NotListening(DeviceRef),
    /// Its queue is full: it does not take or does not answer what it has been sent.
    #[error("device {0} takes its messages too slowly")]
    Busy(DeviceRef),
    /// Larger than the device, or any device, takes.
    #[error("found a message of {found} bytes for device {device}, wanted at most {wanted}")]
    TooLarge {
        /// To whom.
        device: DeviceRef,
        /// Bytes.
        found: usize,
        /// Bytes.
        wanted: usize,
    },
}

/// One live connection, as the dashboard shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who, as the certificate says.
    pub identity: Arc<DeviceIdentity>,
    /// From where.
    pub address: SocketAddr,
    /// When its CONNECT was accepted, in milliseconds since 1970.
    pub since_ms: i64,
    /// When it last sent a whole packet, likewise.
    pub last_activity_ms: i64,
    /// Bytes received on the socket, TLS included.
    pub bytes_in: u64,
    /// Bytes written to the socket, TLS included.
    pub bytes_out: u64,
    /// Publishes answered with PUBACK.
    pub accepted: u64,
    /// Whether it has subscribed to its down topic.
    pub listening: bool,
}

/// The handle to all live connections. Clones share one registry; make it first, give one clone to the ingest (for
/// receipts) and one to the endpoint.
#[derive(Debug, Clone)]
pub struct Downlink {
    registry: Arc<Registry>,
}

#[derive(Debug)]
struct Registry {
    clock: Clock,
    live: Mutex<HashMap<DeviceRef, Entry>>,
    next_number: AtomicU64,
}

/// What the connection's task and the registry both see.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(super) listening: AtomicBool,
    pub(super) deliverable_max: AtomicUsize,
    pub(super) last_activity_ms: AtomicI64,
    pub(super) accepted: AtomicU64,
}

pub(crate) type Message = (Bytes, Delivery);

#[derive(Debug)]
struct Entry {
    number: u64,
    identity: Arc<DeviceIdentity>,
    address: SocketAddr,
    since_ms: i64,
    traffic: Arc<Traffic>,
    live: Arc<Live>,
    queue: mpsc::Sender<Message>,
    cut: mpsc::Sender<CloseReason>,
}

/// The connection's side of its entry; the entry goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    downlink: Downlink,
    number: u64,
    device: DeviceRef,
    pub(super) live: Arc<Live>,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) queue: mpsc::Receiver<Message>,
    pub(crate) cut: mpsc::Receiver<CloseReason>,
    /// Where the connection that was replaced came from.
    pub(crate) replaced: Option<SocketAddr>,
}

/// Where what a device says through a broker is counted.
#[derive(Debug, Clone)]
pub(crate) struct LineIn {
    downlink: Downlink,
    live: Arc<Live>,
    traffic: Arc<Traffic>,
}

impl LineIn {
    /// Notes a message of so many bytes.
    pub(crate) fn heard(&self, bytes: usize) {
        self.traffic.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        let now_ms = self.downlink.now_ms();
        self.live.last_activity_ms.store(now_ms, Ordering::Relaxed);
        self.live.accepted.fetch_add(1, Ordering::Relaxed);
    }
}

impl Registered {
    /// For whoever hears the device.
    pub(crate) fn line_in(&self) -> LineIn {
        LineIn {
            downlink: self.downlink.clone(),
            live: Arc::clone(&self.live),
            traffic: Arc::clone(&self.traffic),
        }
    }
}

impl Downlink {
    /// A registry with nobody in it. The clock is for the notes "since" and "last activity".
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let registry = Registry {
            clock,
            live: Mutex::default(),
            next_number: AtomicU64::default(),
        };
        Self {
            registry: Arc::new(registry),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.registry.clock.now_ms()
    }

    /// Hands `payload` to the device's live connection, for its down topic. Does not wait.
    ///
    /// # Errors
    /// [`SendError`]; nothing is kept for later.
    pub fn send(&self, device: &DeviceRef, payload: Bytes, delivery: Delivery) -> Result<(), SendError> {
        let live = self.live();
        let entry = live
            .get(device)
            .ok_or_else(|| SendError::NotConnected(device.clone()))?;
        if !entry.live.listening.load(Ordering::Acquire) {
            return Err(SendError::NotListening(device.clone()));
        }
        let wanted = entry.live.deliverable_max.load(Ordering::Acquire);
        if payload.len() > wanted {
            return Err(SendError::TooLarge {
                device: device.clone(),
                found: payload.len(),
                wanted,
            });
        }
        entry
            .queue
            .try_send((payload, delivery))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => SendError::Busy(device.clone()),
                mpsc::error::TrySendError::Closed(_) => SendError::NotConnected(device.clone()),
            })
    }

    /// Cuts the device's live connection, for example because it was revoked; `why` is what events will say.
    /// Returns whether there was one. Make sure first that the ingest no longer admits the device.
    pub fn disconnect(&self, device: &DeviceRef, why: &str) -> bool {
        let live = self.live();
        let Some(entry) = live.get(device) else {
            return false;
        };
        // full means that it is already being cut
        let _ = entry.cut.try_send(CloseReason::Cut(why.to_owned()));
        true
    }

    /// All live connections, in order of tenant and device.
    #[must_use]
    pub fn connections(&self) -> Vec<Connection> {
        let mut all: Vec<_> = self.live().values().map(Entry::show).collect();
        all.sort_by(|a, b| a.identity.device.cmp(&b.identity.device));
        all
    }

    /// Enters a device that is reached through a broker; a live connection of the same device is cut.
    pub(crate) fn line(&self, identity: &Arc<DeviceIdentity>, broker: SocketAddr) -> Registered {
        let registered = self.register(identity, broker, &Arc::default(), LINE_QUEUE);
        let live = &registered.live;
        live.deliverable_max.store(DOWN_LEN_MAX, Ordering::Release);
        live.listening.store(true, Ordering::Release);
        registered
    }

    /// Enters a connection; a live one of the same device is cut.
    pub(super) fn register(
        &self,
        identity: &Arc<DeviceIdentity>,
        address: SocketAddr,
        traffic: &Arc<Traffic>,
        queue_len: usize,
    ) -> Registered {
        let number = self.registry.next_number.fetch_add(1, Ordering::Relaxed);
        let (queue_in, queue) = mpsc::channel(queue_len.max(1));
        let (cut_in, cut) = mpsc::channel(1);
        let live = Arc::new(Live::default());
        let since_ms = self.now_ms();
        live.last_activity_ms.store(since_ms, Ordering::Relaxed);
        let entry = Entry {
            number,
            identity: Arc::clone(identity),
            address,
            since_ms,
            traffic: Arc::clone(traffic),
            live: Arc::clone(&live),
            queue: queue_in,
            cut: cut_in,
        };
        let device = identity.device.clone();
        let old = self.live().insert(device.clone(), entry);
        let replaced = old.map(|old| {
            let _ = old.cut.try_send(CloseReason::TakenOver);
            old.address
        });
        Registered {
            downlink: self.clone(),
            number,
            device,
            live,
            traffic: Arc::clone(traffic),
            queue,
            cut,
            replaced,
        }
    }

    fn live(&self) -> MutexGuard<'_, HashMap<DeviceRef, Entry>> {
        // every change is one map operation, so a poisoned map is still a sound map
        self.registry.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn show(&self) -> Connection {
        Connection {
            identity: Arc::clone(&self.identity),
            address: self.address,
            since_ms: self.since_ms,
            last_activity_ms: self.live.last_activity_ms.load(Ordering::Relaxed),
            bytes_in: self.traffic.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.traffic.bytes_out.load(Ordering::Relaxed),
            accepted: self.live.accepted.load(Ordering::Relaxed),
            listening: self.live.listening.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut live = self.downlink.live();
        if live
            .get(&self.device)
            .is_some_and(|entry| entry.number == self.number)
        {
            live.remove(&self.device);
        }
    }
}
