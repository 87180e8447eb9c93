//! The life of one card payment: a closed machine ([`PaymentLife`]) whose events come from terminals' answers and from
//! what the processor reports. Only legal transitions happen; an illegal one is named with both sides
//! ([`IllegalEvent`]) and leaves the last legal state.
//!
//! Facts about one payment are found by the names that they share ([`PaymentName`]) and are put into an order of their
//! own before they are told, so that the order in which they arrived changes nothing. Two witnesses of one event are
//! one event.

mod event;
mod fact;
mod illegal;
mod life;
mod lives;
mod state;
mod terminal;
mod words;

pub use event::{PaymentAct, PaymentEvent};
pub use fact::{PaymentFact, PaymentName, Told};
pub use illegal::{IllegalEvent, Why};
pub use life::{Amounts, PaymentLife};
pub use lives::{Life, lives};
pub use state::PaymentState;
pub use terminal::facts_of;
pub use words::{
    DepositStatus, DisputeStage, DisputeStatus, GpStatus, GpType, PorticoService, PorticoStatus, UnknownWord,
};
