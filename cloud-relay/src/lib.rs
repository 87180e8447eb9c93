#![doc = include_str!("../README.md")]

pub mod alerts;
pub mod audit;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod closing;
pub mod cloud;
pub mod config;
pub mod dashboard;
pub mod days;
pub mod desk;
pub mod endpoint;
pub mod enrol;
pub mod events;
pub mod explain;
pub mod export;
pub mod finding;
pub mod ingest;
pub mod jobs;
mod limiter;
pub mod mapping;
pub mod metrics;
pub mod odoo;
pub mod people;
pub mod pki;
mod private_file;
pub mod run;
pub mod settlement;
pub mod store;
#[cfg(test)]
mod testing;
pub mod understand;

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    use ring::rand::{SecureRandom as _, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(bytes)
}
