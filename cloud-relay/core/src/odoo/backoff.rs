//! How long to wait before trying again: full jitter, so that many waiters do not come back together.

/// A growing wait with a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first ceiling, in milliseconds.
    pub first_ms: u64,
    /// The last ceiling, in milliseconds.
    pub most_ms: u64,
}

impl Default for Backoff {
    /// One second, growing to five minutes.
    fn default() -> Self {
        Self {
            first_ms: 1_000,
            most_ms: 300_000,
        }
    }
}

impl Backoff {
    /// The wait before attempt `attempt + 1`, evenly between nothing and a ceiling that doubles with each attempt.
    /// `seed` is the caller's randomness; the same seed gives the same wait.
    #[must_use]
    pub fn wait_ms(&self, attempt: u32, seed: u64) -> u64 {
        let ceiling = self
            .first_ms
            .saturating_mul(1_u64.checked_shl(attempt.min(40)).unwrap_or(u64::MAX))
            .min(self.most_ms);
        jitter(seed, u64::from(attempt), ceiling)
    }
}

/// A number from 0 to `ceiling`, from seed and turn (Steele, Lea and Flood's SplitMix64).
#[must_use]
pub fn jitter(seed: u64, turn: u64, ceiling: u64) -> u64 {
    let mut z = seed.wrapping_add(turn.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    z % ceiling.saturating_add(1).max(1)
}
