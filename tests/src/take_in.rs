//! Takes a device in: invitation, request, a person's yes; straight in the relay's store, where enrolment over the wire is not
//! what is tried.

use anyhow::Context as _;
use tillwire_proto::Digest;
use tillwire_relay::endpoint::{DeviceIdentity, DeviceRef};
use tillwire_relay::enrol::{Decision, Enrolment, EnrolmentState, EnrolmentStore as _, Invitation};
use tillwire_relay::store::Store;

/// Makes `identity` a device of a store.
///
/// # Errors
/// When the store refuses, as when there is a device of that name.
pub async fn take_in(
    relay: &Store,
    identity: &DeviceIdentity,
    store: &str,
    now_ms: i64,
) -> anyhow::Result<()> {
    let DeviceRef { tenant, device } = &identity.device;
    let named = Digest::of(format!("{tenant}/{device}").as_bytes());
    let handle = *named
        .as_bytes()
        .first_chunk()
        .context("a digest has four bytes")?;
    let invitation = Invitation {
        handle,
        secret_digest: Digest::of(b"secret"),
        tenant: tenant.clone(),
        store: store.parse()?,
        device: device.clone(),
        created_ms: now_ms,
        created_by: "ann".to_owned(),
        expires_ms: now_ms + 1000,
        wrong_tries: 0,
        used_by: None,
    };
    relay.invite(invitation).await?;
    let enrolment = Enrolment {
        fingerprint: identity.key_fingerprint,
        public_key: identity.public_key.to_vec(),
        request: b"request".to_vec(),
        poll_digest: Digest::of(b"poll"),
        tenant: tenant.clone(),
        store: store.parse()?,
        device: device.clone(),
        asked_ms: now_ms,
        state: EnrolmentState::Waiting,
    };
    relay.redeem(handle, enrolment).await?;
    let decision = Decision {
        state: EnrolmentState::Accepted {
            chain: vec![b"certificate".to_vec()],
            not_after: 1,
        },
        by: "ann".to_owned(),
        at_ms: now_ms,
    };
    relay.decide(identity.key_fingerprint, decision).await?;
    Ok(())
}
