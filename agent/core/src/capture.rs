//! Capture decides what a source's bytes say. Every byte passes the [`tripwire`] before anything else looks at it;
//! then a dialect ([`heartland_retail`], [`upa`]) reads it. Sockets, clocks and the journal are the shell's.

use tillwire_proto::{Code, Fact, Note, RegisterId, Unreadable};

pub mod heartland_retail;
mod notice;
mod scalar;
pub mod settings;
pub mod tripwire;
pub mod upa;

pub use notice::CardDataGate;

/// The fact for bytes that were not understood: a stable word for the cause, and what was found and wanted.
///
/// # Panics
/// Never with the reasons of this crate, which are short plain words.
#[must_use]
pub fn unreadable(reason: &'static str, detail: &str, register: Option<RegisterId>) -> Fact {
    let words = Note::cleaned(detail).or_else(|| Note::new("no detail").ok());
    Fact::Unreadable(Unreadable {
        reason: Code::new(reason).expect("reasons are short plain words"),
        detail: words.expect("a fixed text is a note"),
        register,
    })
}
