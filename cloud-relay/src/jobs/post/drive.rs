//! Drives one effect as far as it goes now: asks the core's machine what to do, commits, calls, tells it the answer.

use serde_json::Value;
use serde_json::value::RawValue;
use tillwire_relay_core::odoo::{Answer, Effect, EffectState, Next, Refusal, Step, StepResult};

use super::machine::Machine;
use super::step::{Calls, NotReady};
use crate::jobs::link::{ASK_AGAIN_MS, Link};
use crate::jobs::tell;
use crate::odoo::preflight::Prepared;
use crate::store::StoreError;
use crate::store::effects::{Change, Effects, Lease, StoredEffect};

/// How long an effect waits for a journal or warehouse that preflight did not find, in milliseconds.
const NOT_READY_MS: i64 = 5 * 60_000;

/// Everything that driving one effect needs.
pub(super) struct Driver<'a> {
    pub(super) link: &'a Link,
    pub(super) effects: &'a Effects,
    pub(super) lease: &'a Lease,
    pub(super) prepared: &'a Prepared,
    pub(super) machine: &'a dyn Machine,
}

/// An effect on its way through the machine, with what the machine does not keep.
struct Drive {
    stored: StoredEffect,
    effect: Effect,
    refusal: Option<Refusal>,
    /// The document as last read, in Odoo's own JSON.
    read: Option<Box<RawValue>>,
}

impl Driver<'_> {
    /// Until it is done, rejected or has to wait.
    ///
    /// # Errors
    /// [`StoreError`] when a transition could not be committed; the effect is then as if the relay had stopped there.
    pub(super) async fn drive(&self, stored: StoredEffect) -> Result<(), StoreError> {
        // nobody else drives this company: a call that is still noted as out was left by a process that stopped
        let effect = self.machine.recovered(stored.effect.clone());
        let mut drive = Drive {
            stored,
            effect,
            refusal: None,
            read: None,
        };
        let calls = match Calls::prepare(self.link, self.prepared, &drive.stored.store, &drive.effect).await {
            Ok(calls) => calls,
            Err(NotReady::Later(words)) => return self.later(drive.effect, &words, NOT_READY_MS).await,
            Err(NotReady::Lost(words)) => return self.later(drive.effect, &words, ASK_AGAIN_MS).await,
            Err(NotReady::Rejected(message)) => {
                let answer = Answer::Rejected {
                    refusal: Refusal::Row,
                    message,
                };
                drive.refusal = Some(Refusal::Row);
                drive.effect = self.answered(self.calling(drive.effect)?, StepResult::Failed(answer))?;
                return self.save(&mut drive).await;
            }
        };
        while let Next::Do(step) = self.machine.next(&drive.effect, self.link.now_ms()) {
            self.take(&mut drive, &calls, step).await?;
        }
        Ok(())
    }

    /// One step: commit that the call leaves, call, tell the machine, commit what it decided.
    async fn take(&self, drive: &mut Drive, calls: &Calls<'_>, step: Step) -> Result<(), StoreError> {
        drive.effect = self.calling(drive.effect.clone())?;
        if self.machine.commits_before(step) {
            self.effects.save(self.lease, drive.effect.clone()).await?;
        }
        let result = calls.take(&drive.effect, step, &mut drive.read).await;
        if let StepResult::Failed(Answer::Rejected { refusal, .. }) = &result {
            drive.refusal = Some(*refusal);
        }
        drive.effect = self.answered(drive.effect.clone(), result)?;
        self.save(drive).await
    }

    fn calling(&self, effect: Effect) -> Result<Effect, StoreError> {
        self.machine.calling(effect).map_err(|e| ours(&e))
    }

    fn answered(&self, calling: Effect, result: StepResult) -> Result<Effect, StoreError> {
        self.machine
            .answered(calling, result, self.link.now_ms(), self.link.seed())
            .map_err(|e| ours(&e))
    }

    /// Commits what the machine decided, and with its end what people are told about it.
    async fn save(&self, drive: &mut Drive) -> Result<(), StoreError> {
        let effect = &drive.effect;
        let mut change = Change::from(effect.clone());
        if let Some(read) = &drive.read {
            drive.stored.odoo_name = name(read).or(drive.stored.odoo_name.take());
            change.odoo_name.clone_from(&drive.stored.odoo_name);
            change.readback = Some(read.get().to_owned());
        }
        if effect.is_finished() {
            change
                .raise
                .extend(tell::ended(&drive.stored, effect, drive.refusal));
            change.gone = tell::causes(effect);
            change
                .gone
                .retain(|cause| change.raise.iter().all(|draft| draft.cause.as_str() != cause));
        }
        match effect.state {
            EffectState::Done => {
                tracing::info!(effect = %effect.key, name = change.odoo_name, "effect is done");
            }
            EffectState::Rejected => {
                tracing::warn!(effect = %effect.key, why = effect.reason, "effect is rejected");
            }
            state => tracing::debug!(effect = %effect.key, ?state, why = effect.reason, "effect moves on"),
        }
        self.effects.save(self.lease, change).await
    }

    /// Nothing was asked: the effect stays as it is and is looked at again later.
    async fn later(&self, mut effect: Effect, words: &str, wait_ms: i64) -> Result<(), StoreError> {
        tracing::info!(effect = %effect.key, why = words, "effect waits");
        effect.not_before_ms = self.link.now_ms().saturating_add(wait_ms);
        self.effects.save(self.lease, effect).await
    }
}

fn ours(error: &tillwire_relay_core::odoo::EffectError) -> StoreError {
    StoreError::refused(format!("{error}; report this"))
}

/// The document's name, which each of its lines carries; Odoo writes `false`, or `/`, while it has none.
fn name(lines: &RawValue) -> Option<String> {
    let lines: Value = serde_json::from_str(lines.get()).ok()?;
    let name = lines[0]["move_name"]
        .as_str()
        .or(lines[0]["reference"].as_str())?;
    (!name.is_empty() && name != "/").then(|| name.to_owned())
}
