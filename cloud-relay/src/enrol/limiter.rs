//! How often strangers may try: a bucket per address, and one for everybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Attempts of one address that may come at once; one more every [`REFILL_MS`].
const BURST_PER_ADDRESS: i64 = 20;
/// Attempts of all addresses together that may come at once.
const BURST: i64 = 400;
/// Milliseconds after which an address gets one attempt back; all together get [`REFILL_ALL`] then.
const REFILL_MS: i64 = 3_000;
const REFILL_ALL: i64 = 20;
/// Addresses that are remembered; beyond it the full buckets, then all, are forgotten. The common bucket still holds.
const ADDRESSES_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    since_ms: i64,
}

impl Bucket {
    fn take(&mut self, now_ms: i64, burst: i64, refill: i64) -> bool {
        self.refill(now_ms, burst, refill);
        let taken = self.left > 0;
        self.left -= i64::from(taken);
        taken
    }

    fn refill(&mut self, now_ms: i64, burst: i64, refill: i64) {
        if now_ms < self.since_ms {
            // the clock was set back; begin anew rather than lock everybody out
            self.since_ms = now_ms;
        }
        let rounds = (now_ms - self.since_ms) / REFILL_MS;
        self.since_ms += rounds * REFILL_MS;
        self.left = self.left.saturating_add(rounds.saturating_mul(refill)).min(burst);
    }
}

#[derive(Debug)]
struct Buckets {
    all: Bucket,
    by_address: HashMap<IpAddr, Bucket>,
}

/// See the module head.
#[derive(Debug)]
pub(super) struct Limiter(Mutex<Buckets>);

impl Limiter {
    pub(super) fn new(now_ms: i64) -> Self {
        let all = Bucket {
            left: BURST,
            since_ms: now_ms,
        };
        Self(Mutex::new(Buckets {
            all,
            by_address: HashMap::new(),
        }))
    }

    /// Whether one more attempt may be made. Without an address only the common bucket counts.
    pub(super) fn allow(&self, address: Option<IpAddr>, now_ms: i64) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.by_address.len() >= ADDRESSES_MAX {
            buckets.by_address.retain(|_, bucket| {
                bucket.refill(now_ms, BURST_PER_ADDRESS, 1);
                bucket.left < BURST_PER_ADDRESS
            });
        }
        if buckets.by_address.len() >= ADDRESSES_MAX {
            buckets.by_address.clear();
        }
        if let Some(address) = address {
            let full = Bucket {
                left: BURST_PER_ADDRESS,
                since_ms: now_ms,
            };
            let bucket = buckets.by_address.entry(address).or_insert(full);
            if !bucket.take(now_ms, BURST_PER_ADDRESS, 1) {
                return false;
            }
        }
        buckets.all.take(now_ms, BURST, REFILL_ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_tires_and_recovers_while_others_go_on() {
        let limiter = Limiter::new(0);
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..BURST_PER_ADDRESS {
            assert!(limiter.allow(address(1), 0));
        }
        assert!(!limiter.allow(address(1), 0));
        assert!(limiter.allow(address(2), 0));
        assert!(!limiter.allow(address(1), REFILL_MS - 1));
        assert!(limiter.allow(address(1), REFILL_MS));
        assert!(!limiter.allow(address(1), REFILL_MS));
    }

    #[test]
    fn many_addresses_share_one_bucket() {
        let limiter = Limiter::new(0);
        let allowed = (0..=u8::MAX).flat_map(|a| (0..100).map(move |b| IpAddr::from([10, 0, a, b])));
        assert_eq!(
            allowed.filter(|&address| limiter.allow(Some(address), 0)).count(),
            400
        );
    }

    #[test]
    fn a_clock_set_back_does_not_lock_the_door() {
        let limiter = Limiter::new(1_000_000);
        while limiter.allow(None, 1_000_000) {}
        assert!(!limiter.allow(None, 0));
        assert!(limiter.allow(None, REFILL_MS));
    }
}
