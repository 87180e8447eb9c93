//! The endpoint over real sockets and real TLS: stories of devices that behave, and of peers that do not.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop; clippy knows only functions marked as tests"
)]

mod support;
mod wire;

mod commits;
mod everyday;
mod misbehaviour;
mod pressure;
mod strangers;
