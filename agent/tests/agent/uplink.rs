//! The uplink with a real journal and real signatures, against a relay that is played in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use tempfile::TempDir;
use tillwire_agent::clock::Clock;
use tillwire_agent::identity::DeviceKey;
use tillwire_agent::journal::{Journal, Reader, Sink};
use tillwire_agent::uplink::{Desk, Event, Line, Parts, Shown, run};
use tillwire_agent_core::journal::Captured;
use tillwire_agent_core::settings::RelayLink;
use tillwire_agent_core::uplink::Doubt;
use tillwire_proto::{
    AgentHealth, AgentHello, AttachmentBundle, AttachmentChunk, AttachmentReceipt, Batch, CHUNK_LEN_MAX,
    Digest, Envelope, Kind, Mark, NoticeKind, Receipt, RecordNumber, RelayHello, RelayId, SIGNATURE_LEN,
    SegmentId, Sign, UP_LEN_MAX, Want, chain, decode_header, seal,
};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::support::*;

struct RelayKey(Ed25519KeyPair);

impl RelayKey {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
    }
}

impl Sign for RelayKey {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message).as_ref().try_into().unwrap()
    }
}

/// What the played relay does wrong.
#[derive(Debug, Default, Clone, Copy)]
struct Faults {
    /// Receipts that are lost, from the next on.
    lose_receipts: usize,
    /// Batches that are lost on their way up.
    lose_batches: usize,
    /// Receipts are signed by another key.
    forged: bool,
    /// Receipts name another hash.
    other_hash: bool,
    /// Takes everything and answers nothing: a half-open line.
    deaf: bool,
}

#[derive(Default)]
struct Stored {
    hashes: Vec<Digest>,
    lane: Option<tillwire_proto::LaneId>,
}

struct State {
    key: RelayKey,
    stranger: RelayKey,
    device: Vec<u8>,
    generation: u32,
    stored: BTreeMap<SegmentId, Stored>,
    attachments: BTreeMap<Digest, Vec<u8>>,
    faults: Faults,
    connections: usize,
    batches: Vec<u32>,
    /// Attachments in each bundle.
    bundles: Vec<usize>,
    out: VecDeque<Vec<u8>>,
    open: bool,
}

/// A relay in memory; clones are the same relay.
#[derive(Clone)]
struct Played {
    state: Arc<Mutex<State>>,
    news: Arc<Notify>,
}

const RELAY: RelayId = RelayId([3; 16]);

impl Played {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap())
    }

    fn stored(&self) -> usize {
        self.with(|s| s.stored.values().map(|stored| stored.hashes.len()).sum())
    }

    fn cut(&self) {
        self.with(|s| s.open = false);
        self.news.notify_one();
    }
}

impl State {
    fn say<T: serde::Serialize>(&mut self, kind: Kind, body: &T) {
        let forged = self.faults.forged && kind == Kind::Receipt;
        let key = if forged { &self.stranger } else { &self.key };
        self.out.push_back(seal(kind, body, key).unwrap());
    }

    fn take(&mut self, message: &[u8]) {
        let envelope = Envelope::open(message, UP_LEN_MAX).unwrap();
        envelope.verify_device(&self.device).unwrap();
        match envelope.kind {
            Kind::AgentHello => self.hello(&envelope.decode().unwrap()),
            Kind::Batch => self.batch(&envelope.decode().unwrap()),
            Kind::Attachment => self.attachment(envelope.decode().unwrap()),
            Kind::AttachmentBundle => self.bundle(&envelope.decode().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn hello(&mut self, hello: &AgentHello) {
        let marks = hello.segments.iter().map(|segment| {
            let hashes = self.stored.get(&segment.segment).map_or(&[][..], |s| &s.hashes);
            Mark {
                segment: segment.segment,
                through: RecordNumber(hashes.len() as u64),
                hash: hashes.last().copied(),
            }
        });
        let hello = RelayHello {
            relay: RELAY,
            generation: self.generation,
            at_ms: 7,
            marks: marks.collect(),
        };
        self.say(Kind::RelayHello, &hello);
    }

    fn batch(&mut self, batch: &Batch) {
        if self.faults.lose_batches > 0 {
            self.faults.lose_batches -= 1;
            return;
        }
        let run = batch.unpack().unwrap();
        self.batches.push(batch.count);
        let stored = self.stored.entry(batch.segment).or_default();
        if let Some(header) = &batch.header {
            let decoded = decode_header(&header.0).unwrap();
            assert_eq!(decoded.segment, batch.segment);
            stored.lane = Some(decoded.lane);
        }
        let have = stored.hashes.len() as u64;
        if batch.first.0 > have + 1 {
            let want = Want {
                segment: batch.segment,
                from: RecordNumber(have + 1),
            };
            return self.say(Kind::Want, &want);
        }
        for (number, hash) in (batch.first.0..).zip(run.hashes) {
            match stored.hashes.get(usize::try_from(number).unwrap() - 1) {
                Some(known) => assert_eq!(*known, hash, "a number has two contents"),
                None => stored.hashes.push(hash),
            }
        }
        let hash = if self.faults.other_hash {
            Digest([9; 32])
        } else {
            *stored.hashes.last().unwrap()
        };
        let receipt = Receipt {
            relay: RELAY,
            generation: self.generation,
            lane: stored.lane.clone().expect("the first batch brought the header"),
            segment: batch.segment,
            through: RecordNumber(stored.hashes.len() as u64),
            hash,
            at_ms: 7,
        };
        if self.faults.lose_receipts > 0 {
            self.faults.lose_receipts -= 1;
        } else {
            self.say(Kind::Receipt, &receipt);
        }
    }

    fn bundle(&mut self, bundle: &AttachmentBundle) {
        let all = bundle.unpack().unwrap();
        for (digest, range) in &all.parts {
            self.attachments
                .insert(*digest, all.plain[range.clone()].to_vec());
        }
        self.bundles.push(all.parts.len());
        self.say(
            Kind::AttachmentReceipt,
            &AttachmentReceipt {
                digest: AttachmentBundle::name(all.parts.into_iter().map(|(digest, _)| digest)),
                have: 1,
                complete: true,
            },
        );
    }

    fn attachment(&mut self, chunk: AttachmentChunk) {
        let held = self.attachments.entry(chunk.digest).or_default();
        if chunk.offset as usize == held.len() {
            held.extend(&chunk.bytes.0);
        }
        let complete = held.len() == chunk.packed_len as usize;
        if complete {
            let plain = zstd::bulk::decompress(held, chunk.len as usize).unwrap();
            assert_eq!(Digest::of(&plain), chunk.digest);
        }
        let have = u32::try_from(held.len()).unwrap();
        self.say(
            Kind::AttachmentReceipt,
            &AttachmentReceipt {
                digest: chunk.digest,
                have,
                complete,
            },
        );
    }
}

impl Line for Played {
    async fn connect(&mut self) -> anyhow::Result<()> {
        self.with(|s| {
            s.connections += 1;
            s.out.clear();
            s.open = true;
        });
        Ok(())
    }

    fn send(&mut self, message: Vec<u8>) -> anyhow::Result<()> {
        self.with(|s| {
            if !s.faults.deaf {
                s.take(&message);
            }
        });
        self.news.notify_one();
        Ok(())
    }

    async fn next_event(&mut self) -> Event {
        loop {
            let event = self.with(|s| match s.out.pop_front() {
                Some(message) => Some(Event::Message(message)),
                None if !s.open && s.connections > 0 => {
                    s.open = true;
                    Some(Event::Closed("cut".to_owned()))
                }
                None => None,
            });
            match event {
                Some(event) => return event,
                None => self.news.notified().await,
            }
        }
    }

    async fn close(&mut self) {}
}

/// An agent's uplink and its played relay.
struct Scene {
    dir: TempDir,
    journal: Journal,
    relay: Played,
    shown: watch::Receiver<Shown>,
    stop: CancellationToken,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Scene {
    fn start() -> Self {
        Self::with_faults(Faults::default())
    }

    fn with_faults(faults: Faults) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = DeviceKey::read_or_make(dir.path()).unwrap();
        let info = key.public_point();
        let state = State {
            key: RelayKey::new(),
            stranger: RelayKey::new(),
            device: info,
            generation: 1,
            stored: BTreeMap::new(),
            attachments: BTreeMap::new(),
            faults,
            connections: 0,
            batches: Vec::new(),
            bundles: Vec::new(),
            out: VecDeque::new(),
            open: false,
        };
        let relay = Played {
            state: Arc::new(Mutex::new(state)),
            news: Arc::new(Notify::new()),
        };
        let journal = open(dir.path());
        let desk = Desk::new(
            journal.reader().unwrap(),
            Box::new(key.signer().unwrap()),
            "0.1.0".parse().unwrap(),
        );
        let health = AgentHealth {
            backlog: 0,
            attachments: 0,
            disk_percent: 1,
            buffer_days: None,
            certificate_ends_ms: 0,
            state: "ok".parse().unwrap(),
        };
        let (shown, watch_shown) = watch::channel(Shown::default());
        let (_, health) = watch::channel(health);
        let parts = Parts {
            journal: journal.clone(),
            desk,
            receipt_key: relay.with(|s| s.key.0.public_key().as_ref().to_vec()),
            settings: RelayLink {
                backoff_min_ms: 10,
                backoff_max_ms: 100,
                watchdog_ms: 1_000,
                resend_ms: 300,
                ..RelayLink::default()
            },
            clock: Clock::new(None, 0),
            health,
            shown,
        };
        let stop = CancellationToken::new();
        tokio::spawn(run(relay.clone(), parts, stop.clone()));
        Self {
            dir,
            journal,
            relay,
            shown: watch_shown,
            stop,
        }
    }

    async fn sell(&self, tickets: std::ops::Range<u32>) {
        for ticket in tickets {
            self.journal.append(sale(&ticket.to_string(), 5)).await.unwrap();
        }
    }

    fn backlog(&self) -> u64 {
        self.journal.progress().borrow().backlog
    }

    async fn drained(&self) {
        wait_until(|| self.backlog() == 0).await;
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.shown.borrow().view.doubts.clone()
    }
}

#[tokio::test]
async fn sales_and_their_bytes_arrive_and_are_receipted() {
    let scene = Scene::start();
    scene.sell(0..20).await;
    scene.drained().await;
    wait_until(|| scene.journal.progress().borrow().attachments == 0).await;
    assert_eq!(scene.relay.stored(), 20);
    assert_eq!(scene.relay.with(|s| s.attachments.len()), 20);
    let segment = only_segment(scene.dir.path());
    let hash = chain::header_hash(&segment.header);
    assert_eq!(segment.pruned.hash, hash);
    assert_eq!(
        scene
            .relay
            .with(|s| *s.stored[&segment.id].hashes.last().unwrap()),
        segment.last.hash
    );
}

#[tokio::test]
async fn a_backlog_leaves_in_full_batches() {
    let scene = Scene::with_faults(Faults {
        deaf: true,
        ..Faults::default()
    });
    scene.sell(0..600).await;
    scene.relay.with(|s| s.faults.deaf = false);
    scene.drained().await;
    assert_eq!(scene.relay.stored(), 600);
    let batches = scene.relay.with(|s| s.batches.clone());
    assert!(batches.len() < 20, "{batches:?}");
    wait_until(|| scene.journal.progress().borrow().attachments == 0).await;
    let bundles = scene.relay.with(|s| s.bundles.clone());
    assert_eq!(bundles.iter().sum::<usize>(), 600);
    assert!(bundles.len() < 20, "{bundles:?}");
}

#[tokio::test]
async fn bytes_that_the_disk_changed_are_told_of_once_and_hold_nothing_up() {
    let scene = Scene::with_faults(Faults {
        deaf: true,
        ..Faults::default()
    });
    scene.sell(0..9).await;
    let db = rusqlite::Connection::open(scene.dir.path().join("journal.db")).unwrap();
    let changed = db
        .execute(
            "UPDATE attachments SET packed = x'00' WHERE digest = ?1",
            [Digest::of(b"bytes of 4").as_bytes()],
        )
        .unwrap();
    assert_eq!(changed, 1);
    scene.relay.with(|s| s.faults.deaf = false);
    wait_until(|| notices(scene.dir.path()).contains(&NoticeKind::Rotten)).await;
    scene.drained().await;
    wait_until(|| scene.journal.progress().borrow().attachments == 0).await;
    assert_eq!(scene.relay.with(|s| s.attachments.len()), 8);
    let told = notices(scene.dir.path());
    assert_eq!(told.iter().filter(|kind| **kind == NoticeKind::Rotten).count(), 1);
}

#[tokio::test]
async fn a_long_attachment_travels_in_pieces_between_bundles_of_short_ones() {
    let scene = Scene::with_faults(Faults {
        deaf: true,
        ..Faults::default()
    });
    scene.sell(0..3).await;
    // Noise does not pack: three pieces.
    let noise: Vec<u8> = (0..30_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes())
        .collect();
    let long = Captured {
        raw: noise.clone(),
        ..sale("long", 5)
    };
    scene.journal.append(long).await.unwrap();
    scene.sell(3..6).await;
    scene.relay.with(|s| s.faults.deaf = false);
    scene.drained().await;
    wait_until(|| scene.journal.progress().borrow().attachments == 0).await;
    let (bundles, pieces) = scene.relay.with(|s| {
        let packed = s.attachments[&Digest::of(&noise)].len();
        (s.bundles.clone(), packed.div_ceil(CHUNK_LEN_MAX))
    });
    assert_eq!((bundles.iter().sum::<usize>(), pieces > 1), (6, true));
    assert_eq!(scene.relay.with(|s| s.attachments.len()), 7);
}

#[tokio::test]
async fn lost_receipts_and_batches_are_mended_by_sending_again() {
    let scene = Scene::with_faults(Faults {
        lose_receipts: 3,
        lose_batches: 3,
        ..Faults::default()
    });
    scene.sell(0..10).await;
    scene.drained().await;
    assert_eq!(scene.relay.stored(), 10);
}

#[tokio::test]
async fn a_receipt_that_another_key_signed_is_not_believed() {
    let scene = Scene::with_faults(Faults {
        forged: true,
        ..Faults::default()
    });
    scene.sell(0..3).await;
    wait_until(|| scene.relay.stored() == 3).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(scene.backlog(), 3);
    scene.relay.with(|s| s.faults.forged = false);
    scene.drained().await;
}

#[tokio::test]
async fn a_receipt_with_another_hash_keeps_everything() {
    let scene = Scene::with_faults(Faults {
        other_hash: true,
        ..Faults::default()
    });
    scene.sell(0..3).await;
    wait_until(|| scene.doubts().contains(&Doubt::OtherHash)).await;
    assert_eq!(scene.backlog(), 3);
}

#[tokio::test]
async fn a_restored_relay_is_filled_again_from_the_journal() {
    let scene = Scene::start();
    scene.sell(0..30).await;
    scene.drained().await;
    scene.relay.with(|s| {
        s.generation = 2;
        s.stored
            .values_mut()
            .for_each(|stored| stored.hashes.truncate(12));
    });
    scene.relay.cut();
    wait_until(|| scene.relay.stored() == 30).await;
    scene.drained().await;
    let relay = Reader::open(scene.dir.path()).unwrap().relay().unwrap();
    assert_eq!(relay, Some((RELAY, 2)));
}

#[tokio::test]
async fn a_relay_that_holds_more_makes_the_agent_say_so() {
    let scene = Scene::start();
    scene.sell(0..3).await;
    scene.drained().await;
    scene.relay.with(|s| {
        s.stored
            .values_mut()
            .for_each(|stored| stored.hashes.push(Digest([1; 32])));
    });
    scene.relay.cut();
    wait_until(|| notices(scene.dir.path()).contains(&NoticeKind::RolledBack)).await;
    scene.relay.cut();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let told = notices(scene.dir.path())
        .into_iter()
        .filter(|kind| *kind == NoticeKind::RolledBack);
    assert_eq!(told.count(), 1, "once per segment");
}

#[tokio::test]
async fn a_deaf_connection_is_given_up_and_built_anew() {
    let scene = Scene::with_faults(Faults {
        deaf: true,
        ..Faults::default()
    });
    scene.sell(0..1).await;
    wait_until(|| scene.relay.with(|s| s.connections) >= 3).await;
    scene.relay.with(|s| s.faults.deaf = false);
    scene.drained().await;
}

#[tokio::test]
async fn a_lone_sale_is_receipted_at_once() {
    let scene = Scene::start();
    wait_until(|| scene.shown.borrow().view.up).await;
    for ticket in 0..5 {
        let sold = std::time::Instant::now();
        scene.sell(ticket..ticket + 1).await;
        let mut progress = scene.journal.progress();
        progress.wait_for(|p| p.backlog == 0).await.unwrap();
        assert!(sold.elapsed() < Duration::from_secs(2), "{:?}", sold.elapsed());
    }
    let batches = scene.relay.with(|s| s.batches.clone());
    assert!(
        batches.len() >= 5 && batches.iter().all(|&count| count == 1),
        "{batches:?}"
    );
}
