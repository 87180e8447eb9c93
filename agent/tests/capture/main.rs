//! Capture's shells: real sockets and lines, sources that misbehave, and journals that do.

mod durable;
mod folder;
mod http;
mod journal;
mod tap_printer;
#[cfg(target_os = "linux")]
mod tap_serial;
mod tap_tcp;
