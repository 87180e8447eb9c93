//! What the agent decides: capture dialects, tripwire, journal rules, uplink window, health.

pub mod capture;
pub mod health;
pub mod journal;
pub mod settings;
pub mod uplink;
