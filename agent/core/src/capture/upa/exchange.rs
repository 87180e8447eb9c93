//! One connection between POS and terminal: which answer belongs to which request.

use std::collections::VecDeque;

use tillwire_proto::{Code, Digest, Fact, TerminalId};

use super::frame::{Framed, Framer, Torn};
use super::message::{self, Answer, Message, Request};
use super::payment::{self, Question};
use super::report::{self, Named};
use crate::capture::dialect::{Decoder, Heard, Side};
use crate::capture::noise;
use crate::capture::settings::TapSettings;
use crate::capture::tripwire::Redactions;
use crate::capture::unreadable;

/// Requests and answers remembered per connection. One is usual: a terminal does one thing at a time.
const REMEMBERED_MAX: usize = 32;

/// What of a request its answer needs.
#[derive(Debug)]
enum Asked {
    Payment(Question),
    Deletion(Named),
}

/// Listens to both directions of one connection. Never answers, never holds anything back.
#[derive(Debug)]
pub struct Exchange {
    pub(super) settings: TapSettings,
    pub(super) terminal: TerminalId,
    /// The POS's and the terminal's.
    framers: [Framer; 2],
    questions: VecDeque<(String, Asked)>,
    /// Answers heard, by digest: a terminal that was not acknowledged sends the same one again.
    answers: VecDeque<Digest>,
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
            answers: VecDeque::new(),
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
                    Ok(Message::Answer(_)) if self.is_repeated(&text) => None,
                    Ok(Message::Answer(answer)) => self.answer(&answer, &redactions),
                    Err(why) => Some(self.unreadable("malformed-frame", &why)),
                };
                fact.map(|fact| self.heard(fact, text))
            }
            Framed::Noise => {
                let fact = self.unreadable("noise", &noise::words("UPA"));
                Some(self.heard(fact, Vec::new()))
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

    /// Whether this very answer was heard before. Two payments never read alike: terminal number, clock and
    /// reference differ.
    fn is_repeated(&mut self, text: &[u8]) -> bool {
        let digest = Digest::of(text);
        if self.answers.contains(&digest) {
            return true;
        }
        if self.answers.len() == REMEMBERED_MAX {
            self.answers.pop_front();
        }
        self.answers.push_back(digest);
        false
    }

    /// Remembers a question. The POS may ask the same one again after a `NAK`; the last wording counts.
    fn request(&mut self, request: &Request<'_>) -> Option<Fact> {
        let name = request.command.text()?;
        let asked = match payment::command(&name) {
            Some(command) => match Question::read(command, request, self.settings.currency) {
                Ok(question) => Asked::Payment(question),
                Err(error) => return Some(self.unreadable("wrong-value", &error.to_string())),
            },
            None if name == "DeleteSAF" => Asked::Deletion(named(request)),
            None => return None,
        };
        let id = request.request_id.text().unwrap_or_default().into_owned();
        // whatever is answered from here on answers this
        self.answers.clear();
        self.questions.retain(|(other, _)| *other != id);
        if self.questions.len() == REMEMBERED_MAX {
            self.questions.pop_front();
        }
        self.questions.push_back((id, asked));
        None
    }

    /// An answer is a payment whether or not its request was seen. The question stays known, because a terminal
    /// that was not acknowledged answers again.
    fn answer(&self, answer: &Answer<'_>, redactions: &Redactions) -> Option<Fact> {
        let id = answer.request_id.text().unwrap_or_default();
        let asked = self.questions.iter().find(|(other, _)| *other == id);
        let asked = asked.map(|(_, asked)| asked);
        let name = answer.command.text();
        if let Some(kind) = name.as_deref().and_then(report::kind) {
            let deletion = match asked {
                Some(Asked::Deletion(named)) => Some(named),
                _ => None,
            };
            return Some(match report::read(kind, answer, deletion, self) {
                Ok(report) => Fact::Report(Box::new(report)),
                Err(error) => self.unreadable("wrong-value", &error.to_string()),
            });
        }
        let question = match asked {
            Some(Asked::Payment(question)) => Some(question),
            _ => None,
        };
        let command = match name {
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

/// Which stored payment the POS wants deleted. The .NET SDK writes the offline number as `referenceNumber`.
fn named(request: &Request<'_>) -> Named {
    let asked = request.data.transaction.as_deref();
    let code = |value: Option<tillwire_capture::scalar::Scalar<'_>>| {
        value?.text().and_then(|text| Code::cleaned(&text))
    };
    Named {
        terminal_number: code(asked.map(|asked| asked.tran_no)),
        offline_number: code(asked.map(|asked| asked.saf_reference_number))
            .or_else(|| code(asked.map(|asked| asked.reference_number))),
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
