//! One connection between POS and terminal: which answer belongs to which request.

use std::collections::VecDeque;

use tillwire_proto::{Digest, Fact, TerminalId};

use super::frame::{Framed, Framer};
use super::message::{self, Message};
use super::payment::{self, Question};
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
    /// What was asked, by `RequestId`.
    questions: VecDeque<(String, Question)>,
    /// Answers heard, by digest.
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

    fn framed(&mut self, frame: Framed) -> Option<Heard> {
        let text = match frame {
            Framed::Whole(text) => text,
            Framed::Noise => return Some(self.unreadable("noise", &noise::words("HPA"))),
            Framed::Torn => {
                let first = !std::mem::replace(&mut self.damaged, true);
                let words = "the frame did not end where its length says";
                return first.then(|| self.unreadable("torn-frame", words));
            }
        };
        self.damaged = false;
        let message = match message::read(text) {
            Ok(message) => message,
            Err(words) => return Some(self.unreadable("malformed-frame", &words)),
        };
        self.unreported.merge(&message.redactions);
        let fact = match message.text("Request") {
            Some(_) => self.request(&message),
            None => self.answer(&message),
        };
        fact.map(|fact| Heard {
            fact,
            raw: message.raw,
            redactions: self.take_unreported(),
        })
    }

    fn unreadable(&mut self, reason: &'static str, words: &str) -> Heard {
        Heard {
            fact: unreadable(reason, words, Some(self.settings.register.clone())),
            raw: Vec::new(),
            redactions: self.take_unreported(),
        }
    }

    fn request(&mut self, request: &Message) -> Option<Fact> {
        let command = payment::command(request.text("Request")?)?;
        let question = match Question::read(command, request, self.settings.currency) {
            Ok(question) => question,
            Err(words) => return Some(self.wrong(&words)),
        };
        let id = request.text("RequestId").unwrap_or_default().to_owned();
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
        let name = answer.text("Response")?;
        if payment::command(name).is_none() && payment::report_kind(name).is_none() {
            return None;
        }
        if self.is_repeated(&answer.raw) {
            return None;
        }
        let Some(command) = payment::command(name) else {
            let kind = payment::report_kind(name)?;
            return Some(Fact::Report(Box::new(payment::report(kind, answer, self))));
        };
        let id = answer.text("RequestId").unwrap_or_default();
        let question = self.questions.iter().find(|(other, _)| other == id);
        let question = question
            .map(|(_, question)| question)
            .filter(|question| question.command == command);
        match payment::read(command, answer, question, self) {
            Ok(payment) => Some(Fact::Terminal(Box::new(payment))),
            Err(words) => Some(self.wrong(&words)),
        }
    }

    /// Whether this very answer was heard before: two payments never read alike.
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
            .filter_map(|frame| self.framed(frame))
            .collect()
    }

    fn ended(&mut self) -> Vec<Heard> {
        let [pos, terminal] = &mut self.framers;
        let torn = [pos.end(), terminal.end()];
        torn.into_iter()
            .flatten()
            .filter_map(|frame| self.framed(frame))
            .collect()
    }

    fn take_unreported(&mut self) -> Redactions {
        std::mem::take(&mut self.unreported)
    }
}
