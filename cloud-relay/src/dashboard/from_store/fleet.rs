//! Devices, how they are, and what came of their lanes.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use tillwire_relay_core::fuel::CLOCK_OFF_MS;
use tillwire_relay_core::people::Sight;

use crate::cloud::memory;
use crate::dashboard::view::{Chip, DeviceRow, FleetView, LaneRow, Tone, WaitingRow};
use crate::endpoint::DeviceRef;
use crate::store::{StoreError, devices, enrolments};

/// From here on a disk is worth a look, in percent: receipted records are pruned before their time.
const DISK_PERCENT: u8 = 85;

pub(super) fn fleet(
    db: &Connection,
    sight: &Sight,
    live: &BTreeSet<String>,
    now_ms: i64,
) -> Result<FleetView, StoreError> {
    let waiting = enrolments::asking(db)?
        .into_iter()
        .filter(|asking| sight.covers(&asking.tenant, &asking.store))
        .map(|asking| WaitingRow {
            tenant: asking.tenant,
            device: asking.device,
            store: asking.store,
            fingerprint: asking.fingerprint,
            asked_ms: asking.asked_ms,
        })
        .collect();
    let mut lanes: BTreeMap<i64, Vec<LaneRow>> = BTreeMap::new();
    for lane in devices::lanes(db)? {
        let (tone, word) = if lane.forked {
            (Tone::Bad, "forked")
        } else {
            (Tone::Good, "unbroken")
        };
        lanes.entry(lane.device).or_default().push(LaneRow {
            lane: lane.lane.to_string(),
            state: Chip {
                tone,
                word: word.to_owned(),
            },
            segments: lane.segments,
            records: lane.records,
            last_ms: lane.last_ms,
        });
    }
    let mut rows: Vec<DeviceRow> = devices::list(db)?
        .into_iter()
        .filter(|device| sight.covers(&device.tenant, &device.store))
        .map(|device| {
            let lanes = lanes.remove(&device.id).unwrap_or_default();
            let own = device.accepted.1 == devices::RELAY;
            let problem = own
                .then(|| memory::problem(db, &device.tenant))
                .transpose()?
                .flatten();
            Ok(row(device, live, problem.as_deref(), lanes, now_ms))
        })
        .collect::<Result<_, StoreError>>()?;
    rows.sort_by_key(|row| match row.state.tone {
        Tone::Bad => 0,
        Tone::Wait => 1,
        Tone::Good => 2,
        Tone::Idle => 3,
    });
    Ok(FleetView {
        waiting,
        devices: rows,
    })
}

fn row(
    device: devices::DeviceRow,
    live: &BTreeSet<String>,
    problem: Option<&str>,
    lanes: Vec<LaneRow>,
    now_ms: i64,
) -> DeviceRow {
    let uri = DeviceRef {
        tenant: device.tenant.clone(),
        device: device.device.clone(),
    }
    .uri();
    let (state, why) = state(&device, live.contains(&uri), problem);
    let hello = device.hello.as_ref();
    DeviceRow {
        state,
        why,
        last_seen_ms: device.last_seen_ms,
        version: hello.map(|hello| hello.version.clone()),
        disk_percent: hello.map(|hello| hello.disk_percent),
        fuel: hello.and_then(|hello| hello.fuel(now_ms)),
        clock_offset_ms: hello.map(|hello| hello.clock_offset_ms),
        backlog: hello.map(|hello| hello.backlog),
        can_be_revoked: device.revoked.is_none() && device.accepted.1 != devices::RELAY,
        lanes,
        tenant: device.tenant,
        device: device.device,
        store: device.store,
    }
}

/// The worst of what is known.
fn state(device: &devices::DeviceRow, is_live: bool, problem: Option<&str>) -> (Chip, String) {
    let chip = |tone, word: &str| Chip {
        tone,
        word: word.to_owned(),
    };
    if let Some((_, by)) = &device.revoked {
        return (chip(Tone::Idle, "revoked"), format!("by {by}"));
    }
    if device.accepted.1 == devices::RELAY {
        return match (problem, device.last_seen_ms) {
            (Some(problem), _) => (
                chip(Tone::Bad, "not heard"),
                format!("the POS's cloud: {problem}"),
            ),
            (None, Some(_)) => (
                chip(Tone::Good, "heard"),
                "the POS's cloud, asked by the relay".to_owned(),
            ),
            (None, None) => (chip(Tone::Wait, "not asked yet"), "the POS's cloud".to_owned()),
        };
    }
    let Some(hello) = &device.hello else {
        let why = "accepted, has not connected yet".to_owned();
        return (chip(Tone::Wait, "never seen"), why);
    };
    if !is_live {
        let why = "it keeps its sales until the link is back".to_owned();
        return (chip(Tone::Bad, "away"), why);
    }
    if hello.state != "ok" {
        return (chip(Tone::Bad, "look"), hello.state.clone());
    }
    if hello.disk_percent >= DISK_PERCENT {
        let why = format!("its disk is {} % full", hello.disk_percent);
        return (chip(Tone::Wait, "look"), why);
    }
    if hello.clock_offset_ms.abs() > CLOCK_OFF_MS {
        let seconds = hello.clock_offset_ms / 1000;
        return (chip(Tone::Wait, "look"), format!("its clock is {seconds} s off"));
    }
    (chip(Tone::Good, "connected"), String::new())
}

#[cfg(test)]
mod tests {
    use tillwire_proto::Digest;

    use super::*;

    #[test]
    fn cloud_is_heard_or_not_and_never_a_box_that_has_not_connected() {
        let mut cloud = devices::DeviceRow {
            id: 1,
            tenant: "acme".parse().unwrap(),
            device: "cloud-s01".parse().unwrap(),
            store: "s01".parse().unwrap(),
            public_key: Vec::new(),
            fingerprint: Digest([0; 32]),
            accepted: (0, devices::RELAY.to_owned()),
            revoked: None,
            last_seen_ms: None,
            hello: None,
        };
        assert_eq!(state(&cloud, false, None).0.word, "not asked yet");
        cloud.last_seen_ms = Some(1);
        assert_eq!(state(&cloud, false, None).0.word, "heard");
        let (chip, why) = state(&cloud, false, Some("HTTP 401"));
        assert_eq!((chip.tone, chip.word.as_str()), (Tone::Bad, "not heard"));
        assert!(why.contains("HTTP 401"), "{why}");
        cloud.accepted.1 = "somebody".to_owned();
        assert_eq!(state(&cloud, false, None).0.word, "never seen");
    }
}
