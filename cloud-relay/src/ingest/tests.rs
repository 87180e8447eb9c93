#![allow(clippy::cast_possible_truncation)] // test data is small

use tillwire_proto::{
    AttachmentBundle, AttachmentChunk, AttachmentReceipt, Blob, Digest, Kind, Receipt, RecordNumber, Refusal,
    RefusalReason, RelayHello, Want, seal,
};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::fuel::Limit;

use crate::endpoint::{Downlink, Verdict};
use crate::store::exceptions::{self, Filter};
use crate::store::{StoreOptions, Unit, devices, records};
use crate::testing::{Device, NOW, Relay, Segment, options, tenant};

async fn world() -> (tempfile::TempDir, Relay, Device) {
    let dir = tempfile::tempdir().unwrap();
    let relay = Relay::open(&options(&dir)).await;
    let device = relay.enrol("d1").await;
    (dir, relay, device)
}

fn filled(device: &Device, id: u8, count: u64) -> Segment {
    let mut segment = device.segment(id, None);
    for n in 1..=count {
        segment.push(format!(
            "record {n} of segment {id}, long enough to look like one"
        ));
    }
    segment
}

async fn held(relay: &Relay, segment: &Segment) -> Vec<Vec<u8>> {
    let id = segment.id();
    relay
        .store
        .read(move |db| {
            let Some(row) = records::segment(db, id)? else {
                return Ok(Vec::new());
            };
            let mut bodies = Vec::new();
            for batch in records::range(db, row.id, RecordNumber(1), row.through)? {
                bodies.extend(records::records(&batch)?.into_iter().map(|record| record.body));
            }
            assert_eq!(
                bodies.len() as u64,
                row.through.0,
                "held is exactly 1 to the mark"
            );
            Ok(bodies)
        })
        .await
        .unwrap()
}

async fn open_kinds(relay: &Relay) -> Vec<ExceptionKind> {
    let open = relay
        .store
        .read(|db| exceptions::list(db, &Filter::default()))
        .await
        .unwrap();
    open.into_iter().map(|stored| stored.draft.kind).collect()
}

#[tokio::test]
async fn receipt_says_what_is_held_with_its_hash() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 5);
    assert_eq!(
        relay.publish(&device, device.seal(&segment.batch(1, 3))).await,
        Verdict::Accepted
    );
    assert_eq!(
        relay.publish(&device, device.seal(&segment.batch(4, 5))).await,
        Verdict::Accepted
    );
    let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
    let said: Vec<_> = receipts.iter().map(|r| (r.through.0, r.hash)).collect();
    assert_eq!(said, [(3, segment.hash(3)), (5, segment.hash(5))]);
    assert_eq!(held(&relay, &segment).await.len(), 5);
}

#[tokio::test]
async fn duplicates_and_overlaps_are_stored_once_and_receipted_again() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 6);
    for (first, last) in [(1, 4), (1, 4), (2, 3), (3, 6), (5, 6), (1, 6)] {
        relay
            .publish(&device, device.seal(&segment.batch(first, last)))
            .await;
    }
    let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
    let through: Vec<u64> = receipts.iter().map(|r| r.through.0).collect();
    assert_eq!(through, [4, 4, 4, 6, 6, 6]);
    assert_eq!(held(&relay, &segment).await.len(), 6);
}

#[tokio::test]
async fn gap_is_not_stored_and_wanted_once_a_second() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 9);
    relay.publish(&device, device.seal(&segment.batch(1, 2))).await;
    relay.publish(&device, device.seal(&segment.batch(5, 6))).await;
    relay.publish(&device, device.seal(&segment.batch(7, 9))).await;
    let wants: Vec<Want> = relay.answers.take(Kind::Want);
    assert_eq!(
        wants,
        [Want {
            segment: segment.id(),
            from: RecordNumber(3)
        }]
    );
    assert_eq!(held(&relay, &segment).await.len(), 2);
}

#[tokio::test]
async fn unknown_segment_that_starts_late_is_wanted_from_one() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 9);
    relay.publish(&device, device.seal(&segment.batch(5, 9))).await;
    let wants: Vec<Want> = relay.answers.take(Kind::Want);
    assert_eq!(wants[0].from, RecordNumber(1));
}

#[tokio::test]
async fn fork_keeps_both_versions_and_raises_an_alarm() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 3);
    let mut other = segment.clone();
    other.push("a fourth");
    let mut forked = filled(&device, 1, 2);
    forked.push("not what was sent before");
    relay.publish(&device, device.seal(&segment.batch(1, 3))).await;
    assert_eq!(
        relay.publish(&device, device.seal(&forked.batch(1, 3))).await,
        Verdict::Accepted
    );
    relay.publish(&device, device.seal(&forked.batch(1, 3))).await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert_eq!(refusals[0].reason, RefusalReason::Fork);
    assert_eq!(open_kinds(&relay).await, [ExceptionKind::Fork]);
    let kept: u32 = relay
        .store
        .read(|db| Ok(db.query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?))
        .await
        .unwrap();
    assert_eq!(kept, 1, "the same message is kept once");
    // what continues the version held goes on
    relay.publish(&device, device.seal(&other.batch(4, 4))).await;
    assert_eq!(held(&relay, &segment).await.len(), 4);
}

#[tokio::test]
async fn segment_of_another_device_or_store_is_refused_and_kept_apart() {
    let (_dir, relay, device) = world().await;
    let thief = relay.enrol("d2").await;
    let segment = filled(&device, 1, 2);
    relay.publish(&thief, thief.seal(&segment.batch(1, 2))).await;
    let mut header = thief.segment(2, None).header;
    header.store = tillwire_proto::StoreId::new("s99").unwrap();
    let mut elsewhere = Segment::with_header(header);
    elsewhere.push("x");
    relay.publish(&thief, thief.seal(&elsewhere.batch(1, 1))).await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert!(
        refusals.iter().all(|r| r.reason == RefusalReason::Identity),
        "{refusals:?}"
    );
    assert_eq!(refusals.len(), 2);
    assert!(held(&relay, &segment).await.is_empty());
    // the owner is not harmed by it
    relay.publish(&device, device.seal(&segment.batch(1, 2))).await;
    assert_eq!(held(&relay, &segment).await.len(), 2);
}

#[tokio::test]
async fn other_signature_or_garbage_ends_the_connection() {
    let (_dir, relay, device) = world().await;
    let thief = Device::new("d1");
    let segment = filled(&device, 1, 2);
    assert!(!relay.ingest_admits(&thief), "another key under the same name");
    let forged = relay.publish(&device, thief.seal(&segment.batch(1, 2))).await;
    assert!(matches!(forged, Verdict::Refused(_)));
    assert!(matches!(
        relay.publish(&device, b"GET / HTTP/1.1".to_vec()).await,
        Verdict::Refused(_)
    ));
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    let reasons: Vec<_> = refusals.iter().map(|r| r.reason).collect();
    assert_eq!(reasons, [RefusalReason::Signature, RefusalReason::Malformed]);
    assert!(held(&relay, &segment).await.is_empty());
}

#[tokio::test]
async fn body_that_nobody_can_read_is_stored_like_any_other() {
    let (_dir, relay, device) = world().await;
    let mut segment = device.segment(1, None);
    segment.push(vec![0xff; 40]);
    segment.push("after it");
    relay.publish(&device, device.seal(&segment.batch(1, 2))).await;
    let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
    assert_eq!(receipts[0].through.0, 2);
}

#[tokio::test]
async fn batch_whose_chain_is_wrong_is_kept_apart() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 2);
    let mut batch = segment.batch(1, 2);
    batch.last = Digest([9; 32]);
    relay.publish(&device, device.seal(&batch)).await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert_eq!(refusals[0].reason, RefusalReason::Chain);
    assert!(held(&relay, &segment).await.is_empty());
}

#[tokio::test]
async fn hello_is_answered_with_marks_and_keeps_the_health() {
    let (_dir, relay, device) = world().await;
    let (known, fresh) = (filled(&device, 1, 3), filled(&device, 2, 1));
    relay.publish(&device, device.seal(&known.batch(1, 2))).await;
    relay
        .publish(&device, device.hello(&[&known, &fresh], NOW + 5))
        .await;
    let hellos: Vec<RelayHello> = relay.answers.take(Kind::RelayHello);
    let marks: Vec<_> = hellos[0]
        .marks
        .iter()
        .map(|mark| (mark.through.0, mark.hash))
        .collect();
    assert_eq!(marks, [(2, Some(known.hash(2))), (0, None)]);
    let row = relay.store.read(devices::list).await.unwrap().remove(0);
    let hello = row.hello.unwrap();
    assert_eq!(
        (hello.backlog, hello.disk_percent, hello.clock_offset_ms),
        (3, 40, 5)
    );
    let fuel = hello.fuel(NOW).unwrap();
    assert_eq!((fuel.days, fuel.limit), (212, Limit::Disk));
    crate::metrics::scrape(&relay.store).await.unwrap();
    let page = relay.store.metrics().page();
    let told = "tillwire_relay_holds_out_days{tenant=\"acme\",store=\"s01\"} 212";
    assert!(page.contains(told), "{page}");
}

#[tokio::test]
async fn clock_a_year_off_is_an_exception_until_it_is_set() {
    let (_dir, relay, device) = world().await;
    relay
        .publish(&device, device.hello(&[], NOW - 366 * 86_400_000))
        .await;
    assert_eq!(open_kinds(&relay).await, [ExceptionKind::ClockOff]);
    relay.publish(&device, device.hello(&[], NOW)).await;
    assert!(open_kinds(&relay).await.is_empty());
}

#[tokio::test]
async fn disk_that_lost_a_receipted_tail_is_named_and_nothing_is_missing() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 5);
    relay.publish(&device, device.seal(&segment.batch(1, 5))).await;
    relay
        .publish(&device, device.hello(&[&filled(&device, 1, 3)], NOW))
        .await;
    assert_eq!(open_kinds(&relay).await, [ExceptionKind::TailLost]);
    assert_eq!(held(&relay, &segment).await.len(), 5);
}

#[tokio::test]
async fn what_was_receipted_is_there_after_a_kill() {
    let (dir, relay, device) = world().await;
    let segment = filled(&device, 1, 50);
    for n in 1..=50 {
        relay.publish(&device, device.seal(&segment.batch(n, n))).await;
    }
    let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
    assert_eq!(receipts.last().unwrap().through.0, 50);
    // the files as they lie while the relay still runs are what a kill leaves behind
    let after = tempfile::tempdir().unwrap();
    for name in ["relay.db", "relay.db-wal", "relay.db.generation"] {
        std::fs::copy(dir.path().join(name), after.path().join(name)).unwrap();
    }
    let again = Relay::open(&options(&after)).await;
    assert_eq!(held(&again, &segment).await.len(), 50);
    assert_eq!(again.store.generation(), relay.store.generation());
}

#[tokio::test]
async fn older_copy_raises_the_generation_and_is_filled_again() {
    let (dir, relay, device) = world().await;
    let segment = filled(&device, 1, 10);
    relay.publish(&device, device.seal(&segment.batch(1, 4))).await;
    relay.store.close().await;
    let backup = dir.path().join("backup");
    std::fs::copy(dir.path().join("relay.db"), &backup).unwrap();

    let relay = Relay::open(&options(&dir)).await;
    relay.publish(&device, device.seal(&segment.batch(5, 10))).await;
    relay.store.mark().await.unwrap();
    let before = relay.store.generation();
    relay.store.close().await;
    put_back(&dir, &backup);

    let relay = Relay::open(&options(&dir)).await;
    assert_eq!(relay.store.generation(), before + 1);
    assert_eq!(relay.store.restored().unwrap().now.batches, 1);
    relay.publish(&device, device.hello(&[&segment], NOW)).await;
    let hellos: Vec<RelayHello> = relay.answers.take(Kind::RelayHello);
    assert_eq!(
        (hellos[0].generation, hellos[0].marks[0].through.0),
        (before + 1, 4)
    );
    relay.publish(&device, device.seal(&segment.batch(5, 10))).await;
    assert_eq!(held(&relay, &segment).await.len(), 10);
}

/// The copy in the place of the database; nobody has it open.
fn put_back(dir: &tempfile::TempDir, copy: &std::path::Path) {
    for name in ["relay.db-wal", "relay.db-shm"] {
        let _ = std::fs::remove_file(dir.path().join(name));
    }
    std::fs::copy(copy, dir.path().join("relay.db")).unwrap();
}

#[tokio::test]
async fn older_copy_that_lacks_nothing_but_captured_bytes_is_noticed() {
    let (dir, relay, device) = world().await;
    let backup = dir.path().join("backup");
    let bundle = AttachmentBundle::pack(&[b"one".as_slice(), b"two"]);
    let piece = pieces(b"a long one", 30_000).remove(0);
    let messages = [
        seal(Kind::AttachmentBundle, &bundle, &device).unwrap(),
        seal(Kind::Attachment, &piece, &device).unwrap(),
    ];
    relay.store.close().await;
    for (message, stored) in messages.into_iter().zip([2, 1]) {
        std::fs::copy(dir.path().join("relay.db"), &backup).unwrap();
        let relay = Relay::open(&options(&dir)).await;
        let before = relay.store.generation();
        relay.publish(&device, message).await;
        relay.store.mark().await.unwrap();
        relay.store.close().await;
        put_back(&dir, &backup);

        let relay = Relay::open(&options(&dir)).await;
        assert_eq!(relay.store.generation(), before + 1);
        let restored = relay.store.restored().unwrap();
        assert_eq!(restored.before.batches, restored.now.batches);
        assert_eq!(restored.before.attachments, restored.now.attachments + stored);
        relay.store.close().await;
    }
}

#[tokio::test]
async fn operator_who_restored_everything_says_so() {
    let (dir, relay, _device) = world().await;
    relay.store.close().await;
    let told = StoreOptions {
        restored: true,
        ..options(&dir)
    };
    assert_eq!(Relay::open(&told).await.store.generation(), 2);
}

#[tokio::test]
async fn full_disk_is_busy_and_loses_nothing() {
    let (dir, relay, device) = world().await;
    let segment = filled(&device, 1, 200);
    relay.publish(&device, device.seal(&segment.batch(1, 2))).await;
    relay.store.close().await;
    let pages: u32 = relay
        .store
        .read(|db| Ok(db.query_row("PRAGMA page_count", [], |row| row.get(0))?))
        .await
        .unwrap();
    let small = StoreOptions {
        page_count_max: Some(pages + 4),
        ..options(&dir)
    };
    let relay = Relay::open(&small).await;
    let mut through = 2;
    for n in 3..=200 {
        relay.publish(&device, device.seal(&segment.batch(n, n))).await;
        let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
        match receipts.first() {
            Some(receipt) => through = receipt.through.0,
            None => break,
        }
    }
    assert!(through < 200, "the disk was not full after all");
    relay
        .publish(&device, device.seal(&segment.batch(through + 1, through + 1)))
        .await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert_eq!(refusals[0].reason, RefusalReason::Busy);
    assert!(refusals[0].retry_after_ms > 0);
    assert_eq!(held(&relay, &segment).await.len() as u64, through);
    relay.store.close().await;

    let relay = Relay::open(&options(&dir)).await;
    relay
        .publish(&device, device.seal(&segment.batch(through + 1, 200)))
        .await;
    assert_eq!(held(&relay, &segment).await.len(), 200);
}

#[tokio::test]
async fn revoked_device_is_refused_at_once() {
    let (_dir, relay, device) = world().await;
    let segment = filled(&device, 1, 2);
    relay.publish(&device, device.seal(&segment.batch(1, 1))).await;
    let name = device.identity().device.device;
    relay
        .store
        .write(move |unit| devices::revoke(unit, &tenant(), &name, "ann", NOW))
        .await
        .unwrap();
    let gone = relay.registry.refresh(&relay.store).await.unwrap();
    assert_eq!(gone, [device.identity().device]);
    assert!(!relay.ingest_admits(&device));
    let verdict = relay.publish(&device, device.seal(&segment.batch(2, 2))).await;
    assert!(matches!(verdict, Verdict::Refused(_)));
    assert_eq!(held(&relay, &segment).await.len(), 1);
}

#[tokio::test]
async fn revocation_by_another_process_is_seen_at_the_next_look() {
    let (dir, relay, device) = world().await;
    let beside = crate::store::Store::open(&options(&dir)).unwrap();
    let name = device.identity().device.device;
    assert!(
        beside
            .write(move |unit| devices::revoke(unit, &tenant(), &name, "ann", NOW))
            .await
            .unwrap()
    );
    relay
        .registry
        .enforce(&relay.store, &Downlink::new(relay.store.clock().clone()))
        .await
        .unwrap();
    assert!(!relay.ingest_admits(&device));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_devices_share_one_commit() {
    const DEVICES: usize = 40;
    let (_dir, relay, _) = world().await;
    let relay = std::sync::Arc::new(relay);
    let mut devices = Vec::new();
    for n in 0..DEVICES {
        devices.push(relay.enrol(&format!("m{n}")).await);
    }
    let before = commits(&relay);
    let mut tasks = tokio::task::JoinSet::new();
    // a slow disk, whatever this machine has: what comes meanwhile waits together
    let slow = relay.store.clone();
    tasks.spawn(async move {
        let sync = |_: &mut Unit<'_>| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            Ok(())
        };
        slow.write(sync).await.unwrap();
    });
    for (n, device) in devices.into_iter().enumerate() {
        let relay = std::sync::Arc::clone(&relay);
        tasks.spawn(async move {
            let segment = filled(&device, 100 + n as u8, 20);
            let sends = (1..=20).map(|n| relay.publish(&device, device.seal(&segment.batch(n, n))));
            futures_util::future::join_all(sends).await;
            assert_eq!(held(&relay, &segment).await.len(), 20);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let made = commits(&relay) - before;
    assert!(
        made < (DEVICES * 20) as u64 / 2,
        "{made} commits for {} batches",
        DEVICES * 20
    );
    let receipts: Vec<Receipt> = relay.answers.take(Kind::Receipt);
    assert_eq!(receipts.len(), DEVICES * 20);
}

fn commits(relay: &Relay) -> u64 {
    let page = relay.store.metrics().page();
    let line = page
        .lines()
        .find(|line| line.starts_with("tillwire_relay_commit_seconds_count"))
        .unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn pieces(plain: &[u8], len: usize) -> Vec<AttachmentChunk> {
    let packed = zstd::bulk::compress(plain, 3).unwrap();
    let piece = |(n, bytes): (usize, &[u8])| AttachmentChunk {
        digest: Digest::of(plain),
        len: plain.len() as u32,
        packed_len: packed.len() as u32,
        offset: (n * len) as u32,
        bytes: Blob(bytes.to_vec()),
    };
    packed.chunks(len).enumerate().map(piece).collect()
}

#[tokio::test]
async fn attachment_arrives_in_pieces_and_resumes_where_it_was() {
    let (_dir, relay, device) = world().await;
    let plain: Vec<u8> = (0..20_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    let pieces = pieces(&plain, 30_000);
    assert!(pieces.len() > 2);
    let order = [0, 0, 2, 1].into_iter().chain(2..pieces.len());
    let mut last = None;
    for n in order {
        relay
            .publish(&device, seal(Kind::Attachment, &pieces[n], &device).unwrap())
            .await;
        let receipts: Vec<AttachmentReceipt> = relay.answers.take(Kind::AttachmentReceipt);
        last = receipts.last().copied();
    }
    assert!(last.unwrap().complete);
    let digest = Digest::of(&plain);
    let there = kept(&relay, digest).await;
    assert_eq!(there.as_deref(), Some(plain.as_slice()));
    relay
        .publish(&device, seal(Kind::Attachment, &pieces[0], &device).unwrap())
        .await;
    let receipts: Vec<AttachmentReceipt> = relay.answers.take(Kind::AttachmentReceipt);
    assert!(receipts[0].complete, "once it is whole, every piece says so");
}

#[tokio::test]
async fn attachment_that_is_not_its_digest_is_forgotten_and_may_come_again() {
    let (_dir, relay, device) = world().await;
    let mut wrong = pieces(b"what was captured", 30_000).remove(0);
    wrong.digest = Digest::of(b"something else");
    relay
        .publish(&device, seal(Kind::Attachment, &wrong, &device).unwrap())
        .await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert_eq!(refusals[0].reason, RefusalReason::Malformed);
    let right = pieces(b"something else", 30_000).remove(0);
    relay
        .publish(&device, seal(Kind::Attachment, &right, &device).unwrap())
        .await;
    let receipts: Vec<AttachmentReceipt> = relay.answers.take(Kind::AttachmentReceipt);
    assert!(receipts[0].complete);
}

async fn kept(relay: &Relay, digest: Digest) -> Option<Vec<u8>> {
    relay
        .store
        .read(move |db| super::attachments::get(db, &tenant(), digest))
        .await
        .unwrap()
}

#[tokio::test]
async fn bundle_is_stored_as_signed_and_each_of_it_found_under_its_own_digest() {
    let (_dir, relay, device) = world().await;
    let captured: Vec<Vec<u8>> = (0..40)
        .map(|n| format!("receipt {n} of a day on which all look alike").into_bytes())
        .collect();
    let bundle = AttachmentBundle::pack(&captured);
    let digests: Vec<Digest> = captured.iter().map(|one| Digest::of(one)).collect();
    for _ in 0..2 {
        let sealed = seal(Kind::AttachmentBundle, &bundle, &device).unwrap();
        assert_eq!(relay.publish(&device, sealed).await, Verdict::Accepted);
    }
    let receipts: Vec<AttachmentReceipt> = relay.answers.take(Kind::AttachmentReceipt);
    let name = AttachmentBundle::name(digests.iter().copied());
    let said: Vec<_> = receipts.iter().map(|r| (r.digest, r.complete)).collect();
    assert_eq!(
        said,
        [(name, true); 2],
        "sent twice, it is there once and receipted twice"
    );
    for (digest, captured) in digests.iter().zip(&captured) {
        assert_eq!(kept(&relay, *digest).await.as_ref(), Some(captured));
    }
    assert_eq!(relay.store.metrics().attachments.get(), 40);
    let stored: i64 = relay
        .store
        .read(|db| Ok(db.query_row("SELECT count(*) FROM attachment_bundles", [], |row| row.get(0))?))
        .await
        .unwrap();
    assert_eq!(stored, 1);
}

#[tokio::test]
async fn one_that_came_in_pieces_before_is_not_kept_twice_when_a_bundle_brings_it_again() {
    let (_dir, relay, device) = world().await;
    let piece = pieces(b"came alone", 30_000).remove(0);
    relay
        .publish(&device, seal(Kind::Attachment, &piece, &device).unwrap())
        .await;
    let bundle = AttachmentBundle::pack(&[b"came alone".as_slice(), b"came with it"]);
    relay
        .publish(&device, seal(Kind::AttachmentBundle, &bundle, &device).unwrap())
        .await;
    let receipts: Vec<AttachmentReceipt> = relay.answers.take(Kind::AttachmentReceipt);
    assert!(receipts.iter().all(|receipt| receipt.complete));
    assert_eq!(relay.store.metrics().attachments.get(), 2);
    let there = kept(&relay, Digest::of(b"came with it")).await;
    assert_eq!(there.as_deref(), Some(b"came with it".as_slice()));
}

#[tokio::test]
async fn bundle_that_is_not_what_it_says_is_refused_and_nothing_of_it_is_kept() {
    let (_dir, relay, device) = world().await;
    let mut bundle = AttachmentBundle::pack(&[b"one".as_slice(), b"two"]);
    bundle.lens[1] = 4;
    relay
        .publish(&device, seal(Kind::AttachmentBundle, &bundle, &device).unwrap())
        .await;
    let refusals: Vec<Refusal> = relay.answers.take(Kind::Refusal);
    assert_eq!(refusals[0].reason, RefusalReason::Malformed);
    assert_eq!(kept(&relay, Digest::of(b"one")).await, None);
}

#[tokio::test]
async fn bytes_that_the_disk_changed_in_a_bundle_are_named_and_never_shown() {
    let (_dir, relay, device) = world().await;
    let bundle = AttachmentBundle::pack(&[b"one".as_slice(), b"two"]);
    relay
        .publish(&device, seal(Kind::AttachmentBundle, &bundle, &device).unwrap())
        .await;
    let other = AttachmentBundle::pack(&[b"one".as_slice(), b"2wo"]);
    let sealed = seal(Kind::AttachmentBundle, &other, &device).unwrap();
    relay
        .store
        .write(move |unit| {
            unit.db
                .execute("UPDATE attachment_bundles SET sealed = ?1", [sealed])?;
            Ok(())
        })
        .await
        .unwrap();
    let read = relay
        .store
        .read(|db| super::attachments::get(db, &tenant(), Digest::of(b"two")))
        .await;
    let error = read.unwrap_err().to_string();
    assert!(error.contains("is not in its bundle any more"), "{error}");
    assert_eq!(
        kept(&relay, Digest::of(b"one")).await.as_deref(),
        Some(b"one".as_slice())
    );
}

impl Relay {
    fn ingest_admits(&self, device: &Device) -> bool {
        use crate::endpoint::Ingest as _;
        self.ingest.admit(&device.identity())
    }
}
