//! Taps on the line between a POS and its payment terminal or receipt printer.
//!
//! Bytes are forwarded as they come, both ways, unchanged. What is heard of them is worked out behind, by another
//! task, from a copy that is put aside without ever waiting: not for the decoder, not for the journal, not for the
//! disk. Where those cannot keep up the copy is given up, never the payment, and the gap becomes a record
//! (`agent/decisions/0002-taps-forward-first.md`).

use std::sync::Arc;

use anyhow::Context as _;
use tillwire_agent_core::capture::settings::{TapLine, TapSettings};
use tokio_util::sync::CancellationToken;

use crate::journal::Sink;

mod ear;
mod forward;
mod listen;
pub mod serial;
pub mod tcp;

/// Runs one tap until `stop`.
///
/// # Errors
/// A TCP address that cannot be listened on; a serial line that cannot be opened is tried again for ever, because
/// cables are pulled and put back.
pub async fn run(settings: TapSettings, sink: Arc<dyn Sink>, stop: CancellationToken) -> anyhow::Result<()> {
    match settings.line.clone() {
        TapLine::Tcp { listen, .. } => {
            let tap = tcp::TcpTap::bind(settings, sink)
                .await
                .with_context(|| format!("cannot listen on {listen} for the POS"))?;
            tap.run(stop).await;
        }
        TapLine::Serial { .. } => serial::run(settings, sink, stop).await,
    }
    Ok(())
}
