//! A printer's or terminal's tap in this process, with a journal in memory: the real forwarding and reading, without a box
//! around it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tillwire_agent::capture::tap::tcp::TcpTap;
use tillwire_agent::journal::{Appending, Sink, Taken};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Currency, LaneId, RecordNumber, RegisterId, SegmentId, StoreId};
use tokio_util::sync::CancellationToken;

/// What was heard.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Captured>>);

impl Memory {
    /// All of it, in order.
    #[must_use]
    pub fn heard(&self) -> Vec<Captured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until so much was heard.
    ///
    /// # Errors
    /// When it was not within `patience`.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> anyhow::Result<Vec<Captured>> {
        let heard = async {
            loop {
                let heard = self.heard();
                if heard.len() >= count {
                    return heard;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(patience, heard).await;
        waited.with_context(|| format!("wanted {count} records, heard {:?}", self.heard()))
    }
}

impl Sink for Memory {
    fn append(&self, captured: Captured) -> Appending<'_> {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push(captured);
        let number = RecordNumber(heard.len() as u64);
        Box::pin(async move {
            Ok(Taken {
                segment: SegmentId([0; 16]),
                number,
                already: false,
            })
        })
    }
}

/// A tap before this printer, until `stop`: where the till prints to, and what is heard.
///
/// # Errors
/// When no port is free.
pub async fn printer_tap(
    device: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, Arc<Memory>)> {
    tap(Dialect::EscPos(Box::default()), device, stop).await
}

/// A tap of any dialect before this device, until `stop`: where the till connects to, and what is heard.
///
/// # Errors
/// When no port is free.
pub async fn tap(
    dialect: Dialect,
    device: SocketAddr,
    stop: CancellationToken,
) -> anyhow::Result<(SocketAddr, Arc<Memory>)> {
    let settings = TapSettings {
        lane: LaneId::new(dialect.name())?,
        store: StoreId::new("store")?,
        register: RegisterId::new("till-1")?,
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: device.to_string(),
        },
        dialect,
    };
    let memory = Arc::<Memory>::default();
    let tap = TcpTap::bind(settings, memory.clone())
        .await
        .context("open the tap's port")?;
    let address = tap.local_addr().context("read the tap's port")?;
    tokio::spawn(tap.run(stop));
    Ok((address, memory))
}
