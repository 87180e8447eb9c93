//! What keeps a month from being closed: one list per store, worst first, each entry with what to do. It is derived from
//! what the store-days, the effects and the exceptions say; nothing is remembered, so the list is empty exactly when
//! there is nothing left to do.

mod month;

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use serde::Serialize;
use tillwire_proto::{Amount, BusinessDay};

use crate::exception::{ExceptionKind, Holds};
use crate::odoo::EffectState;
use crate::settings::AccountCode;
use crate::store_day::DayState;

pub use month::{Month, MonthError};

/// How many weeks back a weekday is looked for before its absence means anything.
const WEEKS: i32 = 4;

/// One store-day, as far as closing is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthDay {
    /// The business day.
    pub day: BusinessDay,
    /// How far it is.
    pub state: DayState,
    /// True once every document of it is in Odoo and equal.
    pub posted: bool,
    /// Sales, returns and exchanges.
    pub trades: u64,
    /// What it came to before tax; `None` before it was looked at.
    pub net: Option<Amount>,
}

/// Something that was asked of Odoo for a day of the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthEffect {
    /// Its key.
    pub key: String,
    /// Its business day.
    pub day: BusinessDay,
    /// Where it stands.
    pub state: EffectState,
    /// The date under which Odoo booked it, where that is another than was asked for.
    pub booked_on: Option<String>,
    /// Why it waits or was refused.
    pub reason: Option<String>,
    /// How much it moves, of an entry.
    pub total: Option<Amount>,
}

/// An open exception of a day of the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthException {
    /// Its number.
    pub id: i64,
    /// What is wrong.
    pub kind: ExceptionKind,
    /// Its business day.
    pub day: BusinessDay,
    /// Its words.
    pub detail: String,
    /// Money in question.
    pub at_risk: Option<Amount>,
}

/// Everything about one store and month.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MonthFacts {
    /// The store's days from four weeks before the month to its end.
    pub days: Vec<MonthDay>,
    /// Days of the month on which the store is closed by its calendar.
    pub closed: BTreeSet<BusinessDay>,
    /// What was asked of Odoo for days of the month and is not simply done.
    pub effects: Vec<MonthEffect>,
    /// Open exceptions of days of the month.
    pub exceptions: Vec<MonthException>,
    /// What stands on the suspense account from days of the month, where that is not nothing.
    pub suspense: Option<(AccountCode, Amount)>,
}

/// What kind of thing keeps a month open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockerKind {
    /// The store usually sells on such a day, and nothing at all is known of it.
    DayMissing,
    /// A day that is not over, or that something holds.
    DayHeld,
    /// A day that may be posted and is not.
    NotPosted,
    /// Odoo refused, or holds something else.
    Refused,
    /// Odoo has been asked and has not answered for good.
    Unfinished,
    /// Tickets or goods that are held out of the books.
    HeldBack,
    /// Money on the suspense account.
    Suspense,
    /// Odoo booked it in another period.
    BookedElsewhere,
    /// Any other open exception.
    Exception,
}

/// One thing that keeps a month open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// What kind.
    pub kind: BlockerKind,
    /// False for what should be seen but does not make the month's books wrong.
    pub stops: bool,
    /// The business day, where it belongs to one.
    pub day: Option<BusinessDay>,
    /// What was found.
    pub what: String,
    /// What to do.
    pub mend: String,
    /// Money in question.
    pub at_risk: Option<Amount>,
}

/// What keeps `month` open, worst first: what stops before what does not, then by money, then by day. `today` is the
/// store's current business day: days that are still to come are nobody's fault.
#[must_use]
pub fn blockers(month: Month, facts: &MonthFacts, today: BusinessDay) -> Vec<Blocker> {
    let mut found: Vec<Blocker> = missing(month, facts, today).collect();
    let of_month = facts.days.iter().filter(|day| month.contains(day.day));
    found.extend(of_month.filter_map(|day| unfinished_day(day, facts)));
    found.extend(facts.effects.iter().map(effect));
    found.extend(facts.exceptions.iter().filter_map(exception));
    found.extend(
        facts
            .suspense
            .iter()
            .map(|(account, amount)| suspense(account, *amount)),
    );
    let size = |blocker: &Blocker| {
        blocker
            .at_risk
            .map_or(0, |amount| amount.minor().saturating_abs())
    };
    found.sort_by_key(|blocker| {
        (
            !blocker.stops,
            std::cmp::Reverse(size(blocker)),
            blocker.day,
            blocker.kind,
        )
    });
    found
}

/// Days without a single record, on weekdays on which the store sold within the four weeks before, and on which its calendar
/// does not say that it is closed. A store with a calendar has its trading days anyway.
fn missing(month: Month, facts: &MonthFacts, today: BusinessDay) -> impl Iterator<Item = Blocker> {
    let (days, closed) = (&facts.days, &facts.closed);
    let traded: BTreeSet<i32> = days
        .iter()
        .filter(|day| day.trades > 0)
        .map(|day| day.day.days_since_epoch())
        .collect();
    let known: BTreeSet<BusinessDay> = days.iter().map(|day| day.day).collect();
    let usual =
        move |day: BusinessDay| (1..=WEEKS).any(|week| traded.contains(&(day.days_since_epoch() - 7 * week)));
    month
        .days()
        .filter(move |day| *day < today && !known.contains(day) && !closed.contains(day) && usual(*day))
        .map(|day| Blocker {
            kind: BlockerKind::DayMissing,
            stops: true,
            day: Some(day),
            what: format!(
                "nothing is known of {day}, and the store usually sells on a {}",
                weekday(day)
            ),
            mend: "look whether its box was off (it sends what it holds once it runs); if the store was \
                   closed, say so with `day closed`"
                .to_owned(),
            at_risk: None,
        })
}

fn unfinished_day(day: &MonthDay, facts: &MonthFacts) -> Option<Blocker> {
    let (kind, what, mend) = match day.state {
        DayState::Open => (
            BlockerKind::DayHeld,
            "the day is still open".to_owned(),
            "wait for its cut-off".to_owned(),
        ),
        DayState::Closing | DayState::Complete => {
            let holding = facts
                .exceptions
                .iter()
                .filter(|exception| exception.day == day.day && exception.kind.holds_day());
            let holding: Vec<String> = holding.map(|exception| exception.id.to_string()).collect();
            let what = if holding.is_empty() {
                "the day waits for what is on its way".to_owned()
            } else {
                format!("the day is held by exception {}", holding.join(", "))
            };
            let mend = "settle what `day show` names, or sign the day on with a reason".to_owned();
            (BlockerKind::DayHeld, what, mend)
        }
        // its effects are named one by one
        DayState::Balanced if day.posted || facts.effects.iter().any(|effect| effect.day == day.day) => {
            return None;
        }
        DayState::Balanced if day.trades == 0 && day.net.is_none_or(Amount::is_zero) => return None,
        DayState::Balanced => (
            BlockerKind::NotPosted,
            "the day is balanced, and nothing of it has been posted".to_owned(),
            "run `tillwire-relay doctor`: Odoo is not configured, or not ready".to_owned(),
        ),
    };
    Some(Blocker {
        kind,
        stops: true,
        day: Some(day.day),
        what,
        mend,
        at_risk: day.net,
    })
}

fn effect(effect: &MonthEffect) -> Blocker {
    let why = effect.reason.as_deref().unwrap_or("no reason given");
    let (kind, stops, what, mend) = match (effect.state, &effect.booked_on) {
        (EffectState::Rejected, _) => (
            BlockerKind::Refused,
            true,
            format!("Odoo refused {}: {why}", effect.key),
            "mend what its exception names, then `exception retry`",
        ),
        (EffectState::Done, Some(date)) => (
            BlockerKind::BookedElsewhere,
            false,
            format!("{} is booked on {date} in Odoo", effect.key),
            "the month's figures in Odoo lack it; tell the accountant which period holds it",
        ),
        (state, _) => (
            BlockerKind::Unfinished,
            true,
            format!("{} is {} ({why})", effect.key, word(state)),
            "it goes on by itself once Odoo answers; `tillwire-relay doctor` says whether it does",
        ),
    };
    Blocker {
        kind,
        stops,
        day: Some(effect.day),
        what,
        mend: mend.to_owned(),
        at_risk: effect.total,
    }
}

const fn word(state: EffectState) -> &'static str {
    match state {
        EffectState::Intent => "not sent yet",
        EffectState::Sent => "on its way",
        EffectState::Unknown => "in doubt",
        EffectState::Done => "done",
        EffectState::Rejected => "refused",
    }
}

fn exception(exception: &MonthException) -> Option<Blocker> {
    let (kind, stops) = match exception.kind.holds() {
        // named with its day, and with its effect
        Holds::Balance | Holds::Completeness | Holds::Effect => return None,
        Holds::Ticket | Holds::Item => (BlockerKind::HeldBack, true),
        Holds::Nothing if exception.kind == ExceptionKind::LockedPeriod => return None,
        Holds::Nothing => (BlockerKind::Exception, false),
    };
    Some(Blocker {
        kind,
        stops,
        day: Some(exception.day),
        what: format!("{}: {}", exception.kind.title(), exception.detail),
        mend: format!("`tillwire-relay exception show {}`", exception.id),
        at_risk: exception.at_risk,
    })
}

fn suspense(account: &AccountCode, amount: Amount) -> Blocker {
    Blocker {
        kind: BlockerKind::Suspense,
        stops: true,
        day: None,
        what: format!("{amount} stands on the suspense account {account}"),
        mend: "map what went there; the days are then put right by further postings".to_owned(),
        at_risk: Some(amount),
    }
}

const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

fn weekday(day: BusinessDay) -> &'static str {
    weekday_name(day.date().weekday())
}
