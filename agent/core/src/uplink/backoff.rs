//! Pauses before connecting again: full jitter, so that two thousand stores whose line came back do not knock at once.

/// Exponential backoff with full jitter, from a seed.
#[derive(Debug, Clone)]
pub struct Backoff {
    min_ms: u64,
    max_ms: u64,
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// Pauses between 0 and `min_ms` at first, at most up to `max_ms`.
    #[must_use]
    pub const fn new(min_ms: u64, max_ms: u64, seed: u64) -> Self {
        Self {
            min_ms,
            max_ms,
            attempt: 0,
            state: seed,
        }
    }

    /// The next pause in milliseconds: anything from 0 to a ceiling that doubles each time.
    pub fn next_pause(&mut self) -> u64 {
        let ceiling = self
            .min_ms
            .saturating_mul(1 << self.attempt.min(32))
            .min(self.max_ms);
        self.attempt = self.attempt.saturating_add(1);
        self.random() % (ceiling + 1)
    }

    /// After a useful connection the past is forgiven.
    pub const fn reset(&mut self) {
        self.attempt = 0;
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): enough for jitter, and the same on every machine.
    const fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_spread_below_it() {
        let mut backoff = Backoff::new(1_000, 300_000, 7);
        let pauses: Vec<u64> = (0..200).map(|_| backoff.next_pause()).collect();
        assert!(pauses[0] <= 1_000 && pauses[1] <= 2_000);
        assert!(pauses.iter().all(|&p| p <= 300_000));
        assert!(pauses[20..].iter().any(|&p| p > 200_000) && pauses[20..].iter().any(|&p| p < 100_000));
        backoff.reset();
        assert!(backoff.next_pause() <= 1_000);
    }

    #[test]
    fn two_seeds_do_not_knock_together() {
        let (mut one, mut two) = (Backoff::new(1_000, 300_000, 1), Backoff::new(1_000, 300_000, 2));
        let same = (0..50).filter(|_| one.next_pause() == two.next_pause()).count();
        assert!(same < 3);
    }
}
