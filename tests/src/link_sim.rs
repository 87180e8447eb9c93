//! A link between two programs that is as bad as told: delay, jitter, throttle, cut, half-open, black hole, and an
//! end after exactly so many bytes. A plain TCP proxy, seeded, so that a failing run can be had again.
//!
//! It counts the bytes it carries, which is how the cost of a sale on the wire is measured. It does not look into
//! them: TLS stays between the two ends.

mod carry;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the link is like just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// Whether and how it carries.
    pub state: State,
    /// Added to each piece, each way.
    pub delay: Duration,
    /// Up to so much more, drawn.
    pub jitter: Duration,
    /// Bytes per second each way; 0 is unlimited.
    pub rate: u32,
    /// Each connection ends after so many bytes from the client; 0 is never.
    pub truncate_after: u64,
    /// A bit of this byte from the client is turned, counted from 1 in each connection; 0 is never.
    pub flip_at: u64,
}

/// Whether the link carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Yes.
    #[default]
    Up,
    /// Connections are closed, new ones are closed at once.
    Cut,
    /// Nothing moves and nobody is told; connections of this time stay dead when the weather clears.
    HalfOpen,
    /// Nothing moves; what waits goes on when the weather clears.
    BlackHole,
}

/// A link. Dropping it cuts it for good.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    carried: Arc<Carried>,
    accepting: JoinHandle<()>,
}

/// Bytes carried since the start.
#[derive(Debug, Default)]
pub struct Carried {
    up: AtomicU64,
    down: AtomicU64,
    connections: AtomicU64,
    /// How often the link went half-open: a connection older than that stays dead.
    silences: AtomicU64,
}

impl Link {
    /// Opens a link on a free loopback port towards `target`. The target is asked for at each connection, because a
    /// program that starts again may listen elsewhere.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn open(seed: u64, target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .context("open a port for the link")?;
        let address = listener.local_addr().context("read the link's port")?;
        let (weather, watch) = watch::channel(Weather::default());
        let carried = Arc::new(Carried::default());
        let accepting = tokio::spawn(accept(listener, target, seed, watch, carried.clone()));
        Ok(Self {
            address,
            weather,
            carried,
            accepting,
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather from now on.
    pub fn set(&self, weather: Weather) {
        self.weather.send_modify(|w| {
            self.note(weather.state);
            *w = weather;
        });
    }

    /// Changes whether the link carries and leaves the rest.
    pub fn set_state(&self, state: State) {
        self.weather.send_modify(|w| {
            self.note(state);
            w.state = state;
        });
    }

    fn note(&self, state: State) {
        if state == State::HalfOpen {
            self.carried.silences.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Bytes from clients to the target.
    #[must_use]
    pub fn bytes_up(&self) -> u64 {
        self.carried.up.load(Ordering::Relaxed)
    }

    /// Bytes from the target to clients.
    #[must_use]
    pub fn bytes_down(&self) -> u64 {
        self.carried.down.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.carried.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set_state(State::Cut);
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    seed: u64,
    weather: watch::Receiver<Weather>,
    carried: Arc<Carried>,
) {
    loop {
        let Ok((client, _)) = listener.accept().await else {
            continue;
        };
        let number = carried.connections.fetch_add(1, Ordering::Relaxed);
        let (weather, carried) = (weather.clone(), carried.clone());
        tokio::spawn(async move {
            // an error here is a connection that ended, which is what links do
            let _ended = connection(client, target, seed ^ number, weather, carried).await;
        });
    }
}

async fn connection(
    client: TcpStream,
    target: SocketAddr,
    seed: u64,
    weather: watch::Receiver<Weather>,
    carried: Arc<Carried>,
) -> std::io::Result<()> {
    if weather.borrow().state == State::Cut {
        return Ok(());
    }
    let server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let up = carry::carry(
        client_in,
        server_out,
        carry::Way::Up,
        seed,
        weather.clone(),
        carried.clone(),
    );
    let down = carry::carry(server_in, client_out, carry::Way::Down, !seed, weather, carried);
    // either way ending ends both: a half-closed connection is not something these protocols use
    tokio::select! { () = up => {}, () = down => {} }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ended = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream, wait: Duration) -> Option<Vec<u8>> {
        let mut buffer = vec![0; 64];
        let read = tokio::time::timeout(wait, stream.read(&mut buffer)).await.ok()?;
        buffer.truncate(read.unwrap_or(0));
        Some(buffer)
    }

    const SOON: Duration = Duration::from_secs(5);
    const NEVER: Duration = Duration::from_millis(150);

    #[tokio::test]
    async fn bytes_pass_in_order_and_are_counted() {
        let link = Link::open(1, echo().await).await.unwrap();
        link.set(Weather {
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(10),
            ..Weather::default()
        });
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        let mut back = Vec::new();
        for byte in 0..50_u8 {
            stream.write_all(&[byte]).await.unwrap();
        }
        while back.len() < 50 {
            back.extend(says(&mut stream, SOON).await.unwrap());
        }
        assert_eq!(back, (0..50).collect::<Vec<u8>>());
        assert_eq!((link.bytes_up(), link.bytes_down()), (50, 50));
    }

    #[tokio::test]
    async fn a_half_open_connection_is_silent_and_stays_dead() {
        let link = Link::open(1, echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        stream.write_all(b"a").await.unwrap();
        assert_eq!(says(&mut stream, SOON).await.unwrap(), b"a");
        link.set_state(State::HalfOpen);
        stream.write_all(b"b").await.unwrap();
        assert_eq!(says(&mut stream, NEVER).await, None);
        link.set_state(State::Up);
        assert_eq!(says(&mut stream, NEVER).await, None);
        let mut fresh = TcpStream::connect(link.address()).await.unwrap();
        fresh.write_all(b"c").await.unwrap();
        assert_eq!(says(&mut fresh, SOON).await.unwrap(), b"c");
    }

    #[tokio::test]
    async fn what_waits_in_a_black_hole_goes_on_later() {
        let link = Link::open(1, echo().await).await.unwrap();
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        link.set_state(State::BlackHole);
        stream.write_all(b"a").await.unwrap();
        assert_eq!(says(&mut stream, NEVER).await, None);
        link.set_state(State::Up);
        assert_eq!(says(&mut stream, SOON).await.unwrap(), b"a");
    }

    #[tokio::test]
    async fn a_cut_and_a_truncated_link_end_the_connection() {
        let link = Link::open(1, echo().await).await.unwrap();
        link.set(Weather {
            truncate_after: 3,
            ..Weather::default()
        });
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        stream.write_all(b"abcdef").await.unwrap();
        let mut back = Vec::new();
        let _reset = tokio::time::timeout(SOON, stream.read_to_end(&mut back))
            .await
            .unwrap();
        assert_eq!(link.bytes_up(), 3);
        link.set_state(State::Cut);
        let mut refused = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(says(&mut refused, SOON).await.unwrap(), b"");
    }
}
