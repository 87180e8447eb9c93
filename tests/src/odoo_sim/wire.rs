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

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const RESET: u8 = 2;

/// A handler's hold on the connection that its request came over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<AtomicU8>);

impl Cut {
    /// Nothing more is written; the peer sees an orderly end.
    pub(crate) fn close(&self) {
        self.0.store(CLOSED, Ordering::Release);
    }

    /// Nothing more is written; the peer sees a reset.
    pub(crate) fn reset(&self) {
        self.0.store(RESET, Ordering::Release);
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
        match self.cut.0.load(Ordering::Acquire) {
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
