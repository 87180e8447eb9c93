//! What the agent does: serial, TCP and HTTP capture, the SQLite journal, the MQTT uplink, the command line.

pub mod capture;
pub mod clock;
pub mod config;
pub mod enrol;
pub mod identity;
pub mod journal;
pub mod uplink;
