use std::collections::BTreeMap;

use tillwire_proto::{
    Batch, BootId, DeviceId, Digest, LaneId, Predecessor, RecordNumber, SegmentHeader, SegmentId, Stamp,
    StoreId, TenantId, Version, encode_header,
};
use tillwire_relay_core::ingest::{
    Admission, DeviceFacts, IdentityError, Lineage, SegmentKnown, SegmentNode, admit, check_header,
    header_hash, lineage,
};

const SEGMENT: SegmentId = SegmentId([7; 16]);

fn header() -> SegmentHeader {
    SegmentHeader {
        tenant: TenantId::new("acme").unwrap(),
        store: StoreId::new("s01").unwrap(),
        lane: LaneId::new("http").unwrap(),
        device: DeviceId::new("box-1").unwrap(),
        generation: 1,
        segment: SEGMENT,
        version: Version::new("0.1.0").unwrap(),
        config: Digest::of(b"config"),
        boot: BootId([1; 16]),
        stamp: Stamp {
            wall_ms: 0,
            monotonic_ms: 0,
        },
        predecessor: None,
        grand_total: None,
    }
}

fn device() -> DeviceFacts {
    DeviceFacts {
        tenant: TenantId::new("acme").unwrap(),
        device: DeviceId::new("box-1").unwrap(),
        store: StoreId::new("s01").unwrap(),
        lanes: [(LaneId::new("http").unwrap(), 1)].into(),
    }
}

/// The bodies of a segment; `changed` of them differs.
fn bodies(count: u64, changed: Option<u64>) -> Vec<Vec<u8>> {
    (1..=count)
        .map(|number| {
            let mark = if changed == Some(number) { "other" } else { "body" };
            format!("{mark} {number}").into_bytes()
        })
        .collect()
}

fn batch(all: &[Vec<u8>], first: u64, last: u64) -> (Batch, Vec<Digest>) {
    let header = encode_header(&header()).unwrap();
    let start = header_hash(&header);
    let hashes: Vec<Digest> = std::iter::once(start)
        .chain(tillwire_proto::chain::run_hashes(
            SEGMENT,
            RecordNumber(1),
            start,
            all.iter().map(Vec::as_slice),
        ))
        .collect();
    let at = |number: u64| usize::try_from(number).unwrap();
    let batch = Batch::pack(
        SEGMENT,
        (first == 1).then_some(header),
        RecordNumber(first),
        hashes[at(first) - 1],
        &all[at(first) - 1..at(last)],
    );
    let own = batch.hashes().unwrap();
    (batch, own)
}

/// What the relay holds after storing the first `through` records.
fn known(all: &[Vec<u8>], through: u64) -> SegmentKnown {
    let (_, hashes) = batch(all, 1, through);
    let header = header_hash(&encode_header(&header()).unwrap());
    let numbers = (0..).map(RecordNumber);
    let hashes: BTreeMap<RecordNumber, Digest> = numbers
        .zip(std::iter::once(header).chain(hashes.iter().copied()))
        .collect();
    SegmentKnown {
        lane: LaneId::new("http").unwrap(),
        device: DeviceId::new("box-1").unwrap(),
        through: RecordNumber(through),
        head: hashes[&RecordNumber(through)],
        hashes,
    }
}

fn from_index(admission: Admission) -> usize {
    match admission {
        Admission::Store { from_index, .. } => from_index,
        other => panic!("found {other:?}, wanted to store"),
    }
}

#[test]
fn a_segment_opens_with_its_header_only() {
    let all = bodies(5, None);
    let (first, hashes) = batch(&all, 1, 3);
    let Admission::Store {
        from_index: 0,
        header: Some(opened),
    } = admit(None, &first, &hashes, &device())
    else {
        panic!("the first batch opens the segment");
    };
    assert_eq!(*opened, header());
    let (later, hashes) = batch(&all, 4, 5);
    assert_eq!(
        admit(None, &later, &hashes, &device()),
        Admission::Want {
            from: RecordNumber(1)
        }
    );
}

#[test]
fn what_follows_is_stored_and_what_is_there_is_receipted_again() {
    let all = bodies(6, None);
    let held = known(&all, 3);
    let ask = |first, last| {
        let (batch, hashes) = batch(&all, first, last);
        admit(Some(&held), &batch, &hashes, &device())
    };
    assert_eq!(from_index(ask(4, 6)), 0);
    assert_eq!(
        from_index(ask(2, 6)),
        2,
        "an overlap is stored from the first new record on"
    );
    assert_eq!(ask(1, 3), Admission::AlreadyStored);
    assert_eq!(ask(2, 2), Admission::AlreadyStored);
    assert_eq!(
        ask(5, 6),
        Admission::Want {
            from: RecordNumber(4)
        }
    );
}

#[test]
fn one_number_with_two_contents_is_a_fork() {
    let held = known(&bodies(6, None), 6);
    let (other, hashes) = batch(&bodies(6, Some(4)), 1, 6);
    assert_eq!(
        admit(Some(&held), &other, &hashes, &device()),
        Admission::Fork {
            number: RecordNumber(4)
        }
    );
}

#[test]
fn a_batch_on_another_past_is_a_chain_mismatch() {
    let held = known(&bodies(6, None), 3);
    let (other, hashes) = batch(&bodies(6, Some(2)), 4, 6);
    let admission = admit(Some(&held), &other, &hashes, &device());
    assert!(
        matches!(
            admission,
            Admission::ChainMismatch {
                number: RecordNumber(3),
                ..
            }
        ),
        "{admission:?}"
    );
}

#[test]
fn another_device_may_not_continue_a_segment() {
    let all = bodies(4, None);
    let (batch, hashes) = batch(&all, 4, 4);
    let mut thief = device();
    thief.device = DeviceId::new("box-2").unwrap();
    let admission = admit(Some(&known(&all, 3)), &batch, &hashes, &thief);
    assert!(matches!(
        admission,
        Admission::Identity(IdentityError::Other { what: "device", .. })
    ));
}

#[test]
fn a_header_must_name_its_own_device_store_lane_and_lease() {
    let bytes = encode_header(&header()).unwrap();
    let with = |change: fn(&mut DeviceFacts)| {
        let mut device = device();
        change(&mut device);
        check_header(&bytes, SEGMENT, &device)
    };
    assert!(with(|_| ()).is_ok());
    assert!(
        with(|d| d.lanes.clear()).is_ok(),
        "no lease yet, the device may open its lanes"
    );
    let what = |result: Result<SegmentHeader, IdentityError>| match result.unwrap_err() {
        IdentityError::Other { what, .. } => what,
        IdentityError::NotLeased { .. } => "lease",
        IdentityError::Generation { .. } => "generation",
        IdentityError::Undecodable(_) => "bytes",
    };
    assert_eq!(
        what(with(|d| d.tenant = TenantId::new("other").unwrap())),
        "tenant"
    );
    assert_eq!(
        what(with(|d| d.device = DeviceId::new("other").unwrap())),
        "device"
    );
    assert_eq!(what(with(|d| d.store = StoreId::new("other").unwrap())), "store");
    assert_eq!(
        what(with(|d| d.lanes = [(LaneId::new("x").unwrap(), 1)].into())),
        "lease"
    );
    assert_eq!(
        what(with(|d| d.lanes = [(LaneId::new("http").unwrap(), 0)].into())),
        "generation"
    );
    assert_eq!(
        what(check_header(&bytes, SegmentId([8; 16]), &device())),
        "segment"
    );
    assert_eq!(what(check_header(&[255; 3], SEGMENT, &device())), "bytes");
}

fn node(id: u8, predecessor: Option<(u8, u64)>, through: u64) -> SegmentNode {
    SegmentNode {
        segment: SegmentId([id; 16]),
        predecessor: predecessor.map(|(of, number)| Predecessor {
            segment: SegmentId([of; 16]),
            number: RecordNumber(number),
            hash: Digest::of(&[of]),
        }),
        through: RecordNumber(through),
        head: Digest::of(&[id]),
        still_speaks: false,
    }
}

#[test]
fn the_graph_of_headers_tells_each_fate_of_a_disk() {
    let first = node(1, None, 10);
    let others = std::slice::from_ref(&first);
    assert_eq!(lineage(&first, others), Lineage::InLine);
    assert_eq!(lineage(&node(2, Some((1, 10)), 0), others), Lineage::InLine);
    assert_eq!(lineage(&node(2, None, 0), others), Lineage::NewDisk);
    let unknown = SegmentId([9; 16]);
    assert_eq!(
        lineage(&node(2, Some((9, 1)), 0), others),
        Lineage::UnknownPredecessor(unknown)
    );
    let lost = Lineage::TailLost {
        segment: first.segment,
        found: RecordNumber(7),
        stored: RecordNumber(10),
    };
    assert_eq!(lineage(&node(2, Some((1, 7)), 0), others), lost);
    let mut twin = node(3, Some((1, 10)), 5);
    let both = |twin: &SegmentNode| [first.clone(), twin.clone()];
    assert_eq!(
        lineage(&node(2, Some((1, 10)), 0), &both(&twin)),
        Lineage::RolledBack(twin.segment)
    );
    twin.still_speaks = true;
    assert_eq!(
        lineage(&node(2, Some((1, 10)), 0), &both(&twin)),
        Lineage::Cloned(twin.segment)
    );
}
