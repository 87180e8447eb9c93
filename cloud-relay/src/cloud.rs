//! The POS's cloud as a witness: a retailer's account at Heartland Retail is asked for its sales, and what it tells becomes
//! records of a lane of the relay's own, signed and chained like any device's, so that everything behind ingest (days,
//! books, proof, pages) takes them as it takes all others.
//!
//! [`poll`] asks, [`memory`] remembers how far it got, [`lane`] writes records, [`hooks`] takes the account's webhooks: a
//! webhook is believed in nothing but that a ticket is worth asking for. [`checks`] compares what else the account says.

pub mod checks;
pub mod client;
pub mod hooks;
mod lane;
pub mod memory;
pub mod oauth;
pub mod poll;
pub mod settings;

pub use poll::Poller;
pub use settings::Account;

/// The lane of what a cloud tells.
pub const LANE: &str = "cloud";
