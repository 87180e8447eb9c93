#![doc = include_str!("../README.md")]

pub mod capture;
pub mod health;
pub mod journal;
pub mod settings;
pub mod uplink;
