//! The Odoo simulator beyond the recordings: faults, people, rights, transactions and speed.

#![allow(clippy::unwrap_used, reason = "a failed step of a test should stop it there")]

mod behaviour;
mod client;
mod companies;
mod faults;
mod invoices;
mod payments;
mod refusals;
mod speed;
mod stock;
