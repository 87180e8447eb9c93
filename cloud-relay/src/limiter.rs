//! How often strangers may try: a bucket for each (an address, a login), and one for everybody.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Buckets that are remembered; beyond it the full ones, then all, are forgotten. The common bucket still holds.
const BUCKETS_MAX: usize = 10_000;

/// How many attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    /// Of one that may come at once.
    pub(crate) burst_each: i64,
    /// Of all together that may come at once.
    pub(crate) burst_all: i64,
    /// Milliseconds after which each gets one back.
    pub(crate) refill_ms: i64,
    /// How many all together get back then.
    pub(crate) refill_all: i64,
}

/// For strangers by address: devices that enrol, people who sign in.
pub(crate) const BY_ADDRESS: Rates = Rates {
    burst_each: 20,
    burst_all: 400,
    refill_ms: 3_000,
    refill_all: 20,
};

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    since_ms: i64,
}

impl Bucket {
    fn take(&mut self, now_ms: i64, burst: i64, refill: (i64, i64)) -> bool {
        self.refill(now_ms, burst, refill);
        let taken = self.left > 0;
        self.left -= i64::from(taken);
        taken
    }

    fn refill(&mut self, now_ms: i64, burst: i64, (refill, every_ms): (i64, i64)) {
        if now_ms < self.since_ms {
            // the clock was set back; begin anew rather than lock everybody out
            self.since_ms = now_ms;
        }
        let rounds = (now_ms - self.since_ms) / every_ms;
        self.since_ms += rounds * every_ms;
        self.left = self.left.saturating_add(rounds.saturating_mul(refill)).min(burst);
    }
}

#[derive(Debug)]
struct Buckets<K> {
    all: Bucket,
    each: HashMap<K, Bucket>,
}

/// See the module head.
#[derive(Debug)]
pub(crate) struct Limiter<K> {
    rates: Rates,
    buckets: Mutex<Buckets<K>>,
}

impl<K: Hash + Eq> Limiter<K> {
    pub(crate) fn new(rates: Rates, now_ms: i64) -> Self {
        let all = Bucket {
            left: rates.burst_all,
            since_ms: now_ms,
        };
        let buckets = Mutex::new(Buckets {
            all,
            each: HashMap::new(),
        });
        Self { rates, buckets }
    }

    /// Whether one more attempt may be made. Without a key only the common bucket counts.
    pub(crate) fn allow(&self, key: Option<K>, now_ms: i64) -> bool {
        let rates = self.rates;
        let (one, all) = ((1, rates.refill_ms), (rates.refill_all, rates.refill_ms));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.each.len() >= BUCKETS_MAX {
            buckets.each.retain(|_, bucket| {
                bucket.refill(now_ms, rates.burst_each, one);
                bucket.left < rates.burst_each
            });
        }
        if buckets.each.len() >= BUCKETS_MAX {
            buckets.each.clear();
        }
        if let Some(key) = key {
            let full = Bucket {
                left: rates.burst_each,
                since_ms: now_ms,
            };
            let bucket = buckets.each.entry(key).or_insert(full);
            if !bucket.take(now_ms, rates.burst_each, one) {
                return false;
            }
        }
        buckets.all.take(now_ms, rates.burst_all, all)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const REFILL_MS: i64 = BY_ADDRESS.refill_ms;

    #[test]
    fn one_address_tires_and_recovers_while_others_go_on() {
        let limiter = Limiter::new(BY_ADDRESS, 0);
        let address = |last| Some(IpAddr::from([192, 0, 2, last]));
        for _ in 0..BY_ADDRESS.burst_each {
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
        let limiter = Limiter::new(BY_ADDRESS, 0);
        let allowed = (0..=u8::MAX).flat_map(|a| (0..100).map(move |b| IpAddr::from([10, 0, a, b])));
        assert_eq!(
            allowed.filter(|&address| limiter.allow(Some(address), 0)).count(),
            400
        );
    }

    #[test]
    fn a_clock_set_back_does_not_lock_the_door() {
        let limiter = Limiter::<IpAddr>::new(BY_ADDRESS, 1_000_000);
        while limiter.allow(None, 1_000_000) {}
        assert!(!limiter.allow(None, 0));
        assert!(limiter.allow(None, REFILL_MS));
    }
}
