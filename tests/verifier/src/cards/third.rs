//! A third witness that names both: the receipt on which ticket and approval stand, and the till's screen when the
//! terminal was asked.

use tillwire_proto::{Printed, Screen, ScreenState, TenderKind};

use super::{Answer, NEAR_MS, Wanted, is_called};
use crate::{Fact, Place, Record};

/// What receipts and screens said, with the box's clock.
pub(super) struct Third<'a> {
    papers: Vec<(i64, &'a Printed)>,
    screens: Vec<(i64, Place, &'a Screen)>,
}

impl<'a> Third<'a> {
    pub(super) fn of(records: &[Record<'a>]) -> Self {
        let (mut papers, mut screens) = (Vec::new(), Vec::new());
        for record in records {
            let wall_ms = record.observation.stamp.wall_ms;
            match &record.observation.fact {
                Fact::Printed(paper) => papers.push((wall_ms, &**paper)),
                Fact::Screen(screen) => screens.push((wall_ms, record.place, &**screen)),
                _ => {}
            }
        }
        Self { papers, screens }
    }

    /// 0 where a receipt of the ticket shows the answer's reference or approval, 1 where it shows its last four at
    /// about that time and nothing speaks against it.
    pub(super) fn by_paper(&self, one: &Wanted<'_>, other: &Answer<'_>) -> Option<u64> {
        let answered = other.said.card.as_ref()?;
        if !is_alike(one, other) {
            return None;
        }
        let mut best = None;
        for (wall_ms, paper) in &self.papers {
            let of_ticket = paper
                .ticket
                .as_ref()
                .is_some_and(|ticket| is_called(one, ticket.as_str()));
            if !of_ticket || paper.register != one.ticket.key.register {
                continue;
            }
            let cards = paper.tenders.iter().filter(|tender| {
                tender.kind == TenderKind::Card && tender.amount.minor().abs() == one.cents.abs()
            });
            for card in cards.filter_map(|tender| tender.card.as_ref()) {
                let by_number = (card.reference.is_some() && card.reference == answered.reference)
                    || (card.auth_code.is_some() && card.auth_code == answered.auth_code);
                let by_digits = card.last4.is_some()
                    && card.last4 == answered.last4
                    && wall_ms.abs_diff(other.wall_ms) <= NEAR_MS
                    && (card.auth_code.is_none() || answered.auth_code.is_none());
                let fit = match (by_number, by_digits) {
                    (true, _) => Some(0),
                    (false, true) => Some(1),
                    (false, false) => None,
                };
                best = best.into_iter().chain(fit).min();
            }
        }
        best
    }

    /// How long before the answer the screen showed the ticket, where nothing else was shown there since.
    pub(super) fn by_screen(&self, one: &Wanted<'_>, other: &Answer<'_>) -> Option<u64> {
        if !is_alike(one, other) {
            return None;
        }
        let before = self.screens.iter().filter(|(wall_ms, _, screen)| {
            screen.register == other.said.register && *wall_ms <= other.wall_ms
        });
        let (wall_ms, _, screen) = before.max_by_key(|(wall_ms, place, _)| (*wall_ms, *place))?;
        let apart = wall_ms.abs_diff(other.wall_ms);
        let names = [
            screen.ticket.as_ref().map(tillwire_proto::TicketNumber::as_str),
            screen.pos_id.as_ref().map(tillwire_proto::PosId::as_str),
        ];
        let named = names.into_iter().flatten().any(|name| is_called(one, name));
        (named && screen.state == ScreenState::Open && apart <= NEAR_MS).then_some(apart)
    }
}

/// Same register, same amount.
fn is_alike(one: &Wanted<'_>, other: &Answer<'_>) -> bool {
    one.ticket.key.register == other.said.register && other.cents.contains(&one.cents)
}
