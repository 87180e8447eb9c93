//! One certificate, two connections: a reconnect now and then, a cloned disk when it goes on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};

use super::RelayIngest;
use crate::endpoint::DeviceRef;
use crate::store::exceptions::{self, Source};

/// More takeovers than this within [`WITHIN_MS`] are no reconnects.
const HARMLESS_MAX: usize = 3;
const WITHIN_MS: i64 = 10 * 60 * 1000;

/// When each device was lately taken over.
#[derive(Debug, Default)]
pub(super) struct Takeovers(Mutex<HashMap<DeviceRef, VecDeque<i64>>>);

impl Takeovers {
    /// Notes one; true when there were too many.
    fn note(&self, device: &DeviceRef, now_ms: i64) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let times = all.entry(device.clone()).or_default();
        times.push_back(now_ms);
        while times.front().is_some_and(|first| *first < now_ms - WITHIN_MS) || times.len() > HARMLESS_MAX + 1
        {
            times.pop_front();
        }
        times.len() > HARMLESS_MAX
    }
}

impl RelayIngest {
    pub(super) fn taken_over(&self, who: &DeviceRef) {
        let now_ms = self.store.clock().now_ms();
        if !self.takeovers.note(who, now_ms) {
            return;
        }
        let Some(device) = self.registry.active(who) else {
            return;
        };
        let draft = ExceptionDraft::new(
            ExceptionKind::Clone,
            &device.tenant,
            &device.store,
            CauseKey::new(ExceptionKind::Clone, &[&device.device]),
            format!(
                "found more than {HARMLESS_MAX} connections with the certificate of {who} within 10 minutes, wanted \
                 one box; find the second box, revoke the device and enrol both anew"
            ),
        );
        let store = self.store.clone();
        // raised beside the connection's task, which must not wait
        tokio::spawn(async move {
            let raised = store
                .write(move |unit| exceptions::raise(unit, Source::Ingest, &draft, now_ms))
                .await;
            if let Err(error) = raised {
                tracing::error!("takeovers could not be written down: {error}");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use tillwire_proto::{DeviceId, TenantId};

    use super::*;

    #[test]
    fn fourth_takeover_in_ten_minutes_is_a_clone() {
        let who = DeviceRef {
            tenant: TenantId::new("acme").unwrap(),
            device: DeviceId::new("d1").unwrap(),
        };
        let takeovers = Takeovers::default();
        assert!((0..3).all(|n| !takeovers.note(&who, n * 1000)));
        assert!(takeovers.note(&who, 4000));
        assert!(
            !takeovers.note(&who, 4000 + WITHIN_MS + 1),
            "a quiet time forgives"
        );
    }
}
