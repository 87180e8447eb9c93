//! The agent's parts on a real disk and against a relay that is played.

#![allow(clippy::unwrap_used, reason = "tests may, their helpers too")]

mod days;
mod enrol;
mod journal;
mod model;
mod receipt;
mod support;
mod uplink;
mod whole;
