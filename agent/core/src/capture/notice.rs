//! How often a source may say that it sent card data.

/// Quiet time between two notices of one source, in milliseconds: one hour.
const QUIET_MS: u64 = 3_600_000;

/// Lets one notice through per source and hour. A till that leaks with every sale must be seen, not heard
/// a thousand times a day.
#[derive(Debug, Default, Clone)]
pub struct CardDataGate {
    last_ms: Option<u64>,
}

impl CardDataGate {
    /// Whether a notice is due at `now_ms` (monotonic milliseconds); remembers that it was given.
    pub fn due(&mut self, now_ms: u64) -> bool {
        let due = self
            .last_ms
            .is_none_or(|last| now_ms.saturating_sub(last) >= QUIET_MS);
        if due {
            self.last_ms = Some(now_ms);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_notice_passes_per_source_and_hour() {
        let mut gate = CardDataGate::default();
        assert!(gate.due(5));
        assert!(!gate.due(6));
        assert!(!gate.due(QUIET_MS + 4));
        assert!(gate.due(QUIET_MS + 5));
    }
}
