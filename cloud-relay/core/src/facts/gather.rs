//! Sorting records into a store-day.

use std::collections::{BTreeMap, BTreeSet};

use tillwire_proto::{
    Body, BusinessDay, Fact, Observation, Outcome, ReportState, StoreId, TenantId, Transaction,
};

use super::{
    Captured, Close, DayFacts, Known, Payment, Print, RecordId, Reported, Shown, Sighting, TicketKey, Told,
    Unread, Version, Wanted,
};
use crate::settings::StoreSettings;

/// The newest revision under each ticket.
pub(crate) type Newest<'a> = BTreeMap<TicketKey, (&'a tillwire_proto::BusinessKey, &'a Known)>;

/// A terminal's clock that is further than this from the moment of arrival, backwards, is not believed: an agent
/// keeps what it has for 90 days.
const OLDEST_MS: i64 = 90 * 86_400_000;
/// The same, forwards.
const NEWEST_MS: i64 = 86_400_000;

/// The business day under which a record is filed. The POS's own word where there is one; for a terminal's answer
/// the terminal's clock, unless that cannot be right; for everything else the day of arrival.
#[must_use]
pub fn home_day(observation: &Observation, received_ms: i64, settings: &StoreSettings) -> BusinessDay {
    match &observation.fact {
        Fact::Transaction(transaction) => transaction.key.day,
        Fact::Close(close) => close.day,
        Fact::Terminal(payment) => day_by(payment.at, received_ms, settings),
        Fact::Printed(printed) => day_by(printed.at, received_ms, settings),
        Fact::Report(report) => day_by(report.at, received_ms, settings),
        Fact::Screen(screen) => day_by(screen.at, received_ms, settings),
        Fact::Unreadable(_) | Fact::Notice(_) => settings.day_at_ms(received_ms),
    }
}

/// The day of a clock in the store, unless that cannot be right.
fn day_by(at: Option<tillwire_proto::LocalTime>, received_ms: i64, settings: &StoreSettings) -> BusinessDay {
    at.map(tillwire_proto::LocalTime::civil)
        .filter(|at| believable(*at, received_ms, settings))
        .map_or_else(|| settings.day_at_ms(received_ms), |at| settings.day_of_local(at))
}

fn believable(at: jiff::civil::DateTime, received_ms: i64, settings: &StoreSettings) -> bool {
    settings
        .time_zone
        .to_ambiguous_zoned(at)
        .compatible()
        .is_ok_and(|at| {
            let behind = received_ms.saturating_sub(at.timestamp().as_millisecond());
            (-NEWEST_MS..=OLDEST_MS).contains(&behind)
        })
}

impl DayFacts {
    /// Sorts records into the facts of `settings`' store on `day`. Give it the day's records (see [`home_day`]), the
    /// terminals' answers and tickets of the day before and after, and what [`DayFacts::wanted`] asked for; in any
    /// order, duplicates included. Records of other stores are left out.
    #[must_use]
    pub fn gather(
        settings: &StoreSettings,
        day: BusinessDay,
        records: impl IntoIterator<Item = Captured>,
    ) -> Self {
        let mut facts = Self::empty(&settings.tenant, &settings.store, day);
        let once: BTreeMap<RecordId, Captured> = records.into_iter().map(|r| (r.id, r)).collect();
        for record in once.into_values() {
            facts.file(record, settings);
        }
        facts.send_on();
        facts
    }

    fn empty(tenant: &TenantId, store: &StoreId, day: BusinessDay) -> Self {
        Self {
            tenant: tenant.clone(),
            store: store.clone(),
            day,
            transactions: BTreeMap::new(),
            others: BTreeMap::new(),
            payments: Vec::new(),
            printed: Vec::new(),
            reports: Vec::new(),
            screens: Vec::new(),
            closes: Vec::new(),
            hashes: BTreeMap::new(),
            unread: Vec::new(),
            notices: Vec::new(),
            segments: BTreeMap::new(),
            alarms: Vec::new(),
            settlement: Vec::new(),
        }
    }

    fn file(&mut self, captured: Captured, settings: &StoreSettings) {
        let home = home_day(&captured.observation, captured.received_ms, settings);
        let Captured {
            id,
            hash,
            lane,
            received_ms,
            observation,
        } = captured;
        let wall_ms = observation.stamp.wall_ms;
        match observation.fact {
            Fact::Transaction(transaction) if transaction.key.store == self.store => {
                let sighting = Sighting {
                    record: id,
                    lane,
                    witness: observation.witness,
                    wall_ms,
                    received_ms,
                };
                if home == self.day {
                    self.hashes.insert(id, hash);
                }
                let place = if home == self.day {
                    &mut self.transactions
                } else {
                    &mut self.others
                };
                place
                    .entry(transaction.key.clone())
                    .or_default()
                    .file(*transaction, sighting);
            }
            Fact::Terminal(payment) if payment.store == self.store => {
                self.payments.push(Payment {
                    record: id,
                    wall_ms,
                    received_ms,
                    home,
                    payment: *payment,
                });
            }
            Fact::Printed(printed) if printed.store == self.store => {
                self.printed.push(Print {
                    record: id,
                    wall_ms,
                    received_ms,
                    home,
                    printed: *printed,
                });
            }
            Fact::Report(report) if report.store == self.store => {
                self.reports.push(Reported {
                    record: id,
                    home,
                    report: *report,
                });
            }
            Fact::Screen(screen) if screen.store == self.store => {
                self.screens.push(Shown {
                    record: id,
                    wall_ms,
                    screen: *screen,
                });
            }
            Fact::Close(close) if close.store == self.store && home == self.day => {
                self.closes.push(Close {
                    record: id,
                    lane,
                    close,
                });
            }
            Fact::Unreadable(unreadable) if home == self.day => {
                self.unread.push(Unread {
                    record: id,
                    unreadable,
                });
            }
            Fact::Notice(notice) if home == self.day => {
                self.notices.push(Told {
                    record: id,
                    lane,
                    notice,
                });
            }
            Fact::Transaction(_)
            | Fact::Terminal(_)
            | Fact::Close(_)
            | Fact::Unreadable(_)
            | Fact::Notice(_)
            | Fact::Printed(_)
            | Fact::Report(_)
            | Fact::Screen(_) => {}
        }
    }

    /// What was approved offline and then sent on is what the report says it became: a payment with the gateway's own
    /// reference.
    fn send_on(&mut self) {
        let entries = self.reports.iter().flat_map(|reported| {
            let terminal = &reported.report.terminal;
            reported.report.entries.iter().map(move |entry| (terminal, entry))
        });
        for (terminal, entry) in entries.filter(|(_, entry)| entry.state == ReportState::Approved) {
            let stored = self.payments.iter_mut().find(|payment| {
                let told = &payment.payment;
                let number = entry.offline_number.is_some() && told.offline_number == entry.offline_number;
                told.terminal == *terminal && told.outcome == Outcome::Stored && number
            });
            if let (Some(stored), Some(card)) = (stored, &entry.card) {
                let mut known = stored.payment.card.clone().unwrap_or_else(|| card.clone());
                known.reference = card.reference.clone().or(known.reference);
                known.auth_code = card.auth_code.clone().or(known.auth_code);
                stored.payment.card = Some(known);
                stored.payment.outcome = Outcome::Approved;
            }
        }
    }

    /// The tickets of other days that this day's voids name and that are not here yet.
    #[must_use]
    pub fn wanted(&self) -> Vec<Wanted> {
        let newest = self.newest();
        let versions = self.transactions.values().flat_map(|known| &known.versions);
        let voids = versions.filter_map(|version| match &version.transaction.body {
            Body::Void(void) if void.was_completed => Some((&version.transaction, void)),
            _ => None,
        });
        voids
            .filter(|(transaction, void)| void_day(transaction, &void.of).is_none_or(|day| day != self.day))
            .filter(|(transaction, void)| self.original_of(&newest, transaction, &void.of).is_none())
            .map(|(transaction, void)| Wanted {
                register: transaction.key.register.clone(),
                original: void.of.clone(),
            })
            .collect()
    }

    /// The newest revision under each ticket, of the day and of the others.
    pub(crate) fn newest(&self) -> Newest<'_> {
        let mut newest = BTreeMap::new();
        for (key, known) in self.transactions.iter().chain(&self.others) {
            // keys are in order of revision, so that a later one takes the place of an earlier
            let _ = newest.insert(TicketKey::from(key), (key, known));
        }
        newest
    }

    /// The ticket that a void names, as far as it is known here: by the POS's own id, else by number at the same
    /// register, else by number where the store has only one of it. The day counts where the void names one.
    pub(crate) fn original_of(
        &self,
        newest: &Newest<'_>,
        void: &Transaction,
        of: &tillwire_proto::OriginalTicket,
    ) -> Option<TicketKey> {
        let day = void_day(void, of);
        let fits = |key: &TicketKey| {
            key.kind != tillwire_proto::TransactionKind::Void
                && key.day <= self.day.max(void.key.day)
                && day.is_none_or(|day| day == key.day)
        };
        let by_id = |known: &Known| {
            let ids = known
                .versions
                .iter()
                .filter_map(|v| v.transaction.pos_id.as_ref());
            of.pos_id
                .as_ref()
                .is_some_and(|wanted| ids.into_iter().any(|id| id == wanted))
        };
        if let Some(found) = newest.iter().rfind(|(key, (_, known))| fits(key) && by_id(known)) {
            return Some(found.0.clone());
        }
        let number = of.ticket.as_ref()?;
        let mut same: Vec<&TicketKey> = newest
            .keys()
            .filter(|key| fits(key) && key.ticket == *number)
            .collect();
        same.sort_by_key(|key| (!is_trade(key), std::cmp::Reverse(key.day)));
        let here = same.iter().find(|key| key.register == void.key.register);
        let registers: BTreeSet<_> = same.iter().map(|key| &key.register).collect();
        here.or(if registers.len() == 1 { same.first() } else { None })
            .map(|key| (*key).clone())
    }
}

const fn is_trade(key: &TicketKey) -> bool {
    tillwire_proto::is_trade(key.kind)
}

/// The business day that a void takes back from, where that is certain: the one that it names, or its own when it
/// stands on the very ticket that it takes back.
pub(crate) fn void_day(void: &Transaction, of: &tillwire_proto::OriginalTicket) -> Option<BusinessDay> {
    of.day
        .or_else(|| (of.ticket.as_ref() == Some(&void.key.ticket)).then_some(void.key.day))
}

impl Version {
    /// The box's clock when this was first captured here, for nearness to a terminal's answer on the same box.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        self.sightings.first().map_or(0, |sighting| sighting.wall_ms)
    }
}
