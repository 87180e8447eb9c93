//! A payment terminal that speaks UPA, over TCP or a pseudo terminal, and the till's side of the same talk.
//!
//! Facts of the protocol are those of Heartland's published SDKs (`UpaTcpInterface`, `UpaController`,
//! `TransactionResponse`): frames of `02 0A json 0A 03 0A`, an `ACK` to each message, `READY` at the end. The terminal
//! can be told to misbehave in the ways that those SDKs guard against.

mod behaviour;
mod body;
mod frame;
mod pos;
mod pty;
mod server;

pub use behaviour::Behaviour;
pub use frame::{Frames, pos_frame, terminal_frame};
pub use pos::{Answer, Ask, Pos, PosError};
pub use pty::Pty;
pub use server::{Approval, Terminal, serve_stream, serve_tcp, serve_tcp_at};
