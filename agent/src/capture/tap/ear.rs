//! The copy of what passes: put aside in memory, counted, never waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tillwire_agent_core::capture::dialect::Side;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// Bytes that one tap holds for its decoder and journal. A card payment is about 4 KiB, so these are two thousand
/// payments: hours of a full disk.
const HELD_MAX: usize = 8 * 1024 * 1024;

/// What each piece costs beyond its bytes.
const PIECE_COST: usize = 64;

/// What the listener gets.
#[derive(Debug)]
pub(super) enum Said {
    /// Bytes that passed.
    Bytes(Side, Zeroizing<Vec<u8>>),
    /// So many bytes passed unheard.
    Missed(u64),
}

/// How much is held by all connections of one tap.
#[derive(Debug, Default, Clone)]
pub(super) struct Held(Arc<AtomicUsize>);

impl Held {
    fn reserve(&self, len: usize) -> bool {
        let add = |held: usize| held.checked_add(len).filter(|sum| *sum <= HELD_MAX);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .is_ok()
    }

    fn free(&self, len: usize) {
        self.0.fetch_sub(len, Ordering::Relaxed);
    }
}

/// The forwarding side's end.
#[derive(Debug)]
pub(super) struct Ear {
    said: mpsc::UnboundedSender<Said>,
    held: Held,
    missed: Arc<AtomicU64>,
}

/// The listener's end.
#[derive(Debug)]
pub(super) struct Hearing {
    said: mpsc::UnboundedReceiver<Said>,
    held: Held,
    missed: Arc<AtomicU64>,
}

/// A new ear for one connection. The queue itself has no bound; [`Held`] bounds what is in it.
pub(super) fn ear(held: &Held) -> (Ear, Hearing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let missed = Arc::<AtomicU64>::default();
    let ear = Ear {
        said: sender,
        held: held.clone(),
        missed: Arc::clone(&missed),
    };
    (
        ear,
        Hearing {
            said: receiver,
            held: held.clone(),
            missed,
        },
    )
}

impl Ear {
    /// Puts a copy aside, or counts what it could not. Never waits and never fails.
    pub(super) fn hears(&self, side: Side, bytes: &[u8]) {
        if !self.held.reserve(bytes.len() + PIECE_COST) {
            self.missed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            return;
        }
        let missed = self.missed.swap(0, Ordering::Relaxed);
        if missed > 0 {
            let _ = self.said.send(Said::Missed(missed)); // nobody listens: then nothing is lost that was not
        }
        if self
            .said
            .send(Said::Bytes(side, Zeroizing::new(bytes.to_vec())))
            .is_err()
        {
            self.held.free(bytes.len() + PIECE_COST);
        }
    }
}

impl Hearing {
    /// The next piece in the order it passed; `None` when both directions have ended.
    pub(super) async fn next(&mut self) -> Option<Said> {
        if let Some(said) = self.said.recv().await {
            return Some(said);
        }
        let missed = self.missed.swap(0, Ordering::Relaxed);
        (missed > 0).then_some(Said::Missed(missed))
    }

    /// The piece is done with: its bytes may be used for others.
    pub(super) fn done(&self, len: usize) {
        self.held.free(len + PIECE_COST);
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.said.close();
        while let Ok(said) = self.said.try_recv() {
            if let Said::Bytes(_, bytes) = said {
                self.done(bytes.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_held_is_counted_and_told_in_its_place() {
        let held = Held::default();
        let (ear, mut hearing) = ear(&held);
        let piece = vec![b'x'; HELD_MAX / 2];
        ear.hears(Side::Pos, &piece);
        ear.hears(Side::Pos, &piece);
        ear.hears(Side::Device, b"small"); // fits beside the first
        assert!(
            matches!(hearing.next().await, Some(Said::Bytes(Side::Pos, bytes)) if bytes.len() == piece.len())
        );
        assert!(matches!(hearing.next().await, Some(Said::Missed(n)) if n == piece.len() as u64));
        assert!(matches!(hearing.next().await, Some(Said::Bytes(Side::Device, _))));
    }

    #[tokio::test]
    async fn a_gap_at_the_end_is_told_too() {
        let held = Held::default();
        let (ear, mut hearing) = ear(&held);
        ear.hears(Side::Pos, &vec![b'x'; HELD_MAX]);
        drop(ear);
        assert!(matches!(hearing.next().await, Some(Said::Missed(_))));
        assert!(hearing.next().await.is_none());
    }

    #[test]
    fn a_listener_that_dies_gives_its_room_back() {
        let held = Held::default();
        let (ear, hearing) = ear(&held);
        ear.hears(Side::Pos, b"12345");
        drop(hearing);
        ear.hears(Side::Pos, b"12345");
        assert_eq!(held.0.load(Ordering::Relaxed), 0);
    }
}
