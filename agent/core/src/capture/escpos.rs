//! The ESC/POS dialect: what a till tells its receipt printer.
//!
//! Bytes become tokens ([`Lexer`]), the tokens of one job become paper ([`Sheet`]), and the paper is read by the
//! store's [template](super::receipt) ([`Printer`]). A job ends with the cut, after two seconds of silence, with the
//! connection, or where the printer is initialised behind a whole receipt. It is reported once it has ended.
//!
//! Pictures are skipped by their length and not kept: they can show what the tripwire cannot read. The commands and
//! their lengths are those of Epson's printers, as public drivers write them.

mod group;
mod lexer;
mod page;
mod printer;
mod realtime;
mod sheet;
mod show;
mod text;
mod token;

pub use lexer::{CONTENT_LEN_MAX, Lexer};
pub use page::CodePage;
pub use printer::{PrintedLately, Printer};
pub use sheet::{JOB_LEN_MAX, Paper, Printout, Sheet};
pub use show::{papers, shown};
pub use token::Token;
