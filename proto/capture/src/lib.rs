#![doc = include_str!("../README.md")]

use tillwire_proto::{Code, Fact, Note, RegisterId, Unreadable};

pub mod heartland_retail;
pub mod scalar;
pub mod settings;
pub mod tripwire;

/// The fact for bytes that were not understood: a stable word for the cause, and what was found and wanted.
///
/// # Panics
/// Never with the reasons of these crates, which are short plain words.
#[must_use]
pub fn unreadable(reason: &'static str, detail: &str, register: Option<RegisterId>) -> Fact {
    let words = Note::cleaned(detail).or_else(|| Note::new("no detail").ok());
    Fact::Unreadable(Unreadable {
        reason: Code::new(reason).expect("reasons are short plain words"),
        detail: words.expect("a fixed text is a note"),
        register,
    })
}
