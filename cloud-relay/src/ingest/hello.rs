//! Hello: each side says what it has of each segment. The agent's health is kept for the fleet view.

use std::sync::Arc;

use tillwire_proto::{AgentHello, HELLO_SEGMENTS_MAX, Kind, Mark, RefusalReason, RelayHello, SegmentState};
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};

use super::RelayIngest;
use crate::endpoint::{Delivery, DeviceRef, Verdict};
use crate::store::devices::{self, DeviceRow};
use crate::store::exceptions::{self, Source};
use crate::store::{StoreError, Unit, records};

/// A box's clock that is further off than this is an exception. Nothing is decided by it; people are told.
const CLOCK_ALARM_MS: i64 = 60 * 60 * 1000;

impl RelayIngest {
    pub(super) async fn take_hello(
        &self,
        who: &DeviceRef,
        device: Arc<DeviceRow>,
        hello: AgentHello,
    ) -> Verdict {
        if hello.segments.len() > HELLO_SEGMENTS_MAX {
            let words = format!(
                "found {} segments, wanted at most {HELLO_SEGMENTS_MAX}",
                hello.segments.len()
            );
            self.refuse(who, None, RefusalReason::Malformed, &words, 0);
            return Verdict::Accepted;
        }
        let now_ms = self.store.clock().now_ms();
        match self
            .store
            .write(move |unit| greet(unit, &device, &hello, now_ms))
            .await
        {
            Ok(marks) => {
                let hello = RelayHello {
                    relay: self.store.relay(),
                    generation: self.store.generation(),
                    at_ms: now_ms,
                    marks,
                };
                self.send(who, Kind::RelayHello, &hello, Delivery::Acknowledged);
                Verdict::Accepted
            }
            Err(error) => self.busy(who, None, &error),
        }
    }
}

fn greet(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    hello: &AgentHello,
    now_ms: i64,
) -> Result<Vec<Mark>, StoreError> {
    let offset_ms = hello.stamp.wall_ms.saturating_sub(now_ms);
    devices::greet(
        unit,
        device,
        hello.version.as_str(),
        offset_ms,
        &hello.health,
        now_ms,
    )?;
    judge_clock(unit, device, offset_ms, now_ms)?;
    let mut marks = Vec::with_capacity(hello.segments.len());
    for state in &hello.segments {
        records::announce(unit, state.segment, device.id, state.last)?;
        let mark = records::mark(unit.db, device.id, state.segment)?;
        if mark.through > state.last {
            tail_lost(unit, device, state, &mark, now_ms)?;
        }
        marks.push(mark);
    }
    Ok(marks)
}

fn judge_clock(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    offset_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let cause = CauseKey::new(ExceptionKind::ClockOff, &[&device.device]);
    if offset_ms.saturating_abs() <= CLOCK_ALARM_MS {
        return exceptions::close_cause(
            unit,
            &device.tenant,
            cause.as_str(),
            "the clock is right again",
            now_ms,
        );
    }
    let detail = format!(
        "the clock of {} is {} minutes off; sales are booked by the till's business day and not by this clock, but \
         notes of time are wrong until it is set",
        device.device,
        offset_ms / 60_000
    );
    let draft = ExceptionDraft::new(
        ExceptionKind::ClockOff,
        &device.tenant,
        &device.store,
        cause,
        detail,
    );
    exceptions::raise(unit, Source::Ingest, &draft, now_ms)
}

fn tail_lost(
    unit: &mut Unit<'_>,
    device: &DeviceRow,
    state: &SegmentState,
    mark: &Mark,
    now_ms: i64,
) -> Result<(), StoreError> {
    let lost = mark.through.0 - state.last.0;
    let detail = format!(
        "the disk of {} ends at record {} of segment {}, and {lost} more are safe here; nothing is missing, but the \
         disk confirmed what it did not keep: replace it",
        device.device, state.last, state.segment
    );
    let cause = CauseKey::new(ExceptionKind::TailLost, &[&state.segment]);
    let draft = ExceptionDraft::new(
        ExceptionKind::TailLost,
        &device.tenant,
        &device.store,
        cause,
        detail,
    );
    exceptions::raise(unit, Source::Ingest, &draft, now_ms)
}
