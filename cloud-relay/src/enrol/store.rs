//! What enrolment keeps, and the few transactions that its rules rest on. The relay's store implements the trait.

use std::future::Future;

use anyhow::Result;
use tillwire_proto::{DeviceId, Digest, StoreId, TenantId};

use crate::endpoint::DeviceRef;

/// A code that a person made for one device. The code itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Finds the invitation; four bytes of the secret, unique among the invitations that are kept.
    pub handle: [u8; 4],
    /// SHA-256 of the secret with its domain ([`tillwire_proto::enrol::EnrolmentCode::secret_digest`]).
    pub secret_digest: Digest,
    /// The retailer that the device will belong to.
    pub tenant: TenantId,
    /// The store that the device will stand in.
    pub store: StoreId,
    /// The device's name.
    pub device: DeviceId,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// Who made it.
    pub created_by: String,
    /// From when on it is no longer good.
    pub expires_ms: i64,
    /// Wrong secrets tried so far.
    pub wrong_tries: u32,
    /// The fingerprint of the key that used it.
    pub used_by: Option<Digest>,
}

/// What became of a device that asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrolmentState {
    /// Nobody has decided yet.
    Waiting,
    /// Accepted; the chain (DER) was issued.
    Accepted {
        /// The device's certificate, then the issuing CA's.
        chain: Vec<Vec<u8>>,
        /// End of the device's certificate, in seconds since 1970.
        not_after: i64,
    },
    /// Refused, and why.
    Refused {
        /// For the person at the device.
        reason: String,
    },
}

/// A device that asked with a good code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// SHA-256 of the key's `SubjectPublicKeyInfo`: names the request, and is what two people compare.
    pub fingerprint: Digest,
    /// The key, an uncompressed P-256 point (65 bytes).
    pub public_key: Vec<u8>,
    /// The certificate request as it came (DER).
    pub request: Vec<u8>,
    /// SHA-256 of the poll secret given out last.
    pub poll_digest: Digest,
    /// From the invitation.
    pub tenant: TenantId,
    /// From the invitation.
    pub store: StoreId,
    /// From the invitation.
    pub device: DeviceId,
    /// When it asked first, in milliseconds since 1970.
    pub asked_ms: i64,
    /// What became of it.
    pub state: EnrolmentState,
}

impl Enrolment {
    /// The device that it will be.
    #[must_use]
    pub fn device_ref(&self) -> DeviceRef {
        DeviceRef {
            tenant: self.tenant.clone(),
            device: self.device.clone(),
        }
    }
}

/// The answer to [`EnrolmentStore::redeem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// Stored, or stored before with the same key: the poll secret is the new one now.
    Asked,
    /// Another key used the code meanwhile.
    UsedByAnother,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// [`EnrolmentState::Accepted`] or [`EnrolmentState::Refused`].
    pub state: EnrolmentState,
    /// Who decided.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// Keeps invitations and enrolments. Each method is one transaction, durable when its future ends.
pub trait EnrolmentStore: Send + Sync + 'static {
    /// Keeps an invitation. An earlier unused one for the same device goes: the newest code counts. False, and nothing
    /// kept, when the handle is taken.
    fn invite(&self, invitation: Invitation) -> impl Future<Output = Result<bool>> + Send;

    /// The invitation with this handle.
    fn invitation(&self, handle: [u8; 4]) -> impl Future<Output = Result<Option<Invitation>>> + Send;

    /// Counts one wrong secret.
    fn count_wrong_try(&self, handle: [u8; 4]) -> impl Future<Output = Result<()>> + Send;

    /// Marks the invitation as used by the enrolment's key and keeps the enrolment, both or neither. When that key
    /// had used this invitation before, only `poll_digest` is replaced; an enrolment of that key under an earlier
    /// invitation is replaced whole.
    fn redeem(&self, handle: [u8; 4], enrolment: Enrolment) -> impl Future<Output = Result<Redeemed>> + Send;

    /// The enrolment of this key.
    fn enrolment(&self, fingerprint: Digest) -> impl Future<Output = Result<Option<Enrolment>>> + Send;

    /// All that wait, oldest first.
    fn waiting(&self) -> impl Future<Output = Result<Vec<Enrolment>>> + Send;

    /// Keeps a decision about a waiting enrolment and, when it is accepted, makes (or replaces) the device, so that
    /// the endpoint admits it with this key and no other; both or neither. False when it was not waiting.
    fn decide(&self, fingerprint: Digest, decision: Decision) -> impl Future<Output = Result<bool>> + Send;
}
