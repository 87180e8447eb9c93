//! One connection between POS and terminal: which answer belongs to which request.

use std::collections::VecDeque;

use tillwire_proto::{Digest, Fact, TerminalId};

use super::frame::{Framed, Framer};
use super::message::{self, Family, Message};
use super::payment::{self, Question};
use super::report;
use crate::capture::dialect::{Decoder, Heard, Side};
use crate::capture::noise;
use crate::capture::settings::TapSettings;
use crate::capture::tripwire::Redactions;
use crate::capture::unreadable;

/// Requests and answers remembered per connection. One is usual: a terminal does one thing at a time.
const REMEMBERED_MAX: usize = 32;

/// Listens to both directions of one connection. Never answers, never holds anything back.
#[derive(Debug)]
pub struct Exchange {
    pub(super) settings: TapSettings,
    pub(super) terminal: TerminalId,
    /// The POS's and the terminal's.
    framers: [Framer; 2],
    /// What was asked, by the POS's reference of it.
    questions: VecDeque<(String, Question)>,
    /// Answers heard, by digest: a terminal that was not acknowledged sends the same one again.
    answers: VecDeque<Digest>,
    /// Whether the last frame was damaged: a run of them is one record.
    damaged: bool,
    unreported: Redactions,
}

impl Exchange {
    /// A new connection with this terminal.
    #[must_use]
    pub fn new(settings: &TapSettings, terminal: TerminalId) -> Self {
        Self {
            settings: settings.clone(),
            terminal,
            framers: [Framer::default(), Framer::default()],
            questions: VecDeque::new(),
            answers: VecDeque::new(),
            damaged: false,
            unreported: Redactions::default(),
        }
    }

    fn framed(&mut self, side: Side, frame: Framed) -> Option<Heard> {
        let text = match frame {
            Framed::Whole(text) => text,
            Framed::BadLrc => {
                return self.damaged("bad-checksum", "found another LRC than the frame's bytes give");
            }
            Framed::Noise => return Some(self.unreadable("noise", &noise::words("PAX"))),
            Framed::Torn => {
                return self.damaged(
                    "torn-frame",
                    "the frame did not end before another began or the line ended",
                );
            }
        };
        self.damaged = false;
        let Some(message) = message::read(text) else {
            let words = "found a frame without a command where one belongs";
            return Some(self.unreadable("malformed-frame", words));
        };
        self.unreported.merge(&message.redactions);
        let fact = match (side, message.device.is_some()) {
            (Side::Pos, false) => self.request(&message),
            (Side::Device, true) => self.answer(&message),
            _ => None,
        };
        fact.map(|fact| Heard {
            fact,
            raw: message.raw,
            redactions: self.take_unreported(),
        })
    }

    /// One record for a run of damaged frames; nothing of them is kept, for nobody knows what they are.
    fn damaged(&mut self, reason: &'static str, words: &str) -> Option<Heard> {
        let first = !std::mem::replace(&mut self.damaged, true);
        first.then(|| self.unreadable(reason, words))
    }

    fn unreadable(&mut self, reason: &'static str, words: &str) -> Heard {
        Heard {
            fact: unreadable(reason, words, Some(self.settings.register.clone())),
            raw: Vec::new(),
            redactions: self.take_unreported(),
        }
    }

    /// Remembers a question under the POS's reference. The same one again is the same.
    fn request(&mut self, request: &Message) -> Option<Fact> {
        if request.family() != Some(Family::Payment) {
            return None;
        }
        let question = match Question::read(request, self.settings.currency) {
            Ok(question) => question?,
            Err(words) => return Some(self.wrong(&words)),
        };
        let id = request.member(3, 0).unwrap_or_default().to_owned();
        // whatever is answered from here on answers this
        self.answers.clear();
        self.questions.retain(|(other, _)| *other != id);
        if self.questions.len() == REMEMBERED_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back((id, question));
        None
    }

    fn answer(&mut self, answer: &Message) -> Option<Fact> {
        let family = answer.family()?;
        if self.is_repeated(&answer.raw) {
            return None;
        }
        if family != Family::Payment {
            return report::read(answer, family, self).map(|report| Fact::Report(Box::new(report)));
        }
        // an answer that failed early names no reference: then the last question is meant
        let question = match answer.member(4, 1) {
            Some(id) => self.questions.iter().find(|(other, _)| other == id),
            None => self.questions.back(),
        };
        match payment::read(answer, question.map(|(_, question)| question), self) {
            Ok(payment) => payment.map(|payment| Fact::Terminal(Box::new(payment))),
            Err(words) => Some(self.wrong(&words)),
        }
    }

    /// Whether this very answer was heard before. Two payments never read alike: terminal number, clock and
    /// reference differ.
    fn is_repeated(&mut self, raw: &[u8]) -> bool {
        let digest = Digest::of(raw);
        if self.answers.contains(&digest) {
            return true;
        }
        if self.answers.len() == REMEMBERED_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back(digest);
        false
    }

    fn wrong(&self, words: &str) -> Fact {
        unreadable("wrong-value", words, Some(self.settings.register.clone()))
    }
}

impl Decoder for Exchange {
    fn said(&mut self, side: Side, bytes: &[u8]) -> Vec<Heard> {
        let frames = self.framers[side as usize].push(bytes);
        frames
            .into_iter()
            .filter_map(|frame| self.framed(side, frame))
            .collect()
    }

    fn ended(&mut self) -> Vec<Heard> {
        let torn = [Side::Pos, Side::Device].map(|side| (side, self.framers[side as usize].end()));
        torn.into_iter()
            .filter_map(|(side, torn)| self.framed(side, torn?))
            .collect()
    }

    fn take_unreported(&mut self) -> Redactions {
        std::mem::take(&mut self.unreported)
    }
}
