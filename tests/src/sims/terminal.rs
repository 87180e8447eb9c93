//! What simulated terminals have in common: standing at an address until they are stopped, and speaking byte by byte.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// Listens, says where, and serves until it is stopped.
///
/// # Errors
/// When the address cannot be listened on, or what `serve` returns.
#[expect(clippy::print_stdout, reason = "it shows what it does")]
pub(super) async fn stand<F>(listen: SocketAddr, serve: impl FnOnce(TcpListener) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
    println!("terminal at {}", listener.local_addr()?);
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
        served = serve(listener) => served,
    }
}

/// Sends byte by byte.
pub(super) async fn trickle(to: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        to.write_all(&[*byte]).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
