//! One connection between POS and terminal: which answer belongs to which request.

use std::collections::VecDeque;

use tillwire_proto::{Fact, TerminalId};

use super::frame::{Framed, Framer, Torn};
use super::message::{self, Answer, Message, Request};
use super::payment::{self, Question};
use crate::capture::dialect::{Decoder, Heard, Side};
use crate::capture::settings::TapSettings;
use crate::capture::tripwire::Redactions;
use crate::capture::unreadable;

/// Requests remembered per connection. One is usual: a terminal does one thing at a time.
const QUESTIONS_MAX: usize = 32;

/// Listens to both directions of one connection. Never answers, never holds anything back.
#[derive(Debug)]
pub struct Exchange {
    pub(super) settings: TapSettings,
    pub(super) terminal: TerminalId,
    /// The POS's and the terminal's.
    framers: [Framer; 2],
    questions: VecDeque<(String, Question)>,
    /// Card data replaced in frames that made no record of their own.
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
            unreported: Redactions::default(),
        }
    }

    fn framed(&mut self, frame: Framed) -> Option<Heard> {
        match frame {
            Framed::Whole { text, redactions } => {
                self.unreported.merge(&redactions);
                let fact = match message::read(&text) {
                    Ok(Message::Control) => None,
                    Ok(Message::Request(request)) => self.request(&request),
                    Ok(Message::Answer(answer)) => self.answer(&answer, &redactions),
                    Err(why) => Some(self.unreadable("malformed-frame", &why)),
                };
                fact.map(|fact| self.heard(fact, text))
            }
            Framed::Torn {
                why,
                text,
                redactions,
            } => {
                self.unreported.merge(&redactions);
                let why = match why {
                    Torn::Restarted => "another frame started inside this one",
                    Torn::TooLong => "the frame is longer than 64 KiB",
                    Torn::Cut => "the connection ended inside the frame",
                };
                let fact = self.unreadable("torn-frame", why);
                Some(self.heard(fact, text))
            }
        }
    }

    fn heard(&mut self, fact: Fact, raw: Vec<u8>) -> Heard {
        Heard {
            fact,
            raw,
            redactions: self.take_unreported(),
        }
    }

    fn unreadable(&self, reason: &'static str, why: &str) -> Fact {
        unreadable(reason, why, Some(self.settings.register.clone()))
    }

    /// Remembers a question. The POS may ask the same one again after a `NAK`; the last wording counts.
    fn request(&mut self, request: &Request<'_>) -> Option<Fact> {
        let command = payment::command(&request.command.text()?)?;
        let id = request.request_id.text().unwrap_or_default().into_owned();
        let question = match Question::read(command, request, self.settings.currency) {
            Ok(question) => question,
            Err(error) => return Some(self.unreadable("wrong-value", &error.to_string())),
        };
        self.questions.retain(|(other, _)| *other != id);
        if self.questions.len() == QUESTIONS_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back((id, question));
        None
    }

    /// An answer is a payment whether or not its request was seen. The question stays known, because a terminal
    /// that was not acknowledged answers again.
    fn answer(&self, answer: &Answer<'_>, redactions: &Redactions) -> Option<Fact> {
        let id = answer.request_id.text().unwrap_or_default();
        let question = self
            .questions
            .iter()
            .find(|(other, _)| *other == id)
            .map(|(_, question)| question);
        let command = match answer.command.text() {
            Some(name) => payment::command(&name)?,
            None => question?.command,
        };
        let question = question.filter(|question| question.command == command);
        match payment::read(command, answer, question, redactions.token(), self) {
            Ok(payment) => Some(Fact::Terminal(Box::new(payment))),
            Err(error) => Some(self.unreadable(error.reason(), &error.to_string())),
        }
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
