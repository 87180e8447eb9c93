//! A retailer and a day of its trade, drawn from a seed: the same seed gives the same stores, prices and tickets.
//!
//! What it makes is what really happened at the tills. The till simulator tells it to the agent, the reference adds
//! it up; neither invents anything of its own.

mod catalogue;
mod day;
mod event;
mod ticket;

pub use catalogue::{Product, Register, Shop, Store, TaxRule, TerminalLine};
pub use day::{Plan, business_day};
pub use event::{Event, How, Kind, Payment, TaxPart, Ticket, TicketLine, What};
