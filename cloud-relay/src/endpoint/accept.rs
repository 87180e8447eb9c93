//! From a TCP connection to a proven device: accept, wait for the ClientHello, shake hands, read the certificate.
//!
//! Every step runs in the connection's own task, so the accept loop never waits for a peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::connection::Connection;
use super::counted::{Counted, Traffic};
use super::identity::DeviceIdentity;
use super::ingest::{Event, Ingest};

/// Pause after an accept that failed, which is nearly always for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until told to stop.
pub(super) async fn accept_loop<I: Ingest>(listener: TcpListener, shared: Arc<Shared<I>>) {
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, address)) = accepted else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(seat) = Arc::clone(&shared.seats).try_acquire_owned() else {
            let reason = "all connections are taken".to_owned();
            shared.ingest.event(Event::HandshakeFailed { address, reason });
            continue;
        };
        let task_shared = Arc::clone(&shared);
        shared.tasks.spawn(async move {
            let abandon = task_shared.abandon.clone();
            tokio::select! {
                () = abandon.cancelled() => {}
                () = welcome(task_shared, stream, address) => {}
            }
            drop(seat);
        });
    }
}

async fn welcome<I: Ingest>(shared: Arc<Shared<I>>, stream: TcpStream, address: SocketAddr) {
    let traffic = Arc::new(Traffic::default());
    let _ = stream.set_nodelay(true);
    let counted = Counted::new(stream, Arc::clone(&traffic));
    let proven = tokio::select! {
        () = shared.stop.cancelled() => return,
        proven = timeout(shared.limits.handshake_time, prove(&shared, counted, address)) => proven,
    };
    match proven
        .context("no TLS handshake in time")
        .and_then(|proven| proven)
    {
        Ok((tls, identity)) => Connection::new(shared, identity, address, traffic).run(tls).await,
        Err(error) => {
            shared.ingest.event(Event::HandshakeFailed {
                address,
                reason: format!("{error:#}"),
            });
        }
    }
}

async fn prove<I: Ingest>(
    shared: &Shared<I>,
    stream: Counted,
    address: SocketAddr,
) -> Result<(TlsStream<Counted>, DeviceIdentity)> {
    let place = shared.door.enter(address.ip());
    let hello = tokio::select! {
        () = place.leave.cancelled() => bail!("silent while others were waiting"),
        hello = LazyConfigAcceptor::new(Acceptor::default(), stream) => hello.context("no TLS ClientHello")?,
    };
    drop(place);
    let _turn = shared
        .handshakes
        .acquire()
        .await
        .context("the relay is stopping")?;
    let config = shared.tls();
    let tls = hello.into_stream(config).await.context("TLS handshake")?;
    let certificate = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let identity = DeviceIdentity::from_certificate(certificate.context("no client certificate")?)?;
    Ok((tls, identity))
}
