//! Which transactions count, and with which sign. Revisions replace each other, voids take back, conflicts wait for a
//! person; what is left is what books, stock and drawers are computed from, so that all three agree.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{
    Body, BusinessDay, BusinessKey, Discrepancy, OriginalTicket, RegisterId, Transaction, TransactionKind,
    Void, is_trade,
};

use crate::exception::{CauseKey, Decision, ExceptionDraft, ExceptionKind, Signature};
use crate::facts::{DayFacts, Known, Newest, RecordId, TicketKey, Version, void_day};
use crate::matching::{Matching, TenderRef, match_payments};
use crate::settings::{Mapping, StoreSettings, TicketWithoutTerminal};

/// A transaction that counts.
#[derive(Debug, Clone)]
pub struct Ticket<'a> {
    /// Under which key it counts: its own, or that of the void that takes it back.
    pub key: &'a BusinessKey,
    /// What happened.
    pub transaction: &'a Transaction,
    /// True when it is taken back: an earlier day's ticket, voided on this day.
    pub taken_back: bool,
    /// The records that tell it, and on a taken-back one also the void's.
    pub records: Vec<RecordId>,
    /// The box's clock at its first capture, for nearness to a terminal's answer.
    pub wall_ms: i64,
    /// Why it is held whole, if it is.
    pub fault: Option<ExceptionDraft>,
}

impl Ticket<'_> {
    /// The register whose drawer it moved.
    #[must_use]
    pub const fn register(&self) -> &RegisterId {
        &self.key.register
    }

    /// `1`, or `-1` when it is taken back.
    #[must_use]
    pub const fn sign(&self) -> i64 {
        if self.taken_back { -1 } else { 1 }
    }
}

/// All transactions of a store-day that count.
#[derive(Debug)]
pub struct Tickets<'a> {
    /// The facts that they come from.
    pub facts: &'a DayFacts,
    /// The store's settings.
    pub settings: &'a StoreSettings,
    /// What counts, in order of keys.
    pub counted: Vec<Ticket<'a>>,
    /// Card tenders and terminals' answers, joined.
    pub matching: Matching,
    /// Conflicts, and voids of nothing.
    pub exceptions: Vec<ExceptionDraft>,
}

impl<'a> Tickets<'a> {
    /// Settles what counts. Depends on facts, settings and signatures only.
    #[must_use]
    pub fn settle(facts: &'a DayFacts, settings: &'a StoreSettings, signatures: &[Signature]) -> Self {
        let mut settling = Settling::new(facts, signatures);
        settling.read_voids();
        let mut counted = settling.count();
        for ticket in &mut counted {
            ticket.fault = fault(ticket, facts, settings);
        }
        let neighbours = settling.neighbours();
        let matching = match_payments(&counted, &neighbours, facts);
        if settings.ticket_without_terminal == TicketWithoutTerminal::Hold {
            hold_unanswered(&mut counted, &matching, facts, signatures);
        }
        Self {
            facts,
            settings,
            counted,
            matching,
            exceptions: settling.exceptions,
        }
    }

    /// The mapping that holds on this day.
    pub(crate) fn mapping(&self) -> &'a Mapping {
        self.settings.mapping_on(self.facts.day)
    }

    /// An exception of this day.
    pub(crate) fn exception(&self, kind: ExceptionKind, cause: CauseKey, detail: String) -> ExceptionDraft {
        draft(self.facts, kind, cause, detail)
    }
}

pub(crate) fn draft(
    facts: &DayFacts,
    kind: ExceptionKind,
    cause: CauseKey,
    detail: impl Into<String>,
) -> ExceptionDraft {
    ExceptionDraft::new(kind, &facts.tenant, &facts.store, cause, detail).on(facts.day)
}

/// A key as people read it.
pub(crate) fn spoken(key: &BusinessKey) -> String {
    format!("{} {} at {}", key.kind.name(), key.ticket, key.register)
}

struct Settling<'a> {
    facts: &'a DayFacts,
    /// The newest revision under each ticket, conflicts included.
    known: Newest<'a>,
    /// The newest revision under each ticket, with the version that counts.
    newest: BTreeMap<TicketKey, (&'a BusinessKey, &'a Version)>,
    /// Tickets of this day that a void of this day takes back.
    undone: BTreeSet<TicketKey>,
    /// Tickets of earlier days that a void of this day takes back.
    taken: BTreeMap<TicketKey, (&'a BusinessKey, &'a Version)>,
    exceptions: Vec<ExceptionDraft>,
}

impl<'a> Settling<'a> {
    fn new(facts: &'a DayFacts, signatures: &[Signature]) -> Self {
        let mut exceptions = Vec::new();
        let mut newest = BTreeMap::new();
        let all = facts.newest();
        for (ticket, (key, known)) in &all {
            let cause = CauseKey::new(
                ExceptionKind::Conflict,
                &[&key.register, &key.kind.name(), &key.ticket, &key.revision],
            );
            if key.day == facts.day && known.versions.len() > 1 {
                exceptions.push(conflict(facts, key, known, cause.clone()));
            }
            if let Some(version) = known.chosen(choice(&cause, signatures)) {
                newest.insert(ticket.clone(), (*key, version));
            }
        }
        Self {
            facts,
            known: all,
            newest,
            undone: BTreeSet::new(),
            taken: BTreeMap::new(),
            exceptions,
        }
    }

    fn voids(&self, of_day: impl Fn(BusinessDay) -> bool) -> Vec<(&'a BusinessKey, &'a Version, &'a Void)> {
        let all = self.newest.values().filter(|(key, _)| of_day(key.day));
        all.filter_map(|(key, version)| match &version.transaction.body {
            Body::Void(void) => Some((*key, *version, void)),
            _ => None,
        })
        .collect()
    }

    fn read_voids(&mut self) {
        let day = self.facts.day;
        for (key, version, void) in self.voids(|of| of == day) {
            if void.was_completed {
                self.read_void(key, version, &void.of);
            } else if let Some(seen) = self.original(version, &void.of).filter(|t| t.day == day) {
                self.exceptions.push(self.never_completed(key, version, &seen));
            }
        }
    }

    fn read_void(&mut self, key: &'a BusinessKey, version: &'a Version, of: &OriginalTicket) {
        let named = void_day(&version.transaction, of);
        match self.original(version, of) {
            Some(ticket) if ticket.day == self.facts.day => {
                self.undone.insert(ticket);
            }
            Some(ticket) if self.taken.contains_key(&ticket) || self.taken_before(&ticket) => {
                let words = "was taken back before; this void changes nothing";
                self.exceptions.push(self.void_exception(key, version, of, words));
            }
            Some(ticket) => {
                self.taken.insert(ticket, (key, version));
            }
            // of this day and not seen: it comes to nothing now and when it is seen
            None if named == Some(self.facts.day) => {}
            None => {
                let words = "was not found; look for it, or check the ticket's number and day";
                self.exceptions.push(self.void_exception(key, version, of, words));
            }
        }
    }

    fn original(&self, version: &Version, of: &OriginalTicket) -> Option<TicketKey> {
        self.facts.original_of(&self.known, &version.transaction, of)
    }

    /// True when a void of an earlier day names it: on its own day or after.
    fn taken_before(&self, ticket: &TicketKey) -> bool {
        let day = self.facts.day;
        self.voids(|of| of < day).iter().any(|(_, version, void)| {
            void.was_completed && self.original(version, &void.of).as_ref() == Some(ticket)
        })
    }

    fn void_exception(
        &self,
        key: &BusinessKey,
        version: &Version,
        of: &OriginalTicket,
        words: &str,
    ) -> ExceptionDraft {
        let kind = ExceptionKind::VoidWithoutSale;
        let named = of
            .ticket
            .as_ref()
            .map(ToString::to_string)
            .or_else(|| of.pos_id.as_ref().map(ToString::to_string))
            .unwrap_or_else(|| "an unnamed ticket".to_owned());
        let detail = format!("{} takes back {named}, which {words}", spoken(key));
        let cause = CauseKey::new(kind, &[&key.register, &key.ticket, &key.revision]);
        draft(self.facts, kind, cause, detail)
            .about(key)
            .seen_in(version.records())
    }

    fn never_completed(&self, key: &BusinessKey, version: &Version, seen: &TicketKey) -> ExceptionDraft {
        let kind = ExceptionKind::Conflict;
        let detail = format!(
            "{} says that {} was never completed, but it was seen complete and is counted",
            spoken(key),
            seen.ticket
        );
        let cause = CauseKey::new(kind, &[&key.register, &"void", &key.ticket, &key.revision]);
        draft(self.facts, kind, cause, detail)
            .about(key)
            .seen_in(version.records())
    }

    /// What counts on this day.
    fn count(&self) -> Vec<Ticket<'a>> {
        let day = self.facts.day;
        let own = self
            .newest
            .iter()
            .filter(|(ticket, _)| ticket.day == day && ticket.kind != TransactionKind::Void)
            .filter(|(ticket, _)| !self.undone.contains(*ticket))
            .map(|(_, (key, version))| own_ticket(key, version));
        let taken = self.taken.iter().filter_map(|(ticket, (key, void))| {
            let (_, version) = self.newest.get(ticket)?;
            let records = void.records().chain(version.records()).collect();
            Some(Ticket {
                key,
                transaction: &version.transaction,
                taken_back: true,
                records,
                wall_ms: void.wall_ms(),
                fault: None,
            })
        });
        let mut all: Vec<Ticket<'a>> = own.chain(taken).collect();
        all.sort_by(|one, other| (one.key, one.taken_back).cmp(&(other.key, other.taken_back)));
        all
    }

    /// Tickets of other days, which may own a terminal's answer that lies near.
    fn neighbours(&self) -> Vec<Ticket<'a>> {
        let day = self.facts.day;
        let voided: BTreeSet<TicketKey> = self
            .voids(|of| of != day)
            .iter()
            .filter(|(_, _, void)| void.was_completed)
            .filter_map(|(key, version, void)| {
                self.original(version, &void.of)
                    .filter(|ticket| ticket.day == key.day)
            })
            .collect();
        self.newest
            .iter()
            .filter(|(ticket, _)| ticket.day != day && is_trade(ticket.kind) && !voided.contains(*ticket))
            .map(|(_, (key, version))| own_ticket(key, version))
            .collect()
    }
}

fn own_ticket<'a>(key: &'a BusinessKey, version: &'a Version) -> Ticket<'a> {
    Ticket {
        key,
        transaction: &version.transaction,
        taken_back: false,
        records: version.records().collect(),
        wall_ms: version.wall_ms(),
        fault: None,
    }
}

fn choice(cause: &CauseKey, signatures: &[Signature]) -> Option<RecordId> {
    signatures
        .iter()
        .rev()
        .find_map(|signature| match signature.decision {
            Decision::Use(record) if signature.cause == *cause => Some(record),
            _ => None,
        })
}

fn conflict(facts: &DayFacts, key: &BusinessKey, known: &Known, cause: CauseKey) -> ExceptionDraft {
    let totals: Vec<String> = known
        .versions
        .iter()
        .map(|version| match version.transaction.trade() {
            Some(trade) => trade.totals.total.to_string(),
            None => "other content".to_owned(),
        })
        .collect();
    let detail = format!(
        "{} was told in {} ways ({}); say which one is right, until then none is booked",
        spoken(key),
        known.versions.len(),
        totals.join(", ")
    );
    let risk = known
        .versions
        .iter()
        .filter_map(|v| v.transaction.trade())
        .map(|t| t.totals.total)
        .max();
    let draft = draft(facts, ExceptionKind::Conflict, cause, detail)
        .about(key)
        .seen_in(known.records());
    match risk {
        Some(risk) => draft.risking(risk),
        None => draft,
    }
}

/// Where the retailer wants it, a card tender waits for its terminal's answer, or for a person.
fn hold_unanswered(
    counted: &mut [Ticket<'_>],
    matching: &Matching,
    facts: &DayFacts,
    signatures: &[Signature],
) {
    for ticket in counted.iter_mut().filter(|ticket| ticket.fault.is_none()) {
        let tender = matching
            .unanswered
            .iter()
            .find(|tender| tender.ticket == *ticket.key);
        let Some(exception) = tender.and_then(|tender| unanswered(ticket, tender, facts)) else {
            continue;
        };
        if !signatures
            .iter()
            .any(|signature| signature.cause == exception.cause)
        {
            ticket.fault = Some(exception);
        }
    }
}

/// The exception of a card tender that no terminal answered.
pub(crate) fn unanswered(
    ticket: &Ticket<'_>,
    tender: &TenderRef,
    facts: &DayFacts,
) -> Option<ExceptionDraft> {
    let amount = ticket.transaction.trade()?.tenders.get(tender.index)?.amount;
    let (kind, key) = (ExceptionKind::TenderWithoutTerminal, ticket.key);
    let cause = CauseKey::new(
        kind,
        &[&key.register, &key.kind.name(), &key.ticket, &tender.index],
    );
    let detail = format!(
        "{}: no terminal told of the card payment of {amount}",
        spoken(key)
    );
    let exception = draft(facts, kind, cause, detail).about(key).risking(amount);
    Some(exception.seen_in(ticket.records.iter().copied()))
}

/// Why a transaction cannot be counted as it is told.
fn fault(ticket: &Ticket<'_>, facts: &DayFacts, settings: &StoreSettings) -> Option<ExceptionDraft> {
    let transaction = ticket.transaction;
    let (kind, words) = if transaction.currency == settings.currency {
        match transaction.verify() {
            Ok(()) => return None,
            Err(error @ Discrepancy::Currency { .. }) => (ExceptionKind::WrongCurrency, error.to_string()),
            Err(error) => (ExceptionKind::DoesNotAddUp, error.to_string()),
        }
    } else {
        let words = format!("found {}, wanted {}", transaction.currency, settings.currency);
        (ExceptionKind::WrongCurrency, words)
    };
    let key = ticket.key;
    let cause = CauseKey::new(
        kind,
        &[&key.register, &key.kind.name(), &key.ticket, &key.revision],
    );
    let held = draft(facts, kind, cause, format!("{}: {words}", spoken(key)))
        .about(key)
        .seen_in(ticket.records.iter().copied());
    Some(match transaction.trade() {
        Some(trade) => held.risking(trade.totals.total),
        None => held,
    })
}
