//! The embedded MQTT endpoint: devices connect here with mutual TLS, hand over payloads and get messages.
//!
//! It is not a broker. A device is who its certificate says; it publishes to one topic and subscribes to one topic,
//! both its own; nothing is routed, retained, queued or kept for a session. PUBACK is sent when the [`Ingest`] says
//! that the payload is committed, and correctness does not even rest on that: receipts are the relay's word.
//!
//! | a peer does | what happens |
//! |---|---|
//! | is silent before TLS | its own task waits, at most `handshake_time`; at most `silent_max` such sockets |
//! | has no certificate of ours, or an expired one | the handshake fails |
//! | is a device that the ingest does not admit | CONNACK "not authorized", closed; also before each publish |
//! | publishes to another topic, retained, or with QoS 0 or 2 | closed, nothing handed over |
//! | subscribes to anything but its own down topic | refused in SUBACK, closed after a few |
//! | sends a larger packet than allowed | closed when its header is read, nothing buffered |
//! | asks for a stored session | gets a new one (`session present` is never said) |
//! | sends a will or an authentication method | CONNACK "not authorized" or "bad authentication method", closed |
//! | connects twice | the newest wins, [`Event::TakenOver`] |
//! | is faster than the commits | is not read while 16 publishes wait |
//! | takes nothing of what we write | closed after `write_time` |
//!
//! Each connection is one task. In builds that unwind, a panic ends that task only; the release profile aborts the
//! process instead (a deaf relay is worse than a restarted one), which costs nothing but time: no PUBACK, no loss.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

mod accept;
mod close;
mod connection;
mod counted;
mod door;
mod frame;
mod identity;
mod ingest;
mod limits;
mod registry;
mod room;
mod session;

pub use close::CloseReason;
pub use identity::{DeviceIdentity, DeviceRef};
pub use ingest::{Event, Ingest, Verdict};
pub use limits::Limits;
pub use registry::{Connection, Delivery, Downlink, SendError};
pub(crate) use registry::{LineIn, Registered};

/// What all connections share.
struct Shared<I> {
    ingest: Arc<I>,
    downlink: Downlink,
    limits: Limits,
    tls: RwLock<Arc<ServerConfig>>,
    door: door::Door,
    handshakes: Semaphore,
    seats: Arc<Semaphore>,
    /// Memory for payloads that wait for their commit, in KiB.
    room: Arc<Semaphore>,
    room_kib: u32,
    stop: CancellationToken,
    /// The stop took too long: let go of what is left.
    abandon: CancellationToken,
    tasks: TaskTracker,
}

impl<I> Shared<I> {
    fn tls(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A running endpoint. Dropping it begins the same stop as [`Endpoint::shutdown`], but nobody waits for its end.
pub struct Endpoint<I: Ingest> {
    shared: Arc<Shared<I>>,
    address: SocketAddr,
}

impl<I: Ingest> Endpoint<I> {
    /// Starts accepting on `listener`. `tls` comes from [`crate::pki::Pki::server_config`]; `downlink` is the handle
    /// that the ingest sends its receipts through.
    ///
    /// # Errors
    /// When the listener's own address cannot be read.
    pub fn start(
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        limits: Limits,
        ingest: Arc<I>,
        downlink: Downlink,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let room_kib = u32::try_from(limits.pending_bytes_max / 1024)
            .unwrap_or(u32::MAX)
            .max(1);
        let shared = Arc::new(Shared {
            ingest,
            downlink,
            limits,
            tls: RwLock::new(tls),
            door: door::Door::new(limits.silent_max),
            handshakes: Semaphore::new(limits.handshakes_max.max(1)),
            seats: Arc::new(Semaphore::new(limits.connections_max.max(1))),
            room: Arc::new(Semaphore::new(usize::try_from(room_kib).unwrap_or(usize::MAX))),
            room_kib,
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        shared
            .tasks
            .spawn(accept::accept_loop(listener, Arc::clone(&shared)));
        Ok(Self { shared, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Uses other keys or CAs for handshakes from now on; live connections keep theirs.
    pub fn set_tls(&self, tls: Arc<ServerConfig>) {
        *self.shared.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// Stops accepting and reading, lets commits in flight finish and answers them, then closes. Connections that have
    /// not ended within the limit `drain_time` are let go without an answer; then this returns false.
    pub async fn shutdown(self) -> bool {
        let shared = &self.shared;
        shared.stop.cancel();
        shared.tasks.close();
        let drained = timeout(shared.limits.drain_time, shared.tasks.wait())
            .await
            .is_ok();
        shared.abandon.cancel();
        shared.tasks.wait().await;
        drained
    }
}

impl<I: Ingest> Drop for Endpoint<I> {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl<I: Ingest> std::fmt::Debug for Endpoint<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
