//! Which days are closed in Odoo. Odoo does not refuse a document of a closed day: it books it on an open one without
//! a word. So the day is chosen here, by the retailer's policy, before anything is asked.

use serde::{Deserialize, Serialize};
use tillwire_proto::BusinessDay;

/// The last locked day, by lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LockDates {
    /// Everything (`fiscalyear_lock_date`).
    pub all: Option<BusinessDay>,
    /// Everything, for users who are no advisers, as an integration user is (`period_lock_date`, 17 only).
    pub period: Option<BusinessDay>,
    /// Documents with taxes (`tax_lock_date`).
    pub tax: Option<BusinessDay>,
    /// Documents in sale journals (`sale_lock_date`, from 18 on).
    pub sale: Option<BusinessDay>,
    /// Everything, for good (`hard_lock_date`, from 18 on).
    pub hard: Option<BusinessDay>,
}

/// A lock that stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// Its name in Odoo.
    pub field: &'static str,
    /// The last day that it closes.
    pub until: BusinessDay,
}

/// What a document is, as far as locks ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Locked {
    /// It stands in a sale journal.
    pub in_sales: bool,
    /// It tells Odoo of taxes.
    pub taxed: bool,
}

impl LockDates {
    /// The lock that closes a day to a document for longest; `None` when the day is open.
    #[must_use]
    pub fn closing(&self, day: BusinessDay, document: Locked) -> Option<Lock> {
        let all = [
            ("fiscalyear_lock_date", self.all),
            ("period_lock_date", self.period),
            ("hard_lock_date", self.hard),
            ("tax_lock_date", self.tax.filter(|_| document.taxed)),
            ("sale_lock_date", self.sale.filter(|_| document.in_sales)),
        ];
        let locks = all
            .into_iter()
            .filter_map(|(field, until)| Some(Lock { field, until: until? }));
        locks
            .filter(|lock| day <= lock.until)
            .max_by_key(|lock| lock.until)
    }
}

impl Lock {
    /// The first day that is open again.
    #[must_use]
    pub fn open_day(&self) -> BusinessDay {
        self.until.date().tomorrow().map_or(self.until, BusinessDay::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> BusinessDay {
        text.parse().unwrap()
    }

    fn closed(locks: LockDates, on: &str, document: Locked) -> Option<(&'static str, String)> {
        let lock = locks.closing(day(on), document)?;
        Some((lock.field, lock.open_day().to_string()))
    }

    #[test]
    fn a_lock_closes_its_last_day_and_no_later_one() {
        let locks = LockDates {
            all: Some(day("2026-10-31")),
            ..LockDates::default()
        };
        let document = Locked::default();
        let found = closed(locks, "2026-10-31", document);
        assert_eq!(found, Some(("fiscalyear_lock_date", "2026-11-01".to_owned())));
        assert_eq!(closed(locks, "2026-11-01", document), None);
    }

    #[test]
    fn taxes_and_sale_journals_have_locks_of_their_own() {
        let locks = LockDates {
            tax: Some(day("2026-10-31")),
            sale: Some(day("2026-11-30")),
            ..LockDates::default()
        };
        let taxed = Locked {
            taxed: true,
            in_sales: false,
        };
        let invoice = Locked {
            taxed: true,
            in_sales: true,
        };
        assert_eq!(closed(locks, "2026-10-15", Locked::default()), None);
        assert_eq!(closed(locks, "2026-10-15", taxed).unwrap().0, "tax_lock_date");
        assert_eq!(closed(locks, "2026-10-15", invoice).unwrap().1, "2026-12-01");
    }
}
