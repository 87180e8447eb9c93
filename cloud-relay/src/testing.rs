//! A device with its key, for the tests of this package: makes segments, seals messages, and reads the answers.

#![allow(clippy::cast_possible_truncation)] // test data is small
#![allow(dead_code)] // what one test file does not use, another does

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use tillwire_proto::{
    AgentHealth, AgentHello, Amount, Batch, Body, BootId, BusinessDay, BusinessKey, Currency, DeviceId,
    Digest, Envelope, Fact, Kind, LaneId, Line, LineKind, Note, Observation, Predecessor, Prices, Quantity,
    RecordNumber, RegisterId, SIGNATURE_LEN, SegmentHeader, SegmentId, SegmentState, Sign, Sku, Stamp,
    StoreId, TenantId, Tender, TenderKind, TenderState, TicketNumber, Totals, Trade, Transaction,
    TransactionKind, Unit, Version, Witness, chain, encode_header, encode_observation, seal,
};
use tillwire_relay_core::settings::{RelaySettings, StoreDraft};

use crate::endpoint::{Delivery, DeviceIdentity, DeviceRef, Ingest as _, SendError, Verdict};
use crate::enrol::{Decision, Enrolment, EnrolmentState, EnrolmentStore as _, Invitation, Redeemed};
use crate::ingest::registry::Registry;
use crate::ingest::signer::ReceiptSigner;
use crate::ingest::{Down, RelayIngest};
use crate::store::{Store, StoreOptions};

/// 2027-01-15T08:00:00Z: three in the morning in Chicago, so still the business day of the 14th.
pub(crate) const NOW: i64 = 1_800_000_000_000;

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub(crate) fn store_id() -> StoreId {
    StoreId::new("s01").unwrap()
}

pub(crate) fn settings() -> Arc<RelaySettings> {
    let draft: StoreDraft = toml::from_str(
        r#"
        tenant = "acme"
        store = "s01"
        name = "Main Street"
        time_zone = "America/Chicago"
        registers = ["till-1", "till-2"]
        [odoo]
        company = "Acme"
        journal = "TILL"
        warehouse = "S01"
        [odoo.accounts]
        tender = { cash = "101501", card = "101601" }
        tax = { "CA State" = "252000" }
        revenue = "400000"
        cash_over = "450000"
        cash_short = "650000"
        "#,
    )
    .unwrap();
    Arc::new(RelaySettings::new([draft.check().unwrap()]).unwrap())
}

pub(crate) fn options(dir: &tempfile::TempDir) -> StoreOptions {
    StoreOptions {
        clock: crate::clock::Clock::standing(NOW),
        ..StoreOptions::at(dir.path().join("relay.db"))
    }
}

/// What went down, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Arc<Mutex<Vec<(DeviceRef, Bytes)>>>);

impl Down for Answers {
    fn send(&self, device: &DeviceRef, payload: Bytes, _: Delivery) -> Result<(), SendError> {
        self.0.lock().unwrap().push((device.clone(), payload));
        Ok(())
    }
}

impl Answers {
    /// Takes all answers of one kind; the others are dropped.
    pub(crate) fn take<T: serde::de::DeserializeOwned>(&self, kind: Kind) -> Vec<T> {
        let all = std::mem::take(&mut *self.0.lock().unwrap());
        all.iter()
            .map(|(_, bytes)| Envelope::open(bytes, tillwire_proto::DOWN_LEN_MAX).unwrap())
            .filter(|envelope| envelope.kind == kind)
            .map(|envelope| envelope.decode().unwrap())
            .collect()
    }
}

pub(crate) struct Relay {
    pub(crate) store: Store,
    pub(crate) registry: Arc<Registry>,
    pub(crate) ingest: RelayIngest,
    pub(crate) answers: Answers,
}

impl Relay {
    pub(crate) async fn open(options: &StoreOptions) -> Self {
        let store = Store::open(options).unwrap();
        let registry = Registry::load(&store).await.unwrap();
        let answers = Answers::default();
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let signer = ReceiptSigner::new(Arc::new(key));
        let ingest = RelayIngest::new(
            store.clone(),
            Arc::clone(&registry),
            settings(),
            signer,
            answers.clone(),
        );
        Self {
            store,
            registry,
            ingest,
            answers,
        }
    }

    /// Enrols a device the whole way: invitation, request, a person's yes.
    pub(crate) async fn enrol(&self, name: &str) -> Device {
        let device = Device::new(name);
        let invitation = Invitation {
            handle: handle(name),
            secret_digest: Digest::of(b"secret"),
            tenant: tenant(),
            store: store_id(),
            device: device.name.clone(),
            created_ms: NOW,
            created_by: "ann".to_owned(),
            expires_ms: NOW + 1000,
            wrong_tries: 0,
            used_by: None,
        };
        assert!(self.store.invite(invitation).await.unwrap());
        let enrolment = Enrolment {
            fingerprint: device.fingerprint(),
            public_key: device.point(),
            request: b"request".to_vec(),
            poll_digest: Digest::of(b"poll"),
            tenant: tenant(),
            store: store_id(),
            device: device.name.clone(),
            asked_ms: NOW,
            state: EnrolmentState::Waiting,
        };
        assert_eq!(
            self.store.redeem(handle(name), enrolment).await.unwrap(),
            Redeemed::Asked
        );
        let state = EnrolmentState::Accepted {
            chain: vec![b"certificate".to_vec()],
            not_after: 1,
        };
        let decision = Decision {
            state,
            by: "ann".to_owned(),
            at_ms: NOW,
        };
        assert!(self.store.decide(device.fingerprint(), decision).await.unwrap());
        self.registry.refresh(&self.store).await.unwrap();
        device
    }

    pub(crate) async fn publish(&self, device: &Device, message: Vec<u8>) -> Verdict {
        self.ingest
            .publish(&device.identity(), Bytes::from(message))
            .await
    }
}

pub(crate) struct Device {
    name: DeviceId,
    key: EcdsaKeyPair,
}

impl Sign for Device {
    fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        let signature = self.key.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().try_into().unwrap()
    }
}

impl Device {
    pub(crate) fn new(name: &str) -> Self {
        let rng = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &rng).unwrap();
        Self {
            name: DeviceId::new(name).unwrap(),
            key,
        }
    }

    pub(crate) fn point(&self) -> Vec<u8> {
        self.key.public_key().as_ref().to_vec()
    }

    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.key.public_key().as_ref())
    }

    pub(crate) fn identity(&self) -> DeviceIdentity {
        DeviceIdentity {
            device: DeviceRef {
                tenant: tenant(),
                device: self.name.clone(),
            },
            public_key: Arc::from(self.point()),
            key_fingerprint: self.fingerprint(),
            serial: "01".to_owned(),
            not_after: i64::MAX,
        }
    }

    pub(crate) fn segment(&self, id: u8, predecessor: Option<Predecessor>) -> Segment {
        let header = SegmentHeader {
            tenant: tenant(),
            store: store_id(),
            lane: LaneId::new("till-1").unwrap(),
            device: self.name.clone(),
            generation: 0,
            segment: SegmentId([id; 16]),
            version: Version::new("0.1.0").unwrap(),
            config: Digest([0; 32]),
            boot: BootId([0; 16]),
            stamp: Stamp {
                wall_ms: NOW,
                monotonic_ms: 0,
            },
            predecessor,
            grand_total: None,
        };
        Segment::with_header(header)
    }

    pub(crate) fn seal(&self, batch: &Batch) -> Vec<u8> {
        seal(Kind::Batch, batch, self).unwrap()
    }

    pub(crate) fn hello(&self, segments: &[&Segment], wall_ms: i64) -> Vec<u8> {
        let hello = AgentHello {
            version: Version::new("0.1.0").unwrap(),
            stamp: Stamp {
                wall_ms,
                monotonic_ms: 0,
            },
            segments: segments.iter().map(|segment| segment.state()).collect(),
            more: false,
            health: AgentHealth {
                backlog: 3,
                attachments: 1,
                disk_percent: 40,
                buffer_days: Some(212),
                certificate_ends_ms: wall_ms + 1000 * 86_400_000,
                state: Note::new("ok").unwrap(),
            },
        };
        seal(Kind::AgentHello, &hello, self).unwrap()
    }
}

/// Records of one start, as the agent's journal holds them.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    bodies: Vec<Vec<u8>>,
}

impl Segment {
    pub(crate) fn with_header(header: SegmentHeader) -> Self {
        Self {
            header,
            bodies: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> SegmentId {
        self.header.segment
    }

    pub(crate) fn push(&mut self, body: impl Into<Vec<u8>>) {
        self.bodies.push(body.into());
    }

    pub(crate) fn tell(&mut self, observation: &Observation) {
        self.bodies.push(encode_observation(observation).unwrap());
    }

    pub(crate) fn last(&self) -> RecordNumber {
        RecordNumber(self.bodies.len() as u64)
    }

    pub(crate) fn hash(&self, number: u64) -> Digest {
        let start = chain::header_hash(&encode_header(&self.header).unwrap());
        let bodies = self.bodies.iter().map(Vec::as_slice);
        let hashes = chain::run_hashes(self.header.segment, RecordNumber(1), start, bodies);
        if number == 0 {
            start
        } else {
            hashes.take(number as usize).last().unwrap()
        }
    }

    pub(crate) fn batch(&self, first: u64, last: u64) -> Batch {
        self.batch_after(first, last, self.hash(first - 1))
    }

    /// As [`Segment::batch`] for who knows the hash before it, so that long segments are made quickly.
    pub(crate) fn batch_after(&self, first: u64, last: u64, previous: Digest) -> Batch {
        let header = (first == 1).then(|| encode_header(&self.header).unwrap());
        let bodies = &self.bodies[first as usize - 1..last as usize];
        Batch::pack(self.header.segment, header, RecordNumber(first), previous, bodies)
    }

    pub(crate) fn end(&self) -> Predecessor {
        let number = self.last();
        Predecessor {
            segment: self.header.segment,
            number,
            hash: self.hash(number.0),
        }
    }

    fn state(&self) -> SegmentState {
        SegmentState {
            lane: self.header.lane.clone(),
            segment: self.header.segment,
            first_kept: RecordNumber(1),
            last: self.last(),
            hash: self.hash(self.last().0),
        }
    }
}

fn handle(name: &str) -> [u8; 4] {
    let digest = Digest::of(name.as_bytes());
    digest.as_bytes()[..4].try_into().unwrap()
}

pub(crate) fn day(text: &str) -> BusinessDay {
    text.parse().unwrap()
}

#[cfg(test)]
fn usd(minor: i64) -> Amount {
    Amount::new(minor, Currency::USD)
}

fn observed(fact: Fact) -> Observation {
    Observation {
        witness: Witness::PosPush,
        stamp: Stamp {
            wall_ms: NOW,
            monotonic_ms: 0,
        },
        attachment: None,
        redacted: 0,
        fact,
    }
}

fn transaction(on: &str, ticket: &str, kind: TransactionKind, body: Body) -> Observation {
    observed(Fact::Transaction(Box::new(Transaction {
        key: BusinessKey {
            store: store_id(),
            register: RegisterId::new("till-1").unwrap(),
            day: day(on),
            ticket: TicketNumber::new(ticket).unwrap(),
            kind,
            revision: 0,
        },
        at: "2027-01-14T10:00:00".parse().unwrap(),
        pos_id: None,
        operator: None,
        currency: Currency::USD,
        body,
    })))
}

/// One piece of `sku` for so many cents, paid in cash, untaxed.
pub(crate) fn sale(on: &str, ticket: &str, sku: &str, cents: i64) -> Observation {
    let trade = Trade {
        lines: vec![Line {
            kind: LineKind::Item,
            sku: Some(Sku::new(sku).unwrap()),
            description: None,
            department: None,
            serial: None,
            quantity: Quantity::parse("1", Unit::Each).unwrap(),
            unit_price: usd(cents),
            discounts: Vec::new(),
            extended: usd(cents),
        }],
        taxes: Vec::new(),
        tips: Vec::new(),
        tenders: vec![Tender {
            kind: TenderKind::Cash,
            amount: usd(cents),
            state: TenderState::Complete,
            card: None,
            label: None,
            foreign: None,
        }],
        change: None,
        totals: Totals {
            net: usd(cents),
            discount: usd(0),
            tax: usd(0),
            tip: usd(0),
            rounding: usd(0),
            total: usd(cents),
            paid: usd(cents),
        },
        prices: Prices::BeforeTax,
        customer: None,
        original: None,
    };
    transaction(on, ticket, TransactionKind::Sale, Body::Trade(trade))
}
