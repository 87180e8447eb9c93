//! Capture's I/O: sockets and serial lines. What the bytes say is decided in the core's stage of the same name; what
//! becomes durable, and when, is the journal's.
//!
//! A source that can wait ([`http`]) is told *taken* after the commit. A source that cannot ([`tap`]) is forwarded
//! at once and journaled behind. One that is asked ([`cloud`]) is asked again for what was not journaled.

pub mod cloud;
pub mod folder;
pub mod http;
mod notices;
pub mod tap;
