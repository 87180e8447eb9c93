//! One connection between till and printer: jobs, and what each says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tillwire_proto::{Digest, Fact, Printed};

use super::lexer::Lexer;
use super::sheet::{Printout, Sheet};
use super::token::Token;
use crate::capture::dialect::{Decoder, Heard, Side};
use crate::capture::receipt::{self, Place};
use crate::capture::settings::{PrinterSettings, TapSettings};
use crate::capture::tripwire::Redactions;
use crate::capture::unreadable;

/// A job without a cut has ended when the line was silent for so long.
const QUIET: Duration = Duration::from_secs(2);

/// How often a job may be looked at in the middle, when the printer is told to begin anew.
const LOOKS_MAX: u8 = 8;

/// Receipts remembered per printer, to know a reprint by.
const PRINTED_MAX: usize = 1024;

/// What a printer printed lately. Tills make a connection per receipt, so all connections of a printer share it.
#[derive(Debug, Clone, Default)]
pub struct PrintedLately(Arc<Mutex<VecDeque<Digest>>>);

impl PrintedLately {
    /// Whether the same receipt was printed before; remembers it. Time, drawer and words such as "copy" make no
    /// difference.
    fn knows(&self, printed: &Printed) -> bool {
        let bare = Printed {
            at: None,
            copy: false,
            drawer_kicks: 0,
            ..printed.clone()
        };
        let digest = Digest::of(format!("{bare:?}").as_bytes());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&digest) {
            return true;
        }
        if known.len() == PRINTED_MAX {
            known.pop_front();
        }
        known.push_back(digest);
        false
    }
}

/// Listens to what one connection prints. What the printer answers says nothing about sales and is not read.
#[derive(Debug)]
pub struct Printer {
    settings: TapSettings,
    printer: PrinterSettings,
    lexer: Lexer,
    sheet: Sheet,
    looks: u8,
    lately: PrintedLately,
}

impl Printer {
    /// A new connection to this printer.
    #[must_use]
    pub fn new(settings: &TapSettings, printer: PrinterSettings, lately: PrintedLately) -> Self {
        Self {
            settings: settings.clone(),
            sheet: Sheet::new(printer.code_page),
            printer,
            lexer: Lexer::default(),
            looks: 0,
            lately,
        }
    }

    fn token(&mut self, token: &Token, bytes: &[u8]) -> Option<Heard> {
        let mut heard = None;
        match token {
            Token::Init => {
                if self.is_whole() {
                    heard = self.tear_off();
                }
                self.sheet.set_page(self.printer.code_page);
            }
            Token::Cut if self.sheet.is_printed() => {
                self.sheet.put(token, bytes);
                return self.tear_off();
            }
            _ => {}
        }
        self.sheet.put(token, bytes);
        heard
    }

    /// `ESC @` in the middle of a job is the next job's beginning when what stands there reads as a receipt: a till
    /// whose printer has no cutter. Elsewhere it only sets the printer's looks back.
    fn is_whole(&mut self) -> bool {
        if !self.sheet.is_printed() || self.looks == LOOKS_MAX {
            return false;
        }
        self.looks += 1;
        let text = self.sheet.lines_so_far();
        let lines: Vec<&str> = text.lines().collect();
        self.printer.template.is_whole(&lines, self.settings.currency)
    }

    fn tear_off(&mut self) -> Option<Heard> {
        self.looks = 0;
        if !self.sheet.is_begun() {
            return None;
        }
        let Printout {
            paper,
            raw,
            redactions,
        } = self.sheet.tear_off();
        let unreadable =
            |reason, words: &str| unreadable(reason, words, Some(self.settings.register.clone()));
        let place = Place {
            store: &self.settings.store,
            register: &self.settings.register,
            registers: &self.printer.registers,
            currency: self.settings.currency,
        };
        let fact = if let Some(code) = paper.star {
            unreadable(
                "star-printer",
                &format!(
                    "found {code}, which only Star's printers have, wanted ESC/POS; set the printer to ESC/POS"
                ),
            )
        } else if paper.is_too_long {
            unreadable(
                "receipt-too-long",
                "the job is longer than 64 KiB of text and commands",
            )
        } else if !paper.has_text() && paper.pictures > 0 {
            unreadable(
                "raster-only",
                &format!(
                    "found {} pictures and no text; let the till's printer driver send text",
                    paper.pictures
                ),
            )
        } else if !paper.has_text() && paper.codes.is_empty() {
            Fact::Printed(Box::new(receipt::only_drawer(
                &place,
                &self.printer.template,
                paper.kicks,
            )))
        } else {
            match self.printer.template.read(&paper, &place) {
                Ok(mut printed) => {
                    let known = printed.ticket.is_some() && self.lately.knows(&printed);
                    printed.copy |= known;
                    Fact::Printed(Box::new(printed))
                }
                Err(error) => unreadable("receipt-not-read", &error.to_string()),
            }
        };
        Some(Heard {
            fact,
            raw,
            redactions,
        })
    }
}

impl Decoder for Printer {
    fn said(&mut self, side: Side, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        if side == Side::Pos {
            let mut lexer = std::mem::take(&mut self.lexer);
            lexer.push(bytes, &mut |token, bytes: &[u8]| {
                heard.extend(self.token(&token, bytes));
            });
            self.lexer = lexer;
        }
        heard
    }

    fn ended(&mut self) -> Vec<Heard> {
        self.quiet()
    }

    fn take_unreported(&mut self) -> Redactions {
        Redactions::default() // every byte that was printed is part of a fact
    }

    fn quiet_after(&self) -> Option<Duration> {
        Some(QUIET)
    }

    fn quiet(&mut self) -> Vec<Heard> {
        self.lexer.reset();
        self.tear_off().into_iter().collect()
    }
}
