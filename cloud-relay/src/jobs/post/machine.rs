//! The effect machine as the poster asks it. There is one, the core's. The poster asks it through a trait so that a
//! campaign of tests can put a wrong answer in the place of each right one, and see that it notices.

use std::fmt::Debug;

use tillwire_relay_core::odoo::{Backoff, Effect, EffectError, Next, Step, StepResult};

/// Every decision about an effect on its way. Each answers as the core does.
pub trait Machine: Debug + Send + Sync {
    /// An effect as found at the start of a drive.
    fn recovered(&self, stored: Effect) -> Effect {
        stored.recovered()
    }

    /// What to do now.
    fn next(&self, effect: &Effect, now_ms: i64) -> Next {
        effect.next(now_ms)
    }

    /// A call is about to leave.
    ///
    /// # Errors
    /// [`EffectError`] when none may.
    fn calling(&self, effect: Effect) -> Result<Effect, EffectError> {
        effect.calling()
    }

    /// Whether it is committed that this step's call leaves. A read changes nothing: silence about it leaves nothing in
    /// doubt.
    fn commits_before(&self, step: Step) -> bool {
        step != Step::Look
    }

    /// What came of the call. `seed` spreads waits.
    ///
    /// # Errors
    /// [`EffectError`] when no such call was out.
    fn answered(
        &self,
        effect: Effect,
        result: StepResult,
        now_ms: i64,
        seed: u64,
    ) -> Result<Effect, EffectError> {
        effect.answered(result, now_ms, Backoff::default(), seed)
    }
}

/// The core's machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct CoreMachine;

impl Machine for CoreMachine {}
