//! Odoo's side of the relay: carries calls, checks beforehand what a store needs, and sets up a demonstration.
//!
//! What is asked and what an answer means is decided in `tillwire_relay_core::odoo`; here requests travel and answers
//! come back. Nothing here retries by itself, and nothing here writes to Odoo except through a call that was handed in
//! (the jobs) or the demonstration's own records (`provision`).

mod client;
mod counts;
mod endpoint;
mod json2;
mod jsonrpc;
pub mod lots;
pub mod preflight;
mod products;
pub mod shelf;
mod transport;

pub use client::{Client, Protocol, Server, value_of};
pub use counts::{CallCounts, Counters};
pub use endpoint::{Endpoint, EndpointError, Limits, ProtocolChoice, Secret};
pub use products::{Item, Products};
