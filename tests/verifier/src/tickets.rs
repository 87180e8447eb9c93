//! Which tickets count. A ticket is told by one or several witnesses, perhaps changed later, perhaps taken back; what is
//! left is what books and stock are added up from.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{
    Body, BusinessDay, BusinessKey, OriginalTicket, RegisterId, TenderState, TicketNumber, Trade,
    Transaction, TransactionKind, Void, Witness, is_trade,
};

use crate::{Decision, Evidence, Fact, Place};

/// What two revisions of one ticket share.
type Name<'a> = (&'a RegisterId, BusinessDay, &'a TicketNumber, TransactionKind);

/// One witness's account.
#[derive(Debug, Clone, Copy)]
struct Telling<'a> {
    /// How good a witness, the best first, then which record.
    order: (u8, Place),
    wall_ms: i64,
    told: &'a Transaction,
}

/// Tellings of the same business, the best first.
type Version<'a> = Vec<Telling<'a>>;

/// A ticket that counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted<'a> {
    /// Under which key: its own, or that of the void that takes it back.
    pub(crate) key: &'a BusinessKey,
    /// What happened.
    pub(crate) told: &'a Transaction,
    /// True when an earlier day's ticket is taken back today.
    pub(crate) back: bool,
    /// The box's clock when it was first seen.
    pub(crate) wall_ms: i64,
}

impl Counted<'_> {
    pub(crate) fn sign(&self) -> i128 {
        if self.back { -1 } else { 1 }
    }
}

/// Today's tickets, and those of other days that a terminal's answer may belong to.
pub(crate) struct Tickets<'a> {
    pub(crate) today: Vec<Counted<'a>>,
    pub(crate) others: Vec<Counted<'a>>,
}

/// Everything told, by ticket: the newest revision, in all its versions.
struct Told<'a> {
    day: BusinessDay,
    newest: BTreeMap<Name<'a>, Vec<Version<'a>>>,
}

pub(crate) fn count<'a>(evidence: &Evidence<'a>) -> Tickets<'a> {
    let told = Told::of(evidence);
    let agreed: BTreeMap<Name<'_>, Counted<'_>> = told
        .newest
        .iter()
        .filter_map(|(name, versions)| Some((*name, agreed(versions, &evidence.decisions)?)))
        .collect();
    let voids: Vec<(&Counted<'_>, &Void)> = agreed
        .values()
        .filter_map(|ticket| match &ticket.told.body {
            Body::Void(void) if void.was_completed => Some((ticket, void)),
            _ => None,
        })
        .collect();
    // each void with the day it stands on and the ticket that it takes back
    let taken: Vec<(&Counted<'_>, Name<'_>)> = voids
        .into_iter()
        .filter_map(|(void, of)| Some((void, told.original(void.told, &of.of)?)))
        .collect();
    let day = evidence.day;
    let never_was: BTreeSet<Name<'_>> = taken
        .iter()
        .filter(|(void, of)| void.key.day == of.1)
        .map(|(_, of)| *of)
        .collect();
    let mut gone: BTreeSet<Name<'_>> = taken
        .iter()
        .filter(|(void, _)| void.key.day < day)
        .map(|(_, of)| *of)
        .collect();
    let mut today: Vec<Counted<'_>> = agreed
        .iter()
        .filter(|(name, _)| name.1 == day && name.3 != TransactionKind::Void && !never_was.contains(*name))
        .map(|(_, ticket)| *ticket)
        .collect();
    for (void, of) in taken
        .iter()
        .filter(|(void, of)| void.key.day == day && of.1 != day)
    {
        // a ticket goes back once, with the first void that names it
        if gone.insert(*of)
            && let Some(ticket) = agreed.get(of)
        {
            today.push(Counted {
                key: void.key,
                told: ticket.told,
                back: true,
                wall_ms: void.wall_ms,
            });
        }
    }
    today.sort_by_key(|ticket| (ticket.key, ticket.back));
    let others = agreed
        .iter()
        .filter(|(name, _)| name.1 != day && is_trade(name.3) && !never_was.contains(*name))
        .map(|(_, ticket)| *ticket)
        .collect();
    Tickets { today, others }
}

impl<'a> Told<'a> {
    fn of(evidence: &Evidence<'a>) -> Self {
        let mut all: BTreeMap<Name<'a>, (u32, Vec<Version<'a>>)> = BTreeMap::new();
        for record in &evidence.records {
            let Fact::Transaction(told) = &record.observation.fact else {
                continue;
            };
            let key = &told.key;
            let name = (&key.register, key.day, &key.ticket, key.kind);
            let (revision, versions) = all.entry(name).or_default();
            if key.revision < *revision {
                continue;
            }
            if key.revision > *revision {
                *revision = key.revision;
                versions.clear();
            }
            let telling = Telling {
                order: (rank(record.observation.witness), record.place),
                wall_ms: record.observation.stamp.wall_ms,
                told,
            };
            match versions.iter_mut().find(|version| same(version[0].told, told)) {
                Some(version) => version.push(telling),
                None => versions.push(vec![telling]),
            }
            for version in versions.iter_mut() {
                version.sort_by_key(|telling| telling.order);
            }
            versions.sort_by_key(|version| version[0].order);
        }
        Self {
            day: evidence.day,
            newest: all
                .into_iter()
                .map(|(name, (_, versions))| (name, versions))
                .collect(),
        }
    }

    /// The ticket that a void means: by the POS's own id, else by its number at the void's register, else by its
    /// number where only one register has it. A void that names a day, or stands on the ticket's own number, means
    /// that day; a later day than its own it cannot mean.
    fn original(&self, void: &Transaction, of: &OriginalTicket) -> Option<Name<'a>> {
        let on_itself = (of.ticket.as_ref() == Some(&void.key.ticket)).then_some(void.key.day);
        let day = of.day.or(on_itself);
        let fits = |name: &Name<'_>| {
            name.3 != TransactionKind::Void
                && name.1 <= self.day.max(void.key.day)
                && day.is_none_or(|day| day == name.1)
        };
        let fitting: Vec<_> = self.newest.iter().filter(|(name, _)| fits(name)).collect();
        let has_id = |versions: &[Version<'_>]| {
            let mut ids = versions.iter().map(|version| &version[0].told.pos_id);
            of.pos_id.is_some() && ids.any(|id| *id == of.pos_id)
        };
        if let Some((name, _)) = fitting.iter().rfind(|(_, versions)| has_id(versions)) {
            return Some(**name);
        }
        let number = of.ticket.as_ref()?;
        let mut same: Vec<Name<'a>> = fitting
            .iter()
            .map(|(name, _)| **name)
            .filter(|name| name.2 == number)
            .collect();
        // trades first, then the latest day
        same.sort_by_key(|name| (!is_trade(name.3), std::cmp::Reverse(name.1)));
        let here = same.iter().find(|name| *name.0 == void.key.register);
        let alone = same.iter().all(|name| name.0 == same[0].0);
        here.or(same.first().filter(|_| alone)).copied()
    }
}

/// The version that counts: the only one, or the one that a person chose by one of its records.
fn agreed<'a>(versions: &[Version<'a>], decisions: &[Decision]) -> Option<Counted<'a>> {
    let version = match versions {
        [only] => only,
        several => {
            let key = &several[0][0].told.key;
            let cause = format!(
                "conflict:{}:{}:{}:{}",
                key.register,
                key.kind.name(),
                key.ticket,
                key.revision
            );
            let chosen = decisions
                .iter()
                .rev()
                .find_map(|decision| decision.uses.filter(|_| decision.cause == cause))?;
            several
                .iter()
                .find(|version| version.iter().any(|telling| telling.order.1 == chosen))?
        }
    };
    let first = version.iter().min_by_key(|telling| telling.order.1)?;
    Some(Counted {
        key: &version[0].told.key,
        told: version[0].told,
        back: false,
        wall_ms: first.wall_ms,
    })
}

/// The POS knows its own ticket best.
fn rank(witness: Witness) -> u8 {
    let order = [
        Witness::PosPush,
        Witness::CloudPoll,
        Witness::File,
        Witness::Terminal,
        Witness::Printer,
    ];
    let place = order.iter().position(|known| *known == witness);
    place.and_then(|place| place.try_into().ok()).unwrap_or(u8::MAX)
}

/// Do two accounts tell the same business? The same goods, taxes, tenders and totals, in whatever order and words.
/// A detail that only one of them tells is no difference.
fn same(one: &Transaction, other: &Transaction) -> bool {
    fn agree<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
        one.is_none() || other.is_none() || one == other
    }
    if one.currency != other.currency {
        return false;
    }
    match (&one.body, &other.body) {
        (Body::Trade(one), Body::Trade(other)) => essence(one) == essence(other),
        (Body::Void(one), Body::Void(other)) => {
            one.was_completed == other.was_completed
                && agree(one.of.ticket.as_ref(), other.of.ticket.as_ref())
                && agree(one.of.pos_id.as_ref(), other.of.pos_id.as_ref())
                && agree(one.of.day.as_ref(), other.of.day.as_ref())
        }
        (Body::Drawer(one), Body::Drawer(other)) => {
            one.amount == other.amount && agree(one.reason.as_ref(), other.reason.as_ref())
        }
        _ => one == other,
    }
}

/// A trade boiled down to what changed hands, as sorted text.
fn essence(trade: &Trade) -> Vec<String> {
    let lines = trade.lines.iter().map(|l| {
        format!(
            "line {:?} {:?} {} {}",
            l.kind,
            l.sku,
            l.quantity.millionths(),
            l.extended
        )
    });
    let taxes = trade
        .taxes
        .iter()
        .map(|t| format!("tax {} {}", t.jurisdiction, t.amount));
    let tenders = trade
        .tenders
        .iter()
        .filter(|t| t.state != TenderState::Voided)
        .map(|t| format!("tender {:?} {} {:?}", t.kind, t.amount, t.state));
    let whole = format!("{:?} {:?}", trade.totals, trade.change);
    let mut all: Vec<String> = lines.chain(taxes).chain(tenders).chain([whole]).collect();
    all.sort();
    all
}
