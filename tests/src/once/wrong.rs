//! Machines that are wrong in one point each: what the campaign must notice, or it notices nothing.

use tillwire_relay::jobs::post::Machine;
use tillwire_relay_core::odoo::{
    Answer, Backoff, Effect, EffectError, EffectKey, EffectState, Payload, Seen, Step, StepResult, Verdict,
};

/// What is wrong with a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// After silence about a confirmation it confirms again, without a look.
    ConfirmsUnlooked,
    /// It confirms twice, to be sure.
    ConfirmsTwice,
    /// It does not commit that a call leaves.
    KeepsCallsToItself,
    /// After a restart it takes no notice of a call that was out.
    ForgetsCallsOut,
    /// When it does not know what became of a document, it makes another one under a fresh key.
    TakesAFreshKey,
    /// It believes that a confirmation that was answered was done.
    BelievesTheAnswer,
    /// It believes that a confirmation that was not answered was done.
    TakesSilenceForYes,
    /// It gives up when it does not know.
    GivesUp,
    /// It confirms a draft without comparing it.
    ComparesNoDraft,
    /// It calls done what Odoo has confirmed, whatever that is.
    ComparesNoResult,
    /// A document that was deleted counts as done.
    MindsNoDeletion,
}

/// Every one of them.
pub const WRONGS: [Wrong; 11] = [
    Wrong::ConfirmsUnlooked,
    Wrong::ConfirmsTwice,
    Wrong::KeepsCallsToItself,
    Wrong::ForgetsCallsOut,
    Wrong::TakesAFreshKey,
    Wrong::BelievesTheAnswer,
    Wrong::TakesSilenceForYes,
    Wrong::GivesUp,
    Wrong::ComparesNoDraft,
    Wrong::ComparesNoResult,
    Wrong::MindsNoDeletion,
];

impl Wrong {
    /// Words of the problem by which it must be found out: any of them.
    #[must_use]
    pub const fn shows_as(self) -> &'static [&'static str] {
        match self {
            Self::ConfirmsUnlooked | Self::ConfirmsTwice | Self::ForgetsCallsOut => &["not been read since"],
            Self::KeepsCallsToItself => &["left before the database said so"],
            Self::TakesAFreshKey => &["Odoo holds what nobody meant"],
            Self::BelievesTheAnswer | Self::TakesSilenceForYes => &["was not read after it had been told"],
            Self::GivesUp => &["refused, and nobody had touched it"],
            Self::ComparesNoDraft => &["was read and is not what was meant"],
            Self::ComparesNoResult | Self::MindsNoDeletion => &["was never read as it was meant"],
        }
    }
}

impl Machine for Wrong {
    fn recovered(&self, stored: Effect) -> Effect {
        if *self == Self::ForgetsCallsOut {
            return Effect {
                calling: false,
                ..stored
            };
        }
        stored.recovered()
    }

    fn commits_before(&self, step: Step) -> bool {
        *self != Self::KeepsCallsToItself && step != Step::Look
    }

    fn answered(
        &self,
        effect: Effect,
        result: StepResult,
        now_ms: i64,
        seed: u64,
    ) -> Result<Effect, EffectError> {
        let step = effect.step;
        let silent = matches!(result, StepResult::Failed(Answer::Unknown { .. }));
        let confirmed = matches!(result, StepResult::Confirmed);
        let first = effect.unheeded == 0;
        let result = match (self, result) {
            (Self::ComparesNoDraft, StepResult::Seen(Seen::Draft(_))) => {
                StepResult::Seen(Seen::Draft(Verdict::default()))
            }
            (Self::ComparesNoResult, StepResult::Seen(Seen::Confirmed(_)))
            | (Self::MindsNoDeletion, StepResult::Seen(Seen::Gone)) => {
                StepResult::Seen(Seen::Confirmed(Verdict::default()))
            }
            (_, result) => result,
        };
        let mut effect = effect.answered(result, now_ms, Backoff::default(), seed)?;
        match self {
            Self::ConfirmsUnlooked if silent && step == Step::Confirm => effect.step = Step::Confirm,
            Self::ConfirmsTwice if confirmed && first => effect.step = Step::Confirm,
            Self::BelievesTheAnswer if confirmed => effect.state = EffectState::Done,
            Self::TakesSilenceForYes if silent && step == Step::Confirm => effect.state = EffectState::Done,
            Self::GivesUp if silent => effect.state = EffectState::Rejected,
            Self::TakesAFreshKey if silent && step == Step::Load => {
                let fresh = EffectKey::from_stored(format!("{}_again", effect.key));
                match &mut effect.payload {
                    Payload::JournalEntry(entry) => entry.key = fresh,
                    Payload::Picking(picking) => picking.key = fresh,
                    Payload::Contact(contact) => contact.key = fresh,
                    Payload::Invoice(invoice) => invoice.key = fresh,
                    Payload::Reconciliation(reconciliation) => reconciliation.key = fresh,
                }
            }
            _ => {}
        }
        Ok(effect)
    }
}
