//! The TCP tap: the POS connects to the agent, the agent to the device, and what either says the other hears.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tillwire_agent_core::capture::settings::{TapLine, TapSettings};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ear::{Held, ear};
use super::forward::{End, both_ways};
use super::listen::Listener;
use crate::journal::Sink;

/// Connections at the same time. A till has one; this only bounds a till gone mad.
const CONNECTIONS_MAX: usize = 256;

/// How long the device may take to accept. Tills give up after about five seconds.
const DIAL_WITHIN: Duration = Duration::from_secs(4);

/// How long a stop waits for what was heard to be journaled.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(5);

/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A tap that listens.
#[derive(Debug)]
pub struct TcpTap {
    listener: TcpListener,
    device: String,
    settings: TapSettings,
    sink: Arc<dyn Sink>,
}

/// What the connections of one tap share.
#[derive(Debug)]
struct Shared {
    device: String,
    kind: &'static str,
    held: Held,
    listener: Listener,
    reachable: AtomicBool,
}

impl TcpTap {
    /// Listens for the POS.
    ///
    /// # Errors
    /// When the address is taken or not this machine's; when the settings are a serial line's.
    pub async fn bind(settings: TapSettings, sink: Arc<dyn Sink>) -> io::Result<Self> {
        let TapLine::Tcp { listen, device } = settings.line.clone() else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "found a serial line, wanted a TCP one",
            ));
        };
        let socket = if listen.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.set_keepalive(true)?; // accepted connections inherit it
        socket.bind(listen)?;
        Ok(Self {
            listener: socket.listen(64)?,
            device,
            settings,
            sink,
        })
    }

    /// Where it listens, with the port that the system chose for port 0.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Forwards until `stop`; then open connections are cut and what was heard is journaled.
    pub async fn run(self, stop: CancellationToken) {
        let shared = Arc::new(Shared {
            device: self.device,
            kind: self.settings.dialect.device(),
            held: Held::default(),
            listener: Listener::new(self.settings, self.sink, stop.clone()),
            reachable: AtomicBool::new(true),
        });
        let turns = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let tasks = TaskTracker::new();
        while let Some(accepted) = stop.run_until_cancelled(self.listener.accept()).await {
            let Ok((pos, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(turn) = Arc::clone(&turns).try_acquire_owned() else {
                tracing::warn!("more than {CONNECTIONS_MAX} connections to one device; one was refused");
                continue;
            };
            let (shared, stop, spawn) = (Arc::clone(&shared), stop.clone(), tasks.clone());
            tasks.spawn(async move {
                let _turn = turn;
                let _ = stop.run_until_cancelled(shared.connection(pos, &spawn)).await;
            });
        }
        tasks.close();
        if tokio::time::timeout(LAST_WORDS_WITHIN, tasks.wait())
            .await
            .is_err()
        {
            tracing::error!("what was said last on a tapped line could not be journaled in time");
        }
    }
}

impl Shared {
    async fn connection(self: &Arc<Self>, pos: TcpStream, tasks: &TaskTracker) {
        let dialled = tokio::time::timeout(DIAL_WITHIN, TcpStream::connect(&self.device)).await;
        let device = match dialled.unwrap_or(Err(io::ErrorKind::TimedOut.into())) {
            Ok(device) => device,
            Err(error) => {
                // the till must see what it would see without us: no device
                drop(pos);
                return self.tell_reachable(false, &error.to_string(), tasks);
            }
        };
        self.tell_reachable(true, "", tasks);
        for side in [&pos, &device] {
            let _ = side.set_nodelay(true); // a socket that refuses it is only slower
        }
        let (ear, hearing) = ear(&self.held);
        let shared = Arc::clone(self);
        tasks.spawn(async move { shared.listener.connection(hearing).await });
        if let Err(error) = both_ways(pos, device, &ear, End::HalfClose).await {
            tracing::debug!(%error, "a tapped line broke off");
        }
    }

    /// A notice when the device goes and when it comes back, not for each try.
    fn tell_reachable(self: &Arc<Self>, is: bool, why: &str, tasks: &TaskTracker) {
        if self.reachable.swap(is, Ordering::Relaxed) == is {
            return;
        }
        let words = if is {
            format!("the {} at {} answers again", self.kind, self.device)
        } else {
            format!("the {} at {} cannot be reached: {why}", self.kind, self.device)
        };
        let shared = Arc::clone(self);
        tasks.spawn(async move { shared.listener.line(&words).await });
    }
}
