//! What every dialect of a tapped line has in common: bytes of two sides go in, facts with their bytes come out.

use std::time::Duration;

use tillwire_proto::Fact;

use super::escpos::{PrintedLately, Printer};
use super::settings::{Dialect, TapSettings};
use super::tripwire::Redactions;
use super::{hpa, pax, upa};

/// Who said something on a tapped line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The till.
    Pos,
    /// The terminal, the printer.
    Device,
}

/// Something heard on the line that is worth a record.
#[derive(Debug, PartialEq)]
pub struct Heard {
    /// What was understood.
    pub fact: Fact,
    /// The bytes it was understood from, after the tripwire.
    pub raw: Vec<u8>,
    /// What the tripwire replaced since the last thing heard, in both directions.
    pub redactions: Redactions,
}

/// Understands one connection. It never answers and never holds anything back; any split of the same bytes gives the
/// same facts.
pub trait Decoder: Send {
    /// Bytes that one side sent.
    fn said(&mut self, side: Side, bytes: &[u8]) -> Vec<Heard>;

    /// Both directions ended, or bytes were missed: what was begun will not end.
    fn ended(&mut self) -> Vec<Heard>;

    /// Card data replaced in bytes that made no fact, since the last call; those bytes are forgotten, the alarm is
    /// not.
    fn take_unreported(&mut self) -> Redactions;

    /// How long the line must be silent for [`Self::quiet`] to be called; `None` when silence means nothing.
    fn quiet_after(&self) -> Option<Duration> {
        None
    }

    /// Nobody has said anything for [`Self::quiet_after`].
    fn quiet(&mut self) -> Vec<Heard> {
        Vec::new()
    }
}

/// What the connections of one tap know together.
#[derive(Debug, Clone, Default)]
pub struct TapMemory {
    printed: PrintedLately,
}

/// A decoder for a new connection of this tap.
#[must_use]
pub fn decoder(settings: &TapSettings, memory: &TapMemory) -> Box<dyn Decoder> {
    match &settings.dialect {
        Dialect::Upa(terminal) => Box::new(upa::Exchange::new(settings, terminal.clone())),
        Dialect::Pax(terminal) => Box::new(pax::Exchange::new(settings, terminal.clone())),
        Dialect::Hpa(terminal) => Box::new(hpa::Exchange::new(settings, terminal.clone())),
        Dialect::EscPos(printer) => Box::new(Printer::new(
            settings,
            (**printer).clone(),
            memory.printed.clone(),
        )),
    }
}
