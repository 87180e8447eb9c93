//! Notices that a source raises about itself.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tillwire_agent_core::capture::CardDataGate;
use tillwire_agent_core::capture::tripwire::Redactions;
use tillwire_agent_core::journal::Captured;
use tillwire_proto::{Fact, LaneId, Note, Notice, NoticeKind, Witness};

/// One source's notices, on its own lane.
#[derive(Debug)]
pub(super) struct Notices {
    lane: LaneId,
    since: Instant,
    card_data: Mutex<CardDataGate>,
}

impl Notices {
    pub(super) fn new(lane: LaneId) -> Self {
        Self {
            lane,
            since: Instant::now(),
            card_data: Mutex::default(),
        }
    }

    /// A notice that the source sent card data, at most one per hour.
    pub(super) fn card_data(&self, redactions: &Redactions) -> Option<Captured> {
        if !redactions.is_alarming() {
            return None;
        }
        let now_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self
            .card_data
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .due(now_ms);
        let text = format!(
            "card data was replaced in what lane {} captured: {}; the source must not send it",
            self.lane,
            redactions.words()
        );
        due.then(|| self.notice(NoticeKind::CardData, &text))
    }

    /// A notice about the source itself.
    pub(super) fn source(&self, text: &str) -> Captured {
        self.notice(NoticeKind::Source, text)
    }

    fn notice(&self, kind: NoticeKind, text: &str) -> Captured {
        let text = Note::cleaned(text).or_else(|| Note::new("no detail").ok());
        Captured {
            lane: self.lane.clone(),
            witness: Witness::Agent,
            redacted: 0,
            raw: Vec::new(),
            fact: Fact::Notice(Notice {
                kind,
                text: text.expect("a fixed text is a note"),
            }),
        }
    }
}
