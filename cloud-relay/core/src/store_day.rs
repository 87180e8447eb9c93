//! The life of a store-day, derived anew from its facts each time something about it changes: open, closing, complete
//! (everything has arrived and agrees with what the store says), balanced (it may be posted). `Posted` and
//! `Settled` are not decided here: that is what the day's effects and those of its deposits say.
//!
//! A ticket that cannot be booked never holds the day. A gap, a difference from a close, a fork or a conflict does, until
//! it is mended or a person signs it on.

mod closes;
mod gaps;
mod notes;
mod papers;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Body, MoneyError, RegisterId, Tally};

use crate::books::{self, DrawerTotals, Ledger};
use crate::exception::{CauseKey, ExceptionDraft, ExceptionKind, Holds, Signature};
use crate::facts::DayFacts;
use crate::settings::{ClosePolicy, StoreSettings};
use crate::settlement::{self, CardTender, Open};
use crate::stock::{self, StockTarget};
use crate::tickets::{Ticket, Tickets};
use crate::witness::{self, WitnessTable};

/// How far a day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DayState {
    /// Trading.
    Open,
    /// Every register has closed, or the day is over; something is still on its way or in doubt.
    Closing,
    /// Everything is there and agrees.
    Complete,
    /// It may be posted.
    Balanced,
}

/// One register's day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterDay {
    /// The register.
    pub register: RegisterId,
    /// True when its close was seen.
    pub closed: bool,
    /// What counts, including tickets whose books are held.
    pub tally: Tally,
    /// Its drawer, when anything moved.
    pub drawer: Option<DrawerTotals>,
}

/// Everything that a day comes to.
#[derive(Debug)]
pub struct DayAssessment {
    /// How far it is.
    pub state: DayState,
    /// What it waits for, in words, while it is not complete.
    pub waiting: Vec<String>,
    /// Every exception, signed or not, in order of causes.
    pub exceptions: Vec<ExceptionDraft>,
    /// Of these the unsigned ones that hold the day.
    pub blockers: Vec<CauseKey>,
    /// Per register, in order.
    pub registers: Vec<RegisterDay>,
    /// Over all registers.
    pub total: Tally,
    /// What the books should say.
    pub ledger: Ledger,
    /// What should have left the stock.
    pub stock: StockTarget,
    /// The card tenders that the books put into clearing.
    pub card_tenders: Vec<CardTender>,
    /// What of them is open there.
    pub clearing: Vec<Open>,
    /// The day as each witness tells it.
    pub witnesses: WitnessTable,
    /// When something that is waited for will have waited long enough, in milliseconds since 1970-01-01T00:00:00Z.
    pub again_ms: Option<i64>,
}

impl DayAssessment {
    /// True when there were card tenders and deposits have taken every one of them out of clearing.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.card_tenders.is_empty() && self.clearing.is_empty()
    }
}

/// Assesses a day. Equal facts, settings and signatures give equal assessments, in whatever order records came; `now_ms`
/// (milliseconds since 1970-01-01T00:00:00Z) only decides whether the day is over.
#[must_use]
pub fn assess(
    facts: &DayFacts,
    settings: &StoreSettings,
    now_ms: i64,
    signatures: &[Signature],
) -> DayAssessment {
    let tickets = Tickets::settle(facts, settings, signatures);
    let ledger = books::target(&tickets);
    let stock = stock::target(&tickets, &ledger);
    let card_tenders = settlement::card_tenders(&tickets, &ledger);
    let mut found = Found::default();
    let registers = registers(&tickets, &mut found);
    let open = now_ms < settings.day_ends_ms(facts.day) && !all_closed(settings, &registers);
    let witnesses = witness::table(&tickets);
    let mut patience = papers::Patience::new(now_ms, open);
    notes::orphans(&tickets, &mut patience, &mut found.exceptions);
    papers::untold(facts, &mut patience, &mut found.exceptions);
    papers::refused(facts, &mut found.exceptions);
    if !open {
        found.wait_for_closes(facts, settings, &registers, now_ms);
        found.miss(facts, settings, now_ms);
        gaps::find(facts, settings, &mut found.exceptions);
        closes::check(&tickets, now_ms, &mut found);
        notes::leftovers(&tickets, &mut found.exceptions);
        notes::contradictions(&tickets, &mut found.exceptions);
        papers::differing(&tickets, &witnesses, &mut found.exceptions);
    }
    let clearing = notes::clearing(facts, &card_tenders, &mut found.exceptions);
    notes::told(facts, &mut found.exceptions);
    found.exceptions.extend(tickets.exceptions.iter().cloned());
    found.exceptions.extend(ledger.held.iter().cloned());
    found.exceptions.extend(stock.exceptions.iter().cloned());
    found.exceptions.extend(facts.alarms.iter().cloned());
    let total = total(&tickets);
    found.judge(
        open,
        signatures,
        Judged {
            registers,
            total,
            ledger,
            stock,
            card_tenders,
            clearing,
            witnesses,
            again_ms: patience.again_ms,
        },
    )
}

/// Exceptions and reasons to wait, as they are found.
#[derive(Default)]
struct Found {
    exceptions: Vec<ExceptionDraft>,
    waiting: Vec<String>,
}

struct Judged {
    registers: Vec<RegisterDay>,
    total: Tally,
    ledger: Ledger,
    stock: StockTarget,
    card_tenders: Vec<CardTender>,
    clearing: Vec<Open>,
    witnesses: WitnessTable,
    again_ms: Option<i64>,
}

impl Found {
    fn wait_for_closes(
        &mut self,
        facts: &DayFacts,
        settings: &StoreSettings,
        registers: &[RegisterDay],
        now_ms: i64,
    ) {
        let past_grace = now_ms >= settings.grace_ends_ms(facts.day);
        let traded = |register: &&RegisterDay| !register.closed && !is_idle(&register.tally);
        for register in registers.iter().filter(traded) {
            let name = &register.register;
            if !past_grace {
                self.waiting.push(format!("{name} has not closed"));
            } else if let ClosePolicy::Required(minutes) = settings.close {
                let kind = ExceptionKind::CloseMissing;
                let detail =
                    format!("{name} traded, and has not closed {minutes} minutes after the day's end");
                let cause = CauseKey::new(kind, &[name]);
                self.exceptions
                    .push(crate::tickets::draft(facts, kind, cause, detail).at(name));
            }
        }
        for (segment, progress) in &facts.segments {
            if let Some(announced) = progress
                .announced
                .filter(|announced| *announced > progress.through)
            {
                let left = announced.0 - progress.through.0;
                self.waiting
                    .push(format!("{left} records of segment {segment} are on their way"));
            }
        }
    }

    /// Nothing of a day on which the store trades: neither a ticket nor a close.
    fn miss(&mut self, facts: &DayFacts, settings: &StoreSettings, now_ms: i64) {
        let expected = settings.trades_on(facts.day) == Some(true);
        let nothing = facts.transactions.is_empty() && facts.closes.is_empty();
        if !expected || !nothing {
            return;
        }
        if now_ms < settings.grace_ends_ms(facts.day) {
            self.waiting.push("nothing was told of this day yet".to_owned());
            return;
        }
        let kind = ExceptionKind::DayMissing;
        let detail = format!(
            "the store trades on this {}, and neither a ticket nor a close was told; look whether its box was off (it \
             sends what it holds once it runs), or sign that the store did not open",
            facts.day.date().strftime("%A")
        );
        self.exceptions.push(crate::tickets::draft(
            facts,
            kind,
            CauseKey::new(kind, &[]),
            detail,
        ));
    }

    fn judge(mut self, open: bool, signatures: &[Signature], judged: Judged) -> DayAssessment {
        self.exceptions.sort_by(|one, other| one.cause.cmp(&other.cause));
        self.exceptions.dedup_by(|one, other| one.cause == other.cause);
        let signed: BTreeSet<&CauseKey> = signatures.iter().map(|signature| &signature.cause).collect();
        let unsigned = |holds: Holds| {
            let held = self
                .exceptions
                .iter()
                .filter(move |exception| exception.kind.holds() == holds);
            held.filter(|exception| !signed.contains(&exception.cause))
        };
        let state = if open {
            DayState::Open
        } else if !self.waiting.is_empty() || unsigned(Holds::Completeness).next().is_some() {
            DayState::Closing
        } else if unsigned(Holds::Balance).next().is_some() {
            DayState::Complete
        } else {
            DayState::Balanced
        };
        let blockers = unsigned(Holds::Completeness).chain(unsigned(Holds::Balance));
        let blockers = blockers.map(|exception| exception.cause.clone()).collect();
        DayAssessment {
            state,
            waiting: self.waiting,
            exceptions: self.exceptions,
            blockers,
            registers: judged.registers,
            total: judged.total,
            ledger: judged.ledger,
            stock: judged.stock,
            card_tenders: judged.card_tenders,
            clearing: judged.clearing,
            witnesses: judged.witnesses,
            again_ms: judged.again_ms,
        }
    }
}

const fn is_idle(tally: &Tally) -> bool {
    tally.trades == 0 && tally.voids == 0 && tally.others == 0
}

fn all_closed(settings: &StoreSettings, registers: &[RegisterDay]) -> bool {
    let closed: BTreeSet<&RegisterId> = registers
        .iter()
        .filter(|register| register.closed)
        .map(|r| &r.register)
        .collect();
    settings
        .registers
        .iter()
        .all(|register| closed.contains(register))
        && registers
            .iter()
            .all(|register| register.closed || is_idle(&register.tally))
}

fn registers(tickets: &Tickets<'_>, found: &mut Found) -> Vec<RegisterDay> {
    let facts = tickets.facts;
    let seen = facts.transactions.keys().map(|key| &key.register);
    let closes = facts.closes.iter().map(|close| &close.close.register);
    let all: BTreeSet<&RegisterId> = tickets
        .settings
        .registers
        .iter()
        .chain(seen)
        .chain(closes)
        .collect();
    let drawers = books::over_short(tickets).unwrap_or_else(|error| {
        let kind = ExceptionKind::OverShort;
        let cause = CauseKey::new(kind, &[&"overflow"]);
        found
            .exceptions
            .push(tickets.exception(kind, cause, error.to_string()));
        Vec::new()
    });
    all.into_iter()
        .map(|register| RegisterDay {
            register: register.clone(),
            closed: is_closed(tickets, register),
            tally: tally(tickets, |ticket| ticket.register() == register),
            drawer: drawers
                .iter()
                .find(|drawer| drawer.register == *register)
                .cloned(),
        })
        .collect()
}

fn is_closed(tickets: &Tickets<'_>, register: &RegisterId) -> bool {
    let agent = tickets
        .facts
        .closes
        .iter()
        .any(|close| close.close.register == *register);
    agent
        || tickets.counted.iter().any(|ticket| {
            ticket.register() == register && matches!(ticket.transaction.body, Body::Close { .. })
        })
}

fn total(tickets: &Tickets<'_>) -> Tally {
    tally(tickets, |_| true)
}

/// Counts and sums of what counts; voids of the day are counted where they were rung up.
fn tally(tickets: &Tickets<'_>, wanted: impl Fn(&Ticket<'_>) -> bool) -> Tally {
    let mut tally = Tally::new(tickets.settings.currency);
    for ticket in tickets.counted.iter().filter(|ticket| wanted(ticket)) {
        // a sum that does not fit or another currency is the ticket's own exception already
        if let Ok(next) = with(&tally, ticket) {
            tally = next;
        }
    }
    tally
}

fn with(tally: &Tally, ticket: &Ticket<'_>) -> Result<Tally, MoneyError> {
    let mut next = tally.clone();
    if !ticket.taken_back {
        next.add(ticket.transaction)?;
        return Ok(next);
    }
    let mut back = Tally::new(tally.currency);
    back.add(ticket.transaction)?;
    next.voids += 1;
    next.net = next.net.checked_sub(back.net)?;
    next.tax = next.tax.checked_sub(back.tax)?;
    next.tip = next.tip.checked_sub(back.tip)?;
    next.rounding = next.rounding.checked_sub(back.rounding)?;
    for taken in back.tenders {
        if let Some(total) = next.tenders.iter_mut().find(|total| total.kind == taken.kind) {
            total.amount = total.amount.checked_sub(taken.amount)?;
        } else {
            let amount = taken.amount.checked_neg()?;
            next.tenders.push(tillwire_proto::TenderTotal {
                kind: taken.kind,
                amount,
            });
        }
    }
    Ok(next)
}
