//! The listening socket, which can vanish and come back on its port, and streams that can be cut from inside a handler.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// A handler's hold on the connection that its request came over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Hold>);

#[derive(Debug, Default)]
struct Hold {
    state: AtomicU8,
    cut: Notify,
}

impl Cut {
    /// Nothing more is written; the peer sees an orderly end, unless it was reset before.
    pub(crate) fn close(&self) {
        self.set(CLOSED);
    }

    /// Nothing more is written; the peer sees a reset.
    pub(crate) fn reset(&self) {
        self.set(RESET);
    }

    fn set(&self, how: u8) {
        let _ = self
            .0
            .state
            .compare_exchange(OPEN, how, Ordering::AcqRel, Ordering::Acquire);
        // one waits at most, and a permit is kept for it
        self.0.cut.notify_one();
    }

    /// Returns when it was closed or reset.
    pub(crate) async fn happened(&self) {
        self.0.cut.notified().await;
    }

    fn state(&self) -> u8 {
        self.0.state.load(Ordering::Acquire)
    }
}

/// A TCP stream that stops writing once it is cut.
#[derive(Debug)]
pub(crate) struct CutStream {
    inner: TcpStream,
    cut: Cut,
}

impl CutStream {
    fn refused(&self) -> Option<io::Error> {
        match self.cut.state() {
            OPEN => None,
            state => {
                if state == RESET {
                    let _ = self.inner.set_zero_linger();
                }
                Some(io::Error::from(io::ErrorKind::ConnectionReset))
            }
        }
    }
}

impl AsyncRead for CutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for CutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.refused() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.inner).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.refused() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.inner).poll_shutdown(cx),
        }
    }
}

/// Hands out cuttable streams; the "address" of a connection is the hold on it.
#[derive(Debug)]
pub(crate) struct CutListener(pub(crate) TcpListener);

impl Listener for CutListener {
    type Io = CutStream;
    type Addr = Cut;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((inner, _)) = self.0.accept().await {
                let _ = inner.set_nodelay(true);
                let cut = Cut::default();
                return (
                    CutStream {
                        inner,
                        cut: cut.clone(),
                    },
                    cut,
                );
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Cut::default())
    }
}

/// Keeps a port for a simulator that is down: bound, but not listening, so that connections are refused.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) addr: SocketAddr,
    _held: TcpSocket,
}

impl Place {
    /// # Errors
    /// When the loopback interface has no free port.
    pub(crate) fn take() -> io::Result<Self> {
        let held = socket()?;
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self {
            addr: held.local_addr()?,
            _held: held,
        })
    }

    /// # Errors
    /// When the port cannot be listened on.
    pub(crate) fn listen(&self) -> io::Result<CutListener> {
        let socket = socket()?;
        socket.bind(self.addr)?;
        Ok(CutListener(socket.listen(1024)?))
    }
}

fn socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}
