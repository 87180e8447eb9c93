//! The only place that reads clocks.
//!
//! A store's box may have no battery behind its clock: it boots in 1970 and still has to sell, connect and book
//! right. So clock readings are notes. The one decision that needs a date, whether a certificate is valid, uses the
//! latest of the system's clock, the newest time that the relay signed and the day this program was released:
//! none of them can be *later* than the truth unless the system's clock is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use tillwire_proto::{BootId, Stamp};

/// 2026-11-01T00:00:00Z; moved on with each release.
const RELEASED_MS: i64 = 1_793_491_200_000;

/// The relay's time is written down at most this often, to spare the flash.
const SAVE_EVERY_MS: i64 = 10 * 60 * 1000;

/// Clock readings. Clones read the same clock.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>, Option<Arc<Hand>>);

/// A clock that stands until it is set, with the chance that goes with it: what a simulation has instead of a machine.
#[derive(Debug)]
struct Hand {
    wall_ms: AtomicI64,
    running_ms: AtomicU64,
    seed: u64,
    drawn: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    started: Instant,
    uptime_at_start: Duration,
    offset_ms: i64,
    known_ms: AtomicI64,
    saved_ms: AtomicI64,
    file: Option<PathBuf>,
}

impl Clock {
    /// Reads the clocks, and the newest known time from `state_dir`. `offset_ms` is added to the wall clock: it lets a
    /// rehearsal run with a clock that is wrong.
    #[must_use]
    pub fn new(state_dir: Option<&Path>, offset_ms: i64) -> Self {
        let file = state_dir.map(|dir| dir.join("known-time"));
        let known = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
        let known = known
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(RELEASED_MS);
        let inner = Arc::new(Inner {
            started: Instant::now(),
            uptime_at_start: uptime().unwrap_or_default(),
            offset_ms,
            known_ms: AtomicI64::new(known.max(RELEASED_MS)),
            saved_ms: AtomicI64::new(known),
            file,
        });
        Self(inner, None)
    }

    /// A clock that stands until it is [set](Clock::set); the [numbers](Clock::fresh) that it gives follow from `seed`.
    #[must_use]
    pub fn by_hand(seed: u64) -> Self {
        let hand = Hand {
            wall_ms: AtomicI64::new(RELEASED_MS),
            running_ms: AtomicU64::new(0),
            seed,
            drawn: AtomicU64::new(0),
        };
        Self(Self::new(None, 0).0, Some(Arc::new(hand)))
    }

    /// Sets a clock by hand: the wall clock, and the milliseconds since it was made. The system's is left alone.
    pub fn set(&self, wall_ms: i64, running_ms: u64) {
        if let Some(hand) = &self.1 {
            hand.wall_ms.store(wall_ms, Ordering::Relaxed);
            hand.running_ms.store(running_ms, Ordering::Relaxed);
        }
    }

    /// Random bytes that nobody else gets: the operating system's, or what follows from the seed of a clock by hand.
    ///
    /// # Panics
    /// As [`random`].
    #[must_use]
    pub fn fresh<const N: usize>(&self) -> [u8; N] {
        let Some(hand) = &self.1 else { return random() };
        let count = hand.drawn.fetch_add(1, Ordering::Relaxed);
        let digest = ring::digest::digest(
            &ring::digest::SHA256,
            &[hand.seed.to_be_bytes(), count.to_be_bytes()].concat(),
        );
        std::array::from_fn(|i| digest.as_ref()[i % 32])
    }

    /// Both clocks now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        let monotonic_ms = match &self.1 {
            Some(hand) => hand.running_ms.load(Ordering::Relaxed),
            None => millis(self.0.uptime_at_start + self.0.started.elapsed()),
        };
        Stamp {
            wall_ms: self.wall_ms(),
            monotonic_ms,
        }
    }

    /// Milliseconds since this clock was made; never goes back.
    #[must_use]
    pub fn running_ms(&self) -> u64 {
        match &self.1 {
            Some(hand) => hand.running_ms.load(Ordering::Relaxed),
            None => millis(self.0.started.elapsed()),
        }
    }

    /// The system's wall clock in milliseconds since 1970-01-01T00:00:00Z, however wrong that is.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        if let Some(hand) = &self.1 {
            return hand.wall_ms.load(Ordering::Relaxed);
        }
        let now = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        };
        now.saturating_add(self.0.offset_ms)
    }

    /// The time for certificate checks, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn certificate_ms(&self) -> i64 {
        self.wall_ms().max(self.0.known_ms.load(Ordering::Relaxed))
    }

    /// Takes note of a time that the relay signed.
    pub fn learn(&self, relay_ms: i64) {
        let known = self
            .0
            .known_ms
            .fetch_max(relay_ms, Ordering::Relaxed)
            .max(relay_ms);
        let saved = self.0.saved_ms.load(Ordering::Relaxed);
        if known - saved < SAVE_EVERY_MS {
            return;
        }
        self.0.saved_ms.store(known, Ordering::Relaxed);
        if let Some(file) = &self.0.file {
            // Losing it costs nothing but a later first connection on a box without a clock.
            if let Err(error) = std::fs::write(file, format!("{known}\n")) {
                tracing::debug!(%error, "cannot keep the known time");
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Time since the operating system started (Linux).
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The operating system's boot id (Linux); elsewhere a random one, which says "another boot" after each start.
#[must_use]
pub fn boot_id() -> BootId {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    BootId::from_hex(&digits).unwrap_or_else(|| BootId(random()))
}

/// Random bytes of the operating system.
///
/// # Panics
/// When the operating system has no randomness to give; nothing can be trusted then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_judged_by_the_latest_known_time() {
        let dir = tempfile::tempdir().unwrap();
        let in_1970 = -Clock::new(None, 0).wall_ms();
        let clock = Clock::new(Some(dir.path()), in_1970);
        assert!(clock.wall_ms() < 60_000);
        assert_eq!(clock.certificate_ms(), RELEASED_MS);
        clock.learn(RELEASED_MS + SAVE_EVERY_MS);
        assert_eq!(clock.certificate_ms(), RELEASED_MS + SAVE_EVERY_MS);
        let after_restart = Clock::new(Some(dir.path()), in_1970);
        assert_eq!(after_restart.certificate_ms(), RELEASED_MS + SAVE_EVERY_MS);
    }

    #[test]
    fn a_clock_in_the_future_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let _future = Clock::new(Some(dir.path()), 10 * 365 * 86_400_000).certificate_ms();
        let clock = Clock::new(Some(dir.path()), 0);
        assert!(clock.certificate_ms() < RELEASED_MS + 5 * 365 * 86_400_000);
    }
}
