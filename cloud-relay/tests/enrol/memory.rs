//! Enrolments kept in memory: the trait's contract, as short as it can be said.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

use anyhow::Result;
use tillwire_proto::Digest;
use tillwire_relay::enrol::{Decision, Enrolment, EnrolmentState, EnrolmentStore, Invitation, Redeemed};

#[derive(Default)]
struct Tables {
    invitations: HashMap<[u8; 4], Invitation>,
    enrolments: HashMap<Digest, ([u8; 4], Enrolment)>,
    devices: BTreeMap<String, Digest>,
}

#[derive(Default)]
pub struct Memory(Mutex<Tables>);

impl Memory {
    /// Names and admitted keys.
    pub fn devices(&self) -> Vec<(String, Digest)> {
        self.tables().devices.clone().into_iter().collect()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap()
    }
}

impl EnrolmentStore for Memory {
    async fn invite(&self, new: Invitation) -> Result<bool> {
        let mut tables = self.tables();
        if tables.invitations.contains_key(&new.handle) {
            return Ok(false);
        }
        let same_device = |old: &Invitation| old.tenant == new.tenant && old.device == new.device;
        tables
            .invitations
            .retain(|_, old| old.used_by.is_some() || !same_device(old));
        tables.invitations.insert(new.handle, new);
        Ok(true)
    }

    async fn invitation(&self, handle: [u8; 4]) -> Result<Option<Invitation>> {
        Ok(self.tables().invitations.get(&handle).cloned())
    }

    async fn count_wrong_try(&self, handle: [u8; 4]) -> Result<()> {
        if let Some(invitation) = self.tables().invitations.get_mut(&handle) {
            invitation.wrong_tries += 1;
        }
        Ok(())
    }

    async fn redeem(&self, handle: [u8; 4], new: Enrolment) -> Result<Redeemed> {
        let mut tables = self.tables();
        let invitation = tables.invitations.get_mut(&handle).unwrap();
        match invitation.used_by {
            Some(used_by) if used_by != new.fingerprint => return Ok(Redeemed::UsedByAnother),
            _ => invitation.used_by = Some(new.fingerprint),
        }
        match tables.enrolments.get_mut(&new.fingerprint) {
            Some((under, old)) if *under == handle => old.poll_digest = new.poll_digest,
            _ => {
                tables.enrolments.insert(new.fingerprint, (handle, new));
            }
        }
        Ok(Redeemed::Asked)
    }

    async fn enrolment(&self, fingerprint: Digest) -> Result<Option<Enrolment>> {
        Ok(self
            .tables()
            .enrolments
            .get(&fingerprint)
            .map(|(_, enrolment)| enrolment.clone()))
    }

    async fn waiting(&self) -> Result<Vec<Enrolment>> {
        let tables = self.tables();
        let all = tables.enrolments.values().map(|(_, enrolment)| enrolment.clone());
        let mut waiting: Vec<_> = all
            .filter(|enrolment| enrolment.state == EnrolmentState::Waiting)
            .collect();
        waiting.sort_by_key(|enrolment| enrolment.asked_ms);
        Ok(waiting)
    }

    async fn decide(&self, fingerprint: Digest, decision: Decision) -> Result<bool> {
        let mut tables = self.tables();
        let Some((_, enrolment)) = tables.enrolments.get_mut(&fingerprint) else {
            return Ok(false);
        };
        if enrolment.state != EnrolmentState::Waiting {
            return Ok(false);
        }
        enrolment.state = decision.state;
        if matches!(enrolment.state, EnrolmentState::Accepted { .. }) {
            let name = enrolment.device_ref().to_string();
            tables.devices.insert(name, fingerprint);
        }
        Ok(true)
    }
}
