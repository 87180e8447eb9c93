//! An effect: one thing to make true in Odoo, under a key that lives in Odoo too. Whatever happens on the way (a lost
//! answer, a crash, a second caller), it is looked at before anything is asked again, so that it becomes true once.
//!
//! The order of a caller: [`Effect::next`], then commit [`Effect::calling`], then call, then commit
//! [`Effect::answered`]. After a restart, [`Effect::recovered`]. This module makes no call and knows no clock.

mod key;
mod machine;
mod payload;

use serde::{Deserialize, Serialize};
use tillwire_proto::Digest;

use super::answer::Answer;
use super::backoff::Backoff;
use super::readback::{Difference, Verdict};

pub use key::EffectKey;
pub use payload::{EffectKind, Payload};

/// Confirmations that Odoo may answer well without anything having changed. Ones that were lost on the way do not
/// count: an Odoo that is away is waited for.
const CONFIRMS_MAX: u32 = 5;

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectState {
    /// Decided and committed; nothing of it is in Odoo.
    Intent,
    /// On its way: a call is out, or came back well and another follows.
    Sent,
    /// A call went out and nobody knows what became of it.
    Unknown,
    /// Read back from Odoo and equal.
    Done,
    /// Odoo refused, or holds something else. A person decides.
    Rejected,
}

/// The next thing to do in Odoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// `load()`: create it if it is absent; answers its id either way. A reconciliation creates nothing and has none.
    Load,
    /// Read it.
    Look,
    /// `action_post`, `button_validate` or `reconcile`. A contact needs none.
    Confirm,
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This.
    Do(Step),
    /// Nothing before this moment, in milliseconds since 1970-01-01T00:00:00Z.
    Wait {
        /// When to ask again.
        until_ms: i64,
    },
    /// Nothing any more.
    Finished,
}

/// What a read showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is not there any more: somebody deleted it.
    Gone,
    /// It is there, not yet confirmed.
    Draft(Verdict),
    /// It is posted or done.
    Confirmed(Verdict),
    /// It was cancelled.
    Cancelled,
}

impl Seen {
    /// With what was found about the document that it takes back: whether it is the one that does, and whether
    /// another does too.
    #[must_use]
    pub fn reversing(mut self, reversed: &EffectKey, ours: bool, other: Option<i64>) -> Self {
        let (Self::Draft(verdict) | Self::Confirmed(verdict)) = &mut self else {
            return self;
        };
        if !ours {
            verdict
                .differences
                .push(Difference::field("reversed_entry_id", "another", reversed));
        }
        if let Some(other) = other {
            let what = format!("further reversal of {reversed}");
            verdict
                .differences
                .push(Difference::field(what, format!("id {other}"), "none"));
        }
        self
    }
}

/// What came of a step.
#[derive(Debug, Clone)]
pub enum StepResult {
    /// `load()` gave the id.
    Loaded(i64),
    /// A read.
    Seen(Seen),
    /// A confirmation answered without complaint, which proves nothing.
    Confirmed,
    /// Anything else.
    Failed(Answer),
}

/// A transition that is not allowed: a bug in the caller, never a fact about Odoo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("effect {key} is {state:?} at {step:?}: {what} is not possible")]
pub struct EffectError {
    key: EffectKey,
    state: EffectState,
    step: Step,
    what: &'static str,
}

/// The effect. Stored after each transition; equal inputs give equal effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its key.
    pub key: EffectKey,
    /// What it says.
    pub payload: Payload,
    /// SHA-256 of the payload.
    pub content: Digest,
    /// Where it stands.
    pub state: EffectState,
    /// What comes next, or is out.
    pub step: Step,
    /// True while a call is out.
    pub calling: bool,
    /// Its id in Odoo, once known. One that is gone is an alarm, not a reason to make another; only a person
    /// who saw that may ask for it again.
    pub document: Option<i64>,
    /// Calls since something last went well.
    pub attempts: u32,
    /// Confirmations asked, whether they arrived or not.
    pub confirms: u32,
    /// Confirmations that Odoo answered without complaint and that changed nothing.
    pub unheeded: u32,
    /// Not before this moment, in milliseconds since 1970-01-01T00:00:00Z.
    pub not_before_ms: i64,
    /// Why it waits or was rejected, in words.
    pub reason: Option<String>,
    /// Odoo's words when it refused to confirm, until a read shows whether it was done all the same.
    pub refused: Option<String>,
    /// What Odoo holds differently: on a rejected effect why, on a done one what was let pass (its date).
    pub differences: Vec<Difference>,
}

impl Effect {
    /// Decides that it shall be. Commit this before anything else.
    #[must_use]
    pub fn intend(payload: Payload) -> Self {
        Self {
            key: payload.key().clone(),
            content: payload.content_hash(),
            state: EffectState::Intent,
            step: payload.first_step(),
            payload,
            calling: false,
            document: None,
            attempts: 0,
            confirms: 0,
            unheeded: 0,
            not_before_ms: 0,
            reason: None,
            refused: None,
            differences: Vec::new(),
        }
    }

    /// True when nothing more happens by itself.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, EffectState::Done | EffectState::Rejected)
    }

    /// What to do now. While a call is out, nothing: one caller at a time.
    #[must_use]
    pub fn next(&self, now_ms: i64) -> Next {
        if self.is_finished() {
            Next::Finished
        } else if self.calling || now_ms < self.not_before_ms {
            Next::Wait {
                until_ms: self.not_before_ms.max(now_ms.saturating_add(1)),
            }
        } else {
            Next::Do(self.step)
        }
    }

    /// The call goes out now. Commit this before calling.
    ///
    /// # Errors
    /// [`EffectError`] when finished, or when a call is out.
    pub fn calling(mut self) -> Result<Self, EffectError> {
        if self.is_finished() || self.calling {
            return Err(self.wrong("calling"));
        }
        self.state = EffectState::Sent;
        self.calling = true;
        self.attempts = self.attempts.saturating_add(1);
        if self.step == Step::Confirm {
            self.confirms = self.confirms.saturating_add(1);
        }
        Ok(self)
    }

    /// What came of the call. Commit this.
    ///
    /// # Errors
    /// [`EffectError`] when no call was out, or when the result belongs to another step.
    pub fn answered(
        mut self,
        result: StepResult,
        now_ms: i64,
        backoff: Backoff,
        seed: u64,
    ) -> Result<Self, EffectError> {
        if !self.calling {
            return Err(self.wrong("an answer"));
        }
        self.calling = false;
        match (self.step, result) {
            (_, StepResult::Failed(answer)) => self.failed(answer, now_ms, backoff, seed),
            (Step::Load, StepResult::Loaded(id)) => {
                self.document = Some(id);
                self.went_well(Step::Look);
            }
            (Step::Confirm, StepResult::Confirmed) => {
                self.refused = None;
                self.unheeded = self.unheeded.saturating_add(1);
                self.went_well(Step::Look);
            }
            (Step::Look, StepResult::Seen(seen)) => self.seen(seen, now_ms, backoff, seed),
            _ => return Err(self.wrong("this result")),
        }
        Ok(self)
    }

    /// After a restart: a call that was out has an unknown outcome.
    #[must_use]
    pub fn recovered(mut self) -> Self {
        if self.calling {
            self.calling = false;
            self.lose_track("the relay stopped while the call was out".to_owned());
        }
        self
    }

    /// A person has it tried again, with another payload under the same key where nothing of it is in Odoo.
    ///
    /// # Errors
    /// [`EffectError`] when it was not rejected, or when Odoo already holds the old payload.
    pub fn retried(mut self, payload: Option<Payload>) -> Result<Self, EffectError> {
        if self.state != EffectState::Rejected {
            return Err(self.wrong("trying again"));
        }
        // somebody deleted it, and somebody saw that and wants it: only now it may be made again
        if self.differences.contains(&Difference::Gone) {
            self.document = None;
        }
        if let Some(payload) = payload {
            if self.document.is_some() || *payload.key() != self.key {
                return Err(self.wrong("another payload"));
            }
            self.content = payload.content_hash();
            self.payload = payload;
        }
        self.state = if self.document.is_some() {
            EffectState::Sent
        } else {
            EffectState::Intent
        };
        self.step = self.first_look();
        (self.attempts, self.confirms, self.unheeded, self.not_before_ms) = (0, 0, 0, 0);
        (self.reason, self.refused, self.differences) = (None, None, Vec::new());
        Ok(self)
    }

    /// Compares a later read of a done effect with what was meant: what somebody has changed in Odoo since.
    #[must_use]
    pub fn changed_since(&self, seen: &Seen) -> Vec<Difference> {
        match seen {
            Seen::Gone => vec![Difference::Gone],
            Seen::Cancelled => vec![Difference::NotConfirmed],
            Seen::Draft(verdict) => {
                let mut differences = verdict.differences.clone();
                differences.push(Difference::NotConfirmed);
                differences
            }
            Seen::Confirmed(verdict) => verdict
                .differences
                .iter()
                .filter(|difference| !self.differences.contains(difference))
                .cloned()
                .collect(),
        }
    }
}
