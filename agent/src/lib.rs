#![doc = include_str!("../README.md")]

pub mod acknowledge;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod config;
pub mod enrol;
mod https;
pub mod identity;
pub mod journal;
pub mod run;
pub mod status;
pub mod uplink;

/// The agent's version, as records and people see it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
