//! Simulators that stand on their own (`cargo run -p tillwire-e2e --bin sim -- …`), so that a configuration can be
//! tried without a till, a terminal or an account. The scenarios use the same ones.

pub mod files;
pub mod hpa;
pub mod odoo;
pub mod pax;
pub mod printer;
pub mod receipts;
pub mod retail_cloud;
mod terminal;
pub mod till;
pub mod upa;
