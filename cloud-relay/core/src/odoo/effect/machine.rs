//! What each outcome does to an effect.

use super::{CONFIRMS_MAX, Effect, EffectError, EffectState, Seen, Step};
use crate::odoo::answer::{Answer, Refusal};
use crate::odoo::backoff::Backoff;
use crate::odoo::readback::Difference;

impl Effect {
    pub(super) fn went_well(&mut self, next: Step) {
        self.state = EffectState::Sent;
        self.step = next;
        self.attempts = 0;
        self.not_before_ms = 0;
        self.reason = None;
    }

    pub(super) fn seen(&mut self, seen: Seen, now_ms: i64, backoff: Backoff, seed: u64) {
        match seen {
            Seen::Gone => self.reject(
                "it was deleted in Odoo after it had been created",
                vec![Difference::Gone],
            ),
            Seen::Cancelled => self.reject("it was cancelled in Odoo", vec![Difference::NotConfirmed]),
            Seen::Draft(verdict) if !verdict.agrees() => {
                self.reject(
                    "Odoo's draft is not what was meant; it was not confirmed",
                    verdict.differences,
                );
            }
            Seen::Draft(_) if self.refused.is_some() || self.unheeded >= CONFIRMS_MAX => {
                let refused = self.refused.take();
                let reason = refused.unwrap_or_else(|| "it stays a draft after it was confirmed".to_owned());
                self.reject(&reason, vec![Difference::NotConfirmed]);
            }
            Seen::Draft(_) => {
                let again = self.confirms;
                self.went_well(Step::Confirm);
                if again > 0 {
                    self.wait(again, None, now_ms, backoff, seed);
                }
            }
            Seen::Confirmed(verdict) if verdict.agrees_but_for_date() => {
                self.state = EffectState::Done;
                (self.reason, self.refused) = (None, None);
                self.differences = verdict.differences;
            }
            Seen::Confirmed(verdict) => {
                self.reject(
                    "Odoo has confirmed something else than was meant",
                    verdict.differences,
                );
            }
        }
    }

    pub(super) fn failed(&mut self, answer: Answer, now_ms: i64, backoff: Backoff, seed: u64) {
        match answer {
            // a read-only step that came back with a result the caller could not use
            Answer::Ok(_) => {
                self.lose_track("the answer was not understood".to_owned());
                self.wait(self.attempts, None, now_ms, backoff, seed);
            }
            Answer::Retry { after_ms, reason } => {
                self.step_back(reason);
                self.wait(self.attempts, after_ms, now_ms, backoff, seed);
            }
            Answer::Unknown { after_ms, reason } => {
                self.lose_track(reason);
                self.wait(self.attempts, after_ms, now_ms, backoff, seed);
            }
            Answer::Unauthorised { message } => {
                self.step_back(message);
                self.wait(u32::MAX, Some(backoff.most_ms / 2), now_ms, backoff, seed);
            }
            // "must be in draft" may mean that it is posted, a dialog that it is done: read the state first
            Answer::Rejected {
                refusal: Refusal::Rule | Refusal::Dialog | Refusal::Missing,
                message,
            } if self.step == Step::Confirm => {
                self.went_well(Step::Look);
                self.refused = Some(message);
            }
            Answer::Rejected { message, .. } => self.reject(&message, Vec::new()),
        }
    }

    /// Certainly not done: as if the call had not been made.
    fn step_back(&mut self, reason: String) {
        self.state = if self.document.is_some() {
            EffectState::Sent
        } else {
            EffectState::Intent
        };
        self.reason = Some(reason);
    }

    /// Whatever it was, the way on begins with looking: `load()` finds what is there by its key.
    pub(super) fn lose_track(&mut self, reason: String) {
        self.state = EffectState::Unknown;
        self.step = self.first_look();
        self.reason = Some(reason);
    }

    /// How to find out what Odoo holds.
    pub(super) const fn first_look(&self) -> Step {
        if self.document.is_some() {
            Step::Look
        } else {
            self.payload.first_step()
        }
    }

    fn wait(&mut self, attempt: u32, after_ms: Option<u64>, now_ms: i64, backoff: Backoff, seed: u64) {
        let wait = backoff.wait_ms(attempt, seed).max(after_ms.unwrap_or(0));
        self.not_before_ms = now_ms.saturating_add(i64::try_from(wait).unwrap_or(i64::MAX));
    }

    fn reject(&mut self, reason: &str, differences: Vec<Difference>) {
        self.state = EffectState::Rejected;
        self.reason = Some(reason.to_owned());
        self.differences = differences;
    }

    pub(super) fn wrong(&self, what: &'static str) -> EffectError {
        EffectError {
            key: self.key.clone(),
            state: self.state,
            step: self.step,
            what,
        }
    }
}
