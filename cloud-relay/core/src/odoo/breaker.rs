//! A circuit breaker for one endpoint: after several failures in a row it lets nothing through for a while, then
//! one call to try.

use super::backoff::Backoff;

/// May a call be made?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Go,
    /// Yes, this one alone; its outcome decides.
    Probe,
    /// Not before this moment, in milliseconds since 1970-01-01T00:00:00Z.
    Wait {
        /// When to ask again.
        until_ms: i64,
    },
}

/// The breaker's state. A value: the shell keeps one per endpoint and asks before each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Failures in a row that open it.
    threshold: u32,
    backoff: Backoff,
    failures: u32,
    /// Closed until this is set.
    open_until_ms: Option<i64>,
    probing: bool,
}

impl Breaker {
    /// Closed.
    #[must_use]
    pub const fn new(threshold: u32, backoff: Backoff) -> Self {
        Self {
            threshold,
            backoff,
            failures: 0,
            open_until_ms: None,
            probing: false,
        }
    }

    /// Asks before a call. After [`Permit::Probe`] others wait until the probe's outcome is reported.
    #[must_use]
    pub fn ask(&mut self, now_ms: i64) -> Permit {
        match self.open_until_ms {
            None => Permit::Go,
            Some(until_ms) if now_ms < until_ms => Permit::Wait { until_ms },
            Some(_) if self.probing => Permit::Wait {
                until_ms: now_ms.saturating_add(1_000),
            },
            Some(_) => {
                self.probing = true;
                Permit::Probe
            }
        }
    }

    /// The endpoint answered, whatever it said.
    pub fn succeeded(&mut self) {
        *self = Self::new(self.threshold, self.backoff);
    }

    /// The endpoint did not answer, or said that it cannot now.
    pub fn failed(&mut self, now_ms: i64, seed: u64) {
        self.failures = self.failures.saturating_add(1);
        self.probing = false;
        if self.failures >= self.threshold {
            let beyond = self.failures - self.threshold;
            let floor = self.backoff.first_ms;
            let wait = floor.saturating_add(self.backoff.wait_ms(beyond, seed));
            self.open_until_ms = Some(now_ms.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX)));
        }
    }

    /// True while calls are held back.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open_until_ms.is_some()
    }
}
