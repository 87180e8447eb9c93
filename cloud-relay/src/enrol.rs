//! Enrolment: how a box in a store becomes a device with a certificate.
//!
//! 1. A person [invites](Enrolments::invite) a device: a one-time code, good for a day, bound to tenant, store and name.
//! 2. The agent makes its key, finds the relay's root by the code and asks: `POST /enroll`.
//! 3. A person compares six groups of the key's fingerprint on both screens and [accepts](Enrolments::accept).
//! 4. The agent polls `GET /enroll/{request}` with the secret it was given, and gets certificate and addresses.
//!
//! The code alone gets nobody in, and the certificate request decides nothing but the public key. A code is used once;
//! the same key may ask again, because an answer may be lost. Renewal is not done here.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tillwire_proto::enrol::{Base64, EnrolAsked, EnrolRequest, EnrolStatus, Enrolled, EnrolmentCode, Secret};
use tillwire_proto::{DeviceId, Digest, RelayId, StoreId, TenantId};

use crate::clock::Clock;
use crate::limiter::{BY_ADDRESS, Limiter};
use crate::pki::{DeviceKey, Pki};

mod problem;
mod routes;
mod store;

pub use problem::Problem;
pub use routes::router;
pub use store::{Decision, Enrolment, EnrolmentState, EnrolmentStore, Invitation, Redeemed};

/// How long a code is good: a working day and the night before it.
const CODE_LIFE_MS: i64 = 24 * 60 * 60 * 1000;
/// Wrong secrets after which a code is locked.
const WRONG_TRIES_MAX: u32 = 5;
/// Seconds between polls: a person decides within minutes.
const POLL_SECONDS: u32 = 3;
/// Tries to find a handle that no other invitation has: a second is needed once in millions of times.
const HANDLE_TRIES: usize = 8;

/// What an enrolled device is told about its relay.
#[derive(Debug, Clone)]
pub struct RelayFacts {
    /// Where the MQTT endpoint is for devices: `host:port`.
    pub mqtt: String,
    /// This relay.
    pub relay: RelayId,
}

/// The rules, over a store. The HTTP routes and the command line both use it.
#[derive(Debug)]
pub struct Enrolments<S> {
    store: Arc<S>,
    pki: Arc<Pki>,
    facts: RelayFacts,
    clock: Clock,
    limiter: Limiter<IpAddr>,
}

impl<S: EnrolmentStore> Enrolments<S> {
    /// Rules over `store`, issuing from `pki`.
    #[must_use]
    pub fn new(store: Arc<S>, pki: Arc<Pki>, facts: RelayFacts, clock: Clock) -> Self {
        let limiter = Limiter::new(BY_ADDRESS, clock.now_ms());
        Self {
            store,
            pki,
            facts,
            clock,
            limiter,
        }
    }

    /// Makes a code for one device. Show it once; it is not kept.
    ///
    /// # Errors
    /// When the store fails or the system gives no randomness.
    pub async fn invite(
        &self,
        tenant: &TenantId,
        store: &StoreId,
        device: &DeviceId,
        by: &str,
    ) -> Result<EnrolmentCode> {
        for _ in 0..HANDLE_TRIES {
            let code = EnrolmentCode::new(crate::random()?, &self.pki.root_fingerprint());
            let created_ms = self.clock.now_ms();
            let invitation = Invitation {
                handle: code.handle(),
                secret_digest: code.secret_digest(),
                tenant: tenant.clone(),
                store: store.clone(),
                device: device.clone(),
                created_ms,
                created_by: by.to_owned(),
                expires_ms: created_ms + CODE_LIFE_MS,
                wrong_tries: 0,
                used_by: None,
            };
            if self.store.invite(invitation).await? {
                return Ok(code);
            }
        }
        bail!("found no free handle for a code; invite again")
    }

    /// All that wait for a person.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self) -> Result<Vec<Enrolment>> {
        self.store.waiting().await
    }

    /// Accepts the waiting enrolment of this key: it gets a certificate, and the endpoint admits it from now on.
    ///
    /// # Errors
    /// When none waits under this fingerprint, or the store fails.
    pub async fn accept(&self, fingerprint: Digest, by: &str) -> Result<Enrolment> {
        let mut enrolment = self.waiting_one(fingerprint).await?;
        let now_ms = self.clock.now_ms();
        // proved and parsed when it came; checked again because it comes from a disk
        let key = DeviceKey::from_request(&enrolment.request)?;
        let issued = self.pki.issue_device(&enrolment.device_ref(), &key, now_ms)?;
        let chain = issued
            .chain
            .iter()
            .map(|certificate| certificate.to_vec())
            .collect();
        let state = EnrolmentState::Accepted {
            chain,
            not_after: issued.not_after,
        };
        self.decide(fingerprint, state.clone(), by, now_ms).await?;
        enrolment.state = state;
        Ok(enrolment)
    }

    /// Refuses the waiting enrolment of this key; the person at the device reads `reason`.
    ///
    /// # Errors
    /// When none waits under this fingerprint, or the store fails.
    pub async fn refuse(&self, fingerprint: Digest, by: &str, reason: &str) -> Result<()> {
        self.waiting_one(fingerprint).await?;
        let state = EnrolmentState::Refused {
            reason: reason.to_owned(),
        };
        self.decide(fingerprint, state, by, self.clock.now_ms()).await
    }

    async fn waiting_one(&self, fingerprint: Digest) -> Result<Enrolment> {
        let found = self.store.enrolment(fingerprint).await?;
        found
            .filter(|enrolment| enrolment.state == EnrolmentState::Waiting)
            .context(
                "no device with this fingerprint waits; `tillwire-relay device list` shows those that do",
            )
    }

    async fn decide(&self, fingerprint: Digest, state: EnrolmentState, by: &str, at_ms: i64) -> Result<()> {
        let decision = Decision {
            state,
            by: by.to_owned(),
            at_ms,
        };
        if !self.store.decide(fingerprint, decision).await? {
            bail!("somebody else decided about this device meanwhile");
        }
        Ok(())
    }

    /// `POST /enroll`.
    async fn ask(&self, asked: &EnrolRequest) -> Result<EnrolAsked, Problem> {
        let code: EnrolmentCode = asked.code.0.parse()?;
        let key = DeviceKey::from_request(&asked.csr.0).map_err(Problem::Request)?;
        let invitation = self.good_invitation(&code, &key).await?;
        let poll = data_encoding::BASE64URL_NOPAD.encode(&crate::random::<32>()?);
        let enrolment = Enrolment {
            fingerprint: key.fingerprint(),
            public_key: key.point().to_vec(),
            request: asked.csr.0.clone(),
            poll_digest: Digest::of(poll.as_bytes()),
            tenant: invitation.tenant,
            store: invitation.store,
            device: invitation.device,
            asked_ms: self.clock.now_ms(),
            state: EnrolmentState::Waiting,
        };
        match self.store.redeem(invitation.handle, enrolment).await? {
            Redeemed::Asked => Ok(EnrolAsked {
                request: key.fingerprint().to_string(),
                poll: Secret(poll),
                poll_seconds: POLL_SECONDS,
            }),
            Redeemed::UsedByAnother => Err(Problem::CodeUsed),
        }
    }

    /// The invitation that the code opens for this key. Nothing is told about an invitation to who has not its secret.
    async fn good_invitation(&self, code: &EnrolmentCode, key: &DeviceKey) -> Result<Invitation, Problem> {
        if !code.names(&self.pki.root_fingerprint()) {
            return Err(Problem::OtherRelay);
        }
        let invitation = self
            .store
            .invitation(code.handle())
            .await?
            .ok_or(Problem::CodeUnknown)?;
        if invitation.wrong_tries >= WRONG_TRIES_MAX {
            return Err(Problem::CodeUnknown);
        }
        if !same(&code.secret_digest(), &invitation.secret_digest) {
            self.store.count_wrong_try(invitation.handle).await?;
            return Err(Problem::CodeUnknown);
        }
        match invitation.used_by {
            // whoever asked in time may still hear the answer again
            Some(used_by) if used_by == key.fingerprint() => Ok(invitation),
            Some(_) => Err(Problem::CodeUsed),
            None if self.clock.now_ms() >= invitation.expires_ms => Err(Problem::CodeExpired),
            None => Ok(invitation),
        }
    }

    /// `GET /enroll/{request}`.
    async fn status(&self, request: &str, poll: &str) -> Result<EnrolStatus, Problem> {
        let fingerprint = Digest::from_hex(request).ok_or(Problem::Poll)?;
        let enrolment = self.store.enrolment(fingerprint).await?.ok_or(Problem::Poll)?;
        if !same(&Digest::of(poll.as_bytes()), &enrolment.poll_digest) {
            return Err(Problem::Poll);
        }
        Ok(match enrolment.state {
            EnrolmentState::Waiting => EnrolStatus::Waiting,
            EnrolmentState::Refused { reason } => EnrolStatus::Refused { reason },
            EnrolmentState::Accepted { chain, .. } => EnrolStatus::Accepted(Box::new(Enrolled {
                chain: chain.into_iter().map(Base64).collect(),
                root: Base64(self.pki.root().to_vec()),
                receipt_key: Base64(self.pki.receipt_public_key().to_vec()),
                mqtt: self.facts.mqtt.clone(),
                tenant: enrolment.tenant,
                store: enrolment.store,
                device: enrolment.device,
                relay: self.facts.relay,
            })),
        })
    }
}

/// Compares without telling by its time where the difference is.
fn same(one: &Digest, other: &Digest) -> bool {
    subtle::ConstantTimeEq::ct_eq(&one.0[..], &other.0[..]).into()
}
