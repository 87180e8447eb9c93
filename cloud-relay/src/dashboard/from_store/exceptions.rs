//! Open exceptions by kind, and one of them in full.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use tillwire_relay_core::exception::{Action, ExceptionKind, Holds};
use tillwire_relay_core::people::Sight;

use super::StoreViews;
use super::detail::link;
use super::summary::{owner, sums, tone, urgency};
use crate::dashboard::view::{Chip, ExceptionFilter, ExceptionGroup, ExceptionView, ExceptionsView};
use crate::store::exceptions::{LISTED_MAX, StoredException};

/// Rows of one kind on the page; the rest are counted, and come up as these are mended.
const ROWS_SHOWN: usize = 50;

impl StoreViews {
    pub(super) fn grouped(&self, open: &[StoredException], filter: &ExceptionFilter) -> ExceptionsView {
        let mut owners: BTreeMap<&'static str, usize> = BTreeMap::new();
        for one in open {
            *owners.entry(owner(one.draft.kind.owner())).or_default() += 1;
        }
        let mut kinds: BTreeMap<ExceptionKind, Vec<&StoredException>> = BTreeMap::new();
        for one in open.iter().filter(|one| is_asked_for(one, filter)) {
            kinds.entry(one.draft.kind).or_default().push(one);
        }
        let shown = kinds.values().flatten();
        let at_risk = sums(shown.filter_map(|one| one.draft.at_risk));
        let mut groups: Vec<_> = kinds
            .into_iter()
            .map(|(kind, mut rows)| {
                rows.sort_by_key(|one| (Reverse(urgency(one)), one.opened_ms));
                let most = rows.first().map(|one| urgency(one));
                (Reverse(most), self.group(kind, &rows))
            })
            .collect();
        groups.sort_by_key(|(most, group)| (*most, group.since_ms));
        ExceptionsView {
            filter: filter.clone(),
            owners: owners.into_iter().collect(),
            at_risk,
            groups: groups.into_iter().map(|(_, group)| group).collect(),
            more: open.len() >= LISTED_MAX,
        }
    }

    fn group(&self, kind: ExceptionKind, rows: &[&StoredException]) -> ExceptionGroup {
        ExceptionGroup {
            kind: kind.name(),
            title: kind.title(),
            state: Chip {
                tone: tone(kind),
                word: holds(kind.holds()).to_owned(),
            },
            owner: owner(kind.owner()),
            at_risk: sums(rows.iter().filter_map(|one| one.draft.at_risk)),
            since_ms: rows.iter().map(|one| one.opened_ms).min().unwrap_or(0),
            can_retry: kind.actions().contains(&Action::Retry),
            can_close: !kind.holds_day(),
            count: rows.len(),
            rows: rows
                .iter()
                .take(ROWS_SHOWN)
                .map(|one| self.exception_row(one))
                .collect(),
        }
    }

    pub(super) fn in_full(&self, one: &StoredException, sight: &Sight) -> ExceptionView {
        let draft = &one.draft;
        let place = format!("{}/{}", draft.tenant, draft.store);
        let day = draft.day.map(|day| day.to_string());
        let actions = draft.kind.actions().iter().filter(|_| one.resolved.is_none());
        ExceptionView {
            row: self.exception_row(one),
            holds: holds(draft.kind.holds()),
            day_path: day
                .as_ref()
                .filter(|_| sight.sales)
                .map(|day| format!("/days/{place}/{day}")),
            place: (draft.tenant.clone(), draft.store.clone()),
            holds_day: draft.kind.holds_day() && draft.day.is_some(),
            missing_row: draft.missing_row(),
            can_retry: draft.kind.actions().contains(&Action::Retry),
            seen_ms: one.seen_ms,
            actions: actions
                .filter_map(|action| Some((what(*action), command(*action, one, &place, day.as_deref())?)))
                .collect(),
            records: draft
                .records
                .iter()
                .filter(|_| sight.sales)
                .map(|record| link(*record, &format!("record {}", record.number.0), None))
                .collect(),
            resolved: one.resolved.clone(),
        }
    }
}

pub(super) fn is_asked_for(one: &StoredException, filter: &ExceptionFilter) -> bool {
    let of_owner = filter
        .owner
        .as_deref()
        .is_none_or(|o| o == owner(one.draft.kind.owner()));
    let of_kind = filter.kind.as_deref().is_none_or(|k| k == one.draft.kind.name());
    let of_tenant = filter.tenant.as_ref().is_none_or(|t| *t == one.draft.tenant);
    of_owner && of_kind && of_tenant
}

const fn holds(holds: Holds) -> &'static str {
    match holds {
        Holds::Nothing => "holds nothing",
        Holds::Item => "holds an item's stock",
        Holds::Ticket => "holds a ticket",
        Holds::Effect => "holds a document in Odoo",
        Holds::Balance | Holds::Completeness => "holds the day",
    }
}

const fn what(action: Action) -> &'static str {
    match action {
        Action::SignOn => "Sign the day on as it is",
        Action::ChooseVersion => "Say which of the two is right",
        Action::Map => "Write the missing row; everything with the same cause follows",
        Action::Retry => "Try again",
        Action::ShowBytes => "Look at the captured bytes",
        Action::Acknowledge => "Seen, nothing to do",
    }
}

/// The command that does it, with the person's part in capitals; `None` where the page itself does it.
fn command(action: Action, one: &StoredException, place: &str, day: Option<&str>) -> Option<String> {
    let id = one.id;
    match action {
        Action::SignOn | Action::ChooseVersion => {
            let day = day?;
            Some(format!("tillwire-relay day sign {place} {day} --help"))
        }
        Action::Map => Some(format!("tillwire-relay exception fix {id} --to CODE")),
        Action::Retry => Some(format!("tillwire-relay exception retry {id}")),
        Action::ShowBytes => Some(format!("tillwire-relay exception show {id}")),
        Action::Acknowledge => Some(format!("tillwire-relay exception resolve {id} --reason WHY")),
    }
}
