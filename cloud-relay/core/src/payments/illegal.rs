//! An event that its payment cannot have: both sides of the contradiction.

use serde::{Deserialize, Serialize};
use tillwire_proto::Amount;

use super::event::PaymentEvent;
use super::state::PaymentState;

/// An event that did not happen as it is told, or after which something else is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IllegalEvent {
    /// Where the payment stands, and stays; `None` when nothing of it was seen.
    pub state: Option<PaymentState>,
    /// What is said to have happened.
    pub event: PaymentEvent,
    /// Why it cannot.
    pub why: Why,
}

/// Why an event is illegal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Its state does not allow it.
    State,
    /// Its batch is closed: nothing can be taken back or added any more.
    BatchClosed,
    /// More than there is: what it would come to, and the most that is possible.
    Beyond {
        /// What it would come to.
        found: Amount,
        /// The most.
        most: Amount,
    },
    /// Another amount than what it takes back.
    Differs {
        /// What is there.
        wanted: Amount,
    },
    /// An amount that has no meaning: negative, in another currency, or beyond 64 bits.
    Amount,
}

impl IllegalEvent {
    /// The money in question.
    #[must_use]
    pub const fn at_risk(&self) -> Amount {
        self.event.amount
    }
}

impl std::fmt::Display for IllegalEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.map_or("never seen", PaymentState::name);
        match self.why {
            Why::State => write!(f, "it is said to be {}, but it is {state}", self.event),
            Why::BatchClosed => write!(f, "it is said to be {}, but its batch is closed", self.event),
            Why::Beyond { found, most } => write!(
                f,
                "it is said to be {}, which makes {found}, but no more than {most} is possible while it is {state}",
                self.event
            ),
            Why::Differs { wanted } => {
                write!(
                    f,
                    "it is said to be {}, but {wanted} is there to take back",
                    self.event
                )
            }
            Why::Amount => write!(f, "it is said to be {}, which is no such amount", self.event),
        }
    }
}
