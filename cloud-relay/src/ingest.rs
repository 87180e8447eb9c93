//! Ingest: what a device sends becomes stored bytes, and stored bytes become a receipt.
//!
//! Order, and why: open the envelope, check the device's signature (no broker between has to be trusted), let the
//! core decide on admission inside the writer's transaction (so that what it compares with cannot move), commit, and
//! only then answer. No body is decoded here.
//!
//! | answer | when | PUBACK |
//! |---|---|---|
//! | receipt | stored now, or stored before and equal | yes |
//! | want | it starts after what is held; nothing stored | yes |
//! | refusal `Fork`, `Chain`, `Identity`, `Malformed` | kept in quarantine for a person | yes |
//! | refusal `Busy` | the disk is full; nothing stored | yes |
//! | refusal `Signature` and none | not this device's, or no message of ours | no, the connection ends |
//!
//! PUBACK says that a message has been dealt with; that records are safe is said by a receipt and by nothing else.
//! An agent that hears neither sends again.

mod batch;
mod hello;
pub mod registry;
pub mod signer;
mod takeover;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Serialize;
use tillwire_proto::{
    AttachmentBundle, AttachmentChunk, AttachmentReceipt, Digest, Envelope, EnvelopeError, Kind, Note,
    Refusal, RefusalReason, SegmentId, UP_LEN_MAX, seal,
};
use tillwire_relay_core::settings::RelaySettings;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::endpoint::{Delivery, DeviceIdentity, DeviceRef, Downlink, Event, Ingest, SendError, Verdict};
use crate::events::RelayEvent;
use crate::metrics::ReasonLabel;
use crate::store::devices::DeviceRow;
use crate::store::{Store, StoreError, attachments};
use registry::Registry;
use signer::ReceiptSigner;

/// Messages that are open at once, in KiB as they came: enough for a commit of many thousand records.
const OPENED_KIB: u32 = 8 * 1024;

/// How long a device that met a full disk waits before it sends again, in milliseconds.
const BUSY_WAIT_MS: u32 = 15_000;

/// The way down to devices.
pub trait Down: Send + Sync + 'static {
    /// Hands a message to the device's live connection, without waiting.
    ///
    /// # Errors
    /// [`SendError`] when it is not there to take it.
    fn send(&self, device: &DeviceRef, payload: Bytes, delivery: Delivery) -> Result<(), SendError>;
}

impl Down for Downlink {
    fn send(&self, device: &DeviceRef, payload: Bytes, delivery: Delivery) -> Result<(), SendError> {
        Self::send(self, device, payload, delivery)
    }
}

/// The relay behind the endpoint.
pub struct RelayIngest {
    store: Store,
    registry: Arc<Registry>,
    settings: Arc<RelaySettings>,
    signer: ReceiptSigner,
    down: Box<dyn Down>,
    /// When each segment was last asked to go back, so that sixteen batches in flight make one want.
    wants: Mutex<HashMap<SegmentId, i64>>,
    takeovers: takeover::Takeovers,
    /// Room for messages that are open.
    opened: Semaphore,
}

impl std::fmt::Debug for RelayIngest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayIngest").finish_non_exhaustive()
    }
}

impl RelayIngest {
    /// Everything it needs. `registry` is shared with whoever changes devices.
    #[must_use]
    pub fn new(
        store: Store,
        registry: Arc<Registry>,
        settings: Arc<RelaySettings>,
        signer: ReceiptSigner,
        down: impl Down,
    ) -> Self {
        Self {
            store,
            registry,
            settings,
            signer,
            down: Box::new(down),
            wants: Mutex::default(),
            takeovers: takeover::Takeovers::default(),
            opened: Semaphore::new(OPENED_KIB as usize),
        }
    }

    /// The devices that are admitted.
    pub(crate) const fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    pub(crate) async fn take(&self, who: &DeviceRef, payload: Bytes) -> Verdict {
        let Some(device) = self.registry.active(who) else {
            return Verdict::Refused(format!("device {who} is not admitted"));
        };
        let envelope = match Envelope::open(&payload, UP_LEN_MAX) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.refuse(who, None, RefusalReason::Malformed, &error.to_string(), 0);
                return Verdict::Refused(error.to_string());
            }
        };
        if let Err(error) = envelope.verify_device(&device.public_key) {
            self.refuse(who, None, RefusalReason::Signature, &error.to_string(), 0);
            return Verdict::Refused(error.to_string());
        }
        let decoded = match envelope.kind {
            Kind::Batch => {
                let _opened = self.may_open(payload.len()).await;
                match envelope.decode() {
                    Ok(batch) => return self.take_batch(who, device, batch, payload).await,
                    Err(error) => Err(error),
                }
            }
            Kind::AgentHello => match envelope.decode() {
                Ok(hello) => return self.take_hello(who, device, hello).await,
                Err(error) => Err(error),
            },
            Kind::Attachment => match envelope.decode() {
                Ok(piece) => return self.take_piece(who, device, piece).await,
                Err(error) => Err(error),
            },
            Kind::AttachmentBundle => {
                let _opened = self.may_open(payload.len()).await;
                match envelope.decode() {
                    Ok(bundle) => return self.take_bundle(who, device, &bundle, payload.clone()).await,
                    Err(error) => Err(error),
                }
            }
            kind => return Verdict::Refused(format!("{kind:?} is for the other direction")),
        };
        self.malformed(who, decoded)
    }

    /// Waits until a message of so many bytes may be opened. What is opened waits for its commit at several times its size:
    /// when all boxes come back at once, most of their messages wait closed.
    async fn may_open(&self, len: usize) -> Option<SemaphorePermit<'_>> {
        let kibibytes = u32::try_from(len / 1024 + 1)
            .unwrap_or(OPENED_KIB)
            .min(OPENED_KIB);
        // never closed
        self.opened.acquire_many(kibibytes).await.ok()
    }

    /// Signed by the device, yet not what it says it is. The connection stays: its other messages may be sound.
    fn malformed(&self, who: &DeviceRef, error: Result<(), EnvelopeError>) -> Verdict {
        let words = error.err().map_or_else(String::new, |error| error.to_string());
        self.refuse(who, None, RefusalReason::Malformed, &words, 0);
        Verdict::Accepted
    }

    async fn take_piece(&self, who: &DeviceRef, device: Arc<DeviceRow>, piece: AttachmentChunk) -> Verdict {
        let now_ms = self.store.clock().now_ms();
        let stored = self
            .store
            .write(move |unit| attachments::put(unit, &device.tenant, &piece, now_ms))
            .await;
        self.answer_attachment(who, stored.map(|receipt| (receipt, u64::from(receipt.complete))))
    }

    async fn take_bundle(
        &self,
        who: &DeviceRef,
        device: Arc<DeviceRow>,
        bundle: &AttachmentBundle,
        sealed: Bytes,
    ) -> Verdict {
        let digests: Vec<Digest> = match bundle.unpack() {
            Ok(all) => all.parts.into_iter().map(|(digest, _)| digest).collect(),
            Err(error) => {
                self.refuse(who, None, RefusalReason::Malformed, &error.to_string(), 0);
                return Verdict::Accepted;
            }
        };
        let receipt = AttachmentReceipt {
            digest: AttachmentBundle::name(digests.iter().copied()),
            have: u32::try_from(bundle.packed.0.len()).unwrap_or(u32::MAX),
            complete: true,
        };
        let now_ms = self.store.clock().now_ms();
        let stored = self
            .store
            .write(move |unit| attachments::put_bundle(unit, &device.tenant, &sealed, &digests, now_ms))
            .await;
        self.answer_attachment(who, stored.map(|fresh| (receipt, fresh)))
    }

    /// Answers for an attachment, its piece or a bundle; with the receipt comes how many became complete.
    fn answer_attachment(
        &self,
        who: &DeviceRef,
        stored: Result<(AttachmentReceipt, u64), StoreError>,
    ) -> Verdict {
        match stored {
            Ok((receipt, completed)) => {
                self.store.metrics().attachments.inc_by(completed);
                self.send(who, Kind::AttachmentReceipt, &receipt, Delivery::Plain);
                Verdict::Accepted
            }
            Err(StoreError::Refused(words)) => {
                self.refuse(who, None, RefusalReason::Malformed, &words, 0);
                Verdict::Accepted
            }
            Err(error) => self.busy(who, None, &error),
        }
    }

    /// Nothing was stored. The device is told to wait, and keeps what it has.
    fn busy(&self, who: &DeviceRef, segment: Option<SegmentId>, error: &StoreError) -> Verdict {
        if !matches!(error, StoreError::Full) {
            tracing::error!("a message of {who} was not stored: {error}");
        }
        self.refuse(
            who,
            segment,
            RefusalReason::Busy,
            "the relay cannot store now",
            BUSY_WAIT_MS,
        );
        Verdict::Accepted
    }

    fn refuse(
        &self,
        who: &DeviceRef,
        segment: Option<SegmentId>,
        reason: RefusalReason,
        words: &str,
        retry_after_ms: u32,
    ) {
        let label = ReasonLabel {
            reason: format!("{reason:?}"),
        };
        self.store.metrics().refusals.get_or_create(&label).inc();
        tracing::warn!("refused a message of {who}: {reason:?}, {words}");
        let Some(detail) = Note::cleaned(words).or_else(|| Note::cleaned("no further words")) else {
            return;
        };
        let refusal = Refusal {
            segment,
            reason,
            detail,
            retry_after_ms,
        };
        self.send(who, Kind::Refusal, &refusal, Delivery::Plain);
    }

    /// Sends a signed message if the device listens. If not, it is not missed: the device says hello, or sends again.
    fn send<T: Serialize>(&self, who: &DeviceRef, kind: Kind, body: &T, delivery: Delivery) {
        match seal(kind, body, &self.signer) {
            Ok(message) => {
                if let Err(error) = self.down.send(who, Bytes::from(message), delivery) {
                    tracing::debug!("{kind:?} not sent: {error}");
                }
            }
            Err(error) => tracing::error!("{kind:?} for {who} cannot be sealed: {error}"),
        }
    }
}

impl Ingest for RelayIngest {
    fn admit(&self, identity: &DeviceIdentity) -> bool {
        self.registry
            .active(&identity.device)
            .is_some_and(|device| device.fingerprint == identity.key_fingerprint)
    }

    async fn publish(&self, identity: &DeviceIdentity, payload: Bytes) -> Verdict {
        self.take(&identity.device, payload).await
    }

    fn event(&self, event: Event) {
        let changed = match event {
            Event::Connected { identity, address } => {
                self.store.metrics().connections.inc();
                tracing::info!("{} connected from {address}", identity.device);
                identity
            }
            Event::Disconnected {
                identity,
                address,
                reason,
            } => {
                self.store.metrics().connections.dec();
                tracing::info!("{} at {address} disconnected: {reason}", identity.device);
                identity
            }
            Event::TakenOver { identity, old, new } => {
                tracing::warn!(
                    "{} connected again from {new} while connected from {old}",
                    identity.device
                );
                self.taken_over(&identity.device);
                identity
            }
            Event::Refused {
                identity,
                address,
                reason,
            } => {
                tracing::warn!("{} at {address} was not let in: {reason}", identity.device);
                return;
            }
            Event::HandshakeFailed { address, reason } => {
                tracing::debug!("no device at {address}: {reason}");
                return;
            }
            Event::Listening { .. } => return,
            Event::SubscriptionRefused { identity } => {
                tracing::warn!("{} asked for another topic than its own", identity.device);
                return;
            }
        };
        let DeviceRef { tenant, device } = changed.device.clone();
        self.store.tell(RelayEvent::Device { tenant, device });
    }
}

#[cfg(test)]
mod tests;
