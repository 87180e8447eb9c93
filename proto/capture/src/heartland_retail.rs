//! The Heartland Retail dialect: a ticket as its REST interface and webhook write it, a sales order as POS v2 does, and till events in our own
//! small form, for what a ticket cannot tell.
//!
//! A ticket becomes a transaction only when every sum on it is right to the cent. Where the vendor's documents are
//! silent (signs of returns, classes of payments) nothing is guessed: what does not add up is refused with both
//! figures, kept, and parsed again when we know better. Coupons, customers and custom fields are not read; they are
//! in the kept bytes. Revisions are the journal's: every transaction leaves here with revision 0.

use tillwire_proto::{RegisterId, Transaction};

use crate::scalar::Object;
use crate::settings::HeartlandRetailSettings;

pub mod cloud;
mod error;
mod event;
pub mod feed;
pub mod graph;
mod line;
mod order;
pub mod paid;
mod payment;
pub mod shelf;
mod ticket;
mod wire;

pub use error::TicketError;

/// Bytes that did not become a transaction, and the register they came from where that could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Refused {
    /// Why.
    pub error: TicketError,
    /// Whose.
    pub register: Option<RegisterId>,
}

/// Reads a ticket. The bytes must have passed the tripwire.
///
/// # Errors
/// [`Refused`], which names what was found and what was wanted.
pub fn read_ticket(body: &[u8], settings: &HeartlandRetailSettings) -> Result<Transaction, Refused> {
    let ticket: wire::Ticket<'_> = parse(body)?;
    let register = ticket::register(&ticket, settings).ok();
    ticket::read(&ticket, settings).map_err(|error| Refused { error, register })
}

/// Reads a sales order of POS v2, as [`graph::ListedOrder`] keeps it. The bytes must have passed the tripwire.
///
/// # Errors
/// As [`read_ticket`].
pub fn read_order(body: &[u8], settings: &HeartlandRetailSettings) -> Result<Transaction, Refused> {
    let kept: order::Kept<'_> = parse(body)?;
    let register = order::register(&kept, settings).ok();
    order::read(&kept, settings).map_err(|error| Refused { error, register })
}

/// Reads a till event. The bytes must have passed the tripwire.
///
/// # Errors
/// As [`read_ticket`].
pub fn read_till_event(body: &[u8], settings: &HeartlandRetailSettings) -> Result<Transaction, Refused> {
    let event: event::TillEvent<'_> = parse(body)?;
    let register = event.register(settings).ok();
    event.read(settings).map_err(|error| Refused { error, register })
}

fn parse<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    let read: Result<Object<T>, _> = serde_json::from_slice(body);
    read.map(|Object(found)| found).map_err(|error| Refused {
        error: TicketError::Malformed(error.to_string()),
        register: None,
    })
}
