//! What a lock date means for a company's stores. Odoo does not refuse an entry dated inside a locked period: it books
//! it on another day (seen on 17, 18 and 19), which the relay finds and tells. So a lock stops nothing; it surprises.

use jiff::civil::Date;
use tillwire_proto::BusinessDay;

use super::Wanted;
use super::company::LockDates;
use super::finding::Finding;

/// Days that a finding names; of more it says how many there are.
const NAMED_MAX: usize = 5;

/// One finding per lock that is set, and one per store that has days to post behind a lock which binds them.
pub(super) fn told(locks: &LockDates, wanted: Wanted<'_>) -> Vec<Finding> {
    let named = [locks.all, locks.period, locks.tax, locks.sale, locks.hard];
    let mut findings: Vec<Finding> = named
        .into_iter()
        .zip(MEANINGS)
        .filter_map(|(day, meaning)| Some(meaning.told(day?, wanted.known.today)))
        .collect();
    // a tax lock binds entries that tell Odoo of a tax; a sale lock binds journals of type Sales, which ours are not
    let tells_tax = !super::books::tax_names(wanted.stores).is_empty();
    let binding = locks.last_locked().max(locks.tax.filter(|_| tells_tax));
    if let Some(last) = binding {
        findings.extend(late(last, wanted));
    }
    findings
}

struct Meaning {
    code: &'static str,
    what: &'static str,
    mend: &'static str,
    /// Whether it moves a daily entry in a journal of type Miscellaneous.
    binds: bool,
}

const MEANINGS: [Meaning; 5] = [
    Meaning {
        code: "locked-all",
        what: "all entries are locked (fiscal year lock date)",
        mend: "nothing to do; Odoo books a late sale of a locked day on the first open day, which is shown as an exception \
               with both dates",
        binds: true,
    },
    Meaning {
        code: "locked-period",
        what: "entries are locked for all but accounting advisers (journal entries lock date)",
        mend: "nothing to do, and do not make the integration user an adviser; Odoo books a late sale of a locked day on \
               the first open day, which is shown as an exception with both dates",
        binds: true,
    },
    Meaning {
        code: "locked-tax",
        what: "entries with taxes are locked (tax return lock date)",
        mend: "nothing to do; a late entry that tells Odoo of a tax counts in the next tax return, and is shown as an \
               exception with both dates; one that tells of none is not bound",
        binds: true,
    },
    Meaning {
        code: "locked-sales",
        what: "journals of type Sales are locked (sales lock date)",
        mend: "nothing to do; a store's journal of type Miscellaneous is not bound by it, invoices are",
        binds: false,
    },
    Meaning {
        code: "locked-hard",
        what: "all entries are locked for good (hard lock date)",
        mend: "nothing to do, and it cannot be taken back; a late sale of a locked day can only be booked on an open one",
        binds: true,
    },
];

impl Meaning {
    fn told(&self, day: Date, today: Date) -> Finding {
        let what = format!("{} up to {day}", self.what);
        if self.binds && day >= today {
            let what = format!(
                "{what}, which is not yet over: every sale would be booked on a later day than its own"
            );
            return Finding::warn(
                self.code,
                what,
                "set it back to the last closed day (Accounting, Lock Dates)",
            );
        }
        Finding::note(self.code, what, self.mend)
    }
}

fn late<'a>(last: Date, wanted: Wanted<'a>) -> impl Iterator<Item = Finding> + 'a {
    let last = BusinessDay::from(last);
    wanted.known.unposted.iter().filter_map(move |(store, days)| {
        let late: Vec<String> = days
            .iter()
            .filter(|day| **day <= last)
            .map(ToString::to_string)
            .collect();
        (!late.is_empty()).then(|| {
            let named = late.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            let more = late.len().saturating_sub(NAMED_MAX);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let what = format!("behind a lock date and not yet posted: {named}{more}");
            let mend = "to have them on their own days, let an accountant move the lock date back until they are posted \
                        (Accounting, Lock Dates); else they are booked on the first open day and shown as exceptions";
            Finding::warn("locked-late", what, mend).of(store)
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;

    use jiff::civil::date;
    use tillwire_proto::StoreId;

    use super::super::{Known, Severity};
    use super::*;

    fn codes(locks: LockDates, unposted: &[&str]) -> Vec<(&'static str, Severity)> {
        let mut known = Known {
            today: date(2026, 11, 20),
            ..Known::default()
        };
        let days: BTreeSet<BusinessDay> = unposted.iter().map(|day| day.parse().unwrap()).collect();
        known.unposted.insert(StoreId::new("s01").unwrap(), days);
        let wanted = Wanted {
            company: "Acme",
            stores: &[],
            known: &known,
        };
        let found = told(&locks, wanted);
        found
            .iter()
            .map(|finding| (finding.code, finding.severity))
            .collect()
    }

    #[test]
    fn each_lock_is_told_with_its_own_meaning() {
        let day = Some(date(2026, 10, 31));
        let locks = LockDates {
            all: day,
            period: day,
            tax: day,
            sale: day,
            hard: day,
        };
        let all: Vec<&str> = codes(locks, &[]).into_iter().map(|(code, _)| code).collect();
        assert_eq!(
            all,
            [
                "locked-all",
                "locked-period",
                "locked-tax",
                "locked-sales",
                "locked-hard"
            ]
        );
        assert_eq!(codes(LockDates::default(), &["2026-01-01"]), []);
    }

    #[test]
    fn days_behind_a_lock_that_binds_are_a_warning() {
        let of = |locks| codes(locks, &["2026-10-30", "2026-11-19"]);
        let all = LockDates {
            all: Some(date(2026, 10, 31)),
            ..LockDates::default()
        };
        assert_eq!(
            of(all),
            [("locked-all", Severity::Note), ("locked-late", Severity::Warn)]
        );
        let sale = LockDates {
            sale: Some(date(2026, 10, 31)),
            ..LockDates::default()
        };
        assert_eq!(of(sale), [("locked-sales", Severity::Note)]);
    }

    #[test]
    fn a_lock_on_a_day_that_is_not_over_is_a_warning() {
        let today = LockDates {
            hard: Some(date(2026, 11, 20)),
            ..LockDates::default()
        };
        assert_eq!(codes(today, &[]), [("locked-hard", Severity::Warn)]);
    }
}
