//! A retailer's month: stores against business days.

use std::collections::BTreeSet;

use tillwire_proto::{Amount, BusinessDay, StoreId, TenantId};
use tillwire_relay_core::closing::Month;

use super::Chip;

/// The calendar of one retailer's month.
#[derive(Debug, Clone)]
pub struct CalendarView {
    /// The retailer.
    pub tenant: TenantId,
    /// All retailers that the relay serves.
    pub tenants: Vec<TenantId>,
    /// The month.
    pub month: Month,
    /// Today in the store that is furthest ahead: later days cannot have sold.
    pub today: BusinessDay,
    /// One row per store of this page, in order of name.
    pub stores: Vec<CalendarStore>,
    /// How many stores there are on all pages.
    pub count: usize,
    /// Which page this is, from 1, and how many there are.
    pub page: (usize, usize),
}

/// One store's month.
#[derive(Debug, Clone)]
pub struct CalendarStore {
    /// The store.
    pub store: StoreId,
    /// What people call it.
    pub name: String,
    /// Its net sales of the month, before tax.
    pub net: Option<Amount>,
    /// Days on which it is closed by its calendar.
    pub closed: BTreeSet<BusinessDay>,
    /// Its days that have one, in order.
    pub days: Vec<CalendarDay>,
}

/// One store-day in the calendar.
#[derive(Debug, Clone)]
pub struct CalendarDay {
    /// The business day.
    pub day: BusinessDay,
    /// Open, balanced, posted ...
    pub state: Chip,
    /// Sales, returns and exchanges.
    pub tickets: u64,
    /// Net of returns and discounts, before tax.
    pub net: Option<Amount>,
    /// Exceptions that hold it.
    pub blockers: u32,
}
