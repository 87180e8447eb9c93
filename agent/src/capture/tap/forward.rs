//! Forwarding: bytes in, the same bytes out.

use std::io;
use std::time::Duration;

use tillwire_agent_core::capture::dialect::Side;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::ear::Ear;

/// Largest piece moved at once; a payment's frames are smaller.
const PIECE_LEN: usize = 16 * 1024;

/// After one side has ended its half, the other may stay silent this long. A peer that lost its power never says so.
const HALF_CLOSED_SILENCE: Duration = Duration::from_secs(300);

/// What the end of one half means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// That side has said all it will; the other may go on (TCP).
    HalfClose,
    /// The line is gone (serial).
    Break,
}

/// Moves bytes both ways until both sides have ended, or one breaks.
///
/// # Errors
/// What broke the line; both sides are to be closed then.
pub(super) async fn both_ways<P, D>(pos: P, device: D, ear: &Ear, end: End) -> io::Result<()>
where
    P: AsyncRead + AsyncWrite + Unpin,
    D: AsyncRead + AsyncWrite + Unpin,
{
    let (pos_in, pos_out) = tokio::io::split(pos);
    let (device_in, device_out) = tokio::io::split(device);
    let half_closed = CancellationToken::new();
    let ask = Way {
        from: pos_in,
        to: device_out,
        side: Side::Pos,
        ear,
        end,
        half_closed: &half_closed,
    };
    let answer = Way {
        from: device_in,
        to: pos_out,
        side: Side::Device,
        ear,
        end,
        half_closed: &half_closed,
    };
    tokio::try_join!(ask.forward(), answer.forward()).map(|_| ())
}

/// One direction.
struct Way<'a, R, W> {
    from: R,
    to: W,
    side: Side,
    ear: &'a Ear,
    end: End,
    half_closed: &'a CancellationToken,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Way<'_, R, W> {
    async fn forward(mut self) -> io::Result<()> {
        let mut piece = Zeroizing::new(vec![0; PIECE_LEN]);
        loop {
            let len = self.read(&mut piece).await?;
            match (len, self.end) {
                (0, End::Break) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (0, End::HalfClose) => {
                    self.half_closed.cancel();
                    return self.to.shutdown().await;
                }
                _ => {}
            }
            // a copy in memory before the write, never a wait: so a question stands before its answer in the queue
            self.ear.hears(self.side, &piece[..len]);
            self.to.write_all(&piece[..len]).await?;
        }
    }

    async fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if !self.half_closed.is_cancelled() {
            tokio::select! {
                biased;
                read = self.from.read(piece) => return read,
                () = self.half_closed.cancelled() => {}
            }
        }
        let read = timeout(HALF_CLOSED_SILENCE, self.from.read(piece)).await;
        read.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }
}
