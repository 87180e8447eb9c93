//! Capture decides what a source's bytes say. Every byte passes the [`tripwire`] before anything else looks at it;
//! then a dialect reads it: [`heartland_retail`] what is pushed, and for what a tap hears whichever the tap's
//! [settings](settings::TapSettings) name ([`dialect`]). Sockets, clocks and the journal are the shell's.

pub mod dialect;
pub mod escpos;
pub mod folder;
pub mod hpa;
pub mod manifest;
mod noise;
mod notice;
pub mod pax;
pub mod receipt;
pub mod screen;
pub mod settings;
pub mod upa;

pub use notice::CardDataGate;
pub use tillwire_capture::{heartland_retail, tripwire, unreadable};
