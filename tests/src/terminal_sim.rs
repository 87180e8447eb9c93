//! A payment terminal that speaks UPA, over TCP or a pseudo terminal, or PAX or HPA over TCP, and the till's side of the same
//! talk.
//!
//! Facts of the protocol are those of Heartland's published SDKs (`UpaTcpInterface`, `UpaController`,
//! `TransactionResponse`): frames of `02 0A json 0A 03 0A`, an `ACK` to each message, `READY` at the end. The terminal
//! can be told to misbehave in the ways that those SDKs guard against.

mod behaviour;
mod body;
mod frame;
mod other;
mod pos;
mod pty;
mod server;

pub use behaviour::Behaviour;
pub use frame::{Frames, pos_frame, terminal_frame};
pub use other::{ask_hpa, ask_pax, serve_hpa, serve_pax};
pub use pos::{Answer, Ask, Pos, PosError};
pub use pty::Pty;
pub use server::{Approval, Terminal, serve_stream, serve_tcp, serve_tcp_at};
